#include "common/wire_limit.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "linjuli/options.pb.h"

namespace linjuli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// What is shorter has too few entries to matter.
constexpr size_t kShort = 4096;
constexpr size_t kMostUnsaid = 10'000;
// As deep as protobuf parses.
constexpr int kMostDepth = 100;

// The number at the front of `bytes`, which is taken off; false where there is none.
bool TakeVarint(absl::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    unsigned char byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool Skip(absl::string_view& bytes, uint64_t count) {
  if (count > bytes.size()) return false;
  bytes.remove_prefix(count);
  return true;
}

// The field whose list is too long; null where there is none, or where the bytes are no message.
const FieldDescriptor* FindLong(const Descriptor& type, absl::string_view bytes, int depth) {
  if (depth > kMostDepth) return nullptr;
  std::vector<std::pair<const FieldDescriptor*, size_t>> counts;
  const FieldDescriptor* field = nullptr;
  while (!bytes.empty()) {
    uint64_t tag, value;
    if (!TakeVarint(bytes, tag)) return nullptr;
    if (field == nullptr || field->number() != static_cast<int>(tag >> 3)) {
      field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
    }
    if (field != nullptr && field->is_repeated()) {
      size_t place = 0;
      while (place < counts.size() && counts[place].first != field) ++place;
      if (place == counts.size()) counts.emplace_back(field, 0);
      if (++counts[place].second > MostItems(*field)) return field;
    }
    switch (tag & 7) {
      case 0:
        if (!TakeVarint(bytes, value)) return nullptr;
        break;
      case 1:
        if (!Skip(bytes, 8)) return nullptr;
        break;
      case 2: {
        absl::string_view inner = bytes;
        if (!TakeVarint(inner, value)) return nullptr;
        bytes = inner;
        if (!Skip(bytes, value)) return nullptr;
        if (field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE) {
          const FieldDescriptor* found =
              FindLong(*field->message_type(), inner.substr(0, value), depth + 1);
          if (found != nullptr) return found;
        }
        break;
      }
      case 5:
        if (!Skip(bytes, 4)) return nullptr;
        break;
      case 3:
      case 4:
        break;  // A group, which no message of ours has: what is in it is looked at as if it had
                // none.
      default:
        return nullptr;
    }
  }
  return nullptr;
}

}  // namespace

size_t MostItems(const FieldDescriptor& field) {
  int32_t said = field.options().GetExtension(check).max_items();
  return said > 0 ? static_cast<size_t>(said) : kMostUnsaid;
}

absl::Status CheckLists(const Descriptor& type, absl::string_view bytes) {
  if (bytes.size() < kShort) return absl::OkStatus();
  const FieldDescriptor* field = FindLong(type, bytes, 0);
  if (field == nullptr) return absl::OkStatus();
  return Refuse(absl::StatusCode::kInvalidArgument, "TOO_MANY",
                absl::StrCat(field->name(), " has more than ", MostItems(*field), " entries"),
                {{"field", field->name()}});
}

}  // namespace linjuli
