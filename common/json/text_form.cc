#include "common/json/text_form.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/strings/ascii.h"

namespace linjuli::json {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Bytes of the UTF-8 sequence at `at`; 0 where there is none. Overlong forms, surrogates and what
// lies above U+10FFFF are none (table 3-7 of the Unicode standard).
size_t SequenceAt(absl::string_view text, size_t at) {
  auto byte = [&](size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  auto within = [](unsigned value, unsigned low, unsigned high) {
    return value >= low && value <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (within(lead, 0xC2, 0xDF)) return within(byte(1), 0x80, 0xBF) ? 2 : 0;
  if (within(lead, 0xE0, 0xEF)) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return within(byte(1), low, high) && within(byte(2), 0x80, 0xBF) ? 3 : 0;
  }
  if (within(lead, 0xF0, 0xF4)) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return within(byte(1), low, high) && within(byte(2), 0x80, 0xBF) && within(byte(3), 0x80, 0xBF)
               ? 4
               : 0;
  }
  return 0;
}

// What a run of eight bytes holds, found without looking at each.
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;
uint64_t AnyZero(uint64_t word) { return (word - kOnes) & ~word & kHighBits; }
bool AllPlain(uint64_t word) {
  const uint64_t below_space = (word - kOnes * 0x20) & ~word & kHighBits;
  return ((word & kHighBits) | below_space | AnyZero(word ^ (kOnes * '"')) |
          AnyZero(word ^ (kOnes * '\\'))) == 0;
}

bool NeedsEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void AppendEscape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
  }
  constexpr char kHex[] = "0123456789abcdef";
  const char escape[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
  out.append(escape, sizeof(escape));
}

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> Base64Values() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i) values[static_cast<unsigned char>(kAlphabet[i])] = i;
  values['-'] = 62;
  values['_'] = 63;
  return values;
}

// A number of JSON: no sign +, no leading zeros, digits on both sides of a point.
bool IsNumber(absl::string_view text) {
  size_t at = 0;
  auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at > from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

template <typename Float>
void AppendFloating(Float value, std::string& out) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else if (value == 0 && std::signbit(value)) {
    out += "-0.0";  // as "-0" readers take it for the integer 0
  } else {
    // Readers take digits without a point or exponent for a whole number of 64 bits.
    constexpr Float kLong = 1e15;
    char text[32];
    char* const last = text + sizeof(text);
    auto end = std::fabs(value) < kLong
                   ? std::to_chars(text, last, value).ptr
                   : std::to_chars(text, last, value, std::chars_format::scientific).ptr;
    out.append(text, end - text);
  }
}

}  // namespace

size_t ValidUtf8(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = SequenceAt(text, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

void AppendQuoted(absl::string_view text, std::string& out) {
  out.push_back('"');
  size_t from = 0;  // what lies before has been appended
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word;
    if (at + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if (AllPlain(word)) {
        at += sizeof(word);
        continue;
      }
    }
    const char c = text[at];
    const size_t length = SequenceAt(text, at);
    if (length == 0 || NeedsEscape(c)) {
      out.append(text.data() + from, at - from);
      if (length == 0) {
        out += "\xEF\xBF\xBD";
      } else {
        AppendEscape(c, out);
      }
      from = ++at;
    } else {
      at += length;
    }
  }
  out.append(text.data() + from, at - from);
  out.push_back('"');
}

void AppendBase64(absl::string_view bytes, std::string& out) {
  out.push_back('"');
  for (; bytes.size() >= 3; bytes.remove_prefix(3)) {
    const uint32_t group = static_cast<uint8_t>(bytes[0]) << 16 |
                           static_cast<uint8_t>(bytes[1]) << 8 | static_cast<uint8_t>(bytes[2]);
    const char four[] = {kAlphabet[group >> 18], kAlphabet[group >> 12 & 63],
                         kAlphabet[group >> 6 & 63], kAlphabet[group & 63]};
    out.append(four, 4);
  }
  if (!bytes.empty()) {
    uint32_t group = static_cast<uint8_t>(bytes[0]) << 16;
    if (bytes.size() == 2) group |= static_cast<uint8_t>(bytes[1]) << 8;
    const char four[] = {kAlphabet[group >> 18], kAlphabet[group >> 12 & 63],
                         bytes.size() == 2 ? kAlphabet[group >> 6 & 63] : '=', '='};
    out.append(four, 4);
  }
  out.push_back('"');
}

bool ReadBase64(absl::string_view text, std::string& bytes) {
  static constexpr std::array<int8_t, 256> kValues = Base64Values();
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  }
  const bool standard = text.find_first_of("+/") != absl::string_view::npos;
  const bool url_safe = text.find_first_of("-_") != absl::string_view::npos;
  if (text.size() % 4 == 1 || (standard && url_safe)) return false;
  bytes.clear();
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int held = 0;
  for (char c : text) {
    const int value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<char>(bits >> held));
    }
  }
  return (bits & ((1u << held) - 1)) == 0;
}

void AppendDouble(double value, std::string& out) { AppendFloating(value, out); }
void AppendFloat(float value, std::string& out) { AppendFloating(value, out); }

Reading ReadDouble(absl::string_view text, double& value) {
  if (text == "NaN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "Infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (text == "-Infinity") {
    value = -std::numeric_limits<double>::infinity();
  } else if (!IsNumber(text)) {
    return Reading::kMalformed;
  } else {
    auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc()) return Reading::kOutOfRange;
  }
  return Reading::kOk;
}

bool NarrowToFloat(double value, float& narrow) {
  // Half a step above the largest float is where rounding would reach infinity.
  constexpr double kBeyond = 0x1.ffffffp127;
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (std::isfinite(value)) {
    if (std::fabs(value) >= kBeyond) return false;
    if (std::fabs(value) > kLargest) value = std::copysign(kLargest, value);
  }
  narrow = static_cast<float>(value);
  return true;
}

bool ReadFieldMask(absl::string_view text, std::vector<std::string>& paths) {
  paths.clear();
  if (text.empty()) return true;
  std::string path;
  bool part_begins = true;
  auto end_of_path = [&] {
    paths.push_back(path);
    path.clear();
  };
  for (char c : text) {
    if (c == ',' || c == '.') {
      if (part_begins) return false;
      part_begins = true;
      if (c == ',') {
        end_of_path();
      } else {
        path += c;
      }
      continue;
    }
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) {
      path += '_';
      path += absl::ascii_tolower(static_cast<unsigned char>(c));
    } else if (absl::ascii_islower(static_cast<unsigned char>(c)) || IsDigit(c) || c == '_') {
      path += c;
    } else {
      return false;
    }
    part_begins = false;
  }
  if (part_begins) return false;
  end_of_path();
  return true;
}

void AppendMaskPath(absl::string_view path, std::string& out) {
  bool raise = false;
  for (char c : path) {
    if (c == '_') {
      raise = true;
      continue;
    }
    out += raise ? absl::ascii_toupper(static_cast<unsigned char>(c)) : c;
    raise = false;
  }
}

}  // namespace linjuli::json
