// An HTTP/1.1 server for one process behind an edge, or for a small town without one: epoll, a few
// threads, every buffer and every wait bounded.
//
// A connection carries one request at a time; further ones that are already sent wait in order.
#ifndef LINJULI_SERVICES_GATEWAY_HTTP_SERVER_H_
#define LINJULI_SERVICES_GATEWAY_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/queue_wait.h"
#include "prometheus/registry.h"
#include "services/gateway/framing.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// Called on a connection's thread; must not block.
using HttpHandler = std::function<void(const HttpRequest&, HttpRespond)>;

struct HttpServerOptions {
  // An address, not a name: "127.0.0.1", "::".
  std::string address = "127.0.0.1";
  // 0 takes a free one; HttpServer::port() tells which.
  int port = 0;
  int threads = 1;
  // More are answered 503 and closed. Lowered to what the limit of open files leaves room for.
  int max_connections = 4096;
  FramingLimits limits;

  // Time for a head, from its first byte.
  absl::Duration header_timeout = absl::Seconds(10);
  // Time for a body, plus one second for each `least_bytes_a_second` that have come.
  absl::Duration body_timeout = absl::Seconds(10);
  int least_bytes_a_second = 500;
  // Time between requests; and for a client to take an answer, plus one second for each
  // `least_bytes_a_second` that it has taken.
  absl::Duration idle_timeout = absl::Seconds(60);
  // The backstop for a handler that never answers: 504.
  absl::Duration answer_timeout = absl::Seconds(65);
  // How often the connections are looked through; timeouts are as exact as this.
  absl::Duration sweep = absl::Milliseconds(500);

  // For the Date field and `wait`; timeouts do not heed it.
  Clock* clock = Clock::Real();
  // 64 unguessable bits, for request ids. Called from every thread.
  std::function<std::uint64_t()> random;
  // Told how long requests wait until a thread comes to them; nothing is measured without it.
  // Outlives the server.
  QueueWait* wait = nullptr;
  // Where the figures go; none are kept without it. Outlives the server.
  prometheus::Registry* metrics = nullptr;
};

// Thread-safe.
class HttpServer {
 public:
  // UNAVAILABLE, reason LISTEN, where the address cannot be had.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           HttpHandler handler);
  // As Drain(0).
  ~HttpServer();

  int port() const;
  // Takes no more connections, closes idle ones, lets running requests finish for `grace`, then
  // ends. Answers given later go nowhere. Returns whether all requests had finished.
  bool Drain(absl::Duration grace);

 private:
  class Core;
  explicit HttpServer(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HTTP_SERVER_H_
