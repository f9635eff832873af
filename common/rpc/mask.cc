#include "common/rpc/mask.h"

#include <vector>

#include "common/status.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;

namespace {

// Empties every string that says `text` and nothing else.
void EmptyWhere(google::protobuf::Message& message, const std::string& text) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int i = 0; field->is_repeated() && i < reflection->FieldSize(message, field); ++i) {
        EmptyWhere(*reflection->MutableRepeatedMessage(&message, field, i), text);
      }
      if (!field->is_repeated()) EmptyWhere(*reflection->MutableMessage(&message, field), text);
    } else if (field->type() == FieldDescriptor::TYPE_STRING) {
      for (int i = 0; field->is_repeated() && i < reflection->FieldSize(message, field); ++i) {
        if (reflection->GetRepeatedString(message, field, i) != text) continue;
        reflection->SetRepeatedString(&message, field, i, "");
      }
      if (!field->is_repeated() && reflection->GetString(message, field) == text) {
        reflection->ClearField(&message, field);
      }
    }
  }
}

}  // namespace

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
  const std::string person = TextAt(resource, table.person);
  if (!person.empty()) EmptyWhere(resource, person);
}

}  // namespace linjuli
