#include "common/changes/log.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace linjuli {

using changes::v1::Change;

namespace {

// The genesis of every chain.
const std::string& ZeroHash() {
  static const std::string* const zero = new std::string(SHA256_DIGEST_LENGTH, '\0');
  return *zero;
}

std::string Chained(absl::string_view previous, absl::string_view bytes) {
  SHA256_CTX context;
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  // The one-shot EVP call fetches its algorithm each time, which costs more than the hash.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  SHA256_Init(&context);
  SHA256_Update(&context, previous.data(), previous.size());
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(reinterpret_cast<uint8_t*>(digest.data()), &context);
#pragma GCC diagnostic pop
  return digest;
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

std::string Sha256(absl::string_view bytes) { return Chained("", bytes); }

std::vector<std::string> ChangeLog::Schema() {
  return {
      "CREATE TABLE meta(key TEXT PRIMARY KEY,value TEXT NOT NULL)",
      "CREATE TABLE change(seq INTEGER PRIMARY KEY,data BLOB NOT NULL,hash BLOB NOT NULL)",
      "CREATE TABLE mention(name TEXT NOT NULL,seq INTEGER NOT NULL,PRIMARY KEY(name,seq)) "
      "WITHOUT ROWID",
      "CREATE TABLE reply(key INTEGER PRIMARY KEY,seq INTEGER NOT NULL,body_hash BLOB NOT NULL,"
      "reply BLOB)",
      "CREATE TABLE cursor(source TEXT PRIMARY KEY,epoch TEXT NOT NULL,seq INTEGER NOT NULL)",
  };
}

absl::StatusOr<ChangeLog> ChangeLog::Open(Connection& db) {
  ChangeLog log(db);
  LJ_ASSIGN(log.epoch_, ReadEpoch(db));
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

absl::StatusOr<std::string> ReadEpoch(Connection& db) {
  StatementScope find(db.Prepare("SELECT value FROM meta WHERE key='epoch'"));
  LJ_ASSIGN(bool row, find->Step());
  return row ? find->Text(0) : "";
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

absl::StatusOr<Verdict> VerifyChain(Connection& db) {
  Verdict verdict;
  std::string previous = ZeroHash();
  auto flaw = [&](std::string what) {
    verdict.flaw = Flaw{verdict.changes + 1, std::move(what)};
    return verdict;
  };
  StatementScope rows(db.Prepare("SELECT seq,data,hash FROM change ORDER BY seq"));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    if (rows->Int(0) != verdict.changes + 1) {
      return flaw(absl::StrCat("change ", verdict.changes + 1, " is missing"));
    }
    if (Chained(previous, rows->Bytes(1)) != rows->Bytes(2)) {
      return flaw("its bytes do not match its hash: it was edited, or one before it was replaced");
    }
    Change change;
    absl::string_view bytes = rows->Bytes(1);
    if (!change.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        change.sequence() != rows->Int(0)) {
      return flaw("its contents do not belong to its place");
    }
    previous = rows->Text(2);
    ++verdict.changes;
  }
  verdict.head = absl::BytesToHexString(previous);
  return verdict;
}

}  // namespace linjuli
