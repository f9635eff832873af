#include <simdjson.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "common/json/message_table.h"
#include "common/json/refusal.h"
#include "common/json/slot.h"
#include "common/json/syntax.h"

namespace linjuli {
namespace json {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using simdjson::dom::element;
using simdjson::dom::element_type;

// What the parser itself goes down to; the reader applies the caller's limit and names the path.
constexpr int kDeepest = 100;
// A parser holds some 14 bytes for each of the text; one for longer texts is given back at once.
constexpr size_t kKeptText = 64 << 10;

constexpr absl::string_view kTypeKey = "@type";
constexpr absl::string_view kValueKey = "value";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// The element is known to be of the type asked for.
template <typename T>
T Get(const element& value) {
  T result{};
  [[maybe_unused]] auto error = value.get(result);
  return result;
}

// Which fields of one object have been read.
class Seen {
 public:
  explicit Seen(size_t fields) : words_((fields + 63) / 64) {}
  // False when it was there before.
  bool Add(int index) {
    uint64_t& word = words_[index / 64];
    const uint64_t bit = uint64_t{1} << (index % 64);
    if (word & bit) return false;
    word |= bit;
    return true;
  }

 private:
  absl::InlinedVector<uint64_t, 2> words_;
};

class Reader {
 public:
  explicit Reader(int max_depth) : max_depth_(max_depth) {}

  const Refusal& refusal() const { return refusal_; }

  bool ReadMessage(const MessageTable& table, const element& value, Message& message) {
    if (value.type() == element_type::OBJECT) {
      switch (table.shape) {
        case Shape::kObject:
          return ReadObject(table, Get<simdjson::dom::object>(value), message, false);
        case Shape::kAny:
          return ReadAny(table, Get<simdjson::dom::object>(value), message);
        default:
          break;
      }
    }
    switch (table.shape) {
      case Shape::kWrapper:
        return ReadValue(table, table.fields[0], value, message);
      case Shape::kTimestamp:
      case Shape::kDuration:
      case Shape::kFieldMask:
        if (value.type() == element_type::STRING) {
          return FillFromText(table, View(Get<std::string_view>(value)), message, refusal_);
        }
        return RefuseShape(table, refusal_);
      case Shape::kUnstructured:
        return refusal_.Because("JSON_TYPE", absl::StrCat("is a ", table.descriptor->full_name(),
                                                          ", which this interface does not take"));
      default:
        return RefuseShape(table, refusal_);
    }
  }

 private:
  bool Enter() {
    if (++depth_ <= max_depth_) return true;
    return refusal_.Because("JSON_DEPTH", absl::StrCat("is nested deeper than ", max_depth_));
  }

  bool ReadObject(const MessageTable& table, const simdjson::dom::object& object, Message& message,
                  bool of_any) {
    if (!Enter()) return false;
    Seen seen(table.fields.size());
    size_t expected = 0;  // most clients write fields in the order of their declaration
    for (auto [std_key, value] : object) {
      const absl::string_view key = View(std_key);
      const FieldTable* row =
          expected < table.fields.size() && table.fields[expected].field->json_name() == key
              ? &table.fields[expected]
              : table.Find(key);
      if (row == nullptr) {
        if (of_any && key == kTypeKey) continue;
        refusal_.Because("JSON_UNKNOWN_FIELD",
                         absl::StrCat("is not a field of ", table.descriptor->name()));
        return refusal_.UnderField(key);
      }
      expected = row->index + 1;
      if (!seen.Add(row->index)) {
        refusal_.Because("JSON_DUPLICATE", "is given twice");
        return refusal_.UnderField(key);
      }
      if (!ReadField(table, *row, value, message)) return refusal_.UnderField(key);
    }
    --depth_;
    return true;
  }

  bool ReadField(const MessageTable& table, const FieldTable& row, const element& value,
                 Message& message) {
    if (value.type() == element_type::NULL_VALUE) return true;
    if (row.map) return ReadMap(table, row, value, message);
    if (row.repeated) return ReadList(table, row, value, message);
    if (row.oneof != nullptr && table.reflection->HasOneof(message, row.oneof)) {
      const auto* other = table.reflection->GetOneofFieldDescriptor(message, row.oneof);
      return refusal_.Because("JSON_DUPLICATE",
                              absl::StrCat("cannot be set beside ", other->json_name(),
                                           ": at most one of them may be"));
    }
    return ReadValue(table, row, value, message);
  }

  bool ReadList(const MessageTable& table, const FieldTable& row, const element& value,
                Message& message) {
    if (value.type() != element_type::ARRAY) {
      return refusal_.Because("JSON_TYPE", "must be a list");
    }
    if (!Enter()) return false;
    const auto list = Get<simdjson::dom::array>(value);
    // Before the first is made: an entry of three bytes becomes an object of fifty.
    if (list.size() > row.most_items) {
      return refusal_.Because("TOO_MANY",
                              absl::StrCat("has more than ", row.most_items, " entries"));
    }
    size_t index = 0;
    for (element item : list) {
      if (item.type() == element_type::NULL_VALUE) {
        refusal_.Because("JSON_TYPE", "must not be null");
        return refusal_.UnderIndex(index);
      }
      if (!ReadValue(table, row, item, message)) return refusal_.UnderIndex(index);
      ++index;
    }
    --depth_;
    return true;
  }

  bool ReadMap(const MessageTable& table, const FieldTable& row, const element& value,
               Message& message) {
    if (value.type() != element_type::OBJECT) {
      return refusal_.Because("JSON_TYPE", "must be an object");
    }
    if (!Enter()) return false;
    absl::flat_hash_set<absl::string_view> keys;
    for (auto [std_key, item] : Get<simdjson::dom::object>(value)) {
      const absl::string_view key = View(std_key);
      // The forms of keys are canonical, but for the two zeros.
      if (!keys.insert(key == "-0" && row.nested->fields[0].kind != Kind::kString ? "0" : key)
               .second) {
        refusal_.Because("JSON_DUPLICATE", "is given twice");
        return refusal_.UnderKey(key);
      }
      if (item.type() == element_type::NULL_VALUE) {
        refusal_.Because("JSON_TYPE", "must not be null");
        return refusal_.UnderKey(key);
      }
      Message& entry = *table.reflection->AddMessage(&message, row.field);
      if (!Slot(entry, *row.nested, row.nested->fields[0]).PutText(key, refusal_) ||
          !ReadValue(*row.nested, row.nested->fields[1], item, entry)) {
        return refusal_.UnderKey(key);
      }
    }
    --depth_;
    return true;
  }

  bool ReadValue(const MessageTable& table, const FieldTable& row, const element& value,
                 Message& message) {
    Slot slot(message, table, row);
    if (row.kind == Kind::kMessage) return ReadMessage(*row.nested, value, slot.PutMessage());
    switch (value.type()) {
      case element_type::STRING:
        // A bool's text form is for map keys and query parameters.
        if (row.kind == Kind::kBool) return slot.RefuseType(refusal_);
        return slot.PutText(View(Get<std::string_view>(value)), refusal_);
      case element_type::INT64:
        return slot.PutWhole(Get<int64_t>(value), refusal_);
      case element_type::UINT64:
        return slot.PutWhole(Get<uint64_t>(value), refusal_);
      case element_type::DOUBLE:
        return slot.PutReal(Get<double>(value), refusal_);
      case element_type::BOOL:
        if (row.kind != Kind::kBool) return slot.RefuseType(refusal_);
        slot.PutBool(Get<bool>(value));
        return true;
      default:
        return slot.RefuseType(refusal_);
    }
  }

  bool ReadAny(const MessageTable& table, const simdjson::dom::object& object, Message& any) {
    element type, value;
    int types = 0, values = 0, others = 0;
    for (auto [std_key, item] : object) {
      const absl::string_view key = View(std_key);
      if (key == kTypeKey) {
        type = item;
        ++types;
      } else if (key == kValueKey) {
        value = item;
        ++values;
      } else {
        ++others;
      }
    }
    if (types + values + others == 0) return true;
    if (types != 1 || type.type() != element_type::STRING) {
      refusal_.Because(types > 1 ? "JSON_DUPLICATE" : "JSON_TYPE",
                       types > 1 ? "is given twice" : "must name the type of the message");
      return refusal_.UnderField(kTypeKey);
    }
    std::string url(Get<std::string_view>(type));
    const size_t slash = url.rfind('/');
    const auto* descriptor =
        slash == std::string::npos
            ? nullptr
            : DescriptorPool::generated_pool()->FindMessageTypeByName(url.substr(slash + 1));
    if (descriptor == nullptr) {
      refusal_.Because("JSON_TYPE", "names no type of message that is known here");
      return refusal_.UnderField(kTypeKey);
    }
    const MessageTable& inner_table = MessageTable::Of(descriptor);
    std::unique_ptr<Message> inner(inner_table.prototype->New());
    if (inner_table.shape == Shape::kObject) {
      if (!ReadObject(inner_table, object, *inner, true)) return false;
    } else {
      if (values != 1 || others > 0) {
        return refusal_.Because("JSON_TYPE", "must have @type and value, and nothing else");
      }
      if (!Enter()) return false;
      if (!ReadMessage(inner_table, value, *inner)) return refusal_.UnderField(kValueKey);
      --depth_;
    }
    Slot(any, table, table.fields[0]).PutString(std::move(url));
    Slot(any, table, table.fields[1]).PutString(inner->SerializePartialAsString());
    return true;
  }

  const int max_depth_;
  int depth_ = 0;
  Refusal refusal_;
};

absl::Status Read(simdjson::dom::parser& parser, absl::string_view text, int max_depth,
                  Message& out) {
  element root;
  const auto error = parser.parse(text.data(), text.size()).get(root);
  if (error != simdjson::SUCCESS) {
    LJ_RETURN_IF_ERROR(FindSyntaxFault(text, kDeepest));
    return Refuse(absl::StatusCode::kInvalidArgument, "JSON", simdjson::error_message(error));
  }
  out.Clear();
  Reader reader(max_depth);
  if (reader.ReadMessage(MessageTable::Of(out), root, out)) {
    return absl::OkStatus();
  }
  return reader.refusal().ToStatus();
}

// A parser that goes down to kDeepest: simdjson counts a level less where the innermost is empty.
void Prepare(simdjson::dom::parser& parser, size_t bytes) {
  LJ_CHECK(parser.allocate(bytes, kDeepest + 1) == simdjson::SUCCESS, "no memory for a parser");
}

}  // namespace
}  // namespace json

absl::Status ParseJson(absl::string_view text, google::protobuf::Message& out,
                       const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Refuse(absl::StatusCode::kInvalidArgument, "JSON_SIZE",
                  absl::StrCat("the request is longer than ", limits.max_bytes, " bytes"));
  }
  const int max_depth = std::min(limits.max_depth, json::kDeepest);
  if (text.size() > json::kKeptText) {
    LJ_RETURN_IF_ERROR(json::CheckShape(text, max_depth, limits.max_values, limits.max_string));
    simdjson::dom::parser parser;
    json::Prepare(parser, text.size());
    return json::Read(parser, text, max_depth, out);
  }
  thread_local simdjson::dom::parser kept;
  if (kept.capacity() == 0) json::Prepare(kept, 4096);
  return json::Read(kept, text, max_depth, out);
}

}  // namespace linjuli
