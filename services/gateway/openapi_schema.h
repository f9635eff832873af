// JSON schemas of messages, enums and fields, for the OpenAPI document.
#ifndef LINJULI_SERVICES_GATEWAY_OPENAPI_SCHEMA_H_
#define LINJULI_SERVICES_GATEWAY_OPENAPI_SCHEMA_H_

#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "services/gateway/json_writer.h"

namespace linjuli {

// The comment above a declaration as text, without the signs of the comment.
template <typename Descriptor>
std::string CommentOf(const Descriptor& descriptor);

// Writes schemas, and remembers the types that they refer to.
class SchemaWriter {
 public:
  // The schema of a field, with its rules and comment.
  void WriteField(const google::protobuf::FieldDescriptor& field, JsonWriter& json);
  // {"$ref": …} to a message, or the schema of a well-known type.
  void WriteReference(const google::protobuf::Descriptor& message, JsonWriter& json);
  // The schemas of all types that were referred to, and theirs: a JSON object's members.
  void WriteAll(JsonWriter& json);

 private:
  // These three write members of an object that the caller opened.
  void WriteType(const google::protobuf::Descriptor& message, JsonWriter& json);
  void WriteValue(const google::protobuf::FieldDescriptor& field, JsonWriter& json);
  void WriteRules(const google::protobuf::FieldDescriptor& field, JsonWriter& json);
  void WriteMessage(const google::protobuf::Descriptor& message, JsonWriter& json);
  void WriteEnum(const google::protobuf::EnumDescriptor& type, JsonWriter& json);
  void WriteRef(const std::string& full_name, JsonWriter& json);

  std::set<std::string> named_;  // referred to so far
  std::vector<const google::protobuf::Descriptor*> messages_;
  std::vector<const google::protobuf::EnumDescriptor*> enums_;
};

// Whether a field is the service's to set, or must be there.
bool IsOutputOnly(const google::protobuf::FieldDescriptor& field);
bool IsRequired(const google::protobuf::FieldDescriptor& field);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_OPENAPI_SCHEMA_H_
