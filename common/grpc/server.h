// The gRPC door of a process: its services, grpc.health.v1.Health, linjuli.changes.v1.Changes and,
// where asked for, reflection, on one port.
//
// A service is carried out here, or passed on to another process: then bytes, errors and streams go
// through untouched, after the caller's identity was checked here; the other process checks it
// again. Deadlines and the request's id go along, a client that leaves ends the call there too, and
// of the metadata only what wire.h names is passed on.
//
// Limits: 256 KiB a request, 8 KiB of metadata, no compressed requests, 100 calls at a time on a
// connection; connections as acceptor.h says, each closed after 5 minutes without a call, after 10
// s without a word, and after an hour at most, when its calls have a minute to end; and cut where it
// is above a bound of frame_watch.h, which gRPC itself has not. No port of it may face an untrusted
// network: the transport is not encrypted, and Debian's gRPC 1.51 gets no security fixes.
#ifndef LINJULI_COMMON_GRPC_SERVER_H_
#define LINJULI_COMMON_GRPC_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/grpc/channel.h"
#include "common/grpc/follow.h"
#include "common/grpc/raw_service.h"
#include "common/rpc/call.h"
#include "google/protobuf/descriptor.h"

namespace linjuli {

struct GrpcServerOptions {
  // "127.0.0.1:8080", port 0 for any free one; or "unix:/path/of/socket".
  std::string address = "127.0.0.1:0";

  // Services of unary methods, each carried out by `backend` or passed on to `channel`. Two of the
  // same name, or one with a streaming method, are refused.
  struct Service {
    const google::protobuf::ServiceDescriptor* service = nullptr;
    Backend* backend = nullptr;
    GrpcChannel* channel = nullptr;
  };
  std::vector<Service> services;

  // Asked before a call is passed on, with the bearer token, empty where none was sent: an error is
  // the answer. Needed where there is a channel.
  std::function<absl::Status(const google::protobuf::MethodDescriptor& method,
                             absl::string_view token)>
      admit;

  // linjuli.changes.v1.Changes is served when both are given: `changes` carries out its unary
  // methods, `follow` authorizes followers and finds the log. It may be called on any polling
  // thread. What it finds must outlive the server.
  Backend* changes = nullptr;
  FindSource follow;
  // The logs in other processes by the service's short name: what asks for one of them is passed
  // on.
  absl::flat_hash_map<std::string, GrpcChannel*> logs;

  // Tells whoever asks what services there are. Not for public ports.
  bool reflection = false;

  // Threads that decode calls and run what backends do at once. One is fastest on two cores.
  int polling_threads = 1;
  // Calls of each method that gRPC may take in before we have seen the one before.
  int calls_ahead = 8;
  // Calls, and followers, at a time. Further ones get RESOURCE_EXHAUSTED, reason OVERLOADED.
  int max_calls = 1000;
  int max_followers = 64;
  // See acceptor.h.
  int max_connections = 1000;
  int max_connections_per_peer = 512;

  // Adds words for people to the errors of this door. May be null.
  Localizer localize;
  prometheus::Registry* metrics = nullptr;  // outlives the server; null: none are kept
  Clock* clock = Clock::Real();
};

// Thread-safe, except that Drain and the destructor are called by one thread.
class GrpcServer {
 public:
  // INVALID_ARGUMENT, reason SERVICE: a service that cannot be served. UNAVAILABLE, reason ADDRESS:
  // the address cannot be listened on. Backends and sources must outlive the server.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(GrpcServerOptions options);
  // As Drain without any patience.
  ~GrpcServer();

  // The port listened on, 0 for a unix socket.
  int port() const;

  // What the health service says of every service. Not serving until told.
  void SetServing(bool serving);

  // Ends in order: says NOT_SERVING for `not_serving`, so that clients go elsewhere; then takes no
  // more calls, ends the streams, and gives calls `finish` before cancelling them. Returns when
  // every Done has been called, which a cancelled call's must be too. Does nothing again.
  void Drain(absl::Duration not_serving, absl::Duration finish);

 private:
  struct Parts;
  explicit GrpcServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_SERVER_H_
