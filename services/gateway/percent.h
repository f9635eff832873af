// Percent-encoding in paths and query strings (RFC 3986).
#ifndef LINJULI_SERVICES_GATEWAY_PERCENT_H_
#define LINJULI_SERVICES_GATEWAY_PERCENT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace linjuli {

enum class Escapes {
  kAll,           // every escape: one path segment
  kKeepReserved,  // escapes of reserved characters, '/' before all, stay: several segments
  kForm,          // every escape, and '+' is a space: query strings
  kBytes,         // as kForm, and what comes out need not be text
};

// Nothing where an escape is malformed, or, but for kBytes, the text would hold a NUL or not be
// UTF-8.
absl::optional<std::string> PercentDecode(absl::string_view text, Escapes escapes);

// Bytes of the well-formed UTF-8 character that `text` begins with, 0 where it does not.
std::size_t Utf8Length(absl::string_view text);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_PERCENT_H_
