#include "services/gateway/openapi_schema.h"

#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "linjuli/options.pb.h"

namespace linjuli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

const Check& CheckOf(const FieldDescriptor& field) {
  return field.options().GetExtension(linjuli::check);
}

// Characters of a string whose check says nothing.
constexpr int kMaxChars = 256;
constexpr int kMaxItems = 100;

bool IsResourceText(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_STRING;
}

}  // namespace

template <typename D>
std::string CommentOf(const D& descriptor) {
  google::protobuf::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return "";
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(location.leading_comments, '\n')) {
    // One blank comes from "// text"; further ones are the author's.
    if (absl::StartsWith(line, "// ")) line.remove_prefix(1);
    if (absl::StartsWith(line, " ")) line.remove_prefix(1);
    // Notes to whoever reads the lint, not the contract.
    if (absl::StartsWith(line, "aip.dev/")) continue;
    lines.push_back(std::string(absl::StripTrailingAsciiWhitespace(line)));
  }
  return std::string(absl::StripAsciiWhitespace(absl::StrJoin(lines, "\n")));
}
template std::string CommentOf(const Descriptor&);
template std::string CommentOf(const EnumDescriptor&);
template std::string CommentOf(const EnumValueDescriptor&);
template std::string CommentOf(const FieldDescriptor&);
template std::string CommentOf(const MethodDescriptor&);
template std::string CommentOf(const ServiceDescriptor&);

bool IsOutputOnly(const FieldDescriptor& field) { return CheckOf(field).output_only(); }
bool IsRequired(const FieldDescriptor& field) { return CheckOf(field).required(); }

void SchemaWriter::WriteRef(const std::string& full_name, JsonWriter& json) {
  json.Field("$ref", absl::StrCat("#/components/schemas/", full_name));
}

void SchemaWriter::WriteReference(const Descriptor& message, JsonWriter& json) {
  json.BeginObject();
  WriteType(message, json);
  json.EndObject();
}

void SchemaWriter::WriteType(const Descriptor& message, JsonWriter& json) {
  const std::string& name = message.full_name();
  if (name == "google.protobuf.Timestamp") {
    json.Field("type", "string").Field("format", "date-time");
  } else if (name == "google.protobuf.Duration") {
    json.Field("type", "string").Field("pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$");
  } else if (name == "google.protobuf.FieldMask") {
    json.Field("type", "string");
  } else if (name == "google.protobuf.Empty") {
    json.Field("type", "object");
  } else if (name == "google.protobuf.Any") {
    json.Field("type", "object").Key("required").BeginArray().String("@type").EndArray();
    json.Key("properties").BeginObject().Key("@type").BeginObject();
    json.Field("type", "string").EndObject().EndObject();
  } else {
    if (named_.insert(name).second) messages_.push_back(&message);
    WriteRef(name, json);
  }
}

void SchemaWriter::WriteValue(const FieldDescriptor& field, JsonWriter& json) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return WriteType(*field.message_type(), json);
    case FieldDescriptor::CPPTYPE_ENUM:
      if (named_.insert(field.enum_type()->full_name()).second) {
        enums_.push_back(field.enum_type());
      }
      return WriteRef(field.enum_type()->full_name(), json);
    case FieldDescriptor::CPPTYPE_INT32:
      json.Field("type", "integer").Field("format", "int32");
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      json.Field("type", "integer").Field("format", "uint32");
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      json.Field("type", "string").Field("format", "int64");
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      json.Field("type", "string").Field("format", "uint64");
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      json.Field("type", "boolean");
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      json.Field("type", "string");
      if (field.type() == FieldDescriptor::TYPE_BYTES) json.Field("contentEncoding", "base64");
      break;
    default:
      json.Field("type", "number");
  }
  WriteRules(field, json);
}

void SchemaWriter::WriteRules(const FieldDescriptor& field, JsonWriter& json) {
  const Check& check = CheckOf(field);
  if (IsResourceText(field) && !check.output_only()) {
    json.Field("maxLength", check.max_chars() > 0 ? check.max_chars() : kMaxChars);
  }
  if (check.required() && IsResourceText(field) && !field.is_repeated()) json.Field("minLength", 1);
  if (!check.pattern().empty()) json.Field("pattern", absl::StrCat("^(?:", check.pattern(), ")$"));
  bool number = field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  // 64-bit numbers are strings in JSON, which have no bounds in a schema.
  absl::string_view low = number ? "minimum" : "x-linjuli-minimum";
  absl::string_view high = number ? "maximum" : "x-linjuli-maximum";
  if (check.has_min()) json.Field(low, check.min());
  if (check.has_max()) json.Field(high, check.max());
  if (check.code() != Check::CODE_UNSPECIFIED) {
    json.Field("x-linjuli-code", Check::Code_Name(check.code()));
  }
  if (!check.reference().empty()) json.Field("x-linjuli-reference", check.reference());
}

void SchemaWriter::WriteField(const FieldDescriptor& field, JsonWriter& json) {
  const Check& check = CheckOf(field);
  json.BeginObject();
  std::string comment = CommentOf(field);
  if (!comment.empty()) json.Field("description", comment);
  if (check.output_only()) json.Field("readOnly", true);
  if (check.immutable()) json.Field("x-linjuli-immutable", true);
  if (check.personal()) json.Field("x-linjuli-personal", true);
  if (field.is_map()) {
    json.Field("type", "object").Key("additionalProperties").BeginObject();
    WriteValue(*field.message_type()->map_value(), json);
    json.EndObject();
  } else if (field.is_repeated()) {
    json.Field("type", "array");
    if (!check.output_only()) {
      json.Field("maxItems", check.max_items() > 0 ? check.max_items() : kMaxItems);
    }
    if (check.required()) json.Field("minItems", 1);
    json.Key("items").BeginObject();
    WriteValue(field, json);
    json.EndObject();
  } else {
    WriteValue(field, json);
  }
  json.EndObject();
}

void SchemaWriter::WriteMessage(const Descriptor& message, JsonWriter& json) {
  json.BeginObject().Field("type", "object");
  std::string comment = CommentOf(message);
  if (!comment.empty()) json.Field("description", comment);
  std::vector<std::string> required;
  json.Key("properties").BeginObject();
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (IsRequired(field)) required.push_back(field.json_name());
    json.Key(field.json_name());
    WriteField(field, json);
  }
  json.EndObject();
  if (!required.empty()) {
    json.Key("required").BeginArray();
    for (const std::string& name : required) json.String(name);
    json.EndArray();
  }
  json.Field("additionalProperties", false).EndObject();
}

void SchemaWriter::WriteEnum(const EnumDescriptor& type, JsonWriter& json) {
  json.BeginObject().Field("type", "string");
  std::string comment = CommentOf(type);
  if (!comment.empty()) json.Field("description", comment);
  json.Key("enum").BeginArray();
  for (int i = 0; i < type.value_count(); ++i) json.String(type.value(i)->name());
  json.EndArray().Key("x-enum-descriptions").BeginArray();
  for (int i = 0; i < type.value_count(); ++i) json.String(CommentOf(*type.value(i)));
  json.EndArray().EndObject();
}

void SchemaWriter::WriteAll(JsonWriter& json) {
  // Each message may add further ones to the ends of the lists.
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    json.Key(messages_[i]->full_name());
    WriteMessage(*messages_[i], json);
  }
  for (const EnumDescriptor* type : enums_) {
    json.Key(type->full_name());
    WriteEnum(*type, json);
  }
}

}  // namespace linjuli
