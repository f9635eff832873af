// gRPC-Web for unary methods, on the same paths as Connect: gRPC's own frames in one body.
//
//   POST /package.Service/Method     application/grpc-web, application/grpc-web+proto; with -text
//                                    (application/grpc-web-text) both bodies are base64
//
// The answer is always HTTP 200 and one body: the message in a frame, where there is one, then a
// frame of trailers: grpc-status, and for errors grpc-message and grpc-status-details-bin, a
// google.rpc.Status. `grpc-timeout` is heeded up to 60 s; compression is refused.
#ifndef LINJULI_SERVICES_GATEWAY_GRPC_WEB_H_
#define LINJULI_SERVICES_GATEWAY_GRPC_WEB_H_

#include <utility>

#include "common/clock.h"
#include "services/gateway/http_message.h"
#include "services/gateway/rest.h"
#include "services/gateway/rpc_methods.h"

namespace linjuli {

// Thread-safe. Takes what says by its media type that it is gRPC-Web.
class GrpcWebDoor : public Door {
 public:
  // `localize` may be null. The methods outlive this.
  GrpcWebDoor(const RpcMethods* methods, LocalizeError localize, Clock* clock)
      : methods_(methods), localize_(std::move(localize)), clock_(clock) {}

  bool Takes(const HttpRequest& request) const override;
  void Handle(const HttpRequest& request, HttpRespond respond) override;

 private:
  HttpResponse Encode(bool text, const Reply& reply) const;

  const RpcMethods* const methods_;
  const LocalizeError localize_;
  Clock* const clock_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_GRPC_WEB_H_
