#include "tests/faults/fault_vfs.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr int64_t kSector = 512;  // what a disk writes whole or not at all

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void Apply(std::string& file, int64_t at, absl::string_view bytes) {
  if (file.size() < at + bytes.size()) file.resize(at + bytes.size());
  std::memcpy(file.data() + at, bytes.data(), bytes.size());
}

}  // namespace

const char* NameOf(FileCall call) {
  constexpr const char* kNames[kFileCalls] = {"open", "read",   "write",   "truncate", "sync",
                                              "size", "delete", "shm_map", "shm_lock"};
  return kNames[static_cast<int>(call)];
}

void WriteImage(const DiskImage& image, const std::string& folder) {
  for (const auto& [name, bytes] : image) {
    std::ofstream file(absl::StrCat(folder, "/", name), std::ios::binary | std::ios::trunc);
    file << bytes;
    LJ_CHECK(file.good(), name);
  }
}

DiskImage ReadImage(const std::string& folder) {
  DiskImage image;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    image[entry.path().filename()] = ReadFile(entry.path());
  }
  return image;
}

// What SQLite holds; its own file lies right behind it.
struct FaultVfs::File : sqlite3_file {
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  std::shared_ptr<Body> body;  // null where the power is not recorded
  bool writes = false;
  bool database = false;
  bool log = false;
  bool keys = false;          // of people, or their log
  bool syncs_folder = false;  // its first sync makes its name durable
};

struct FaultVfs::Calls {
  static File* Of(sqlite3_file* file) { return static_cast<File*>(file); }
  static std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  static int Open(sqlite3_vfs*, const char* path, sqlite3_file* raw, int flags, int* out) {
    FaultVfs& vfs = Get();
    raw->pMethods = nullptr;
    if (int code = vfs.Pass(FileCall::kOpen); code != SQLITE_OK) return code;
    File* file = new (raw) File;
    file->pMethods = nullptr;
    int code = vfs.real_->xOpen(vfs.real_, path, file->real(), flags, out);
    if (code != SQLITE_OK) {
      file->~File();
      return code;
    }
    file->pMethods = &vfs.methods_;
    file->writes = (flags & SQLITE_OPEN_READWRITE) != 0;
    file->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    file->log = (flags & SQLITE_OPEN_WAL) != 0;
    absl::MutexLock lock(&vfs.power_mutex_);
    bool kept = flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    if (!vfs.recording_ || !kept || absl::string_view(path).rfind(vfs.folder_, 0) != 0) {
      return SQLITE_OK;
    }
    // The record knows which files there are. SQLite's xAccess takes an empty one for none, and a
    // log that was cut to nothing would become two: what one connection appends, and what the disk
    // has under its name.
    std::shared_ptr<Body>& body = vfs.names_[NameIn(path)];
    if (body == nullptr) {
      body = std::make_shared<Body>();
      vfs.renames_.emplace_back(NameIn(path), body);
      // As the system's VFS does it: for logs and journals, though not for the database.
      file->syncs_folder = !file->database;
    }
    file->body = body;
    file->keys = absl::EndsWith(path, ".keys.db") || absl::EndsWith(path, ".keys.db-wal");
    return SQLITE_OK;
  }
  static int Delete(sqlite3_vfs*, const char* path, int sync_folder) {
    FaultVfs& vfs = Get();
    if (int code = vfs.Pass(FileCall::kDelete); code != SQLITE_OK) return code;
    int code = vfs.real_->xDelete(vfs.real_, path, sync_folder);
    if (code != SQLITE_OK) return code;
    std::function<void()> each;
    {
      absl::MutexLock lock(&vfs.power_mutex_);
      if (!vfs.recording_ || vfs.names_.erase(NameIn(path)) == 0) return SQLITE_OK;
      vfs.renames_.emplace_back(NameIn(path), nullptr);
      each = vfs.on_change_;
    }
    if (each) each();
    absl::MutexLock lock(&vfs.power_mutex_);
    if (sync_folder) vfs.SyncFolder();
    return SQLITE_OK;
  }

  static int Close(sqlite3_file* file) {
    int code = Of(file)->real()->pMethods->xClose(Of(file)->real());
    Of(file)->~File();
    return code;
  }
  static int Read(sqlite3_file* file, void* into, int count, sqlite3_int64 at) {
    if (int code = Get().Pass(FileCall::kRead); code != SQLITE_OK) return code;
    return Of(file)->real()->pMethods->xRead(Of(file)->real(), into, count, at);
  }
  static int Write(sqlite3_file* raw, const void* from, int count, sqlite3_int64 at) {
    FaultVfs& vfs = Get();
    File* file = Of(raw);
    if (int code = vfs.Pass(FileCall::kWrite); code != SQLITE_OK) return code;
    if (int code = vfs.Take(*file, at, count); code != SQLITE_OK) return code;
    int code = file->real()->pMethods->xWrite(file->real(), from, count, at);
    if (code == SQLITE_OK && file->database && !file->writes) {
      absl::MutexLock lock(&vfs.mutex_);
      ++vfs.reader_writes_;
    }
    if (code == SQLITE_OK && file->body != nullptr) {
      vfs.Record(*file, {at, std::string(static_cast<const char*>(from), count), false});
    }
    return code;
  }
  static int Truncate(sqlite3_file* raw, sqlite3_int64 size) {
    FaultVfs& vfs = Get();
    File* file = Of(raw);
    if (int code = vfs.Pass(FileCall::kTruncate); code != SQLITE_OK) return code;
    int code = file->real()->pMethods->xTruncate(file->real(), size);
    if (code == SQLITE_OK && file->body != nullptr) vfs.Record(*file, {size, "", true});
    return code;
  }
  static int Sync(sqlite3_file* raw, int flags) {
    FaultVfs& vfs = Get();
    File* file = Of(raw);
    if (int code = vfs.Pass(FileCall::kSync); code != SQLITE_OK) {
      vfs.RecordFailedSync(*file);
      return code;
    }
    if (file->body == nullptr) return file->real()->pMethods->xSync(file->real(), flags);
    // The record is all that counts here; a true sync would only cost time.
    vfs.RecordSync(*file);
    return SQLITE_OK;
  }
  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    if (int code = Get().Pass(FileCall::kSize); code != SQLITE_OK) return code;
    return Of(file)->real()->pMethods->xFileSize(Of(file)->real(), size);
  }
  static int FileControl(sqlite3_file* raw, int verb, void* argument) {
    FaultVfs& vfs = Get();
    File* file = Of(raw);
    absl::MutexLock lock(&vfs.mutex_);
    if (verb == SQLITE_FCNTL_CKPT_START) {
      vfs.writer_checkpoints_ += file->writes;
    }
    if (verb == SQLITE_FCNTL_PRAGMA && vfs.lie_ == Lie::kSynchronousNormal) {
      // SQLite reads the value after this call, from this memory: FULL becomes 1, which is NORMAL.
      char** words = static_cast<char**>(argument);
      if (sqlite3_stricmp(words[1], "synchronous") == 0 && words[2] != nullptr) {
        LJ_CHECK(sqlite3_stricmp(words[2], "full") == 0);
        std::strcpy(words[2], "1");
      }
    }
    return file->real()->pMethods->xFileControl(file->real(), verb, argument);
  }
  static int ShmMap(sqlite3_file* file, int at, int size, int extend, void volatile** into) {
    if (int code = Get().Pass(FileCall::kShmMap); code != SQLITE_OK) return code;
    return Of(file)->real()->pMethods->xShmMap(Of(file)->real(), at, size, extend, into);
  }
  static int ShmLock(sqlite3_file* file, int at, int count, int flags) {
    // Giving up a lock cannot fail.
    if (flags & SQLITE_SHM_LOCK) {
      if (int code = Get().Pass(FileCall::kShmLock); code != SQLITE_OK) return code;
    }
    return Of(file)->real()->pMethods->xShmLock(Of(file)->real(), at, count, flags);
  }

  static int Lock(sqlite3_file* file, int kind) {
    return Of(file)->real()->pMethods->xLock(Of(file)->real(), kind);
  }
  static int Unlock(sqlite3_file* file, int kind) {
    return Of(file)->real()->pMethods->xUnlock(Of(file)->real(), kind);
  }
  static int CheckReservedLock(sqlite3_file* file, int* out) {
    return Of(file)->real()->pMethods->xCheckReservedLock(Of(file)->real(), out);
  }
  static int SectorSize(sqlite3_file* file) {
    return Of(file)->real()->pMethods->xSectorSize(Of(file)->real());
  }
  static int DeviceCharacteristics(sqlite3_file* file) {
    return Of(file)->real()->pMethods->xDeviceCharacteristics(Of(file)->real());
  }
  static void ShmBarrier(sqlite3_file* file) {
    Of(file)->real()->pMethods->xShmBarrier(Of(file)->real());
  }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    return Of(file)->real()->pMethods->xShmUnmap(Of(file)->real(), remove);
  }
  static int Fetch(sqlite3_file* file, sqlite3_int64 at, int count, void** out) {
    return Of(file)->real()->pMethods->xFetch(Of(file)->real(), at, count, out);
  }
  static int Unfetch(sqlite3_file* file, sqlite3_int64 at, void* memory) {
    return Of(file)->real()->pMethods->xUnfetch(Of(file)->real(), at, memory);
  }
};

FaultVfs& FaultVfs::Get() {
  static FaultVfs* const vfs = new FaultVfs;
  return *vfs;
}

FaultVfs::FaultVfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
  methods_ = {3,
              Calls::Close,
              Calls::Read,
              Calls::Write,
              Calls::Truncate,
              Calls::Sync,
              Calls::FileSize,
              Calls::Lock,
              Calls::Unlock,
              Calls::CheckReservedLock,
              Calls::FileControl,
              Calls::SectorSize,
              Calls::DeviceCharacteristics,
              Calls::ShmMap,
              Calls::ShmLock,
              Calls::ShmBarrier,
              Calls::ShmUnmap,
              Calls::Fetch,
              Calls::Unfetch};
  vfs_.pNext = nullptr;
  vfs_.zName = "fault";
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.xOpen = Calls::Open;
  vfs_.xDelete = Calls::Delete;
  Register();
}

void FaultVfs::Register() { LJ_CHECK(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK); }

void FaultVfs::Arm(FileCall call, int64_t nth, int code, bool sticky, std::function<void()> fired) {
  absl::MutexLock lock(&mutex_);
  armed_ = call;
  at_ = calls_[static_cast<int>(call)] + nth;
  code_ = code;
  sticky_ = sticky;
  fired_ = std::move(fired);
}

void FaultVfs::Reset() {
  {
    absl::MutexLock lock(&mutex_);
    calls_ = {};
    at_ = 0;
    fired_ = nullptr;
    room_ = -1;
    lie_ = Lie::kNone;
    writer_checkpoints_ = reader_writes_ = logs_begun_ = 0;
  }
  absl::MutexLock lock(&power_mutex_);
  recording_ = false;
  on_change_ = nullptr;
  names_.clear();
  durable_names_.clear();
  renames_.clear();
}

int FaultVfs::Pass(FileCall call) {
  std::function<void()> fired;
  {
    absl::MutexLock lock(&mutex_);
    int64_t now = ++calls_[static_cast<int>(call)];
    if (at_ == 0 || call != armed_ || now < at_ || (now > at_ && !sticky_)) return SQLITE_OK;
    fired = std::move(fired_);
    fired_ = nullptr;
  }
  if (fired) fired();
  absl::MutexLock lock(&mutex_);
  return code_;
}

void FaultVfs::SetRoom(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  room_ = bytes;
}

int FaultVfs::Take(File& file, int64_t at, int64_t count) {
  absl::MutexLock lock(&mutex_);
  if (file.log && at == 0) ++logs_begun_;
  if (room_ < 0) return SQLITE_OK;
  sqlite3_int64 size = 0;
  if (int code = file.real()->pMethods->xFileSize(file.real(), &size); code != SQLITE_OK) {
    return code;
  }
  int64_t more = std::max<int64_t>(at + count - size, 0);
  if (more > room_) return SQLITE_FULL;
  room_ -= more;
  return SQLITE_OK;
}

void FaultVfs::RecordPower(const std::string& folder, const DiskImage* durable) {
  absl::MutexLock lock(&power_mutex_);
  recording_ = true;
  folder_ = folder;
  DiskImage stands = ReadImage(folder);
  for (auto& [name, bytes] : stands) {
    auto body = std::make_shared<Body>();
    if (durable == nullptr) {
      body->durable = std::move(bytes);
    } else if (auto kept = durable->find(name); kept != durable->end()) {
      body->durable = kept->second;
    }
    names_[name] = body;
  }
  durable_names_ = names_;
}

void FaultVfs::OnChange(std::function<void()> each) {
  absl::MutexLock lock(&power_mutex_);
  on_change_ = std::move(each);
}

void FaultVfs::Tell(Lie lie) {
  absl::MutexLock lock(&mutex_);
  lie_ = lie;
}

void FaultVfs::Record(File& file, Change change) {
  std::function<void()> each;
  {
    absl::MutexLock lock(&power_mutex_);
    file.body->changes.push_back(std::move(change));
    each = on_change_;
  }
  if (each) each();
}

void FaultVfs::RecordSync(File& file) {
  std::function<void()> each;
  {
    absl::MutexLock lock(&power_mutex_);
    each = on_change_;
  }
  if (each) each();
  {
    absl::MutexLock lock(&mutex_);
    if (lie_ == Lie::kFileIsNotSynced && file.database) return;
    if (lie_ == Lie::kKeysAreNotSynced && file.keys) return;
  }
  absl::MutexLock lock(&power_mutex_);
  for (const Change& change : file.body->changes) {
    if (change.truncate) {
      file.body->durable.resize(change.at);
    } else {
      Apply(file.body->durable, change.at, change.bytes);
    }
  }
  file.body->changes.clear();
  if (file.syncs_folder) SyncFolder();
  file.syncs_folder = false;
}

void FaultVfs::RecordFailedSync(File& file) {
  if (file.body == nullptr) return;
  absl::MutexLock lock(&power_mutex_);
  file.body->changes.clear();
}

void FaultVfs::SyncFolder() {
  durable_names_ = names_;
  renames_.clear();
}

DiskImage FaultVfs::Cut(std::mt19937& random) const {
  absl::MutexLock lock(&power_mutex_);
  Folder folder = durable_names_;
  // A file system keeps the order of its names.
  size_t named = random() % (renames_.size() + 1);
  for (size_t i = 0; i < named; ++i) {
    if (renames_[i].second != nullptr) {
      folder[renames_[i].first] = renames_[i].second;
    } else {
      folder.erase(renames_[i].first);
    }
  }
  // Of what was not synced a disk keeps all, nothing, or any sectors in between.
  constexpr uint32_t kKept[] = {0, 10, 50, 90, 100};
  uint32_t kept = kKept[random() % std::size(kKept)];
  DiskImage image;
  for (const auto& [name, body] : folder) {
    std::string bytes = body->durable;
    for (const Change& change : body->changes) {
      if (change.truncate) {
        if (random() % 100 < kept) bytes.resize(change.at);
        continue;
      }
      int64_t size = static_cast<int64_t>(change.bytes.size());
      for (int64_t done = 0; done < size;) {
        int64_t at = change.at + done;
        int64_t count = std::min(kSector - at % kSector, size - done);
        if (random() % 100 < kept) {
          Apply(bytes, at, absl::string_view(change.bytes).substr(done, count));
        }
        done += count;
      }
    }
    image[name] = std::move(bytes);
  }
  return image;
}

int64_t FaultVfs::writer_checkpoints() const {
  absl::MutexLock lock(&mutex_);
  return writer_checkpoints_;
}

int64_t FaultVfs::reader_writes() const {
  absl::MutexLock lock(&mutex_);
  return reader_writes_;
}

int64_t FaultVfs::logs_begun() const {
  absl::MutexLock lock(&mutex_);
  return logs_begun_;
}

}  // namespace linjuli
