// The Merkle tree of RFC 6962 over SHA-256: roots, and proofs of inclusion and of consistency.
//
// A tree of any size is made of complete subtrees: that of `height` h at place `at` has the leaves
// at*2^h to (at+1)*2^h - 1. Whoever has those (a `Subtrees`) can make every root and proof.
#ifndef LINJULI_COMMON_CHANGES_MERKLE_H_
#define LINJULI_COMMON_CHANGES_MERKLE_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/changes/sha256.h"

namespace linjuli {

Digest MerkleLeaf(absl::string_view bytes);
Digest MerkleNode(const Digest& left, const Digest& right);

// A growing tree: keeps the roots of its largest complete subtrees, at most one for each height.
class MerkleFrontier {
 public:
  // Told of each subtree that becomes complete, leaves apart.
  using Completed = absl::FunctionRef<void(int height, int64_t at, const Digest& root)>;
  void Add(const Digest& leaf, Completed completed);

  int64_t size() const { return size_; }
  Digest root() const;

  // The tree of `size` leaves out of its complete subtrees, largest first.
  static MerkleFrontier From(int64_t size, std::vector<Digest> peaks);

 private:
  int64_t size_ = 0;
  std::vector<Digest> peaks_;  // largest first
};

// The root of a complete subtree. Its errors are passed on.
using Subtrees = absl::FunctionRef<absl::StatusOr<Digest>(int height, int64_t at)>;

// The frontier of the tree of the first `size` leaves.
absl::StatusOr<MerkleFrontier> ReadFrontier(Subtrees subtrees, int64_t size);
// PATH(index, D[size]); 0 <= index < size.
absl::StatusOr<std::vector<Digest>> InclusionPath(Subtrees subtrees, int64_t index, int64_t size);
// PROOF(first, D[second]); 0 < first <= second.
absl::StatusOr<std::vector<Digest>> ConsistencyPath(Subtrees subtrees, int64_t first,
                                                    int64_t second);

// Whether a path proves what it should, whatever it holds.
bool ProvesInclusion(const Digest& leaf, int64_t index, int64_t size,
                     const std::vector<Digest>& path, const Digest& root);
bool ProvesConsistency(int64_t first, const Digest& first_root, int64_t second,
                       const Digest& second_root, const std::vector<Digest>& path);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CHANGES_MERKLE_H_
