#include "common/auth/strict_json.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"

namespace linjuli {
namespace {

// Identity providers nest their own claims two or three levels deep.
constexpr size_t kMaxDepth = 16;

}  // namespace

absl::StatusOr<simdjson::dom::object> ParseObject(simdjson::dom::parser& parser,
                                                  absl::string_view text) {
  simdjson::dom::element root;
  simdjson::dom::object object;
  // Allocating first is the only way to tell the parser a depth.
  if (parser.allocate(std::max<size_t>(text.size(), 64), kMaxDepth) ||
      parser.parse(text.data(), text.size()).get(root)) {
    return absl::InvalidArgumentError("is not well-formed JSON");
  }
  if (root.get(object)) return absl::InvalidArgumentError("is not a JSON object");
  if (absl::Status status = RefuseRepeatedNames(object); !status.ok()) return status;
  return object;
}

absl::Status RefuseRepeatedNames(const simdjson::dom::object& object) {
  std::vector<std::string_view> names;
  for (auto field : object) names.push_back(field.key);
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return absl::InvalidArgumentError("has a name twice");
  }
  return absl::OkStatus();
}

std::optional<simdjson::dom::element> Member(const simdjson::dom::object& object,
                                             absl::string_view name) {
  simdjson::dom::element element;
  if (object.at_key(std::string_view(name.data(), name.size())).get(element)) return std::nullopt;
  return element;
}

std::optional<absl::string_view> AsString(const simdjson::dom::element& element) {
  std::string_view text;
  if (element.get(text)) return std::nullopt;
  return absl::string_view(text.data(), text.size());
}

bool HasControls(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool DecodeBase64Url(absl::string_view text, std::string* bytes) {
  // Abseil reads leniently but writes canonically: what does not come back the same was not strict.
  return absl::WebSafeBase64Unescape(text, bytes) && absl::WebSafeBase64Escape(*bytes) == text;
}

}  // namespace linjuli
