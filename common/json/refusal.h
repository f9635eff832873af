// Why a value is not accepted, and where: gathered while the reader returns from the fault
// outwards.
#ifndef LINJULI_COMMON_JSON_REFUSAL_H_
#define LINJULI_COMMON_JSON_REFUSAL_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/json/text_form.h"
#include "common/status.h"

namespace linjuli::json {

class Refusal {
 public:
  // False, so that a reader can `return refusal.Because(…)`.
  bool Because(absl::string_view reason, std::string description) {
    reason_ = std::string(reason);
    description_ = std::move(description);
    return false;
  }
  bool UnderField(absl::string_view name) { return Under(Shortened(name)); }
  bool UnderIndex(size_t index) { return Under(absl::StrCat("[", index, "]")); }
  bool UnderKey(absl::string_view key) { return Under(absl::StrCat("[\"", Shortened(key), "\"]")); }

  absl::Status ToStatus() const {
    if (path_.empty()) {
      return Refuse(absl::StatusCode::kInvalidArgument, reason_,
                    absl::StrCat("the request ", description_));
    }
    return RefuseFields({{path_, reason_, description_}});
  }

 private:
  static constexpr size_t kLongestName = 64;  // of a client's key that an error repeats

  static std::string Shortened(absl::string_view name) {
    if (name.size() <= kLongestName) return std::string(name);
    name = name.substr(0, kLongestName);
    return absl::StrCat(name.substr(0, ValidUtf8(name)), "…");
  }
  bool Under(absl::string_view outer) {
    path_ = absl::StrCat(outer, path_.empty() || path_[0] == '[' ? "" : ".", path_);
    return false;
  }

  std::string reason_, path_, description_;
};

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_REFUSAL_H_
