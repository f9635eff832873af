// From an HTTP request to the request message of a method, as google.api.http says.
#ifndef LINJULI_SERVICES_GATEWAY_REST_REQUEST_H_
#define LINJULI_SERVICES_GATEWAY_REST_REQUEST_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "google/protobuf/message.h"
#include "services/gateway/http_message.h"
#include "services/gateway/route.h"

namespace linjuli {

// The call that a request makes. The message is filled in this order: body, path, query, header
// fields; a value that contradicts one set before is refused.
//
//   Idempotency-Key       request_id, of methods that have it (else it is ignored)
//   If-Match              etag, of the request or of the resource in its body
//   Authorization         the token, where it is a bearer
//   X-Request-Timeout     seconds, at most 60; 10 where unsaid
//
// Errors are INVALID_ARGUMENT, or UNAUTHENTICATED for another authorization than a bearer. Reasons,
// besides those of common/json/codec.h: BODY, MEDIA_TYPE, QUERY, CONFLICT, HEADER, TOKEN.
absl::StatusOr<Call> DecodeCall(const HttpRequest& http, const RouteMatch& match, absl::Time now);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_REST_REQUEST_H_
