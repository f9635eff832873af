#include "common/changes/merkle.h"

#include "absl/numeric/bits.h"
#include "common/status.h"

namespace linjuli {
namespace {

using Path = std::vector<Digest>;

constexpr absl::string_view kLeaf("\0", 1);
constexpr absl::string_view kNode("\1", 1);

// The largest power of two below n, as its exponent; n > 1.
int SplitHeight(int64_t n) { return absl::bit_width(static_cast<uint64_t>(n - 1)) - 1; }

bool IsPowerOfTwo(int64_t n) { return (n & (n - 1)) == 0; }

// MTH(D[begin:end]). As everywhere below, `begin` is a multiple of the next power of two that is
// not below end - begin: the recursion begins at 0 and splits there.
absl::StatusOr<Digest> RangeRoot(Subtrees subtrees, int64_t begin, int64_t end) {
  int64_t n = end - begin;
  if (IsPowerOfTwo(n)) {
    int height = absl::bit_width(static_cast<uint64_t>(n)) - 1;
    return subtrees(height, begin >> height);
  }
  int64_t middle = begin + (int64_t{1} << SplitHeight(n));
  LJ_ASSIGN(Digest left, RangeRoot(subtrees, begin, middle));
  LJ_ASSIGN(Digest right, RangeRoot(subtrees, middle, end));
  return MerkleNode(left, right);
}

absl::Status AddInclusion(Subtrees subtrees, int64_t index, int64_t begin, int64_t end,
                          Path& path) {
  if (end - begin == 1) return absl::OkStatus();
  int64_t middle = begin + (int64_t{1} << SplitHeight(end - begin));
  bool left = index < middle;
  LJ_RETURN_IF_ERROR(
      AddInclusion(subtrees, index, left ? begin : middle, left ? middle : end, path));
  LJ_ASSIGN(Digest other, RangeRoot(subtrees, left ? middle : begin, left ? end : middle));
  path.push_back(other);
  return absl::OkStatus();
}

// `whole`: the verifier has the root of D[begin:first] already.
absl::Status AddConsistency(Subtrees subtrees, int64_t first, int64_t begin, int64_t end,
                            bool whole, Path& path) {
  if (first == end) {
    if (whole) return absl::OkStatus();
    LJ_ASSIGN(Digest root, RangeRoot(subtrees, begin, end));
    path.push_back(root);
    return absl::OkStatus();
  }
  int64_t middle = begin + (int64_t{1} << SplitHeight(end - begin));
  bool left = first <= middle;
  LJ_RETURN_IF_ERROR(left ? AddConsistency(subtrees, first, begin, middle, whole, path)
                          : AddConsistency(subtrees, first, middle, end, false, path));
  LJ_ASSIGN(Digest other, RangeRoot(subtrees, left ? middle : begin, left ? end : middle));
  path.push_back(other);
  return absl::OkStatus();
}

}  // namespace

Digest MerkleLeaf(absl::string_view bytes) { return Sha256Of({kLeaf, bytes}); }

Digest MerkleNode(const Digest& left, const Digest& right) {
  return Sha256Of({kNode, BytesOf(left), BytesOf(right)});
}

void MerkleFrontier::Add(const Digest& leaf, Completed completed) {
  peaks_.push_back(leaf);
  for (int height = 1; (size_ >> (height - 1)) & 1; ++height) {
    Digest right = peaks_.back();
    peaks_.pop_back();
    peaks_.back() = MerkleNode(peaks_.back(), right);
    completed(height, size_ >> height, peaks_.back());
  }
  ++size_;
}

Digest MerkleFrontier::root() const {
  if (peaks_.empty()) return Sha256Of({});
  Digest root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i-- > 0;) root = MerkleNode(peaks_[i], root);
  return root;
}

MerkleFrontier MerkleFrontier::From(int64_t size, std::vector<Digest> peaks) {
  LJ_CHECK(static_cast<int>(peaks.size()) == absl::popcount(static_cast<uint64_t>(size)));
  MerkleFrontier frontier;
  frontier.size_ = size;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

absl::StatusOr<MerkleFrontier> ReadFrontier(Subtrees subtrees, int64_t size) {
  std::vector<Digest> peaks;
  for (int height = 62; height >= 0; --height) {
    if (((size >> height) & 1) == 0) continue;
    // What lies left of it has all the larger heights.
    LJ_ASSIGN(Digest peak, subtrees(height, (size >> height) - 1));
    peaks.push_back(peak);
  }
  return MerkleFrontier::From(size, std::move(peaks));
}

absl::StatusOr<Path> InclusionPath(Subtrees subtrees, int64_t index, int64_t size) {
  Path path;
  LJ_RETURN_IF_ERROR(AddInclusion(subtrees, index, 0, size, path));
  return path;
}

absl::StatusOr<Path> ConsistencyPath(Subtrees subtrees, int64_t first, int64_t second) {
  Path path;
  LJ_RETURN_IF_ERROR(AddConsistency(subtrees, first, 0, second, true, path));
  return path;
}

// As RFC 9162, 2.1.3.2, has it.
bool ProvesInclusion(const Digest& leaf, int64_t index, int64_t size, const Path& path,
                     const Digest& root) {
  if (index < 0 || index >= size) return false;
  Digest reached = leaf;
  int64_t at = index, last = size - 1;
  for (const Digest& other : path) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      reached = MerkleNode(other, reached);
      while ((at & 1) == 0 && at != 0) {
        at >>= 1;
        last >>= 1;
      }
    } else {
      reached = MerkleNode(reached, other);
    }
    at >>= 1;
    last >>= 1;
  }
  return last == 0 && reached == root;
}

// As RFC 9162, 2.1.4.2, has it.
bool ProvesConsistency(int64_t first, const Digest& first_root, int64_t second,
                       const Digest& second_root, const Path& path) {
  if (first < 1 || first > second) return false;
  if (first == second) return path.empty() && first_root == second_root;
  size_t next = 0;
  Digest older;
  if (IsPowerOfTwo(first)) {
    older = first_root;
  } else {
    if (path.empty()) return false;
    older = path[next++];
  }
  Digest newer = older;
  int64_t at = first - 1, last = second - 1;
  while ((at & 1) != 0) {
    at >>= 1;
    last >>= 1;
  }
  for (; next < path.size(); ++next) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      older = MerkleNode(path[next], older);
      newer = MerkleNode(path[next], newer);
      while ((at & 1) == 0 && at != 0) {
        at >>= 1;
        last >>= 1;
      }
    } else {
      newer = MerkleNode(newer, path[next]);
    }
    at >>= 1;
    last >>= 1;
  }
  return last == 0 && older == first_root && newer == second_root;
}

}  // namespace linjuli
