// Says where a text stops being JSON, which simdjson does not. Only for texts it has refused.
#ifndef LINJULI_COMMON_JSON_SYNTAX_H_
#define LINJULI_COMMON_JSON_SYNTAX_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace linjuli::json {

// The first fault, with line and column (counted in characters from 1), in time linear in the text;
// OK when there is none. Nesting beyond `max_depth` and numbers no 64 bits can hold are faults.
absl::Status FindSyntaxFault(absl::string_view text, int max_depth);

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_SYNTAX_H_
