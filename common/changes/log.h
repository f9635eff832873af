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
#include "absl/time/time.h"
#include "common/changes/sha256.h"
#include "common/store/sqlite.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

// Under what a reply is kept. `method` is the full name, of the one method a row of a batch calls.
int64_t ReplyKey(absl::string_view caller, absl::string_view method, absl::string_view request_id);

// What a request with an id was answered.
struct StoredReply {
  std::string body_hash;             // of the request; another one is a conflict
  int64_t sequence = 0;              // the last change that it made
  std::optional<std::string> reply;  // serialized; nothing: the snapshot of that change
};

// A life of the log: it began with the file, or when the file was restored to a place.
struct Life {
  std::string epoch;  // its name, random
  int64_t began = 0;  // how long the log was then
};
// From now on the log leads a new life.
absl::Status BeginLife(Connection& db);

// The writer's side: appends in the running transaction. Not thread-safe.
class ChangeLog {
 public:
  // Reads where the log ends.
  static absl::StatusOr<ChangeLog> Open(Connection& db);
  // Statements for a new file and an old one alike.
  static std::vector<std::string> Schema();

  int64_t next_sequence() const { return sequence_ + 1; }
  int64_t sequence() const { return sequence_; }

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
  std::string bytes_;  // kept for its memory
};

// The readers' side; each takes a connection of its own thread.
absl::StatusOr<std::vector<Life>> ReadLives(Connection& db);  // oldest first
absl::StatusOr<std::vector<changes::v1::Change>> ReadChanges(Connection& db, int64_t after,
                                                             int limit);
// The changes after `after` that wrote or mention `name`.
absl::StatusOr<std::vector<changes::v1::Change>> ReadHistory(Connection& db, absl::string_view name,
                                                             int64_t after, int limit);

// The last change that wrote `name` at or before a time; nothing where it was not there yet.
absl::StatusOr<std::optional<changes::v1::Change>> ReadWriteBefore(Connection& db,
                                                                   absl::string_view name,
                                                                   absl::Time time);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CHANGES_LOG_H_
