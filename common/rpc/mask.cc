#include "common/rpc/mask.h"

#include <vector>

#include "linjuli/options.pb.h"

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

void MaskPersonal(google::protobuf::Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int i = 0; i < count; ++i) {
        MaskPersonal(field->is_repeated() ? *reflection->MutableRepeatedMessage(&message, field, i)
                                          : *reflection->MutableMessage(&message, field));
      }
    } else if (field->options().GetExtension(check).personal()) {
      if (field->type() != FieldDescriptor::TYPE_STRING) {
        reflection->ClearField(&message, field);
        continue;
      }
      for (int i = 0; i < count; ++i) {
        if (field->is_repeated()) {
          reflection->SetRepeatedString(&message, field, i,
                                        MaskText(reflection->GetRepeatedString(message, field, i)));
        } else {
          reflection->SetString(&message, field, MaskText(reflection->GetString(message, field)));
        }
      }
    }
  }
}

}  // namespace linjuli
