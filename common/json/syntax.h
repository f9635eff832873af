// What simdjson does not do: says where a text that it has refused stops being JSON, and keeps
// texts from it that would cost too much.
#ifndef LINJULI_COMMON_JSON_SYNTAX_H_
#define LINJULI_COMMON_JSON_SYNTAX_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace linjuli::json {

// The first fault, with line and column (counted in characters from 1), in time linear in the text;
// OK when there is none. Nesting beyond `max_depth`, and numbers that no 64 bits can hold or that
// are longer than 1,000 characters, are faults.
absl::Status FindSyntaxFault(absl::string_view text, int max_depth);

// A look at a long text before a parser is made for it, which takes some five bytes for each
// bracket and comma: reason JSON_DEPTH, nested deeper than `max_depth`; TOO_MANY, more than
// `most_commas`; JSON_SIZE, a string of more bytes than `longest_string`; and what FindSyntaxFault
// says where a number has more than 1,000 characters. OK says nothing else: what is no JSON may
// pass.
absl::Status CheckShape(absl::string_view text, int max_depth, size_t most_commas,
                        size_t longest_string);

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_SYNTAX_H_
