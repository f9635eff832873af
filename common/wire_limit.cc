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
// Of a field that is no list the last counts; that it comes twice is a matter of merged messages.
constexpr size_t kMostSingle = 1000;
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

absl::Status IsGroup() {
  return Refuse(absl::StatusCode::kInvalidArgument, "MALFORMED", "The bytes hold a group.");
}

absl::Status TooMany(const FieldDescriptor& field, size_t most) {
  return Refuse(absl::StatusCode::kInvalidArgument, "TOO_MANY",
                absl::StrCat(field.name(), " has more than ", most, " entries"),
                {{"field", field.name()}});
}

// How often a field has come.
struct Count {
  const FieldDescriptor* field;
  size_t most;
  size_t seen = 0;
};

// OK also where the bytes are no message.
absl::Status Look(const Descriptor& type, absl::string_view bytes, int depth) {
  if (depth > kMostDepth) return absl::OkStatus();
  std::vector<Count> counts;
  // Of the last tag: fields of one number come one after the other, known or not.
  uint64_t number = 0;
  size_t place = 0;  // counts.size() where no such field is declared
  while (!bytes.empty()) {
    uint64_t tag, value;
    if (!TakeVarint(bytes, tag)) return absl::OkStatus();
    if (number != tag >> 3) {
      number = tag >> 3;
      const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(number));
      for (place = 0; place < counts.size() && counts[place].field != field;) ++place;
      if (place == counts.size() && field != nullptr) {
        counts.push_back({field, field->is_repeated() ? MostItems(*field) : kMostSingle});
      }
    }
    const FieldDescriptor* field = nullptr;
    if (place < counts.size()) {
      Count& count = counts[place];
      if (++count.seen > count.most) return TooMany(*count.field, count.most);
      field = count.field;
    }
    switch (tag & 7) {
      case 0:
        if (!TakeVarint(bytes, value)) return absl::OkStatus();
        break;
      case 1:
        if (!Skip(bytes, 8)) return absl::OkStatus();
        break;
      case 2: {
        absl::string_view inner = bytes;
        if (!TakeVarint(inner, value)) return absl::OkStatus();
        bytes = inner;
        if (!Skip(bytes, value)) return absl::OkStatus();
        if (field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE) {
          LJ_RETURN_IF_ERROR(Look(*field->message_type(), inner.substr(0, value), depth + 1));
        }
        break;
      }
      case 5:
        if (!Skip(bytes, 4)) return absl::OkStatus();
        break;
      case 3:
      case 4:
        return IsGroup();
      default:
        return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

}  // namespace

size_t MostItems(const FieldDescriptor& field) {
  int32_t said = field.options().GetExtension(check).max_items();
  return said > 0 ? static_cast<size_t>(said) : kMostUnsaid;
}

absl::Status CheckLists(const Descriptor& type, absl::string_view bytes) {
  if (bytes.size() < kShort) return absl::OkStatus();
  return Look(type, bytes, 0);
}

}  // namespace linjuli
