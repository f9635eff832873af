#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/json/codec.h"
#include "common/status.h"
#include "linjuli/testing/v1/json_cases.pb.h"

namespace linjuli {
namespace {

using testing::v1::JsonCases;

TEST_CASE("a query parameter sets the field its path names", "[json]") {
  const std::vector<std::pair<std::string, std::string>> parameters = {
      {"a_bool", "true"},
      {"anInt64", "-5"},
      {"aDouble", "1.5"},
      {"aString", "邻距里 \"x\""},
      {"aBytes", "AAE_"},
      {"urgency", "URGENT"},
      {"optionalUrgency", "1"},
      {"inner.title", "t"},
      {"inner.outer.inner.create_time", "2025-06-01T08:30:00+08:00"},
      {"aDuration", "1.5s"},
      {"aMask", "title,inner.title"},
      {"boolValue", "false"},
      {"stringValue", ""},
      {"chosenInner.count", "3"},
      {"chosen_inner.title", "beside it"},
      {"strings", "a"},
      {"strings", ""},
      {"urgencies", "NORMAL"},
      {"times", "2025-06-01T00:00:00Z"},
  };
  JsonCases message;
  for (const auto& [path, text] : parameters) {
    CAPTURE(path);
    auto status = SetField(message, path, text);
    CAPTURE(status.ToString());
    CHECK(status.ok());
  }
  std::string out;
  PrintJson(message, out);
  CHECK(out ==
        R"({"aBool":true,"anInt64":"-5","aDouble":1.5,"aString":"邻距里 \"x\"","aBytes":"AAE/",)"
        R"("urgency":"URGENT","optionalUrgency":"NORMAL","strings":["a",""],)"
        R"("urgencies":["NORMAL"],"times":["2025-06-01T00:00:00Z"],)"
        R"("inner":{"title":"t","outer":{"inner":{"createTime":"2025-06-01T00:30:00Z"}}},)"
        R"("chosenInner":{"title":"beside it","count":3},"aDuration":"1.500s",)"
        R"("aMask":"title,inner.title","boolValue":false,"stringValue":""})");
}

TEST_CASE("a query parameter that fits no field is refused and named", "[json]") {
  struct Case {
    std::string path, text, reason, in_message;
  };
  const std::vector<Case> cases = {
      {"aBol", "x", "UNKNOWN_FIELD", "aBol is not a field of JsonCases"},
      {"inner.titel", "x", "UNKNOWN_FIELD", "inner.titel is not a field of Inner"},
      {"", "x", "UNKNOWN_FIELD", "is not a field"},
      {".", "x", "UNKNOWN_FIELD", "is not a field"},
      {"inner.", "x", "UNKNOWN_FIELD", "is not a field"},
      {"aTime.seconds", "1", "UNKNOWN_FIELD", "aTime.seconds is not a field of Timestamp"},
      {"aString.x", "x", "JSON_TYPE", "aString has no fields"},
      {"inners.title", "x", "JSON_TYPE", "inners is a list"},
      {"labels", "x", "JSON_TYPE", "labels is a map"},
      {"labels.x", "x", "JSON_TYPE", "labels is a map"},
      {"inner", "{}", "JSON_TYPE", "inner is a message"},
      {"anAny", "{}", "JSON_TYPE", "anAny is a message"},
      {"aBool", "1", "JSON_TYPE", "aBool must be true or false"},
      {"aBool", "", "JSON_TYPE", "aBool must be true or false"},
      {"anInt32", "x", "JSON_TYPE", "anInt32 must be a whole number"},
      {"anInt32", "2147483648", "JSON_RANGE", "anInt32 must be from"},
      {"urgency", "SOON", "JSON_ENUM", "urgency must be one of"},
      {"aTime", "today", "JSON_TYPE", "aTime must be a time"},
      {"aTime", "0000-01-01T00:00:00Z", "JSON_RANGE", "aTime must lie"},
      {"aString", "\xff", "JSON_TYPE", "aString is not UTF-8"},
      {"optionalInt32", "1", "JSON_DUPLICATE", "optionalInt32 has been set already"},
      {"uint32Value", "1", "JSON_DUPLICATE", "uint32Value has been set already"},
      {"chosenText", "1", "JSON_DUPLICATE", "chosenText has been set already"},
      {"chosenInner.title", "1", "JSON_DUPLICATE", "chosenInner cannot be set beside"},
  };
  for (const auto& [path, text, reason, in_message] : cases) {
    CAPTURE(path, text);
    JsonCases message;
    message.set_optional_int32(0);
    message.mutable_uint32_value();
    message.set_chosen_number(0);
    auto status = SetField(message, path, text);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(ReasonOf(status) == reason);
    CHECK_THAT(std::string(status.message()), Catch::Contains(in_message));
  }
}

TEST_CASE("a path ends at a bound", "[json]") {
  JsonCases message;
  std::string path;
  for (int i = 0; i < 15; ++i) path += "inner.outer.";
  CHECK(SetField(message, path + "aBool", "true").ok());
  CHECK(ReasonOf(SetField(message, path + "inner.outer.aBool", "true")) == "UNKNOWN_FIELD");
}

}  // namespace
}  // namespace linjuli
