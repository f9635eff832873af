// Strict reading of one small JSON object: keys, headers and claims. UTF-8 only, no name twice,
// no deep nesting, nothing after the object; what two readers could understand differently is
// refused. For sources of this folder: it brings simdjson along.
#ifndef LINJULI_COMMON_AUTH_STRICT_JSON_H_
#define LINJULI_COMMON_AUTH_STRICT_JSON_H_

#include <simdjson.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace linjuli {

// Parses `text` as one object. The result lives as long as the parser, until its next parse.
// An error's message completes the sentence "… is refused: it …".
absl::StatusOr<simdjson::dom::object> ParseObject(simdjson::dom::parser& parser,
                                                  absl::string_view text);

// Refuses an object that has a name twice, however the name is escaped. ParseObject checks the
// outermost object only.
absl::Status RefuseRepeatedNames(const simdjson::dom::object& object);

// The member of that name, if the object has one.
std::optional<simdjson::dom::element> Member(const simdjson::dom::object& object,
                                             absl::string_view name);

// The string, if the element is one.
std::optional<absl::string_view> AsString(const simdjson::dom::element& element);

// Whether a text has control characters, which no identifier has and a log must not print.
bool HasControls(absl::string_view text);

// Decodes base64url (RFC 4648 section 5) in its one canonical spelling: no padding, no space, no
// stray bits in the last character.
bool DecodeBase64Url(absl::string_view text, std::string* bytes);

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_STRICT_JSON_H_
