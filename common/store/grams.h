// Text search in Chinese: every two neighbouring characters make one word of the index. A word of
// two characters, which most are, is found as surely as a long one; a match is always checked
// against the text itself, so search returns exactly the texts that contain what was asked for.
#ifndef LINJULI_COMMON_STORE_GRAMS_H_
#define LINJULI_COMMON_STORE_GRAMS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace linjuli {

// The text as search compares it: ASCII letters in lower case, full-width ASCII as plain ASCII.
std::string FoldText(absl::string_view text);

// The index words of a text, parted by blanks.
std::string GramsOf(absl::string_view text);

// The first `most` different grams of a text: its pairs of neighbouring characters.
std::vector<std::string> FirstGrams(absl::string_view text, size_t most);

// The FTS5 expression whose matches include every text that contains `query`; empty when the query
// has no letter, digit or Chinese character to look for.
std::string GramQuery(absl::string_view query);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_GRAMS_H_
