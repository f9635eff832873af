#include "common/changes/log.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/status.h"
#include "common/timestamp.h"

namespace linjuli {

using changes::v1::Change;

namespace {

// The genesis of every chain.
const std::string& ZeroHash() {
  static const std::string* const zero = new std::string(sizeof(Digest), '\0');
  return *zero;
}

std::string Chained(absl::string_view previous, absl::string_view bytes) {
  return std::string(BytesOf(Sha256Of({previous, bytes})));
}

absl::StatusOr<std::vector<Change>> Rows(Statement& statement, int limit) {
  std::vector<Change> changes;
  StatementScope scope(statement);
  while (static_cast<int>(changes.size()) < limit) {
    LJ_ASSIGN(bool row, scope->Step());
    if (!row) break;
    absl::string_view bytes = scope->Bytes(0);
    if (!changes.emplace_back().ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE", "a change cannot be read");
    }
  }
  return changes;
}

}  // namespace

int64_t ReplyKey(absl::string_view caller, absl::string_view method, absl::string_view request_id) {
  Digest hash = Sha256Of({caller, "\n", method, "\n", request_id});
  int64_t key;
  std::memcpy(&key, hash.data(), sizeof(key));
  return key & 0x7FFFFFFFFFFFFFFF;
}

std::vector<std::string> ChangeLog::Schema() {
  return {
      "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY,value TEXT NOT NULL)",
      "CREATE TABLE IF NOT EXISTS change(seq INTEGER PRIMARY KEY,data BLOB NOT NULL,"
      "hash BLOB NOT NULL)",
      "CREATE TABLE IF NOT EXISTS mention(name TEXT NOT NULL,seq INTEGER NOT NULL,"
      "PRIMARY KEY(name,seq)) WITHOUT ROWID",
      "CREATE TABLE IF NOT EXISTS reply(key INTEGER PRIMARY KEY,seq INTEGER NOT NULL,"
      "body_hash BLOB NOT NULL,reply BLOB)",
      "CREATE TABLE IF NOT EXISTS cursor(source TEXT PRIMARY KEY,epoch TEXT NOT NULL,"
      "seq INTEGER NOT NULL)",
      // The lives of the log: the first, and one for each time that it was restored.
      "CREATE TABLE IF NOT EXISTS life(number INTEGER PRIMARY KEY,epoch TEXT NOT NULL,"
      "began INTEGER NOT NULL)",
      // A file of before there were lives.
      "INSERT INTO life(number,epoch,began) SELECT 1,value,0 FROM meta WHERE key='epoch' "
      "AND NOT EXISTS(SELECT 1 FROM life)",
  };
}

absl::StatusOr<ChangeLog> ChangeLog::Open(Connection& db) {
  ChangeLog log(db);
  log.hash_ = ZeroHash();
  StatementScope last(db.Prepare("SELECT seq,hash FROM change ORDER BY seq DESC LIMIT 1"));
  LJ_ASSIGN(bool any, last->Step());
  if (any) {
    log.sequence_ = last->Int(0);
    log.hash_ = last->Text(1);
  }
  return log;
}

absl::Status ChangeLog::Append(Change& change) {
  change.set_sequence(sequence_ + 1);
  bytes_.clear();
  change.AppendToString(&bytes_);
  std::string hash = Chained(hash_, bytes_);
  LJ_RETURN_IF_ERROR(db_->Prepare("INSERT INTO change(seq,data,hash) VALUES(?1,?2,?3)")
                         .Bind(1, sequence_ + 1)
                         .BindBlob(2, bytes_)
                         .BindBlob(3, hash)
                         .Run());
  auto mention = [&](absl::string_view name) {
    return db_->Prepare("INSERT OR IGNORE INTO mention(name,seq) VALUES(?1,?2)")
        .Bind(1, name)
        .Bind(2, sequence_ + 1)
        .Run();
  };
  LJ_RETURN_IF_ERROR(mention(change.resource()));
  for (const auto& name : change.references()) LJ_RETURN_IF_ERROR(mention(name));
  ++sequence_;
  hash_ = std::move(hash);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StoredReply>> ChangeLog::FindReply(int64_t key) {
  StatementScope find(db_->Prepare("SELECT body_hash,seq,reply FROM reply WHERE key=?1"));
  find->Bind(1, key);
  LJ_ASSIGN(bool row, find->Step());
  if (!row) return std::nullopt;
  StoredReply found{find->Text(0), find->Int(1), std::nullopt};
  if (!find->IsNull(2)) found.reply = find->Text(2);
  return found;
}

absl::Status ChangeLog::SaveReply(int64_t key, absl::string_view body_hash,
                                  const std::optional<std::string>& reply) {
  Statement& save = db_->Prepare("INSERT INTO reply(key,seq,body_hash,reply) VALUES(?1,?2,?3,?4)")
                        .Bind(1, key)
                        .Bind(2, sequence_)
                        .BindBlob(3, body_hash);
  if (reply.has_value()) {
    save.BindBlob(4, *reply);
  } else {
    save.BindNull(4);
  }
  return save.Run();
}

absl::StatusOr<std::vector<Life>> ReadLives(Connection& db) {
  std::vector<Life> lives;
  StatementScope rows(db.Prepare("SELECT epoch,began FROM life ORDER BY number"));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return lives;
    lives.push_back({rows->Text(0), rows->Int(1)});
  }
}

absl::Status BeginLife(Connection& db) {
  std::string epoch = absl::BytesToHexString(RandomBytes(8));
  return db.Prepare("INSERT INTO life(epoch,began) SELECT ?1,ifnull(max(seq),0) FROM change")
      .Bind(1, epoch)
      .Run();
}

absl::StatusOr<std::vector<Change>> ReadChanges(Connection& db, int64_t after, int limit) {
  Statement& find = db.Prepare("SELECT data FROM change WHERE seq>?1 ORDER BY seq LIMIT ?2");
  find.Bind(1, after).Bind(2, static_cast<int64_t>(limit));
  return Rows(find, limit);
}

absl::StatusOr<std::vector<Change>> ReadHistory(Connection& db, absl::string_view name,
                                                int64_t after, int limit) {
  Statement& find = db.Prepare(
      "SELECT data FROM mention JOIN change USING(seq) WHERE name=?1 AND mention.seq>?2 "
      "ORDER BY mention.seq LIMIT ?3");
  find.Bind(1, name).Bind(2, after).Bind(3, static_cast<int64_t>(limit));
  return Rows(find, limit);
}

absl::StatusOr<std::optional<Change>> ReadWriteBefore(Connection& db, absl::string_view name,
                                                      absl::Time time) {
  StatementScope rows(db.Prepare(
      "SELECT data FROM mention JOIN change USING(seq) WHERE name=?1 ORDER BY mention.seq DESC"));
  rows->Bind(1, name);
  Change change;
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return std::nullopt;
    absl::string_view bytes = rows->Bytes(0);
    if (!change.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE", "a change cannot be read");
    }
    if (!change.has_snapshot() || change.resource() != name) continue;
    if (ToTime(change.commit_time()) <= time) return change;
  }
}

}  // namespace linjuli
