#include "services/gateway/percent.h"

#include "absl/strings/match.h"

namespace linjuli {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsReserved(char c) { return absl::StrContains(":/?#[]@!$&'()*+,;=", c); }

}  // namespace

std::size_t Utf8Length(absl::string_view text) {
  auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  auto follows = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  unsigned c = byte(0);
  if (text.empty()) return 0;
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return follows(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    if (c == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (c == 0xed && byte(1) > 0x9f) return 0;  // half of a surrogate pair
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (c == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (c == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

absl::optional<std::string> PercentDecode(absl::string_view text, Escapes escapes) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return absl::nullopt;
      int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return absl::nullopt;
      c = static_cast<char>(high * 16 + low);
      if (c == '\0' && escapes != Escapes::kBytes) return absl::nullopt;
      if (escapes == Escapes::kKeepReserved && IsReserved(c)) {
        decoded.append(text.data() + i, 3);
      } else {
        decoded += c;
      }
      i += 2;
    } else if (c == '+' && (escapes == Escapes::kForm || escapes == Escapes::kBytes)) {
      decoded += ' ';
    } else {
      decoded += c;
    }
  }
  if (escapes == Escapes::kBytes) return decoded;
  for (absl::string_view rest = decoded; !rest.empty();) {
    std::size_t length = Utf8Length(rest);
    if (length == 0) return absl::nullopt;
    rest.remove_prefix(length);
  }
  return decoded;
}

}  // namespace linjuli
