// Takes connections in. gRPC 1.51 does it by itself, but once it has run out of files it never
// accepts again (CVE-2023-4785), and it has no bound. Here connections are counted, as a whole and
// for each peer; those above the bound are closed at once, and a spare file is kept for the day
// when there is none left. What a connection sends is watched (frame_watch.h), and one that is
// above a bound there is cut.
#ifndef LINJULI_COMMON_GRPC_ACCEPTOR_H_
#define LINJULI_COMMON_GRPC_ACCEPTOR_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace linjuli {

struct AcceptorOptions {
  // "127.0.0.1:8080", "[::1]:8080", "localhost:0", port 0 for any free one; or "unix:/path".
  std::string address;
  // Half of the files that the process may still open is a further bound.
  int max_connections = 1000;
  // A peer is an address (of IPv6 a /64), or the user of a process at a unix socket. No peer has
  // more than three quarters of all.
  int max_per_peer = 512;
  prometheus::Registry* metrics = nullptr;  // outlives the acceptor; null: none are kept
};

// Started and ended by one thread.
class Acceptor {
 public:
  // Owns the connection from then on, and closes it with close(2) when it ends.
  using Take = std::function<void(int connection)>;

  // Listens, and takes nothing in yet. UNAVAILABLE, reason ADDRESS: the address cannot be had. A
  // unix socket that a dead process has left is replaced, one that is listened on is not.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(AcceptorOptions options);
  // As Stop.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void Start(Take take);
  // Listens no more. Connections that were taken are not touched.
  void Stop();

  // The port listened on, 0 for a unix socket.
  int port() const { return port_; }

 private:
  // A connection that was handed over. Its file number is used again once it is closed, its inode
  // is not, as long as it is open.
  struct Taken {
    uint64_t inode;
    std::string peer;
  };

  explicit Acceptor(AcceptorOptions options);
  absl::Status ListenAt(const std::string& path);
  absl::Status ListenAt(const std::string& host, const std::string& port);
  void Run();
  void AcceptAll(int listener);
  void Admit(int connection);
  // Whether a file was left to turn the connection away with.
  bool TurnAway(int listener);
  void CountRefused(const char* why);
  // Forgets the connections that have been closed, not more often than pays.
  void Forget(absl::Time now);
  void Forget(int connection, const Taken& taken);

  const AcceptorOptions options_;
  int max_connections_;
  int max_per_peer_;
  int port_ = 0;
  std::string path_;  // of a unix socket, to be removed
  std::vector<int> listeners_;
  int wake_ = -1;
  int spare_ = -1;
  Take take_;
  // Used by the thread alone.
  absl::flat_hash_map<int, Taken> taken_;
  absl::flat_hash_map<std::string, int> by_peer_;
  absl::Time forgot_ = absl::InfinitePast();
  prometheus::Gauge* open_ = nullptr;
  prometheus::Family<prometheus::Counter>* refused_ = nullptr;
  prometheus::Family<prometheus::Counter>* cut_ = nullptr;
  std::thread thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_ACCEPTOR_H_
