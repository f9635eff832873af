#include "common/store/id.h"

#include <cstring>

namespace linjuli {
namespace {
constexpr char kDigits[] = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr int kLength = 13;
}  // namespace

std::string EncodeId(int64_t id) {
  std::string text(kLength, '0');
  for (int i = kLength - 1; i >= 0; --i, id >>= 5) text[i] = kDigits[id & 31];
  return text;
}

std::optional<int64_t> DecodeId(absl::string_view text) {
  if (text.size() != kLength || text[0] > '7') return std::nullopt;
  uint64_t id = 0;
  for (char c : text) {
    const char* digit = c == '\0' ? nullptr : std::strchr(kDigits, c);
    if (digit == nullptr) return std::nullopt;
    id = id << 5 | static_cast<uint64_t>(digit - kDigits);
  }
  return static_cast<int64_t>(id);
}

}  // namespace linjuli
