#include "common/store/checkpointer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status.h"

namespace linjuli {
namespace {

// Bytes of the file that are written out in one go. A commit's sync waits for at most these.
constexpr int64_t kPiece = 256 << 10;
constexpr absl::Duration kMostPause = absl::Milliseconds(10);
// Each round leaves what was written while the one before was synced.
constexpr int kRounds = 3;

}  // namespace

Flusher::Flusher(int fd) : fd_(fd), thread_([this] { Run(); }) {}

Flusher::~Flusher() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Flusher::Start() {
  absl::MutexLock lock(&mutex_);
  ++asked_;
}

bool Flusher::idle() const {
  absl::MutexLock lock(&mutex_);
  return done_ == asked_;
}

void Flusher::Run() {
  while (true) {
    int asked = 0;
    {
      absl::MutexLock lock(&mutex_);
      auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || done_ != asked_;
      };
      mutex_.Await(absl::Condition(&ready));
      if (stopping_) return;
      asked = asked_;
    }
    Flush();
    absl::MutexLock lock(&mutex_);
    done_ = asked;
  }
}

void Flusher::Flush() {
  struct stat file;
  LJ_CHECK(fstat(fd_, &file) == 0, std::strerror(errno));
  for (int64_t at = 0; at < file.st_size; at += kPiece) {
    absl::Time begun = absl::Now();
    int failed = sync_file_range(
        fd_, at, kPiece,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    // Where a file system cannot write out a part, the sync below does all the work.
    LJ_CHECK(failed == 0 || errno == ENOSYS || errno == EINVAL, std::strerror(errno));
    absl::Duration took = absl::Now() - begun;
    // As long a pause as the disk was busy: half of it is left to the commits.
    absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    if (took > absl::Microseconds(100)) {
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), std::min(took, kMostPause));
    }
  }
  // A failed sync is told once and the pages count as clean: nobody knows what is on the disk.
  LJ_CHECK(fdatasync(fd_) == 0, std::strerror(errno));
}

Checkpointer::Checkpointer(int fd, CheckpointLimits limits, MayBeginAnew may_begin_anew,
                           Connection& writer)
    : limits_(limits), may_begin_anew_(std::move(may_begin_anew)), writer_(writer), flusher_(fd) {}

absl::StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::Open(const std::string& path,
                                                                 CheckpointLimits limits,
                                                                 MayBeginAnew may_begin_anew,
                                                                 Connection& writer) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  std::unique_ptr<Checkpointer> made(
      new Checkpointer(fd, limits, std::move(may_begin_anew), writer));
  LJ_ASSIGN(made->pin_, Connection::Open(path, Connection::Access::kRead));
  return made;
}

absl::Status Checkpointer::Begin() {
  LJ_RETURN_IF_ERROR(writer_.ReserveLogIndex(2 * limits_.full));
  LJ_RETURN_IF_ERROR(CopyAll());
  if (writer_.wal_pages() == 0) return absl::OkStatus();
  return absl::UnavailableError(
      "the log of the last run is still needed by a reader or an archive");
}

absl::Status Checkpointer::AfterCommit(bool gap) {
  int pages = writer_.wal_pages();
  if (pages < tried_) tried_ = 0;
  if (pages >= limits_.full) {
    bool stuck = tried_ > 0 && pages < tried_ + limits_.step;
    if (!stuck && (flusher_.idle() || pages >= 2 * limits_.full)) return Approach();
  }
  // With writes waiting a copy may be late, though not by much: it grows the longer it waits.
  int fresh = pages - pinned_;
  if (fresh < limits_.step || (!gap && fresh < 4 * limits_.step)) return absl::OkStatus();
  LJ_RETURN_IF_ERROR(CopyToPin());
  if (pages >= limits_.full / 2) flusher_.Start();
  return absl::OkStatus();
}

bool Checkpointer::wants_rest() const {
  return writer_.wal_pages() >= limits_.rest && writer_.wal_pages() != tried_;
}

absl::Status Checkpointer::Rest() { return flusher_.idle() ? Approach() : absl::OkStatus(); }

absl::Status Checkpointer::Approach() {
  int pages = writer_.wal_pages();
  if (rounds_ == kRounds || pages == pinned_ || pages >= 2 * limits_.full) return CopyAll();
  ++rounds_;
  LJ_RETURN_IF_ERROR(CopyToPin());
  flusher_.Start();
  return absl::OkStatus();
}

absl::Status Checkpointer::CopyToPin() {
  if (pinned_ > 0) {
    LJ_RETURN_IF_ERROR(writer_.Checkpoint());
    LJ_RETURN_IF_ERROR(LetGo());
  }
  LJ_RETURN_IF_ERROR(pin_->Prepare("BEGIN").Run());
  // The first read takes the mark.
  LJ_RETURN_IF_ERROR(pin_->Prepare("SELECT count(*) FROM sqlite_master").Run());
  pinned_ = writer_.wal_pages();
  return absl::OkStatus();
}

absl::Status Checkpointer::LetGo() {
  if (pinned_ == 0) return absl::OkStatus();
  pinned_ = 0;
  return pin_->Prepare("COMMIT").Run();
}

absl::Status Checkpointer::CopyAll() {
  int pages = writer_.wal_pages();
  if (pages == 0) return absl::OkStatus();
  rounds_ = 0;
  tried_ = pages;
  if (may_begin_anew_ && !may_begin_anew_(pages)) return absl::OkStatus();
  LJ_RETURN_IF_ERROR(LetGo());
  LJ_RETURN_IF_ERROR(writer_.Checkpoint());
  if (writer_.wal_pages() == 0) tried_ = 0;
  return absl::OkStatus();
}

void Checkpointer::Close() {
  CopyAll().IgnoreError();
  LetGo().IgnoreError();
  if (writer_.wal_pages() > 0) writer_.KeepLog();
  pin_.reset();
}

}  // namespace linjuli
