#include "common/grpc/acceptor.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/grpc/watched_read.h"
#include "common/log.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr int kBacklog = 1024;
constexpr int kFewest = 4;
// Looking through the connections costs a fifth of a millisecond a thousand.
constexpr absl::Duration kForgetEvery = absl::Milliseconds(20);
// How often the gauge follows connections that end while none comes, in milliseconds.
constexpr int kIdleLook = 1000;
// While there is no file left, not even to turn somebody away, in milliseconds.
constexpr int kNoFileWait = 10;

absl::Status NoAddress(const std::string& address, absl::string_view why) {
  return Refuse(absl::StatusCode::kUnavailable, "ADDRESS",
                absl::StrCat("Cannot listen on ", address, ": ", why, "."), {{"address", address}});
}

// How many connections there may be, when `asked` are wanted.
int WithinFiles(int asked) {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return asked;
  int64_t open = 0;
  if (DIR* folder = opendir("/proc/self/fd")) {
    while (readdir(folder) != nullptr) ++open;
    closedir(folder);
  }
  int64_t half = (static_cast<int64_t>(files.rlim_cur) - open) / 2;
  return static_cast<int>(std::clamp<int64_t>(half, kFewest, std::max(asked, kFewest)));
}

std::string PeerOf(int connection) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(connection, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof(text));
  } else if (address.ss_family == AF_INET6) {
    // Whoever has one address of a /64 has all of them.
    auto prefix = reinterpret_cast<sockaddr_in6&>(address).sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&prefix)) std::memset(prefix.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &prefix, text, sizeof(text));
  } else {
    ucred user{};
    socklen_t length = sizeof(user);
    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &user, &length);
    return absl::StrCat("uid ", user.uid);
  }
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(AcceptorOptions options) {
  auto acceptor = std::unique_ptr<Acceptor>(new Acceptor(std::move(options)));
  const std::string& address = acceptor->options_.address;
  if (absl::StartsWith(address, "unix:")) {
    LJ_RETURN_IF_ERROR(acceptor->ListenAt(address.substr(5)));
    return acceptor;
  }
  size_t colon = address.rfind(':');
  if (colon == std::string::npos) return NoAddress(address, "it has no port");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  LJ_RETURN_IF_ERROR(acceptor->ListenAt(host, address.substr(colon + 1)));
  return acceptor;
}

Acceptor::Acceptor(AcceptorOptions options)
    : options_(std::move(options)),
      max_connections_(WithinFiles(options_.max_connections)),
      max_per_peer_(std::min(options_.max_per_peer, max_connections_ * 3 / 4)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      spare_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  if (max_connections_ < options_.max_connections) {
    LogError(absl::StrCat("the limit of open files allows ", max_connections_, " of ",
                          options_.max_connections, " connections at ", options_.address,
                          "; raise it: ulimit -n, LimitNOFILE="));
  }
  if (options_.metrics == nullptr) return;
  open_ = &prometheus::BuildGauge()
               .Name("linjuli_grpc_connections")
               .Help("gRPC connections that are open")
               .Register(*options_.metrics)
               .Add({});
  refused_ = &prometheus::BuildCounter()
                  .Name("linjuli_grpc_connections_refused_total")
                  .Help("gRPC connections closed at once, by the bound that they were above")
                  .Register(*options_.metrics);
  cut_ = &prometheus::BuildCounter()
              .Name("linjuli_grpc_connections_cut_total")
              .Help("gRPC connections cut for what they sent, by the bound that they were above")
              .Register(*options_.metrics);
}

Acceptor::~Acceptor() {
  Stop();
  for (const auto& [connection, taken] : taken_) ForgetReads(connection, taken.inode);
  for (int file : {wake_, spare_}) {
    if (file >= 0) close(file);
  }
}

absl::Status Acceptor::ListenAt(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return NoAddress(options_.address, "a socket's path has 1 to 107 characters");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  auto* generic = reinterpret_cast<const sockaddr*>(&address);
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int reached = connect(probe, generic, sizeof(address));
  bool is_dead = reached != 0 && errno == ECONNREFUSED;
  close(probe);
  if (reached == 0) return NoAddress(options_.address, "another process listens there");
  struct stat status;
  if (is_dead && stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
    unlink(path.c_str());
  }
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0 || bind(listener, generic, sizeof(address)) != 0 ||
      listen(listener, kBacklog) != 0) {
    int error = errno;
    if (listener >= 0) close(listener);
    return NoAddress(options_.address, std::strerror(error));
  }
  listeners_.push_back(listener);
  path_ = path;
  return absl::OkStatus();
}

absl::Status Acceptor::ListenAt(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return NoAddress(options_.address, gai_strerror(error));
  }
  absl::Cleanup free = [found] { freeaddrinfo(found); };
  for (addrinfo* at = found; at != nullptr; at = at->ai_next) {
    // "localhost" is two addresses, which share a port.
    auto* v4 = reinterpret_cast<sockaddr_in*>(at->ai_addr);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(at->ai_addr);
    bool is_v6 = at->ai_family == AF_INET6;
    if (port_ != 0) (is_v6 ? v6->sin6_port : v4->sin_port) = htons(static_cast<uint16_t>(port_));
    int listener = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    // A restart need not wait for the last connections to be forgotten. Two processes on one port
    // stay impossible.
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (is_v6) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    if (listener < 0 || bind(listener, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(listener, kBacklog) != 0 ||
        getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
      int error = errno;
      if (listener >= 0) close(listener);
      // A machine without IPv6 may still know addresses of it.
      if (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) continue;
      return NoAddress(options_.address, std::strerror(error));
    }
    listeners_.push_back(listener);
    port_ = ntohs(is_v6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                        : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  }
  if (listeners_.empty()) return NoAddress(options_.address, "no such address here");
  return absl::OkStatus();
}

void Acceptor::Start(Take take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    uint64_t one = 1;
    LJ_CHECK(write(wake_, &one, sizeof(one)) == sizeof(one));
    thread_.join();
  }
  // While it is still listened on, so that it is not another process's by then.
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
  for (int listener : listeners_) close(listener);
  listeners_.clear();
}

void Acceptor::Run() {
  std::vector<pollfd> watched{{wake_, POLLIN, 0}};
  for (int listener : listeners_) watched.push_back({listener, POLLIN, 0});
  while (true) {
    poll(watched.data(), watched.size(), kIdleLook);
    if (watched[0].revents != 0) return;
    for (size_t i = 1; i < watched.size(); ++i) {
      if (watched[i].revents != 0) AcceptAll(watched[i].fd);
    }
    Forget(Clock::Real()->Now());
  }
}

void Acceptor::AcceptAll(int listener) {
  // Not for ever: there may be another listener, and an end.
  for (int i = 0; i < kBacklog; ++i) {
    int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0) {
      Admit(connection);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) return;
    if ((errno == EMFILE || errno == ENFILE) && TurnAway(listener)) continue;
    // Whatever is short comes back by itself; turning round at once would not hasten it.
    pollfd stop{wake_, POLLIN, 0};
    poll(&stop, 1, kNoFileWait);
    return;
  }
}

void Acceptor::Admit(int connection) {
  struct stat status;
  if (fstat(connection, &status) != 0) {
    close(connection);
    return;
  }
  std::string peer = PeerOf(connection);
  auto full = [&]() -> const char* {
    if (static_cast<int>(taken_.size()) >= max_connections_) return "all";
    auto found = by_peer_.find(peer);
    return found != by_peer_.end() && found->second >= max_per_peer_ ? "peer" : nullptr;
  };
  if (full() != nullptr) Forget(Clock::Real()->Now());
  if (const char* why = full(); why != nullptr) {
    close(connection);
    return CountRefused(why);
  }
  int yes = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (auto old = taken_.find(connection); old != taken_.end()) Forget(connection, old->second);
  ++by_peer_[peer];
  WatchReads(connection, status.st_ino, cut_);
  taken_[connection] = {status.st_ino, std::move(peer)};
  if (open_ != nullptr) open_->Set(static_cast<double>(taken_.size()));
  take_(connection);
}

bool Acceptor::TurnAway(int listener) {
  if (spare_ < 0) spare_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (spare_ < 0) return false;
  close(spare_);
  int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) close(connection);
  spare_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CountRefused("files");
  return connection >= 0;
}

void Acceptor::CountRefused(const char* why) {
  if (refused_ != nullptr) refused_->Add({{"bound", why}}).Increment();
}

void Acceptor::Forget(absl::Time now) {
  if (now - forgot_ < kForgetEvery) return;
  forgot_ = now;
  for (auto at = taken_.begin(); at != taken_.end();) {
    struct stat status;
    if (fstat(at->first, &status) == 0 && status.st_ino == at->second.inode) {
      ++at;
      continue;
    }
    Forget(at->first, at->second);
    taken_.erase(at++);
  }
  if (open_ != nullptr) open_->Set(static_cast<double>(taken_.size()));
}

void Acceptor::Forget(int connection, const Taken& taken) {
  if (--by_peer_[taken.peer] == 0) by_peer_.erase(taken.peer);
  ForgetReads(connection, taken.inode);
}

}  // namespace linjuli
