#include "common/grpc/acceptor.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/grpc/test_parts.h"

namespace linjuli {
namespace {

// A client's connection; `from` is one of this machine's many loopback addresses.
class Connection {
 public:
  explicit Connection(int port, const char* from = "127.0.0.1") {
    file_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in local{.sin_family = AF_INET}, server = local;
    inet_pton(AF_INET, from, &local.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
    server.sin_port = htons(static_cast<uint16_t>(port));
    LJ_CHECK(bind(file_, reinterpret_cast<sockaddr*>(&local), sizeof(local)) == 0);
    LJ_CHECK(connect(file_, reinterpret_cast<sockaddr*>(&server), sizeof(server)) == 0);
  }
  ~Connection() { close(file_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Waits until the server says a byte or closes; whether it was the byte.
  bool Accepted() {
    char byte;
    return read(file_, &byte, 1) == 1;
  }

 private:
  int file_;
};

// Greets with a byte whatever it takes, and closes on demand.
struct Host {
  explicit Host(AcceptorOptions options) {
    auto listening = Acceptor::Listen(std::move(options));
    LJ_CHECK(listening.ok());
    acceptor = *std::move(listening);
    acceptor->Start([this](int connection) {
      LJ_CHECK(write(connection, "x", 1) == 1);
      absl::MutexLock lock(&mutex);
      open.push_back(connection);
    });
  }
  ~Host() {
    acceptor.reset();
    CloseAll();
  }
  void CloseAll() {
    absl::MutexLock lock(&mutex);
    for (int connection : open) close(connection);
    open.clear();
  }

  std::unique_ptr<Acceptor> acceptor;
  absl::Mutex mutex;
  std::vector<int> open ABSL_GUARDED_BY(mutex);
};

TEST_CASE("R27: connections above the bounds are closed at once, and places come free", "[grpc]") {
  Host host({.address = "127.0.0.1:0", .max_connections = 6, .max_per_peer = 4});
  int port = host.acceptor->port();
  std::vector<std::unique_ptr<Connection>> flood;
  for (int i = 0; i < 10; ++i) {
    flood.push_back(std::make_unique<Connection>(port));
    CHECK(flood.back()->Accepted() == (i < 4));
  }
  // Another peer has what the first one may not take; then all places are gone.
  Connection second(port, "127.0.0.2"), third(port, "127.0.0.2"), fourth(port, "127.0.0.3");
  CHECK(second.Accepted());
  CHECK(third.Accepted());
  CHECK_FALSE(fourth.Accepted());
  host.CloseAll();
  // What was closed is noticed a moment later.
  while (true) {
    Connection again(port);
    if (again.Accepted()) break;
  }
}

TEST_CASE("a socket that a dead process left is replaced, a living one's is not", "[grpc]") {
  TempFolder folder;
  std::string path = folder.Socket().substr(5);
  sockaddr_un address{.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.data(), path.size());
  int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  close(dead);

  auto first = Acceptor::Listen({.address = folder.Socket()});
  REQUIRE(first.ok());
  auto second = Acceptor::Listen({.address = folder.Socket()}).status();
  CHECK(second.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(second) == "ADDRESS");
  first->reset();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("an address that is none is refused, and one with two families has one port", "[grpc]") {
  for (const char* address : {"", "nowhere", "127.0.0.1:http", "unix:"}) {
    CHECK(ReasonOf(Acceptor::Listen({.address = address}).status()) == "ADDRESS");
  }
  Host host({.address = "localhost:0"});
  CHECK(Connection(host.acceptor->port()).Accepted());
}

}  // namespace
}  // namespace linjuli
