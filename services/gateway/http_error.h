// Errors on the REST door, in the form of AIP-193:
// {"error":{"code":409,"status":"ABORTED","message":"…","details":[{"@type":"…",…}]}}
#ifndef LINJULI_SERVICES_GATEWAY_HTTP_ERROR_H_
#define LINJULI_SERVICES_GATEWAY_HTTP_ERROR_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "services/gateway/framing.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// The HTTP code of a canonical one.
int HttpCodeOf(absl::StatusCode code);
// "ABORTED".
absl::string_view CanonicalName(absl::StatusCode code);
// "Not Found".
absl::string_view ReasonPhrase(int http_code);

// The code and the fields of an error as a response, whose body each door writes in its own form.
HttpResponse ErrorHead(const absl::Status& status);
// The detail that stands under `url` in an error; null where its type is not linked.
std::unique_ptr<google::protobuf::Message> ErrorDetail(absl::string_view url,
                                                       const absl::Cord& bytes);
// An error as a response, with all details whose types are linked. UNAUTHENTICATED adds
// WWW-Authenticate, one that says when to try again Retry-After, NO_ROUTE and its like have HTTP
// codes of their own.
HttpResponse ErrorResponse(const absl::Status& status);
// Its body, under an HTTP code.
std::string ErrorBody(const absl::Status& status, int http_code);
// A request that is not read.
HttpResponse ErrorResponse(const FramingFault& fault);
// What OPTIONS is told: the verbs of a path, "GET, OPTIONS".
HttpResponse OptionsResponse(absl::string_view allow);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HTTP_ERROR_H_
