#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/json/codec.h"
#include "common/json/message_table.h"
#include "common/json/text_form.h"
#include "common/json/time_form.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace linjuli {
namespace json {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kDeepestAny = 32;
constexpr int kSingular = -1;  // the index of a field that is no list

// Calls `use` with a field's value, or an item's when `index` is not kSingular.
template <typename Use>
void WithValue(const MessageTable& table, const FieldTable& row, const Message& message, int index,
               Use use) {
  const Reflection& reflection = *table.reflection;
  const auto* field = row.field;
  const bool single = index == kSingular;
  switch (row.kind) {
    case Kind::kBool:
      return use(single ? reflection.GetBool(message, field)
                        : reflection.GetRepeatedBool(message, field, index));
    case Kind::kInt32:
      return use(single ? reflection.GetInt32(message, field)
                        : reflection.GetRepeatedInt32(message, field, index));
    case Kind::kUint32:
      return use(single ? reflection.GetUInt32(message, field)
                        : reflection.GetRepeatedUInt32(message, field, index));
    case Kind::kInt64:
      return use(single ? reflection.GetInt64(message, field)
                        : reflection.GetRepeatedInt64(message, field, index));
    case Kind::kUint64:
      return use(single ? reflection.GetUInt64(message, field)
                        : reflection.GetRepeatedUInt64(message, field, index));
    case Kind::kFloat:
      return use(single ? reflection.GetFloat(message, field)
                        : reflection.GetRepeatedFloat(message, field, index));
    case Kind::kDouble:
      return use(single ? reflection.GetDouble(message, field)
                        : reflection.GetRepeatedDouble(message, field, index));
    case Kind::kEnum:
      return use(single ? reflection.GetEnumValue(message, field)
                        : reflection.GetRepeatedEnumValue(message, field, index));
    case Kind::kString:
    case Kind::kBytes: {
      std::string scratch;
      return use(single ? reflection.GetStringReference(message, field, &scratch)
                        : reflection.GetRepeatedStringReference(message, field, index, &scratch));
    }
    case Kind::kMessage:
      return use(single ? reflection.GetMessage(message, field)
                        : reflection.GetRepeatedMessage(message, field, index));
  }
}

// Whether a field without a bit of its own is unset.
template <typename Number>
bool IsUnset(const FieldTable&, Number value) {
  return value == 0;
}
bool IsUnset(const FieldTable&, double value) { return value == 0 && !std::signbit(value); }
bool IsUnset(const FieldTable&, float value) { return value == 0 && !std::signbit(value); }
bool IsUnset(const FieldTable&, const std::string& value) { return value.empty(); }
bool IsUnset(const FieldTable& row, const Message& value) {
  return &value == row.nested->prototype;
}

class Printer {
 public:
  Printer(const JsonPrint& options, std::string& out) : options_(options), out_(out) {}

  void PrintMessage(const MessageTable& table, const Message& message) {
    switch (table.shape) {
      case Shape::kTimestamp: {
        const auto& time = static_cast<const google::protobuf::Timestamp&>(message);
        return AppendTimestamp(time.seconds(), time.nanos(), out_);
      }
      case Shape::kDuration: {
        const auto& duration = static_cast<const google::protobuf::Duration&>(message);
        return AppendDuration(duration.seconds(), duration.nanos(), out_);
      }
      case Shape::kFieldMask:
        return PrintFieldMask(static_cast<const google::protobuf::FieldMask&>(message));
      case Shape::kWrapper:
        return PrintValue(table, table.fields[0], message, kSingular);
      case Shape::kAny:
        return PrintAny(static_cast<const google::protobuf::Any&>(message));
      case Shape::kObject:
      case Shape::kUnstructured:
        out_.push_back('{');
        PrintFields(table, message);
        out_.push_back('}');
    }
  }

 private:
  void PrintFields(const MessageTable& table, const Message& message) {
    const Reflection& reflection = *table.reflection;
    for (const FieldTable& row : table.fields) {
      if (row.repeated) {
        const int size = reflection.FieldSize(message, row.field);
        if (size == 0 && (row.map || !options_.always_print_lists)) continue;
        PrintLabel(row);
        row.map ? PrintMap(table, row, message, size) : PrintList(table, row, message, size);
      } else if (!row.has_bit) {
        WithValue(table, row, message, kSingular, [&](const auto& value) {
          if (IsUnset(row, value)) return;
          PrintLabel(row);
          Put(row, value);
        });
      } else if (reflection.HasField(message, row.field)) {
        PrintLabel(row);
        PrintValue(table, row, message, kSingular);
      }
    }
  }

  // No value ends in a brace that opens, so that one is always the present object's.
  void PrintComma() {
    if (out_.back() != '{') out_.push_back(',');
  }
  void PrintLabel(const FieldTable& row) {
    PrintComma();
    out_.append(row.label);
  }

  void PrintList(const MessageTable& table, const FieldTable& row, const Message& message,
                 int size) {
    out_.push_back('[');
    for (int i = 0; i < size; ++i) {
      if (i > 0) out_.push_back(',');
      PrintValue(table, row, message, i);
    }
    out_.push_back(']');
  }

  void PrintMap(const MessageTable& table, const FieldTable& row, const Message& message,
                int size) {
    const MessageTable& entries = *row.nested;
    std::vector<std::pair<std::string, const Message*>> sorted(size);
    for (int i = 0; i < size; ++i) {
      const Message& entry = table.reflection->GetRepeatedMessage(message, row.field, i);
      WithValue(entries, entries.fields[0], entry, kSingular,
                [&](const auto& key) { AppendKey(key, sorted[i].first); });
      sorted[i].second = &entry;
    }
    std::sort(sorted.begin(), sorted.end());
    out_.push_back('{');
    for (const auto& [key, entry] : sorted) {
      PrintComma();
      AppendQuoted(key, out_);
      out_.push_back(':');
      PrintValue(entries, entries.fields[1], *entry, kSingular);
    }
    out_.push_back('}');
  }

  static void AppendKey(bool key, std::string& text) { text = key ? "true" : "false"; }
  static void AppendKey(const std::string& key, std::string& text) { text = key; }
  static void AppendKey(const Message&, std::string&) {}  // no map has such keys
  template <typename Number>
  static void AppendKey(Number key, std::string& text) {
    AppendWhole(key, text);
  }

  void PrintValue(const MessageTable& table, const FieldTable& row, const Message& message,
                  int index) {
    WithValue(table, row, message, index, [&](const auto& value) { Put(row, value); });
  }

  void Put(const FieldTable&, bool value) { out_ += value ? "true" : "false"; }
  void Put(const FieldTable&, uint32_t value) { AppendWhole(value, out_); }
  void Put(const FieldTable&, int64_t value) { AppendQuotedWhole(value, out_); }
  void Put(const FieldTable&, uint64_t value) { AppendQuotedWhole(value, out_); }
  void Put(const FieldTable&, float value) { AppendFloat(value, out_); }
  void Put(const FieldTable&, double value) { AppendDouble(value, out_); }
  void Put(const FieldTable& row, int32_t value) {
    const std::string* name =
        row.kind == Kind::kEnum ? row.enumeration->QuotedName(value) : nullptr;
    if (name != nullptr) {
      out_ += *name;
    } else {
      AppendWhole(value, out_);
    }
  }
  void Put(const FieldTable& row, const std::string& value) {
    row.kind == Kind::kString ? AppendQuoted(value, out_) : AppendBase64(value, out_);
  }
  void Put(const FieldTable& row, const Message& value) { PrintMessage(*row.nested, value); }

  void PrintFieldMask(const google::protobuf::FieldMask& mask) {
    std::string text;
    for (int i = 0; i < mask.paths_size(); ++i) {
      if (i > 0) text.push_back(',');
      AppendMaskPath(mask.paths(i), text);
    }
    AppendQuoted(text, out_);
  }

  void PrintAny(const google::protobuf::Any& any) {
    if (any.type_url().empty() && any.value().empty()) {
      out_ += "{}";
      return;
    }
    out_ += "{\"@type\":";
    AppendQuoted(any.type_url(), out_);
    std::unique_ptr<Message> inner = Unpacked(any);
    if (inner == nullptr) {
      out_ += ",\"value\":";
      AppendBase64(any.value(), out_);
    } else {
      const MessageTable& table = MessageTable::Of(*inner);
      ++any_depth_;
      if (table.shape == Shape::kObject) {
        PrintFields(table, *inner);
      } else {
        out_ += ",\"value\":";
        PrintMessage(table, *inner);
      }
      --any_depth_;
    }
    out_.push_back('}');
  }

  // Null when the type is not linked in, the bytes are not of it, or Any is nested too deep: each
  // level copies all that lies below, so that without a bound the work is quadratic.
  std::unique_ptr<Message> Unpacked(const google::protobuf::Any& any) const {
    const size_t slash = any.type_url().rfind('/');
    if (slash == std::string::npos || any_depth_ >= kDeepestAny) return nullptr;
    const auto* descriptor =
        DescriptorPool::generated_pool()->FindMessageTypeByName(any.type_url().substr(slash + 1));
    if (descriptor == nullptr) return nullptr;
    std::unique_ptr<Message> inner(MessageTable::Of(descriptor).prototype->New());
    return inner->ParsePartialFromString(any.value()) ? std::move(inner) : nullptr;
  }

  const JsonPrint& options_;
  std::string& out_;
  int any_depth_ = 0;
};

}  // namespace
}  // namespace json

void PrintJson(const google::protobuf::Message& message, std::string& out,
               const JsonPrint& options) {
  json::Printer(options, out).PrintMessage(json::MessageTable::Of(message), message);
}

}  // namespace linjuli
