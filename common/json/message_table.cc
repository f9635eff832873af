#include "common/json/message_table.h"

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/json/text_form.h"
#include "common/status.h"
#include "common/wire_limit.h"

namespace linjuli::json {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

constexpr int kDenseValues = 256;
constexpr int kHighestNumber = 1000;   // of a field, in a type that is printed from its bytes
constexpr size_t kListedNames = 1000;  // bytes of enum names told in a refusal

Kind KindOf(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Kind::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
      return Kind::kInt32;
    case FieldDescriptor::CPPTYPE_UINT32:
      return Kind::kUint32;
    case FieldDescriptor::CPPTYPE_INT64:
      return Kind::kInt64;
    case FieldDescriptor::CPPTYPE_UINT64:
      return Kind::kUint64;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Kind::kFloat;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Kind::kDouble;
    case FieldDescriptor::CPPTYPE_ENUM:
      return Kind::kEnum;
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES ? Kind::kBytes : Kind::kString;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return Kind::kMessage;
}

Shape ShapeOf(const Descriptor* descriptor) {
  const std::string& name = descriptor->full_name();
  constexpr absl::string_view kPackage = "google.protobuf.";
  if (!absl::StartsWith(name, kPackage)) return Shape::kObject;
  absl::string_view type = absl::string_view(name).substr(kPackage.size());
  if (type == "Timestamp") return Shape::kTimestamp;
  if (type == "Duration") return Shape::kDuration;
  if (type == "FieldMask") return Shape::kFieldMask;
  if (type == "Any") return Shape::kAny;
  if (type == "Value" || type == "Struct" || type == "ListValue") return Shape::kUnstructured;
  return absl::EndsWith(type, "Value") ? Shape::kWrapper : Shape::kObject;
}

// Plain proto3 messages and members of a oneof have no bit: when unset, the reflection gives the
// default instance of a message.
bool HasBit(const FieldDescriptor* field) {
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return field->file()->syntax() != google::protobuf::FileDescriptor::SYNTAX_PROTO3 ||
           field->has_optional_keyword();
  }
  return field->has_presence();
}

class Registry {
 public:
  const MessageTable& Of(const Descriptor* descriptor) {
    absl::MutexLock lock(&mutex_);
    return *Table(descriptor);
  }

 private:
  // A table is entered before its fields are filled, so that types may hold themselves; the lock is
  // kept until all it reaches is complete.
  const MessageTable* Table(const Descriptor* descriptor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::unique_ptr<MessageTable>& entry = messages_[descriptor];
    if (entry) return entry.get();
    entry = std::make_unique<MessageTable>();
    MessageTable* table = entry.get();
    table->descriptor = descriptor;
    table->prototype =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
    LJ_CHECK(table->prototype != nullptr, "only generated messages have a JSON form");
    table->reflection = table->prototype->GetReflection();
    table->shape = ShapeOf(descriptor);
    table->fields.reserve(descriptor->field_count());
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      FieldTable row{};
      row.field = field;
      row.oneof = field->real_containing_oneof();
      row.index = i;
      row.kind = KindOf(field);
      row.type = static_cast<uint8_t>(field->type());
      row.repeated = field->is_repeated();
      row.most_items = row.repeated ? MostItems(*field) : 1;
      row.map = field->is_map();
      row.has_bit = HasBit(field);
      AppendQuoted(field->json_name(), row.label);
      row.label += ':';
      if (row.kind == Kind::kMessage) row.nested = Table(field->message_type());
      if (row.kind == Kind::kEnum) row.enumeration = Enumeration(field->enum_type());
      table->by_name.emplace(field->json_name(), i);
      table->fields.push_back(std::move(row));
    }
    // A JSON name goes before another field's declared name of the same spelling.
    for (int i = 0; i < descriptor->field_count(); ++i) {
      table->by_name.emplace(descriptor->field(i)->name(), i);
    }
    NumberFields(*table);
    return table;
  }

  static void NumberFields(MessageTable& table) {
    int last = 0;
    for (const FieldTable& row : table.fields) {
      const int number = row.field->number();
      if (number < last || number > kHighestNumber) return;
      last = number;
      table.by_number.resize(number + 1, -1);
      table.by_number[number] = static_cast<int16_t>(row.index);
    }
    table.from_bytes = true;
  }

  const EnumTable* Enumeration(const EnumDescriptor* descriptor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::unique_ptr<EnumTable>& entry = enums_[descriptor];
    if (!entry) entry = std::make_unique<EnumTable>(descriptor);
    return entry.get();
  }

  absl::Mutex mutex_;
  absl::flat_hash_map<const Descriptor*, std::unique_ptr<MessageTable>> messages_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const EnumDescriptor*, std::unique_ptr<EnumTable>> enums_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace

EnumTable::EnumTable(const EnumDescriptor* descriptor)
    : open(descriptor->file()->syntax() == google::protobuf::FileDescriptor::SYNTAX_PROTO3) {
  for (int i = 0; i < descriptor->value_count(); ++i) {
    const auto* value = descriptor->value(i);
    numbers.emplace(value->name(), value->number());
    if (names.size() < kListedNames) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", value->name());
    } else if (!absl::EndsWith(names, "…")) {
      names += ", …";
    }
    std::string quoted = absl::StrCat("\"", value->name(), "\"");
    // Of two names for one number the first declared is printed.
    if (value->number() >= 0 && value->number() < kDenseValues) {
      size_t number = value->number();
      if (dense.size() <= number) dense.resize(number + 1);
      if (dense[number].empty()) dense[number] = std::move(quoted);
    } else {
      sparse.emplace(value->number(), std::move(quoted));
    }
  }
}

const MessageTable& MessageTable::Of(const Descriptor* descriptor) {
  static Registry* const registry = new Registry;
  // Tables never change or die, so each thread may remember where they are without a lock.
  thread_local absl::flat_hash_map<const Descriptor*, const MessageTable*> known;
  const MessageTable*& table = known[descriptor];
  if (table == nullptr) table = &registry->Of(descriptor);
  return *table;
}

const MessageTable& MessageTable::Of(const google::protobuf::Message& message) {
  const MessageTable& table = Of(message.GetDescriptor());
  LJ_CHECK(message.GetReflection() == table.reflection, "a dynamic message has no JSON form");
  return table;
}

}  // namespace linjuli::json
