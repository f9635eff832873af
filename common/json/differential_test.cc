// Messages with random content, printed and read by this codec and by protobuf's own, crosswise.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "common/status.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/field_comparator.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "linjuli/testing/v1/json_cases.pb.h"

namespace linjuli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using testing::v1::JsonCases;
using testing::v1::JsonFlat;

// Fills messages through reflection, so that a field added to the proto is tested unasked.
class Filler {
 public:
  explicit Filler(uint32_t seed) : random_(seed) {}

  void Fill(Message& message, int depth) {
    const Descriptor* descriptor = message.GetDescriptor();
    const std::string& name = descriptor->full_name();
    if (name == "google.protobuf.Timestamp") return FillTime(message, -62135596800, 253402300799);
    if (name == "google.protobuf.Duration") return FillDuration(message);
    if (name == "google.protobuf.FieldMask") return FillMask(message);
    if (name == "google.protobuf.Any") return FillAny(message, depth);
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      if (!OneIn(6)) continue;
      const bool nests = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      if (nests && depth == 0) continue;
      const int count = field->is_repeated() ? Below(4) : 1;
      for (int n = 0; n < count; ++n) Put(message, field, depth);
    }
  }

 private:
  uint64_t Bits() { return random_(); }
  int Below(int bound) { return static_cast<int>(Bits() % bound); }
  bool OneIn(int n) { return Below(n) == 0; }

  uint64_t Whole() {
    switch (Below(4)) {
      case 0:
        return static_cast<uint64_t>(Below(20)) - 10;
      case 1:
        return uint64_t{1} << Below(64);
      case 2:
        return (uint64_t{1} << Below(64)) - 1;
      default:
        return Bits();
    }
  }
  template <typename Float, typename Word>
  Float Real() {
    if (OneIn(4)) return static_cast<Float>(static_cast<int64_t>(Whole()));
    if (OneIn(8)) return std::numeric_limits<Float>::max() * (OneIn(2) ? 1 : -1);
    if (OneIn(8)) return std::numeric_limits<Float>::infinity() * (OneIn(2) ? 1 : -1);
    const Word word = static_cast<Word>(Bits());
    Float value;
    static_assert(sizeof(value) == sizeof(word));
    std::memcpy(&value, &word, sizeof(value));
    // protobuf's printer writes "-0", which any reader takes for a whole 0.
    return value == 0 ? 0 : value;
  }
  std::string Text() {
    static constexpr char32_t kEdges[] = {0,      1,      0x1F,   '"',    '\\',    '/',
                                          '<',    0x7F,   0x80,   0x7FF,  0x800,   0x2028,
                                          0x2029, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
    std::string text;
    for (int n = Below(OneIn(8) ? 200 : 12); n > 0; --n) {
      char32_t c = OneIn(6)   ? kEdges[Below(std::size(kEdges))]
                   : OneIn(3) ? 0x4E00 + Below(20000)
                              : 0x20 + Below(95);
      Encode(c, text);
    }
    return text;
  }
  static void Encode(char32_t c, std::string& out) {
    auto tail = [&](int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      out += static_cast<char>(0xC0 | c >> 6);
      tail(0);
    } else if (c < 0x10000) {
      out += static_cast<char>(0xE0 | c >> 12);
      tail(6);
      tail(0);
    } else {
      out += static_cast<char>(0xF0 | c >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
  }
  std::string Octets() {
    std::string bytes;
    for (int n = Below(20); n > 0; --n) bytes += static_cast<char>(Bits());
    return bytes;
  }
  int32_t Nanos() {
    static constexpr int kSteps[] = {1000000000, 1000000, 1000, 1};
    const int step = kSteps[Below(4)];
    return Below(1000000000 / step) * step;
  }

  void FillTime(Message& message, int64_t first, int64_t last) {
    const int64_t seconds = OneIn(8)   ? first
                            : OneIn(8) ? last
                                       : first + static_cast<int64_t>(Bits() % (last - first));
    SetParts(message, seconds, Nanos());
  }
  void FillDuration(Message& message) {
    const bool negative = OneIn(2);
    const int64_t seconds = OneIn(3) ? 0 : Bits() % 315576000000;
    const int32_t nanos = Nanos();
    SetParts(message, negative ? -seconds : seconds, negative ? -nanos : nanos);
  }
  static void SetParts(Message& message, int64_t seconds, int32_t nanos) {
    const Reflection& reflection = *message.GetReflection();
    reflection.SetInt64(&message, message.GetDescriptor()->FindFieldByName("seconds"), seconds);
    reflection.SetInt32(&message, message.GetDescriptor()->FindFieldByName("nanos"), nanos);
  }
  void FillMask(Message& message) {
    static constexpr const char* kPaths[] = {"title", "inner.create_time", "budget_fen", "inner"};
    for (int n = Below(4); n > 0; --n) {
      message.GetReflection()->AddString(
          &message, message.GetDescriptor()->FindFieldByName("paths"), kPaths[Below(4)]);
    }
  }
  void FillAny(Message& message, int depth) {
    auto& any = dynamic_cast<google::protobuf::Any&>(message);
    google::protobuf::Timestamp time;
    google::protobuf::Int64Value number;
    JsonFlat flat;
    JsonCases cases;
    Message* const kinds[] = {&time, &number, &flat, &cases};
    Message& inner = *kinds[Below(depth > 0 ? 4 : 3)];
    Fill(inner, depth > 0 ? depth - 1 : 0);
    // protobuf's printer leaves out the value of a wrapper that holds 0, which then is no JSON
    // form.
    if (number.value() == 0) number.set_value(1);
    any.PackFrom(inner);
  }

  void Put(Message& message, const FieldDescriptor* field, int depth) {
    const Reflection& reflection = *message.GetReflection();
    const bool list = field->is_repeated();
#define LJ_PUT(Type, value)                            \
  list ? reflection.Add##Type(&message, field, value)  \
       : reflection.Set##Type(&message, field, value); \
  break
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        LJ_PUT(Bool, OneIn(2));
      case FieldDescriptor::CPPTYPE_INT32:
        LJ_PUT(Int32, static_cast<int32_t>(Whole()));
      case FieldDescriptor::CPPTYPE_UINT32:
        LJ_PUT(UInt32, static_cast<uint32_t>(Whole()));
      case FieldDescriptor::CPPTYPE_INT64:
        LJ_PUT(Int64, static_cast<int64_t>(Whole()));
      case FieldDescriptor::CPPTYPE_UINT64:
        LJ_PUT(UInt64, Whole());
      case FieldDescriptor::CPPTYPE_FLOAT:
        LJ_PUT(Float, (Real<float, uint32_t>()));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        LJ_PUT(Double, (Real<double, uint64_t>()));
      case FieldDescriptor::CPPTYPE_STRING:
        LJ_PUT(String, field->type() == FieldDescriptor::TYPE_BYTES ? Octets() : Text());
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* type = field->enum_type();
        const int number = OneIn(8) ? static_cast<int32_t>(Bits())
                                    : type->value(Below(type->value_count()))->number();
        LJ_PUT(EnumValue, number);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (field->is_map()) return PutEntry(message, field, depth);
        Fill(list ? *reflection.AddMessage(&message, field)
                  : *reflection.MutableMessage(&message, field),
             depth - 1);
    }
#undef LJ_PUT
  }
  void PutEntry(Message& message, const FieldDescriptor* field, int depth) {
    Message& entry = *message.GetReflection()->AddMessage(&message, field);
    Put(entry, entry.GetDescriptor()->map_key(), depth);
    Put(entry, entry.GetDescriptor()->map_value(), depth);
  }

  std::mt19937_64 random_;
};

// Sent over the wire once, so that maps hold each key once.
JsonCases RandomCases(uint32_t seed, int depth) {
  JsonCases built, sent;
  Filler(seed).Fill(built, depth);
  LJ_CHECK(sent.ParseFromString(built.SerializeAsString()));
  return sent;
}

void ClearMaps(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) {
      reflection.ClearField(&message, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int i = 0; i < (field->is_repeated() ? reflection.FieldSize(message, field) : 1); ++i) {
        ClearMaps(field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                       : *reflection.MutableMessage(&message, field));
      }
    }
  }
}

// What differs, empty when nothing does.
std::string Difference(const Message& one, const Message& other) {
  google::protobuf::util::DefaultFieldComparator comparator;
  comparator.set_treat_nan_as_equal(true);
  google::protobuf::util::MessageDifferencer differencer;
  differencer.set_field_comparator(&comparator);
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  return differencer.Compare(one, other) ? "" : absl::StrCat("differs: ", difference);
}

TEST_CASE("protobuf's own JSON codec agrees about random messages", "[json]") {
  for (uint32_t seed = 1; seed <= 20000; ++seed) {
    const JsonCases message = RandomCases(seed, 3);
    std::string ours, theirs;
    PrintJson(message, ours);
    auto printed = google::protobuf::util::MessageToJsonString(message, &theirs);

    INFO("seed " << seed << "\nours   " << ours << "\ntheirs " << theirs);
    REQUIRE(printed.ok());
    JsonCases back;
    auto status = ParseJson(ours, back, {.max_depth = 100});
    INFO(status.ToString());
    REQUIRE(status.ok());
    REQUIRE(Difference(message, back) == "");
    status = ParseJson(theirs, back, {.max_depth = 100});
    REQUIRE(status.ok());
    REQUIRE(Difference(message, back) == "");
    JsonCases by_oracle;
    auto parsed = google::protobuf::util::JsonStringToMessage(ours, &by_oracle);
    INFO(parsed.ToString());
    REQUIRE(parsed.ok());
    REQUIRE(Difference(message, by_oracle) == "");
  }
}

TEST_CASE("a message's bytes are printed as the message is", "[json]") {
  // It tells of every string that is no UTF-8.
  auto* handler = google::protobuf::SetLogHandler(nullptr);
  std::mt19937_64 random(11);
  int straight = 0, broken = 0;
  for (uint32_t seed = 1; seed <= 20000; ++seed) {
    JsonCases message = RandomCases(seed, 3);
    if (seed % 8 != 0) ClearMaps(message);
    const JsonPrint options{.always_print_lists = seed % 2 == 0};
    std::string bytes = message.SerializeAsString(), built, out = "before";
    PrintJson(message, built, options);
    INFO("seed " << seed << "\n" << built);
    if (PrintJsonOfBytes(message, bytes, out, options)) {
      ++straight;
      REQUIRE(out == "before" + built);
    } else {
      REQUIRE(out == "before");
    }
    // Bytes that nobody wrote so: refused, or the same as for protobuf's parser.
    if (bytes.empty()) continue;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    out.clear();
    if (!PrintJsonOfBytes(message, bytes, out, options)) continue;
    JsonCases parsed;
    if (!parsed.ParseFromString(bytes)) continue;
    ++broken;
    built.clear();
    PrintJson(parsed, built, options);
    REQUIRE(out == built);
  }
  google::protobuf::SetLogHandler(handler);
  CHECK(straight > 10000);
  CHECK(broken > 1000);
}

TEST_CASE("of broken texts nothing is taken that protobuf's codec reads otherwise", "[json]") {
  std::mt19937_64 random(7);
  auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  int taken = 0, refused = 0;
  for (uint32_t seed = 1; seed <= 20000; ++seed) {
    JsonCases built = RandomCases(seed, 1), ours, theirs;
    // protobuf's codec takes an Any of one host only, and runs of capitals in masks as one word.
    built.clear_a_mask();
    built.clear_an_any();
    built.clear_anys();
    std::string text;
    PrintJson(built, text);
    for (size_t n = 1 + below(2); n > 0; --n) {
      static constexpr char kBytes[] = "{}[]:,\"\\'0123456789-+.eEunt/ \n\x01\x80\xff";
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = kBytes[below(sizeof(kBytes))];
          break;
        case 1:
          text.insert(at, 1, kBytes[below(sizeof(kBytes))]);
          break;
        case 2:
          text.erase(at, 1 + below(3));
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(12)));
      }
      if (text.empty()) text = " ";
    }
    auto status = ParseJson(text, ours);
    INFO("seed " << seed << "\ntext " << text << "\n" << status.ToString());
    if (!status.ok()) {
      ++refused;
      // Our own search for the place of a fault must find one wherever simdjson sees it.
      if (ReasonOf(status) == "JSON") {
        REQUIRE_THAT(std::string(status.message()), Catch::StartsWith("line "));
      }
      continue;
    }
    ++taken;
    auto parsed = google::protobuf::util::JsonStringToMessage(text, &theirs);
    INFO(parsed.ToString());
    REQUIRE(parsed.ok());
    REQUIRE(Difference(ours, theirs) == "");
  }
  CHECK(taken > 1000);
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace linjuli
