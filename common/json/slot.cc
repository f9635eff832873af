#include "common/json/slot.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json/time_form.h"

namespace linjuli::json {
namespace {

using google::protobuf::Message;

// Whole numbers of a double carry all their digits up to here.
constexpr double kExact = 9007199254740992.0;  // 2^53

template <typename Number>
std::string RangeOf() {
  return absl::StrCat("must be from ", std::numeric_limits<Number>::min(), " to ",
                      std::numeric_limits<Number>::max());
}

}  // namespace

bool RefuseShape(const MessageTable& table, Refusal& refusal) {
  switch (table.shape) {
    case Shape::kTimestamp:
      return refusal.Because("JSON_TYPE", "must be a time such as \"2025-06-01T08:30:00+08:00\"");
    case Shape::kDuration:
      return refusal.Because("JSON_TYPE", "must be a duration in seconds such as \"3.5s\"");
    case Shape::kFieldMask:
      return refusal.Because("JSON_TYPE", "must be names of fields such as \"title,need.phone\"");
    default:
      return refusal.Because("JSON_TYPE", "must be an object");
  }
}

bool Slot::RefuseType(Refusal& refusal) const {
  switch (row_.kind) {
    case Kind::kBool:
      return refusal.Because("JSON_TYPE", "must be true or false");
    case Kind::kInt32:
    case Kind::kUint32:
    case Kind::kInt64:
    case Kind::kUint64:
      return refusal.Because("JSON_TYPE", "must be a whole number");
    case Kind::kFloat:
    case Kind::kDouble:
      return refusal.Because("JSON_TYPE", "must be a number, \"NaN\" or \"Infinity\"");
    case Kind::kString:
      return refusal.Because("JSON_TYPE", "must be a string");
    case Kind::kBytes:
      return refusal.Because("JSON_TYPE", "must be a string of base64");
    case Kind::kEnum:
      return RefuseEnum(refusal);
    case Kind::kMessage:
      break;
  }
  return RefuseShape(*row_.nested, refusal);
}

bool Slot::RefuseRange(Refusal& refusal) const {
  switch (row_.kind) {
    case Kind::kInt32:
      return refusal.Because("JSON_RANGE", RangeOf<int32_t>());
    case Kind::kUint32:
      return refusal.Because("JSON_RANGE", RangeOf<uint32_t>());
    case Kind::kInt64:
      return refusal.Because("JSON_RANGE", RangeOf<int64_t>());
    case Kind::kUint64:
      return refusal.Because("JSON_RANGE", RangeOf<uint64_t>());
    case Kind::kFloat:
      return refusal.Because("JSON_RANGE", "must be within ±3.4e38");
    case Kind::kDouble:
      return refusal.Because("JSON_RANGE", "must be within ±1.7e308");
    default:
      return RefuseType(refusal);
  }
}

bool Slot::RefuseEnum(Refusal& refusal) const {
  return refusal.Because("JSON_ENUM", absl::StrCat("must be one of ", row_.enumeration->names));
}

bool Slot::PutEnumNumber(int64_t number, Refusal& refusal) {
  if (number != static_cast<int>(number) || !row_.enumeration->Holds(static_cast<int>(number))) {
    return RefuseEnum(refusal);
  }
  PutEnumValue(static_cast<int>(number));
  return true;
}

template <typename Number>
bool Slot::PutNumber(Number value, Refusal& refusal) {
  switch (row_.kind) {
    case Kind::kInt32:
      if (!std::in_range<int32_t>(value)) return RefuseRange(refusal);
      PutInt32(static_cast<int32_t>(value));
      return true;
    case Kind::kUint32:
      if (!std::in_range<uint32_t>(value)) return RefuseRange(refusal);
      PutUInt32(static_cast<uint32_t>(value));
      return true;
    case Kind::kInt64:
      if (!std::in_range<int64_t>(value)) return RefuseRange(refusal);
      PutInt64(static_cast<int64_t>(value));
      return true;
    case Kind::kUint64:
      if (!std::in_range<uint64_t>(value)) return RefuseRange(refusal);
      PutUInt64(static_cast<uint64_t>(value));
      return true;
    case Kind::kFloat:
    case Kind::kDouble:
      return PutReal(static_cast<double>(value), refusal);
    case Kind::kEnum:
      if (!std::in_range<int64_t>(value)) return RefuseEnum(refusal);
      return PutEnumNumber(static_cast<int64_t>(value), refusal);
    default:
      return RefuseType(refusal);
  }
}

bool Slot::PutWhole(int64_t value, Refusal& refusal) { return PutNumber(value, refusal); }
bool Slot::PutWhole(uint64_t value, Refusal& refusal) { return PutNumber(value, refusal); }

bool Slot::PutReal(double value, Refusal& refusal) {
  switch (row_.kind) {
    case Kind::kFloat: {
      float narrow;
      if (!NarrowToFloat(value, narrow)) return RefuseRange(refusal);
      PutFloat(narrow);
      return true;
    }
    case Kind::kDouble:
      PutDouble(value);
      return true;
    case Kind::kInt32:
    case Kind::kUint32:
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kEnum:
      if (std::trunc(value) != value) return RefuseType(refusal);
      if (std::fabs(value) > kExact) {
        return refusal.Because("JSON_RANGE",
                               "is too large to be written with a point or an exponent");
      }
      return PutNumber(static_cast<int64_t>(value), refusal);
    default:
      return RefuseType(refusal);
  }
}

template <typename Number>
bool Slot::PutWholeText(absl::string_view text, Refusal& refusal) {
  const absl::string_view digits = text.substr(!text.empty() && text[0] == '-');
  const bool padded = digits.size() > 1 && digits[0] == '0';
  Number value;
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (stop != text.data() + text.size() || error == std::errc::invalid_argument || padded) {
    // "-1" is a number, though none that an unsigned type can read.
    if (std::is_unsigned_v<Number> && text.size() > 1 && text[0] == '-' && !padded) {
      return PutWholeText<int64_t>(text, refusal);
    }
    return RefuseType(refusal);
  }
  if (error == std::errc::result_out_of_range) return RefuseRange(refusal);
  return PutNumber(value, refusal);
}

bool Slot::PutText(absl::string_view text, Refusal& refusal) {
  switch (row_.kind) {
    case Kind::kBool:
      if (text != "true" && text != "false") return RefuseType(refusal);
      PutBool(text == "true");
      return true;
    case Kind::kInt32:
      return PutWholeText<int32_t>(text, refusal);
    case Kind::kUint32:
      return PutWholeText<uint32_t>(text, refusal);
    case Kind::kInt64:
      return PutWholeText<int64_t>(text, refusal);
    case Kind::kUint64:
      return PutWholeText<uint64_t>(text, refusal);
    case Kind::kFloat:
    case Kind::kDouble: {
      double value;
      Reading reading = ReadDouble(text, value);
      if (reading == Reading::kOutOfRange) return RefuseRange(refusal);
      return reading == Reading::kOk ? PutReal(value, refusal) : RefuseType(refusal);
    }
    case Kind::kString:
      PutString(std::string(text));
      return true;
    case Kind::kBytes: {
      std::string bytes;
      if (!ReadBase64(text, bytes)) return RefuseType(refusal);
      PutString(std::move(bytes));
      return true;
    }
    case Kind::kEnum: {
      auto found = row_.enumeration->numbers.find(text);
      if (found == row_.enumeration->numbers.end()) {
        return PutWholeText<int32_t>(text, refusal);
      }
      PutEnumValue(found->second);
      return true;
    }
    case Kind::kMessage:
      break;
  }
  if (!HasTextForm(*row_.nested)) return RefuseType(refusal);
  return FillFromText(*row_.nested, text, PutMessage(), refusal);
}

bool HasTextForm(const MessageTable& table) {
  return table.shape == Shape::kTimestamp || table.shape == Shape::kDuration ||
         table.shape == Shape::kFieldMask || table.shape == Shape::kWrapper;
}

bool FillFromText(const MessageTable& table, absl::string_view text, Message& message,
                  Refusal& refusal) {
  if (table.shape == Shape::kWrapper) {
    return Slot(message, table, table.fields[0]).PutText(text, refusal);
  }
  if (table.shape == Shape::kFieldMask) {
    std::vector<std::string> paths;
    if (!ReadFieldMask(text, paths)) return RefuseShape(table, refusal);
    Slot slot(message, table, table.fields[0]);
    for (std::string& path : paths) slot.PutString(std::move(path));
    return true;
  }
  int64_t seconds = 0;
  int32_t nanos = 0;
  const bool timestamp = table.shape == Shape::kTimestamp;
  switch (timestamp ? ReadTimestamp(text, seconds, nanos) : ReadDuration(text, seconds, nanos)) {
    case Reading::kMalformed:
      return RefuseShape(table, refusal);
    case Reading::kOutOfRange:
      return refusal.Because("JSON_RANGE", timestamp ? "must lie in the years 0001 to 9999"
                                                     : "must be within ±315576000000s");
    case Reading::kOk:
      break;
  }
  Slot(message, table, table.fields[0]).PutInt64(seconds);
  Slot(message, table, table.fields[1]).PutInt32(nanos);
  return true;
}

}  // namespace linjuli::json
