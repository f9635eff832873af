// The place of one value: a field to set, or a list to append to.
#ifndef LINJULI_COMMON_JSON_SLOT_H_
#define LINJULI_COMMON_JSON_SLOT_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/json/message_table.h"
#include "common/json/refusal.h"
#include "google/protobuf/message.h"

namespace linjuli::json {

class Slot {
 public:
  // `row` is one of `table`, and `table` that of the message.
  Slot(google::protobuf::Message& message, const MessageTable& table, const FieldTable& row)
      : message_(message), reflection_(*table.reflection), row_(row) {}

#define LJ_SLOT_PUT(Type, CppType)                                                  \
  void Put##Type(CppType value) {                                                   \
    row_.repeated ? reflection_.Add##Type(&message_, row_.field, std::move(value))  \
                  : reflection_.Set##Type(&message_, row_.field, std::move(value)); \
  }
  LJ_SLOT_PUT(Bool, bool)
  LJ_SLOT_PUT(Int32, int32_t)
  LJ_SLOT_PUT(UInt32, uint32_t)
  LJ_SLOT_PUT(Int64, int64_t)
  LJ_SLOT_PUT(UInt64, uint64_t)
  LJ_SLOT_PUT(Float, float)
  LJ_SLOT_PUT(Double, double)
  LJ_SLOT_PUT(String, std::string)
  LJ_SLOT_PUT(EnumValue, int)
#undef LJ_SLOT_PUT

  google::protobuf::Message& PutMessage() {
    return row_.repeated ? *reflection_.AddMessage(&message_, row_.field)
                         : *reflection_.MutableMessage(&message_, row_.field);
  }

  // Puts the value written as `text`: any kind but messages. A string must be UTF-8 already.
  bool PutText(absl::string_view text, Refusal& refusal);
  // The same for a number of JSON that is whole.
  bool PutWhole(int64_t value, Refusal& refusal);
  bool PutWhole(uint64_t value, Refusal& refusal);
  bool PutReal(double value, Refusal& refusal);

  // The sentence for a value that is not of this kind at all.
  bool RefuseType(Refusal& refusal) const;

 private:
  template <typename Number>
  bool PutWholeText(absl::string_view text, Refusal& refusal);
  template <typename Number>
  bool PutNumber(Number value, Refusal& refusal);
  bool PutEnumNumber(int64_t number, Refusal& refusal);
  bool RefuseRange(Refusal& refusal) const;
  bool RefuseEnum(Refusal& refusal) const;

  google::protobuf::Message& message_;
  const google::protobuf::Reflection& reflection_;
  const FieldTable& row_;
};

// The sentence for a value that no message of the shape is written as.
bool RefuseShape(const MessageTable& table, Refusal& refusal);

// Whether messages of the shape are written as a single text. A wrapper is, when its value is.
bool HasTextForm(const MessageTable& table);
// Fills a message of such a shape.
bool FillFromText(const MessageTable& table, absl::string_view text,
                  google::protobuf::Message& message, Refusal& refusal);

}  // namespace linjuli::json

#endif  // LINJULI_COMMON_JSON_SLOT_H_
