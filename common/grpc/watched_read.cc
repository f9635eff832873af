#include "common/grpc/watched_read.h"

#include <dlfcn.h>
#include <prometheus/family.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/grpc/frame_watch.h"

namespace linjuli {
namespace {

struct Watched {
  uint64_t inode;
  prometheus::Family<prometheus::Counter>* cut;
  FrameWatch watch;
  bool is_cut = false;
};

class AllWatched {
 public:
  void Add(int file, std::shared_ptr<Watched> watched) {
    absl::MutexLock lock(&mutex_);
    by_file_[file] = std::move(watched);
  }
  void Remove(int file, uint64_t inode) {
    absl::MutexLock lock(&mutex_);
    auto found = by_file_.find(file);
    if (found != by_file_.end() && found->second->inode == inode) by_file_.erase(found);
  }
  // Shared, since the file may be forgotten while it is read for the last time.
  std::shared_ptr<Watched> Find(int file) {
    std::shared_ptr<Watched> found;
    {
      absl::ReaderMutexLock lock(&mutex_);
      auto at = by_file_.find(file);
      if (at == by_file_.end()) return nullptr;
      found = at->second;
    }
    struct stat status;
    return fstat(file, &status) == 0 && status.st_ino == found->inode ? found : nullptr;
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<int, std::shared_ptr<Watched>> by_file_ ABSL_GUARDED_BY(mutex_);
};

AllWatched& All() {
  static auto* const all = new AllWatched();
  return *all;
}

// GOAWAY, ENHANCE_YOUR_CALM, with the reason as its text: clients show it. Where the buffer is
// full, or gRPC is in the middle of a frame of its own, the client just sees the end.
void SayWhy(int connection, absl::string_view bound) {
  std::string text = absl::StrCat("too much: ", bound);
  std::string frame("\0\0\0\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\x0b", 17);
  frame[2] = static_cast<char>(8 + text.size());
  frame += text;
  send(connection, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Cut(int connection, Watched& watched, absl::string_view bound) {
  watched.is_cut = true;
  if (watched.cut != nullptr) watched.cut->Add({{"bound", std::string(bound)}}).Increment();
  SayWhy(connection, bound);
  // gRPC closes it, once it has seen the end.
  shutdown(connection, SHUT_RDWR);
}

// What was read passes, or is the end.
ssize_t Pass(int connection, Watched& watched, const msghdr& message, ssize_t read) {
  if (watched.is_cut) return 0;
  const absl::Duration now = Clock::Real()->Elapsed();
  size_t left = static_cast<size_t>(read);
  for (size_t i = 0; i < message.msg_iovlen && left > 0; ++i) {
    const iovec& part = message.msg_iov[i];
    size_t size = std::min(left, part.iov_len);
    left -= size;
    absl::string_view bound = watched.watch.Look({static_cast<char*>(part.iov_base), size}, now);
    if (bound.empty()) continue;
    Cut(connection, watched, bound);
    return 0;
  }
  return read;
}

}  // namespace

void WatchReads(int connection, uint64_t inode, prometheus::Family<prometheus::Counter>* cut) {
  All().Add(connection, std::make_shared<Watched>(Watched{inode, cut, {}}));
}

void ForgetReads(int connection, uint64_t inode) { All().Remove(connection, inode); }

}  // namespace linjuli

// The name is looked up in the program first, and so found here by gRPC's library.
extern "C" ssize_t recvmsg(int file, msghdr* message, int flags) {
  using Recvmsg = ssize_t (*)(int, msghdr*, int);
  static const auto system = reinterpret_cast<Recvmsg>(dlsym(RTLD_NEXT, "recvmsg"));
  const ssize_t read = system(file, message, flags);
  if (read <= 0 || flags != 0) return read;
  auto watched = linjuli::All().Find(file);
  return watched == nullptr ? read : linjuli::Pass(file, *watched, *message, read);
}
