// Signed heads of a change log (linjuli.changes.v1.Head), and the Merkle tree that they sign, as a
// store keeps them: one row for each complete 256 changes, for each 256 of those, and so on.
#ifndef LINJULI_COMMON_CHANGES_HEADS_H_
#define LINJULI_COMMON_CHANGES_HEADS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/auth/signing_key.h"
#include "common/changes/merkle.h"
#include "common/store/sqlite.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

std::vector<std::string> HeadSchema();

// What the signature is over: the lines that Head.signature tells of.
std::string HeadText(const changes::v1::Head& head);
// Sets the key and the signature.
void SignHead(const SigningKey& key, changes::v1::Head& head);
// Whether the signature is that of the key in the head; whose key it is, the reader must know.
bool HeadIsSigned(const changes::v1::Head& head);

absl::Time SignTime(const changes::v1::Head& head);
// Of the heads of one hour, the last is kept for good.
int64_t HourOf(const changes::v1::Head& head);
// Whether a witness that has `later` needs `earlier` no more.
bool Supersedes(const changes::v1::Head& later, const changes::v1::Head& earlier);

// In the running transaction. Of the hour before it, only the last head stays.
absl::Status WriteHead(Connection& db, const changes::v1::Head& head);
absl::StatusOr<std::optional<changes::v1::Head>> ReadLastHead(Connection& db);
absl::StatusOr<std::vector<changes::v1::Head>> ReadHeads(Connection& db, int64_t after, int limit);

// RefuseFields, reason RANGE, unless 0 < first <= second and `second` is not beyond what is signed.
// The names are those of the fields that asked.
absl::Status CheckSigned(Connection& db, int64_t first, int64_t second,
                         const std::string& first_name, const std::string& second_name);

// A complete subtree that has a row of its own: 256 to the power of `level` leaves.
struct TreeRow {
  int level;
  int64_t at;
  Digest root;
};
// The row of a subtree; nothing where the height has none.
std::optional<TreeRow> TreeRowOf(int height, int64_t at, const Digest& root);
absl::Status WriteTreeRow(Connection& db, const TreeRow& row);

// The complete subtrees of the changes that a head was signed for. A proof reads at most 512
// changes, and as many rows of each level. Not thread-safe; all its reads should see one snapshot.
class StoredTree {
 public:
  explicit StoredTree(Connection& db) : db_(db) {}
  // DATA_LOSS, reason STORE, when a change or row that belongs to it is missing.
  absl::StatusOr<Digest> operator()(int height, int64_t at) const;

 private:
  // The 256 nodes of one level that lie under one node of the next; fewer at the end.
  absl::StatusOr<const std::vector<Digest>*> Block(int level, int64_t at) const;

  Connection& db_;
  // What was read already.
  mutable std::map<std::pair<int, int64_t>, std::vector<Digest>> blocks_;
};

// The 32 bytes of a field; nothing when they are not as many.
std::optional<Digest> DigestFrom(absl::string_view bytes);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CHANGES_HEADS_H_
