// Errors on the REST door, in the form of AIP-193:
// {"error":{"code":409,"status":"ABORTED","message":"…","details":[{"@type":"…",…}]}}
#ifndef LINJULI_SERVICES_GATEWAY_HTTP_ERROR_H_
#define LINJULI_SERVICES_GATEWAY_HTTP_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/gateway/framing.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// The HTTP code of a canonical one.
int HttpCodeOf(absl::StatusCode code);
// "ABORTED".
absl::string_view CanonicalName(absl::StatusCode code);
// "Not Found".
absl::string_view ReasonPhrase(int http_code);

// An error as a response, with all details whose types are linked. UNAUTHENTICATED adds
// WWW-Authenticate, NO_ROUTE and its like have HTTP codes of their own.
HttpResponse ErrorResponse(const absl::Status& status);
// A request that is not read.
HttpResponse ErrorResponse(const FramingFault& fault);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HTTP_ERROR_H_
