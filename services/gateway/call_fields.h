// What the header fields of an HTTP request say of its call, the same on every door.
#ifndef LINJULI_SERVICES_GATEWAY_CALL_FIELDS_H_
#define LINJULI_SERVICES_GATEWAY_CALL_FIELDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "google/protobuf/message.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// How long a call may take whose client does not say, and at most.
inline constexpr absl::Duration kUsualTimeout = absl::Seconds(10);
inline constexpr absl::Duration kLongestTimeout = absl::Seconds(60);

// Fills token, trace and request id of a call that has its request message:
//
//   Authorization         the token, where it is a bearer
//   X-Request-Id          the trace, as the server took or made it
//   Idempotency-Key       request_id, of methods that have it (else it is ignored)
//
// UNAUTHENTICATED, reason TOKEN, for another authorization than a bearer; INVALID_ARGUMENT, reasons
// HEADER, or CONFLICT where the message has another request id. That none of them comes twice, the
// framing filter sees to.
absl::Status ReadCallFields(const HttpRequest& http, Call& call);

// The media type in small letters, without its parameters; empty where there is none, or where a
// parameter says that the text is not UTF-8.
std::string MediaTypeOf(const HttpRequest& http);
// Whether the body is said to be compressed; no door takes such ones.
bool IsCompressed(const HttpRequest& http);

// Sets a text field, given by its declared dotted path; agrees where it holds the same text, and is
// a CONFLICT where it holds another.
absl::Status SetOrAgree(google::protobuf::Message& message, const std::string& path,
                        const std::string& text);

// INVALID_ARGUMENT; `field`, where there is one, is the fact that names the culprit.
absl::Status Wrong(absl::string_view reason, absl::string_view what, absl::string_view field = "");
// Visible ASCII characters, and no others.
bool IsVisible(absl::string_view text);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_CALL_FIELDS_H_
