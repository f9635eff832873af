// The text forms of single values: quoted strings, base64, numbers, field masks.
// Readers leave their outputs unspecified when the text is refused.
#ifndef LINJULI_COMMON_JSON_TEXT_FORM_H_
#define LINJULI_COMMON_JSON_TEXT_FORM_H_

#include <charconv>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace linjuli::json {

enum class Reading { kOk, kMalformed, kOutOfRange };

// How many bytes of `text` are UTF-8 before the first fault: its size when there is none.
size_t ValidUtf8(absl::string_view text);

// Appends `text` in quotes, escaping only what RFC 8259 asks for. What is not UTF-8 becomes U+FFFD.
void AppendQuoted(absl::string_view text, std::string& out);

// In quotes, in the standard alphabet, padded.
void AppendBase64(absl::string_view bytes, std::string& out);
// Either alphabet, not both; padding may be left out. No white space, no stray bits after the last
// byte.
bool ReadBase64(absl::string_view text, std::string& bytes);

// A whole number, and one in quotes.
template <typename Number>
void AppendWhole(Number value, std::string& out) {
  char text[24];
  auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out.append(text, end - text);
}
template <typename Number>
void AppendQuotedWhole(Number value, std::string& out) {
  char text[24] = {'"'};
  char* end = std::to_chars(text + 1, text + sizeof(text), value).ptr;
  *end++ = '"';
  out.append(text, end - text);
}

// The shortest digits that read back as the same number; "NaN" and "Infinity" in quotes.
void AppendDouble(double value, std::string& out);
void AppendFloat(float value, std::string& out);
// A number of JSON, or NaN, Infinity, -Infinity.
Reading ReadDouble(absl::string_view text, double& value);
// To the nearest float; false beyond the largest one.
bool NarrowToFloat(double value, float& narrow);

// "title,need.serviceItem" to declared names; parts that already are declared names pass.
bool ReadFieldMask(absl::string_view text, std::vector<std::string>& paths);
// The JSON spelling of one path of declared names.
void AppendMaskPath(absl::string_view path, std::string& out);

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_TEXT_FORM_H_
