// Text as the gateway lets it in.
#ifndef LINJULI_TESTS_FUZZ_TEXT_H_
#define LINJULI_TESTS_FUZZ_TEXT_H_

#include "absl/strings/string_view.h"
#include "services/gateway/percent.h"

namespace linjuli {

// Well-formed UTF-8 without NUL.
inline bool IsText(absl::string_view text) {
  while (!text.empty()) {
    size_t length = Utf8Length(text);
    if (length == 0 || text[0] == '\0') return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace linjuli

#endif  // LINJULI_TESTS_FUZZ_TEXT_H_
