#include "common/store/sqlite.h"

#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace linjuli {
namespace {

// Marks files of this product: "LJLI".
constexpr int kApplicationId = 0x4C4A4C49;

// The index of the log in shared memory grows by pieces of so many bytes, each for so many pages.
constexpr int kIndexPiece = 32768;
constexpr int kIndexedPages = 4062;

int DenySchemaChanges(void*, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_FUNCTION:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_RECURSIVE:
    // A full-text table asks for the version of its data before each use.
    case SQLITE_PRAGMA:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

void ConfigureOnce() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

}  // namespace

absl::Status SqliteStatus(sqlite3* db, int code, absl::string_view doing) {
  std::string what = absl::StrCat(doing, ": ", db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Refuse(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                    "the disk is full; nothing was written, reading goes on");
    case SQLITE_CONSTRAINT:
      return Refuse(absl::StatusCode::kAlreadyExists, "UNIQUE", what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Refuse(absl::StatusCode::kUnavailable, "BUSY", what);
    default:
      return Refuse(absl::StatusCode::kDataLoss, "STORE", what,
                    {{"code", absl::StrCat(sqlite3_extended_errcode(db))}});
  }
}

Statement::Statement(sqlite3* db, const std::string& sql) : db_(db) {
  int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK) unprepared_ = SqliteStatus(db, code, "a statement cannot be prepared");
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(int at, int64_t value) {
  if (prepared()) LJ_CHECK(sqlite3_bind_int64(statement_, at, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::Bind(int at, absl::string_view text) {
  if (!prepared()) return *this;
  LJ_CHECK(sqlite3_bind_text(statement_, at, text.data() ? text.data() : "",
                             static_cast<int>(text.size()), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement& Statement::BindBlob(int at, absl::string_view bytes) {
  if (!prepared()) return *this;
  LJ_CHECK(sqlite3_bind_blob(statement_, at, bytes.data() ? bytes.data() : "",
                             static_cast<int>(bytes.size()), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement& Statement::BindNull(int at) {
  if (prepared()) LJ_CHECK(sqlite3_bind_null(statement_, at) == SQLITE_OK);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (!prepared()) return unprepared_;
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    Reset();
    return false;
  }
  absl::Status status = SqliteStatus(db_, code, "a statement failed");
  Reset();
  return status;
}

absl::Status Statement::Run() {
  while (true) {
    auto row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
  }
}

void Statement::Reset() { sqlite3_reset(statement_); }

absl::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  int size = sqlite3_column_bytes(statement_, column);
  return absl::string_view(static_cast<const char*>(data), data ? size : 0);
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                             Access access) {
  ConfigureOnce();
  sqlite3* db = nullptr;
  int flags =
      SQLITE_OPEN_NOMUTEX |
      (access == Access::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(db));
  if (code != SQLITE_OK) return SqliteStatus(db, code, absl::StrCat("opening ", path));
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_timeout(db, 1000);
  LJ_RETURN_IF_ERROR(connection->Exec("PRAGMA trusted_schema=OFF"));
  if (access == Access::kRead) {
    LJ_RETURN_IF_ERROR(connection->Exec("PRAGMA query_only=ON; PRAGMA cache_size=-8000"));
    LJ_RETURN_IF_ERROR(connection->Exec("PRAGMA mmap_size=1073741824"));
    return connection;
  }
  LJ_RETURN_IF_ERROR(connection->Exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"));
  LJ_RETURN_IF_ERROR(connection->Exec(
      "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=-1; PRAGMA cache_size=-32000"));
  {
    Statement& id = connection->Prepare("PRAGMA application_id");
    StatementScope scope(id);
    auto row = id.Step();
    if (!row.ok()) return row.status();
    if (id.Int(0) != 0 && id.Int(0) != kApplicationId) {
      return absl::FailedPreconditionError(absl::StrCat(path, " belongs to another program"));
    }
  }
  LJ_RETURN_IF_ERROR(connection->Exec(absl::StrCat("PRAGMA application_id=", kApplicationId)));
  sqlite3_wal_hook(
      db,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Connection*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      connection.get());
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close_v2(db_);
}

Statement& Connection::Prepare(const std::string& sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr || !statement->prepared())
    statement = std::make_unique<Statement>(db_, sql);
  return *statement;
}

absl::Status Connection::Exec(const std::string& sql) {
  int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteStatus(db_, code, sql);
}

void Connection::Seal() { sqlite3_set_authorizer(db_, DenySchemaChanges, nullptr); }

absl::Status Connection::Checkpoint() {
  int in_log = 0, copied = 0;
  int code = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
    return SqliteStatus(db_, code, "checkpoint");
  }
  if (in_log == copied) wal_pages_ = 0;
  return absl::OkStatus();
}

absl::Status Connection::ReserveLogIndex(int pages) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  for (int piece = 0; piece * kIndexedPages < pages; ++piece) {
    void volatile* memory = nullptr;
    int code = file->pMethods->xShmMap(file, piece, kIndexPiece, 1, &memory);
    if (code != SQLITE_OK) return SqliteStatus(db_, code, "taking room for the log's index");
  }
  return absl::OkStatus();
}

void Connection::KeepLog() { sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr); }

}  // namespace linjuli
