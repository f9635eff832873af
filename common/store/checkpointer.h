// Copies the write-ahead log into the store's file without making writes wait for the disk.
//
// SQLite syncs the file on the thread that copies, and only when the copy reaches the end of the
// log: from then on the next commit may begin the log anew and write over it. A few hundred pages
// here and there cost a disk several milliseconds, a whole log a tenth of a second. So:
//
// - A connection of its own reads at a mark some commits back (the pin). Copies end at the mark,
//   short of the end of the log: SQLite neither syncs the file nor lets the log begin anew, and a
//   copy costs what moving memory costs. It is made every few hundred pages, first where no write
//   waits, always by the writer's connection, which therefore both writes and checkpoints.
// - A thread of its own writes out the file in small pieces with pauses between, so that the
//   commits' syncs are not kept from the disk. It touches no SQLite; nothing depends on it but
//   time.
// - Once the log is long, copies and syncs follow each other until little is left. Then the pin is
//   let go, SQLite copies and syncs the rest, and the next commit begins the log anew.
//
// What is on the disk is therefore at every moment what SQLite itself would have left there. After
// a crash the whole log is read again: how far it was copied is known in shared memory only.
//
// A store always begins with a new log. What a stopped process has left may include pages whose
// sync failed: the system shows them still, the disk has not got them, and what was appended behind
// them would be lost with them. Copying the log writes them once more.
//
// An archive of the log takes hold here: nothing of the log is written over before `may_begin_anew`
// (StoreOptions) has returned true, at a store's end and at its start as well.
#ifndef LINJULI_COMMON_STORE_CHECKPOINTER_H_
#define LINJULI_COMMON_STORE_CHECKPOINTER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/store/sqlite.h"

namespace linjuli {

// Lengths of the log in pages of 4096 bytes.
struct CheckpointLimits {
  int step = 500;    // copied at a time
  int rest = 2000;   // from here on the log begins anew when no writes come
  int full = 16000;  // from here on it begins anew as soon as little is left to copy
};

// Called on the writer thread, when nothing is being written, with the length of the log in pages,
// all of them committed and synced. True: the next commit may begin the log anew. False: the log is
// kept, grows, and the question comes again after the next copy. Writes wait while it runs: copy
// the log from a thread of your own (the file "PATH-wal"; it only grows until this returns true)
// and take here no more than the pages since. At a store's start it is asked, on the thread that
// opens, for what the last process has left; false then refuses to open.
using MayBeginAnew = std::function<bool(int64_t pages)>;

// Writes out a file's changed pages, a little at a time. Owns the descriptor.
class Flusher {
 public:
  explicit Flusher(int fd);
  ~Flusher();
  Flusher(const Flusher&) = delete;

  // Writes out and syncs what is changed by now, or once more when it is at it already.
  void Start();
  bool idle() const;

 private:
  void Run();
  void Flush();

  const int fd_;
  mutable absl::Mutex mutex_;
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  int done_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Belongs to the writer thread. Must outlive every other connection to the file: closing any
// descriptor of a file gives up the process's locks on it.
class Checkpointer {
 public:
  static absl::StatusOr<std::unique_ptr<Checkpointer>> Open(const std::string& path,
                                                            CheckpointLimits limits,
                                                            MayBeginAnew may_begin_anew,
                                                            Connection& writer);
  Checkpointer(const Checkpointer&) = delete;

  // Before the first write that is acknowledged. UNAVAILABLE when the log cannot begin anew.
  absl::Status Begin();
  // After each commit; `gap`: no write waits.
  absl::Status AfterCommit(bool gap);
  // There is something to do while no writes come; then call Rest every 20 ms or so.
  bool wants_rest() const;
  absl::Status Rest();
  // Copies and syncs everything now, as far as readers and the archive allow.
  absl::Status CopyAll();
  // CopyAll for the end; what is not allowed leaves the log for the next start.
  void Close();

 private:
  Checkpointer(int fd, CheckpointLimits limits, MayBeginAnew may_begin_anew, Connection& writer);
  absl::Status CopyToPin();
  absl::Status LetGo();
  // One more round of copy and sync, or the last.
  absl::Status Approach();

  const CheckpointLimits limits_;
  const MayBeginAnew may_begin_anew_;
  Connection& writer_;
  Flusher flusher_;
  std::unique_ptr<Connection> pin_;
  int pinned_ = 0;  // length of the log at the pin; 0: there is none
  int tried_ = 0;   // length of the log when CopyAll did not get through
  int rounds_ = 0;  // of copy and sync on the way to CopyAll
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_CHECKPOINTER_H_
