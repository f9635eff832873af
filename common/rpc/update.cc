#include "common/rpc/update.h"

#include <memory>
#include <vector>

#include "common/status.h"
#include "linjuli/options.pb.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const google::protobuf::FieldMask& MaskOf(const Message& request, const FieldDescriptor* mask) {
  return static_cast<const google::protobuf::FieldMask&>(
      request.GetReflection()->GetMessage(request, mask));
}

absl::Status ApplyMask(const Message& sent, const Message& request, const FieldDescriptor* mask,
                       Message& resource) {
  const auto& paths = MaskOf(request, mask).paths();
  if (paths.empty()) return RefuseFields({{"update_mask", "REQUIRED", "must name the fields"}});
  std::vector<FieldViolation> found;
  std::vector<const FieldDescriptor*> fields;
  for (const auto& path : paths) {
    const FieldDescriptor* field = resource.GetDescriptor()->FindFieldByName(path);
    if (field == nullptr) {
      found.push_back({"update_mask", "JSON_UNKNOWN_FIELD", "names no field: " + path});
      continue;
    }
    const Check& check = field->options().GetExtension(linjuli::check);
    if (check.output_only() || check.immutable() || field->number() == 1) {
      found.push_back({path, "OUTPUT_ONLY", "cannot be changed"});
    }
    fields.push_back(field);
  }
  if (!found.empty()) return RefuseFields(found);
  // Only the named fields travel: a copy of what was sent loses the rest, and replaces what stands.
  std::unique_ptr<Message> named(sent.New());
  named->CopyFrom(sent);
  std::vector<const FieldDescriptor*> set;
  sent.GetReflection()->ListFields(sent, &set);
  for (const FieldDescriptor* field : set) {
    bool keep = false;
    for (const FieldDescriptor* wanted : fields) keep |= wanted == field;
    if (!keep) named->GetReflection()->ClearField(named.get(), field);
  }
  for (const FieldDescriptor* field : fields)
    resource.GetReflection()->ClearField(&resource, field);
  resource.MergeFrom(*named);
  return absl::OkStatus();
}

}  // namespace linjuli
