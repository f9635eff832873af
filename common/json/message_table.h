// What the codec knows of a message type: worked out once from its descriptor, then only read.
#ifndef LINJULI_COMMON_JSON_MESSAGE_TABLE_H_
#define LINJULI_COMMON_JSON_MESSAGE_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace linjuli::json {

// How a value is written.
enum class Kind : uint8_t {
  kBool,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat,
  kDouble,
  kString,
  kBytes,
  kEnum,
  kMessage
};

// How a message is written: most as objects, the well-known types in forms of their own.
enum class Shape : uint8_t {
  kObject,
  kTimestamp,
  kDuration,
  kFieldMask,
  kWrapper,
  kAny,
  kUnstructured  // Value, Struct, ListValue
};

struct EnumTable {
  explicit EnumTable(const google::protobuf::EnumDescriptor* descriptor);

  // The value's name in quotes, null where the number has none.
  const std::string* QuotedName(int number) const {
    if (static_cast<size_t>(number) < dense.size()) {
      return dense[number].empty() ? nullptr : &dense[number];
    }
    auto found = sparse.find(number);
    return found == sparse.end() ? nullptr : &found->second;
  }
  // Whether a field of this enum can hold the number: any in proto3, declared ones in proto2.
  bool Holds(int number) const { return open || QuotedName(number) != nullptr; }

  absl::flat_hash_map<std::string, int> numbers;
  std::string names;  // "A, B, C", for refusals
  bool open;
  std::vector<std::string> dense;
  absl::flat_hash_map<int, std::string> sparse;
};

struct MessageTable;

struct FieldTable {
  const google::protobuf::FieldDescriptor* field;
  const google::protobuf::OneofDescriptor* oneof;  // null outside of declared oneofs
  const MessageTable* nested;                      // of kMessage; a map's entry
  const EnumTable* enumeration;                    // of kEnum
  int index;                                       // in MessageTable::fields
  Kind kind;
  uint8_t type;   // google::protobuf::FieldDescriptor::Type
  bool repeated;  // lists and maps
  size_t most_items;
  bool map;
  // Whether only HasField tells if it is set. Else it is when its value is not the default: for a
  // message, when it is another object than `nested->prototype`.
  bool has_bit;
  std::string label;  // "receiptNumber": with quotes and colon
};

struct MessageTable {
  // The field of this number; null where there is none.
  const FieldTable* ByNumber(int number) const {
    if (static_cast<size_t>(number) >= by_number.size() || by_number[number] < 0) return nullptr;
    return &fields[by_number[number]];
  }

  // Lives as long as the process. The descriptor must be of a generated class.
  static const MessageTable& Of(const google::protobuf::Descriptor* descriptor);
  // The same for a message, which must be of the generated class itself.
  static const MessageTable& Of(const google::protobuf::Message& message);

  // By JSON or declared name; null where there is none.
  const FieldTable* Find(absl::string_view name) const {
    auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : &fields[found->second];
  }

  const google::protobuf::Descriptor* descriptor;
  const google::protobuf::Message* prototype;  // the default instance
  // Every message of the type has it; kept here because asking the message is slow.
  const google::protobuf::Reflection* reflection;
  Shape shape;
  std::vector<FieldTable> fields;  // in the order of declaration
  absl::flat_hash_map<std::string, int> by_name;
  // Whether messages of the type can be printed from their bytes, and the fields by number where
  // they can: they are declared in the order of their numbers, which are small.
  bool from_bytes = false;
  std::vector<int16_t> by_number;
};

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_MESSAGE_TABLE_H_
