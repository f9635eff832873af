// SQLite, as much of it as the store needs: connections, cached statements, errors as statuses.
//
// A store file has one connection that writes and checkpoints (Access::kWrite), owned by the writer
// thread, and any number that read (Access::kRead), each used by one thread at a time. SQLite
// before 3.51.3 may lose committed pages when two connections write and checkpoint at once; a
// connection that is opened for reading cannot checkpoint.
#ifndef LINJULI_COMMON_STORE_SQLITE_H_
#define LINJULI_COMMON_STORE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace linjuli {

// A prepared statement, bound by position from 1. Not thread-safe; text and blobs that are bound
// must outlive the steps. One that cannot be prepared, as of a damaged file, says so at its steps.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;

  Statement& Bind(int at, int64_t value);
  Statement& Bind(int at, absl::string_view text);
  Statement& BindBlob(int at, absl::string_view bytes);
  Statement& BindNull(int at);

  // True: a row stands. False: no more rows. Resets itself then and on errors.
  absl::StatusOr<bool> Step();
  // Runs to the end; rows are dropped.
  absl::Status Run();
  void Reset();
  bool prepared() const { return statement_ != nullptr; }

  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  // Valid until the next Step or Reset.
  absl::string_view Bytes(int column) const;
  std::string Text(int column) const { return std::string(Bytes(column)); }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  absl::Status unprepared_;
};

// Resets a statement when a function leaves in the middle of its rows.
class StatementScope {
 public:
  explicit StatementScope(Statement& statement) : statement_(statement) {}
  ~StatementScope() { statement_.Reset(); }
  Statement* operator->() { return &statement_; }
  Statement& operator*() { return statement_; }

 private:
  Statement& statement_;
};

// Not thread-safe.
class Connection {
 public:
  enum class Access { kRead, kWrite };

  // FAILED_PRECONDITION when the file is not a database or is of another application.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, Access access);
  ~Connection();
  Connection(const Connection&) = delete;

  // The cached statement of this text. The text must be built from constants and declared names
  // only, never from what a caller sent. Wrong SQL stops the process.
  Statement& Prepare(const std::string& sql);
  absl::Status Exec(const std::string& sql);
  // Denies ATTACH and every change of the schema from now on. PRAGMA stays: FTS tables use it.
  void Seal();
  // Pages in the write-ahead log after the last commit; 0 once all of them are in the file and
  // synced, so that the next commit may begin the log anew.
  int wal_pages() const { return wal_pages_; }
  // Copies as much of the write-ahead log into the file as readers allow; never waits for them.
  absl::Status Checkpoint();
  // Takes now the room that the index of a log of so many pages needs. On a full disk the index
  // could not grow in the middle of a commit, of which nobody would know how it ended.
  absl::Status ReserveLogIndex(int pages);
  // Leaves the log beside the file when the connection closes.
  void KeepLog();
  // False after an error that made SQLite roll back by itself (a full disk).
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  sqlite3* handle() { return db_; }

 private:
  explicit Connection(sqlite3* db) : db_(db) {}

  sqlite3* db_;
  int wal_pages_ = 0;
  absl::flat_hash_map<std::string, std::unique_ptr<Statement>> statements_;
};

// The status of a SQLite result: RESOURCE_EXHAUSTED/DISK_FULL, ALREADY_EXISTS/UNIQUE with the
// columns, UNAVAILABLE/BUSY, or DATA_LOSS/STORE for I/O errors and corruption.
absl::Status SqliteStatus(sqlite3* db, int code, absl::string_view doing);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_SQLITE_H_
