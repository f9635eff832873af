// A file system that fails when a test says so: SQLite's own VFS, with faults put in between. It
// becomes the default of the process, so that what is tested needs no door for it.
//
// Three kinds of faults, together or alone:
// - The n-th call of a kind answers with an error, once or from then on (Arm).
// - The disk has room for so many bytes (SetRoom).
// - The power goes. Files are written through as usual; beside them stands what a disk may count
//   on: what was synced, and whatever part of the rest chance has kept (Cut). Nothing really stops,
//   so that one run can be cut in many places.
#ifndef LINJULI_TESTS_FAULTS_FAULT_VFS_H_
#define LINJULI_TESTS_FAULTS_FAULT_VFS_H_

#include <sqlite3.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace linjuli {

enum class FileCall { kOpen, kRead, kWrite, kTruncate, kSync, kSize, kDelete, kShmMap, kShmLock };
inline constexpr int kFileCalls = 9;
const char* NameOf(FileCall call);

// The files of a folder by name, with their bytes.
using DiskImage = std::map<std::string, std::string>;
void WriteImage(const DiskImage& image, const std::string& folder);
DiskImage ReadImage(const std::string& folder);

// Thread-safe. Files outside of SQLite's hands (locks, keys) are not its concern.
class FaultVfs {
 public:
  // Registers it as the default, at the first call.
  static FaultVfs& Get();
  // Makes it the default once more, when SQLite was shut down.
  void Register();

  // The `nth` call of this kind from now on (1 is the next) answers `code`; with `sticky` all after
  // it too. `fired` is called once, at the first.
  void Arm(FileCall call, int64_t nth, int code, bool sticky, std::function<void()> fired);
  // No faults, no recording, room without end, counters at 0.
  void Reset();

  // Bytes that all files together may have; what would make one grow beyond answers SQLITE_FULL.
  void SetRoom(int64_t bytes);

  // Begins to record what is durable: what stands in `folder`, or, where an earlier process could
  // not sync what it wrote, `durable`, which the disk has while programs read the folder's files.
  void RecordPower(const std::string& folder, const DiskImage* durable = nullptr);
  // Called at each write, truncation, sync and deletion, before it has had its effect on the disk.
  void OnChange(std::function<void()> each);
  // What a disk may hold if the power goes now. Call it from OnChange or Arm's `fired`.
  DiskImage Cut(std::mt19937& random) const;

  // Wrong on purpose, so that tests can show that they see it.
  enum class Lie { kNone, kSynchronousNormal, kFileIsNotSynced, kKeysAreNotSynced };
  void Tell(Lie lie);

  // Checkpoints begun by connections that may write; writes into a database that other connections
  // have got through.
  int64_t writer_checkpoints() const;
  int64_t reader_writes() const;
  // How often a log was begun, the first time included.
  int64_t logs_begun() const;

 private:
  struct Change {
    int64_t at;
    std::string bytes;
    bool truncate;
  };
  // A file apart from its name: what the disk has for certain, and the changes since.
  struct Body {
    std::string durable;
    std::vector<Change> changes;
  };
  struct File;
  struct Calls;  // the functions that SQLite calls

  FaultVfs();
  // SQLITE_OK, or the error that this call has to answer.
  int Pass(FileCall call);
  // Takes the room that these bytes need beyond what the file has.
  int Take(File& file, int64_t at, int64_t count);
  void Record(File& file, Change change);
  void RecordSync(File& file);
  // A system tells a failed sync once and takes the changes for written.
  void RecordFailedSync(File& file);
  void SyncFolder() ABSL_EXCLUSIVE_LOCKS_REQUIRED(power_mutex_);

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  sqlite3_io_methods methods_;

  mutable absl::Mutex mutex_;
  std::array<int64_t, kFileCalls> calls_ ABSL_GUARDED_BY(mutex_) = {};
  FileCall armed_ ABSL_GUARDED_BY(mutex_) = FileCall::kOpen;
  int64_t at_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: nothing armed
  int code_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sticky_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> fired_ ABSL_GUARDED_BY(mutex_);
  int64_t room_ ABSL_GUARDED_BY(mutex_) = -1;
  Lie lie_ ABSL_GUARDED_BY(mutex_) = Lie::kNone;
  int64_t writer_checkpoints_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t reader_writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t logs_begun_ ABSL_GUARDED_BY(mutex_) = 0;

  // The writer thread alone changes files; nothing else needs these while it does.
  mutable absl::Mutex power_mutex_;
  bool recording_ ABSL_GUARDED_BY(power_mutex_) = false;
  std::string folder_ ABSL_GUARDED_BY(power_mutex_);
  std::function<void()> on_change_ ABSL_GUARDED_BY(power_mutex_);
  using Folder = std::map<std::string, std::shared_ptr<Body>>;
  Folder names_ ABSL_GUARDED_BY(power_mutex_);          // as programs see it
  Folder durable_names_ ABSL_GUARDED_BY(power_mutex_);  // as the disk has it
  // Names given and taken since the folder was synced last; a null body takes the name.
  std::vector<std::pair<std::string, std::shared_ptr<Body>>> renames_ ABSL_GUARDED_BY(power_mutex_);
};

}  // namespace linjuli

#endif  // LINJULI_TESTS_FAULTS_FAULT_VFS_H_
