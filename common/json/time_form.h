// The text forms of Timestamp and Duration.
#ifndef LINJULI_COMMON_JSON_TIME_FORM_H_
#define LINJULI_COMMON_JSON_TIME_FORM_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/json/text_form.h"

namespace linjuli::json {

// RFC 3339 with capital T and Z, up to nine digits of a second, offsets allowed; years 1 to 9999.
Reading ReadTimestamp(absl::string_view text, int64_t& seconds, int32_t& nanos);
// In quotes, in UTC, with 0, 3, 6 or 9 digits of a second; null outside of years 1 to 9999.
void AppendTimestamp(int64_t seconds, int32_t nanos, std::string& out);

// "3.5s", "-0.000001s": within 315,576,000,000 seconds (10,000 years) either way.
Reading ReadDuration(absl::string_view text, int64_t& seconds, int32_t& nanos);
// In quotes, with 0, 3, 6 or 9 digits; null out of range or when the two signs differ.
void AppendDuration(int64_t seconds, int32_t nanos, std::string& out);

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_TIME_FORM_H_
