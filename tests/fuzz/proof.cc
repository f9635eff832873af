// Proofs over the log's Merkle tree: the true one proves, and nothing else does.
#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/changes/merkle.h"
#include "tests/fuzz/fuzz.h"

namespace linjuli {
namespace {

constexpr int64_t kLeaves = 200;

// The tree of the leaves "0" to "199", with all its complete subtrees.
class Tree {
 public:
  Tree() {
    MerkleFrontier frontier;
    for (int64_t i = 0; i < kLeaves; ++i) {
      leaves.push_back(MerkleLeaf(absl::StrCat(i)));
      complete_[{0, i}] = leaves.back();
      frontier.Add(leaves.back(), [this](int height, int64_t at, const Digest& root) {
        complete_[{height, at}] = root;
      });
      roots.push_back(frontier.root());
    }
  }
  absl::StatusOr<Digest> operator()(int height, int64_t at) const {
    auto found = complete_.find({height, at});
    LJ_CHECK(found != complete_.end());
    return found->second;
  }
  // Of the first `size` leaves.
  const Digest& Root(int64_t size) const { return roots[static_cast<size_t>(size - 1)]; }

  std::vector<Digest> leaves, roots;

 private:
  std::map<std::pair<int, int64_t>, Digest> complete_;
};

int64_t TakeNumber(absl::string_view& input) {
  int64_t number = 0;
  size_t size = std::min(input.size(), sizeof(number));
  std::memcpy(&number, input.data(), size);
  input.remove_prefix(size);
  return number;
}

std::vector<Digest> PathOf(absl::string_view bytes) {
  std::vector<Digest> path;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), sizeof(Digest)))) {
    Digest digest{};
    std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), sizeof(digest)));
    path.push_back(digest);
  }
  return path;
}

// The path with something done to it that `how` chooses.
std::vector<Digest> Changed(std::vector<Digest> path, uint8_t how) {
  size_t place = path.empty() ? 0 : how / 4 % path.size();
  if (path.empty() || how % 4 == 0) {
    path.insert(path.begin() + static_cast<long>(place), Digest{});
  } else if (how % 4 == 1) {
    path.erase(path.begin() + static_cast<long>(place));
  } else if (how % 4 == 2) {
    path[place][how % sizeof(Digest)] ^= 1;
  } else {
    path.push_back(path[place]);
  }
  return path;
}

}  // namespace

// Two numbers, a byte that says how the true path is spoilt, and a path as somebody sent it.
void Fuzz(absl::string_view input) {
  static const Tree* const tree = new Tree();
  const int64_t sent_first = TakeNumber(input), sent_second = TakeNumber(input);
  const uint8_t how = input.empty() ? 0 : static_cast<uint8_t>(input[0]);
  input.remove_prefix(std::min<size_t>(input.size(), 1));
  const std::vector<Digest> sent = PathOf(input);

  // Numbers as they are: no answer is wanted but an end.
  const Digest& any = tree->leaves[how % kLeaves];
  ProvesInclusion(any, sent_first, sent_second, sent, any);
  ProvesConsistency(sent_first, any, sent_second, any, sent);

  // Numbers of this tree, of whose roots only true paths may tell.
  const int64_t second = static_cast<int64_t>(static_cast<uint64_t>(sent_second) % kLeaves) + 1;
  const int64_t index = static_cast<int64_t>(static_cast<uint64_t>(sent_first) % second);
  const int64_t first = index + 1;
  const Digest& leaf = tree->leaves[static_cast<size_t>(index)];
  auto inclusion = InclusionPath(*tree, index, second);
  LJ_CHECK(inclusion.ok());
  LJ_CHECK(ProvesInclusion(leaf, index, second, *inclusion, tree->Root(second)));
  LJ_CHECK(ProvesInclusion(leaf, index, second, sent, tree->Root(second)) == (sent == *inclusion));
  LJ_CHECK(!ProvesInclusion(leaf, index, second, Changed(*inclusion, how), tree->Root(second)));
  LJ_CHECK(!ProvesInclusion(MerkleLeaf("another"), index, second, *inclusion, tree->Root(second)));

  auto consistency = ConsistencyPath(*tree, first, second);
  LJ_CHECK(consistency.ok());
  auto proves = [&](const std::vector<Digest>& path) {
    return ProvesConsistency(first, tree->Root(first), second, tree->Root(second), path);
  };
  LJ_CHECK(proves(*consistency));
  LJ_CHECK(proves(sent) == (sent == *consistency));
  LJ_CHECK(!proves(Changed(*consistency, how)));
  // Another history of the same length.
  LJ_CHECK(
      !ProvesConsistency(first, MerkleLeaf("another"), second, tree->Root(second), *consistency));
}

}  // namespace linjuli
