// Ids of resources: 63 bits that grow with time, written as 13 characters of base 32 in lower case
// (no i, l, o, u), so that names sort by age and rows lie in the order in which they came.
#ifndef LINJULI_COMMON_STORE_ID_H_
#define LINJULI_COMMON_STORE_ID_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace linjuli {

std::string EncodeId(int64_t id);
// Nothing when the text is not one that EncodeId made.
std::optional<int64_t> DecodeId(absl::string_view text);

// Gives ids: milliseconds since 1970 in the upper bits, a counter below. Never goes back, not even
// when the clock does. Not thread-safe: the writer thread owns it.
class IdSource {
 public:
  explicit IdSource(int64_t last = 0) : last_(last) {}
  int64_t Next(absl::Time now) {
    last_ = std::max(last_ + 1, absl::ToUnixMillis(now) << 20);
    return last_;
  }
  int64_t last() const { return last_; }

 private:
  int64_t last_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_ID_H_
