// Single fields of serialized messages, for those who read or extend them without building them.
#ifndef LINJULI_COMMON_RPC_WIRE_FIELD_H_
#define LINJULI_COMMON_RPC_WIRE_FIELD_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace linjuli {

// Appends a string or message field.
void AppendField(const google::protobuf::FieldDescriptor* field, absl::string_view value,
                 std::string& out);
// The value of a singular string or message field of the message itself, empty where it is not set.
absl::string_view FieldIn(absl::string_view message,
                          const google::protobuf::FieldDescriptor* field);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_WIRE_FIELD_H_
