// The change log of one store: one row for each write of a resource, chained by SHA-256 to the row
// before. It is the audit, the outbox and the feed. Beside it lie the replies to requests that
// carried an id, kept with the effect so that a repeated request gets the same answer.
#ifndef LINJULI_COMMON_CHANGES_LOG_H_
#define LINJULI_COMMON_CHANGES_LOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/sqlite.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

std::string Sha256(absl::string_view bytes);

// What a request with an id was answered.
struct StoredReply {
  std::string body_hash;             // of the request; another one is a conflict
  int64_t sequence = 0;              // the last change that it made
  std::optional<std::string> reply;  // serialized; nothing: the snapshot of that change
};

// The writer's side: appends in the running transaction. Not thread-safe.
class ChangeLog {
 public:
  // Reads where the log ends, and its epoch.
  static absl::StatusOr<ChangeLog> Open(Connection& db);
  static std::vector<std::string> Schema();

  int64_t next_sequence() const { return sequence_ + 1; }
  int64_t sequence() const { return sequence_; }
  const std::string& epoch() const { return epoch_; }

  // Appends `change`, whose sequence is set here.
  absl::Status Append(changes::v1::Change& change);

  absl::StatusOr<std::optional<StoredReply>> FindReply(int64_t key);
  absl::Status SaveReply(int64_t key, absl::string_view body_hash,
                         const std::optional<std::string>& reply);

  // Where the chain stands, to return to when a batch is rolled back.
  struct Mark {
    int64_t sequence;
    std::string hash;
  };
  Mark mark() const { return {sequence_, hash_}; }
  void Return(const Mark& mark) {
    sequence_ = mark.sequence;
    hash_ = mark.hash;
  }

 private:
  explicit ChangeLog(Connection& db) : db_(&db) {}

  Connection* db_;
  int64_t sequence_ = 0;
  std::string hash_;
  std::string epoch_;
  std::string bytes_;  // kept for its memory
};

// The readers' side; each takes a connection of its own thread.
absl::StatusOr<std::string> ReadEpoch(Connection& db);
absl::StatusOr<std::vector<changes::v1::Change>> ReadChanges(Connection& db, int64_t after,
                                                             int limit);
// The changes after `after` that wrote or mention `name`.
absl::StatusOr<std::vector<changes::v1::Change>> ReadHistory(Connection& db, absl::string_view name,
                                                             int64_t after, int limit);

// The first thing that is wrong with a chain.
struct Flaw {
  int64_t sequence = 0;
  std::string what;
};
// Walks the whole chain: sequences without gaps, hashes, contents in their place. Returns how many
// changes hold, and the first flaw.
struct Verdict {
  int64_t changes = 0;
  std::string head;  // hash of the last one, hexadecimal
  std::optional<Flaw> flaw;
};
absl::StatusOr<Verdict> VerifyChain(Connection& db);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CHANGES_LOG_H_
