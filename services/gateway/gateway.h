// The gateway: HTTP in, calls to backends out, no business rule. What it serves, it reads from the
// descriptors of the services; where they contradict each other it does not start.
//
//   /v1/…                      REST, as google.api.http says
//   /package.Service/Method    Connect and gRPC-Web, which generated clients speak
//   /v1/changes/…, /v1/history/…    also live, as Server-Sent Events
//   /openapi.json   REST as OpenAPI 3.1, and /docs, a page that shows it
//   /livez /readyz  probes; /readyz answers 503 with the reason while it is not
#ifndef LINJULI_SERVICES_GATEWAY_GATEWAY_H_
#define LINJULI_SERVICES_GATEWAY_GATEWAY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "google/protobuf/descriptor.h"
#include "services/gateway/events.h"
#include "services/gateway/gate.h"
#include "services/gateway/http_server.h"
#include "services/gateway/rest.h"
#include "services/gateway/rpc_methods.h"

namespace linjuli {

// A service, who carries out its calls, and its change log, which tells live streams when to look;
// without it they look at every beat. Both outlive the gateway.
struct ServedBy {
  const google::protobuf::ServiceDescriptor* service = nullptr;
  Backend* backend = nullptr;
  ChangeSource* log = nullptr;
};

struct GatewayOptions {
  // The services; linjuli.changes.v1.Changes is served beside them and is not listed.
  std::vector<ServedBy> services;
  HttpServerOptions http;
  GateOptions gate;
  // OK while the process can serve, else why not. Null: always.
  std::function<absl::Status()> ready;
  EventOptions events;
  // Web pages that may call from a browser, see cors.h. None where unsaid.
  std::vector<std::string> origins;
  // Adds a text for people to an error. May be null.
  LocalizeError localize;
  // See embedded_descriptors.h; empty leaves comments out of the documentation.
  absl::string_view descriptor_set;
};

// Thread-safe.
class Gateway {
 public:
  // INVALID_ARGUMENT, reason ROUTE or ORIGIN, where routes or options are wrong; UNAVAILABLE, reason
  // LISTEN, where the address cannot be had. `http.random` may be left null: the kernel's is taken.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(GatewayOptions options);
  // Answers that come after it go nowhere.
  ~Gateway();

  int port() const { return server_->port(); }
  // See HttpServer::Drain.
  bool Drain(absl::Duration grace) { return server_->Drain(grace); }

 private:
  Gateway() = default;
  absl::StatusOr<Backend*> Guard(const google::protobuf::ServiceDescriptor* service,
                                 Backend* behind);

  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Backend> changes_;
  std::unique_ptr<Backend> readiness_;
  std::unique_ptr<RpcMethods> methods_;
  std::vector<std::unique_ptr<Backend>> guarded_;
  // In the order in which they are asked; the last takes everything.
  std::vector<std::unique_ptr<Door>> doors_;
  // Last, so that it ends before what it calls.
  std::unique_ptr<HttpServer> server_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_GATEWAY_H_
