// The REST door: JSON over HTTP for every method that has google.api.http.
#ifndef LINJULI_SERVICES_GATEWAY_REST_H_
#define LINJULI_SERVICES_GATEWAY_REST_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "common/rpc/call.h"
#include "services/gateway/http_message.h"
#include "services/gateway/route.h"

namespace linjuli {

// Who carries out a method; never null for a method that has a route.
using Resolve = std::function<Backend*(const google::protobuf::MethodDescriptor*)>;
// Adds a text for people to an error. Called from the server's threads.
using LocalizeError = std::function<void(absl::Status&)>;

// Thread-safe. Takes every request, so it is the last door.
class RestDoor : public Door {
 public:
  // `localize` may be null.
  RestDoor(RouteTable routes, Resolve resolve, LocalizeError localize, Clock* clock);

  bool Takes(const HttpRequest&) const override { return true; }
  void Handle(const HttpRequest& request, HttpRespond respond) override;

 private:
  HttpResponse Encode(const Reply& reply) const;
  HttpResponse EncodeError(absl::Status status) const;
  HttpResponse Options(const HttpRequest& request) const;

  const RouteTable routes_;
  const Resolve resolve_;
  const LocalizeError localize_;
  Clock* const clock_;
  absl::optional<HttpResponse> busy_;  // TooBusy(), encoded
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_REST_H_
