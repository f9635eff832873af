// gRPC-Web for unary methods, on the same paths as Connect: gRPC's own frames in one body. The one
// method that streams, FollowChanges, is the door's of live changes (events.h).
//
//   POST /package.Service/Method     application/grpc-web, application/grpc-web+proto; with -text
//                                    (application/grpc-web-text) both bodies are base64
//
// The answer is always HTTP 200 and one body: the message in a frame, where there is one, then a
// frame of trailers: grpc-status, and for errors grpc-message and grpc-status-details-bin, a
// google.rpc.Status. `grpc-timeout` is heeded up to 60 s; compression is refused.
#ifndef LINJULI_SERVICES_GATEWAY_GRPC_WEB_H_
#define LINJULI_SERVICES_GATEWAY_GRPC_WEB_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "common/rpc/call.h"
#include "services/gateway/http_message.h"
#include "services/gateway/rest.h"
#include "services/gateway/rpc_methods.h"

namespace linjuli {

// The pieces, for both doors.

// Whether the bodies are base64; nothing where the request's media type is not one that is spoken
// here.
absl::optional<bool> GrpcWebIsText(const HttpRequest& request);
// The call of a request, with the message of its one frame.
absl::StatusOr<Call> ReadGrpcWeb(const HttpRequest& http, const RpcMethod& method, bool text,
                                 absl::Time now);
const char* GrpcWebMediaType(bool text);
// A message, and the end, as they stand in an answer's body.
std::string GrpcWebMessage(absl::string_view bytes, bool text);
std::string GrpcWebTrailers(const absl::Status& status, bool text);
// An answer that is an error and nothing else.
HttpResponse GrpcWebError(const absl::Status& status, bool text);

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
