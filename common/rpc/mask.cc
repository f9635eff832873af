#include "common/rpc/mask.h"

#include <vector>

#include "common/status.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;

std::string MaskText(absl::string_view text) {
  std::vector<absl::string_view> characters;
  for (size_t at = 0, next; at < text.size(); at = next) {
    next = at + 1;
    while (next < text.size() && (text[next] & 0xC0) == 0x80) ++next;
    characters.push_back(text.substr(at, next - at));
  }
  size_t count = characters.size();
  size_t tail = count >= 7 ? 2 : 0;
  std::string masked;
  for (size_t i = 0; i < count; ++i) {
    bool shown = (i == 0 && count > 1) || i + tail >= count;
    if (shown) {
      masked.append(characters[i].data(), characters[i].size());
    } else {
      masked += '*';
    }
  }
  return masked;
}

void MaskPersonal(const PersonalFields& fields, google::protobuf::Message& message) {
  absl::Status done =
      fields.Each(message, [](const FieldDescriptor* field, absl::string_view, std::string& value) {
        value = field->type() == FieldDescriptor::TYPE_STRING ? MaskText(value) : "";
        return absl::OkStatus();
      });
  LJ_CHECK(done.ok());
}

void DropPersonal(const PersonalFields& fields, google::protobuf::Message& message) {
  absl::Status done =
      fields.Each(message, [](const FieldDescriptor*, absl::string_view, std::string& value) {
        value.clear();
        return absl::OkStatus();
      });
  LJ_CHECK(done.ok());
}

void HidePerson(const Table& table, google::protobuf::Message& resource) {
  // The name of the resource itself is no person's.
  if (table.person.empty() || table.person.back() == table.name_field) return;
  google::protobuf::Message* holder = &resource;
  for (size_t i = 0; i + 1 < table.person.size(); ++i) {
    holder = holder->GetReflection()->MutableMessage(holder, table.person[i]);
  }
  holder->GetReflection()->ClearField(holder, table.person.back());
}

}  // namespace linjuli
