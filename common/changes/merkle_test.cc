#include "common/changes/merkle.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

// A tree with all its complete subtrees.
class Tree {
 public:
  void Add(const std::string& bytes) {
    Digest leaf = MerkleLeaf(bytes);
    complete_[{0, frontier.size()}] = leaf;
    frontier.Add(leaf, [this](int height, int64_t at, const Digest& root) {
      complete_[{height, at}] = root;
    });
  }
  absl::StatusOr<Digest> operator()(int height, int64_t at) const {
    auto found = complete_.find({height, at});
    if (found == complete_.end()) return absl::NotFoundError("no such subtree");
    return found->second;
  }
  Digest Root(int64_t size) const {
    auto of_size = ReadFrontier(*this, size);
    REQUIRE(of_size.ok());
    return of_size->root();
  }
  std::vector<Digest> Inclusion(int64_t index, int64_t size) const {
    auto path = InclusionPath(*this, index, size);
    REQUIRE(path.ok());
    return *path;
  }
  std::vector<Digest> Consistency(int64_t first, int64_t second) const {
    auto path = ConsistencyPath(*this, first, second);
    REQUIRE(path.ok());
    return *path;
  }

  MerkleFrontier frontier;

 private:
  std::map<std::pair<int, int64_t>, Digest> complete_;
};

std::string Hex(const Digest& digest) { return absl::BytesToHexString(BytesOf(digest)); }

std::string ShortHex(const std::vector<Digest>& path) {
  std::string all;
  for (const Digest& digest : path) absl::StrAppend(&all, BytesOf(digest));
  return absl::StrCat(path.size(), " ", absl::BytesToHexString(Sha256(all)).substr(0, 16));
}

TEST_CASE("the tree of the first log server's eight leaves has its eight roots", "[changes][R41]") {
  const char* const leaves[] = {"",
                                "00",
                                "10",
                                "2021",
                                "3031",
                                "40414243",
                                "5051525354555657",
                                "606162636465666768696a6b6c6d6e6f"};
  const char* const roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                               "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                               "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                               "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                               "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                               "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                               "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                               "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Tree tree;
  for (int i = 0; i < 8; ++i) {
    tree.Add(absl::HexStringToBytes(leaves[i]));
    CHECK(Hex(tree.frontier.root()) == roots[i]);
  }
}

TEST_CASE("roots and proofs are those that the definitions of RFC 6962 give", "[changes][R41]") {
  std::string path = absl::StrCat(SourceDir(), "/common/changes/testdata/merkle.txt");
  std::ifstream file(path);
  REQUIRE(file.good());
  Tree tree;
  for (int i = 0; i < 28; ++i) tree.Add(absl::StrCat("leaf ", i));
  int roots = 0, inclusions = 0, consistencies = 0;
  std::string line;
  while (std::getline(file, line)) {
    INFO(line);
    std::istringstream words(line);
    std::string kind, rest;
    int64_t a = 0, b = 0;
    words >> kind >> a;
    if (kind != "root") words >> b;
    std::getline(words >> std::ws, rest);
    if (kind == "root") {
      CHECK(Hex(tree.Root(a)).substr(0, 16) == rest);
      ++roots;
    } else if (kind == "inclusion") {
      auto proof = tree.Inclusion(a, b);
      CHECK(ShortHex(proof) == rest);
      CHECK(ProvesInclusion(MerkleLeaf(absl::StrCat("leaf ", a)), a, b, proof, tree.Root(b)));
      ++inclusions;
    } else {
      auto proof = tree.Consistency(a, b);
      CHECK(ShortHex(proof) == rest);
      CHECK(ProvesConsistency(a, tree.Root(a), b, tree.Root(b), proof));
      ++consistencies;
    }
  }
  CHECK(roots == 29);
  CHECK(inclusions == 406);
  CHECK(consistencies == 406);
}

TEST_CASE("a proof with one bit, one hash or one number changed proves nothing", "[changes][R41]") {
  Tree tree;
  for (int i = 0; i < 300; ++i) tree.Add(absl::StrCat("leaf ", i));
  std::mt19937 random(6962);
  auto below = [&](int64_t n) { return static_cast<int64_t>(random() % n); };
  int spoilt = 0;
  for (int round = 0; round < 2000; ++round) {
    int64_t size = 2 + below(299), index = below(size), first = 1 + below(size - 1);
    bool inclusion = round % 2 == 0;
    Digest leaf = MerkleLeaf(absl::StrCat("leaf ", index));
    Digest root = tree.Root(size), first_root = tree.Root(first);
    auto path = inclusion ? tree.Inclusion(index, size) : tree.Consistency(first, size);
    auto holds = [&] {
      return inclusion ? ProvesInclusion(leaf, index, size, path, root)
                       : ProvesConsistency(first, first_root, size, root, path);
    };
    INFO("round " << round << " size " << size << " index " << index << " first " << first);
    REQUIRE(holds());
    switch (below(7)) {
      case 0:
        path[below(path.size())][below(32)] ^= 1 << below(8);
        break;
      case 1:
        path.pop_back();
        break;
      case 2:
        path.push_back(root);
        break;
      case 3:
        root[below(32)] ^= 1 << below(8);
        break;
      case 4:
        (inclusion ? leaf : first_root)[below(32)] ^= 1 << below(8);
        break;
      case 5:
        // Another place, one more or less; for some numbers the path is the same.
        inclusion ? index += index == 0 ? 1 : -1 : first += first == 1 ? 1 : -1;
        break;
      default:
        if (path.size() < 2) continue;
        std::swap(path.front(), path.back());
        if (path.front() == path.back()) continue;
    }
    CHECK_FALSE(holds());
    ++spoilt;
  }
  CHECK(spoilt > 1800);
  CHECK_FALSE(ProvesInclusion(MerkleLeaf("x"), -1, 1, {}, MerkleLeaf("x")));
  CHECK_FALSE(ProvesInclusion(MerkleLeaf("x"), 1, 1, {}, MerkleLeaf("x")));
  CHECK_FALSE(ProvesConsistency(0, Sha256Of({}), 1, MerkleLeaf("x"), {}));
  CHECK_FALSE(ProvesConsistency(3, MerkleLeaf("x"), 2, MerkleLeaf("x"), {}));
}

}  // namespace
}  // namespace linjuli
