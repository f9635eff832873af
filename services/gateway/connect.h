// The Connect protocol (connectrpc.com/docs/protocol) for unary methods: what generated TypeScript
// clients speak.
//
//   POST /package.Service/Method     application/proto or application/json, the answer alike
//   GET  the same path?connect=v1&encoding=json&message={…}     for methods that only read;
//        base64=1 says that the message is web-safe base64
//
//   Connect-Timeout-Ms           1 to 10 digits; at most 60 s are given, 10 s where unsaid
//   Connect-Protocol-Version     1, where it is sent
//
// Errors are {"code":"not_found","message":"…","details":[{"type":"google.rpc.ErrorInfo","value":
// "base64","debug":{…}}]} under the HTTP code that their canonical code has on every door. 404, 405
// and 415 are not the protocol's and come in the form of REST. Compressed requests are refused with
// `unimplemented`.
#ifndef LINJULI_SERVICES_GATEWAY_CONNECT_H_
#define LINJULI_SERVICES_GATEWAY_CONNECT_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "services/gateway/http_message.h"
#include "services/gateway/rest.h"
#include "services/gateway/rpc_methods.h"

namespace linjuli {

// Thread-safe. Takes the paths of methods, so it comes after the door of gRPC-Web.
class ConnectDoor : public Door {
 public:
  // `localize` may be null. The methods outlive this.
  ConnectDoor(const RpcMethods* methods, LocalizeError localize, Clock* clock);

  bool Takes(const HttpRequest& request) const override {
    return methods_->Find(request.path) != nullptr;
  }
  void Handle(const HttpRequest& request, HttpRespond respond) override;

 private:
  HttpResponse EncodeError(absl::Status status) const;

  const RpcMethods* const methods_;
  const LocalizeError localize_;
  Clock* const clock_;
  absl::optional<HttpResponse> busy_;  // TooBusy(), encoded
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_CONNECT_H_
