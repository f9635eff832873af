// JSON straight from the wire format. A page of fifty resources costs a third of what it costs to
// build the messages and to print them.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "common/json/codec.h"
#include "common/json/message_table.h"
#include "common/json/text_form.h"
#include "common/json/time_form.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace linjuli {
namespace json {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr int kDeepest = 100;

WireFormatLite::WireType WireTypeOf(const FieldTable& row) {
  return WireFormatLite::WireTypeForFieldType(static_cast<WireFormatLite::FieldType>(row.type));
}

CodedInputStream Stream(absl::string_view bytes) {
  return CodedInputStream(reinterpret_cast<const uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
}

// The bytes of a length-delimited field, where they lie.
bool TakeBytes(CodedInputStream& in, absl::string_view& bytes) {
  uint32_t size = 0;
  if (!in.ReadVarint32(&size) || size > static_cast<uint32_t>(INT32_MAX)) return false;
  const void* data = nullptr;
  int there = 0;
  if (size == 0) {
    bytes = {};
    return true;
  }
  if (!in.GetDirectBufferPointer(&data, &there) || static_cast<uint32_t>(there) < size) {
    return false;
  }
  bytes = absl::string_view(static_cast<const char*>(data), size);
  return in.Skip(static_cast<int>(size));
}

// Every function returns false where the bytes are not what it can print.
class BytesPrinter {
 public:
  BytesPrinter(const JsonPrint& options, std::string& out) : options_(options), out_(out) {}

  bool PrintMessage(const MessageTable& table, absl::string_view bytes, int depth) {
    if (depth > kDeepest) return false;
    switch (table.shape) {
      case Shape::kTimestamp:
      case Shape::kDuration:
        return PrintTime(table.shape, bytes);
      case Shape::kObject: {
        if (!table.from_bytes) return false;
        out_.push_back('{');
        bool printed = PrintFields(table, bytes, depth);
        out_.push_back('}');
        return printed;
      }
      default: {
        // Rare, and small.
        std::unique_ptr<google::protobuf::Message> message(table.prototype->New());
        if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
        PrintJson(*message, out_, options_);
        return true;
      }
    }
  }

 private:
  bool PrintTime(Shape shape, absl::string_view bytes) {
    CodedInputStream in = Stream(bytes);
    uint64_t values[2] = {0, 0};  // seconds, nanos
    uint32_t last = 0;
    while (uint32_t tag = in.ReadTag()) {
      const uint32_t number = tag >> 3;
      if ((tag & 7) != WireFormatLite::WIRETYPE_VARINT || number <= last || number > 2) {
        return false;
      }
      last = number;
      if (!in.ReadVarint64(&values[number - 1])) return false;
    }
    if (!in.ConsumedEntireMessage()) return false;
    const auto seconds = static_cast<int64_t>(values[0]);
    const auto nanos = static_cast<int32_t>(values[1]);
    shape == Shape::kTimestamp ? AppendTimestamp(seconds, nanos, out_)
                               : AppendDuration(seconds, nanos, out_);
    return true;
  }

  bool PrintFields(const MessageTable& table, absl::string_view bytes, int depth) {
    CodedInputStream in = Stream(bytes);
    int next = 0;         // the field that may come next
    uint64_t oneofs = 0;  // those of which a member came
    uint32_t tag = in.ReadTag();
    while (tag != 0) {
      const FieldTable* row = table.ByNumber(static_cast<int>(tag >> 3));
      if (row == nullptr) {
        if (!WireFormatLite::SkipField(&in, tag)) return false;
        tag = in.ReadTag();
        continue;
      }
      if (row->index < next || row->map) return false;
      PrintMissingLists(table, next, row->index);
      next = row->index + 1;
      if (row->repeated) {
        if (!PrintList(*row, in, tag, depth)) return false;
        continue;
      }
      if (row->oneof != nullptr) {
        const uint64_t bit = uint64_t{1} << (row->oneof->index() & 63);
        if ((oneofs & bit) != 0) return false;
        oneofs |= bit;
      }
      if ((tag & 7) != static_cast<uint32_t>(WireTypeOf(*row))) return false;
      const size_t before = out_.size();
      PrintLabel(*row);
      bool unset = false;
      if (!PrintValue(*row, in, depth, unset)) return false;
      if (unset && !row->has_bit) out_.resize(before);
      tag = in.ReadTag();
    }
    PrintMissingLists(table, next, static_cast<int>(table.fields.size()));
    return in.ConsumedEntireMessage();
  }

  void PrintMissingLists(const MessageTable& table, int from, int to) {
    if (!options_.always_print_lists) return;
    for (int i = from; i < to; ++i) {
      if (!table.fields[i].repeated || table.fields[i].map) continue;
      PrintLabel(table.fields[i]);
      out_ += "[]";
    }
  }

  void PrintLabel(const FieldTable& row) {
    if (out_.back() != '{') out_.push_back(',');
    out_.append(row.label);
  }

  // All entries that follow each other, packed or not; leaves the tag after them in `tag`.
  bool PrintList(const FieldTable& row, CodedInputStream& in, uint32_t& tag, int depth) {
    const uint32_t number = tag >> 3;
    const size_t before = out_.size();
    PrintLabel(row);
    out_.push_back('[');
    const WireFormatLite::WireType plain = WireTypeOf(row);
    bool any = false, unset = false;
    do {
      if ((tag & 7) == static_cast<uint32_t>(plain)) {
        if (any) out_.push_back(',');
        any = true;
        if (!PrintValue(row, in, depth, unset)) return false;
      } else if ((tag & 7) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        absl::string_view packed;
        if (!TakeBytes(in, packed)) return false;
        CodedInputStream items = Stream(packed);
        while (items.CurrentPosition() < static_cast<int>(packed.size())) {
          if (any) out_.push_back(',');
          any = true;
          if (!PrintValue(row, items, depth, unset)) return false;
        }
      } else {
        return false;
      }
      tag = in.ReadTag();
    } while (tag >> 3 == number);
    out_.push_back(']');
    if (!any && !options_.always_print_lists) out_.resize(before);
    return true;
  }

  // `unset`: the value is the one that a field without presence has when nobody set it.
  bool PrintValue(const FieldTable& row, CodedInputStream& in, int depth, bool& unset) {
    switch (row.type) {
      case FieldDescriptor::TYPE_STRING:
      case FieldDescriptor::TYPE_BYTES: {
        absl::string_view text;
        if (!TakeBytes(in, text)) return false;
        unset = text.empty();
        row.type == FieldDescriptor::TYPE_STRING ? AppendQuoted(text, out_)
                                                 : AppendBase64(text, out_);
        return true;
      }
      case FieldDescriptor::TYPE_MESSAGE: {
        absl::string_view nested;
        unset = false;
        return TakeBytes(in, nested) && PrintMessage(*row.nested, nested, depth + 1);
      }
      case FieldDescriptor::TYPE_DOUBLE:
      case FieldDescriptor::TYPE_FIXED64:
      case FieldDescriptor::TYPE_SFIXED64: {
        uint64_t bits = 0;
        if (!in.ReadLittleEndian64(&bits)) return false;
        unset = bits == 0;
        PrintFixed64(row.type, bits);
        return true;
      }
      case FieldDescriptor::TYPE_FLOAT:
      case FieldDescriptor::TYPE_FIXED32:
      case FieldDescriptor::TYPE_SFIXED32: {
        uint32_t bits = 0;
        if (!in.ReadLittleEndian32(&bits)) return false;
        unset = bits == 0;
        PrintFixed32(row.type, bits);
        return true;
      }
      case FieldDescriptor::TYPE_GROUP:
        return false;
      default: {
        uint64_t bits = 0;
        if (!in.ReadVarint64(&bits)) return false;
        return PrintVarint(row, bits, unset);
      }
    }
  }

  bool PrintVarint(const FieldTable& row, uint64_t bits, bool& unset) {
    unset = bits == 0;
    switch (row.type) {
      case FieldDescriptor::TYPE_BOOL:
        out_ += bits != 0 ? "true" : "false";
        return true;
      case FieldDescriptor::TYPE_ENUM: {
        const auto number = static_cast<int32_t>(bits);
        unset = number == 0;
        // An unknown number of a closed enum is an unknown field.
        if (!row.enumeration->Holds(number)) return false;
        const std::string* name = row.enumeration->QuotedName(number);
        name != nullptr ? out_.append(*name) : (AppendWhole(number, out_), out_);
        return true;
      }
      case FieldDescriptor::TYPE_INT32:
        unset = static_cast<int32_t>(bits) == 0;
        AppendWhole(static_cast<int32_t>(bits), out_);
        return true;
      case FieldDescriptor::TYPE_UINT32:
        unset = static_cast<uint32_t>(bits) == 0;
        AppendWhole(static_cast<uint32_t>(bits), out_);
        return true;
      case FieldDescriptor::TYPE_SINT32:
        unset = static_cast<uint32_t>(bits) == 0;
        AppendWhole(WireFormatLite::ZigZagDecode32(static_cast<uint32_t>(bits)), out_);
        return true;
      case FieldDescriptor::TYPE_INT64:
        AppendQuotedWhole(static_cast<int64_t>(bits), out_);
        return true;
      case FieldDescriptor::TYPE_SINT64:
        AppendQuotedWhole(WireFormatLite::ZigZagDecode64(bits), out_);
        return true;
      default:
        AppendQuotedWhole(bits, out_);
        return true;
    }
  }

  void PrintFixed64(uint8_t type, uint64_t bits) {
    if (type == FieldDescriptor::TYPE_DOUBLE) {
      AppendDouble(WireFormatLite::DecodeDouble(bits), out_);
    } else if (type == FieldDescriptor::TYPE_SFIXED64) {
      AppendQuotedWhole(static_cast<int64_t>(bits), out_);
    } else {
      AppendQuotedWhole(bits, out_);
    }
  }

  void PrintFixed32(uint8_t type, uint32_t bits) {
    if (type == FieldDescriptor::TYPE_FLOAT) {
      AppendFloat(WireFormatLite::DecodeFloat(bits), out_);
    } else if (type == FieldDescriptor::TYPE_SFIXED32) {
      AppendWhole(static_cast<int32_t>(bits), out_);
    } else {
      AppendWhole(bits, out_);
    }
  }

  const JsonPrint& options_;
  std::string& out_;
};

}  // namespace
}  // namespace json

bool PrintJsonOfBytes(const google::protobuf::Message& prototype, absl::string_view bytes,
                      std::string& out, const JsonPrint& options) {
  const size_t before = out.size();
  if (json::BytesPrinter(options, out).PrintMessage(json::MessageTable::Of(prototype), bytes, 0)) {
    return true;
  }
  out.resize(before);
  return false;
}

}  // namespace linjuli
