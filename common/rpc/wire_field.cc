#include "common/rpc/wire_field.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

namespace {

uint32_t TagOf(const FieldDescriptor* field) {
  return WireFormatLite::MakeTag(field->number(), WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

}  // namespace

void AppendField(const FieldDescriptor* field, absl::string_view value, std::string& out) {
  uint8_t head[20];
  uint8_t* end = CodedOutputStream::WriteTagToArray(TagOf(field), head);
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(value.size()), end);
  out.append(reinterpret_cast<char*>(head), end - head);
  out.append(value.data(), value.size());
}

absl::string_view FieldIn(absl::string_view message, const FieldDescriptor* field) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                      static_cast<int>(message.size()));
  absl::string_view value;
  while (uint32_t tag = in.ReadTag()) {
    uint32_t size = 0;
    if (tag != TagOf(field)) {
      if (!WireFormatLite::SkipField(&in, tag)) return {};
    } else if (!in.ReadVarint32(&size) || size > message.size() - in.CurrentPosition()) {
      return {};
    } else {
      value = message.substr(in.CurrentPosition(), size);
      in.Skip(static_cast<int>(size));
    }
  }
  return value;
}

}  // namespace linjuli
