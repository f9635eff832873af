#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "common/status.h"
#include "linjuli/testing/v1/json_cases.pb.h"

namespace linjuli {
namespace {

using testing::v1::JsonCases;
using testing::v1::JsonUnstructured;
using namespace std::string_literals;

std::string Printed(const google::protobuf::Message& message) {
  std::string out;
  PrintJson(message, out);
  return out;
}

std::string Nested(int depth) {
  std::string text;
  // inner and outer alternate, and each is an object.
  for (int i = 1; i < depth; ++i) text += i % 2 ? R"({"inner":)" : R"({"outer":)";
  return text + "{}" + std::string(depth - 1, '}');
}

struct Accepted {
  std::string text;
  std::string printed;  // the same when empty
};

struct Refused {
  std::string text;
  std::string reason;
  std::string in_message;
};

TEST_CASE("what JSON and the proto allow is taken", "[json]") {
  const std::vector<Accepted> cases = {
      {"{}"},
      {" \t\r\n{ } \n", "{}"},
      {R"({"aBool":true})"},
      {R"({"a_bool":true})", R"({"aBool":true})"},
      {R"({"aBool":false})", "{}"},
      {R"({"aString":null,"urgency":null,"inner":null,"strings":null,"labels":null})", "{}"},
      // Whole numbers.
      {R"({"anInt32":-2147483648})"},
      {R"({"anInt32":2147483647})"},
      {R"({"anInt32":"12"})", R"({"anInt32":12})"},
      {R"({"anInt32":1.0})", R"({"anInt32":1})"},
      {R"({"anInt32":1e3})", R"({"anInt32":1000})"},
      {R"({"anInt32":120e-1})", R"({"anInt32":12})"},
      {R"({"anInt32":-0,"anInt64":"-0"})", "{}"},
      {R"({"aUint32":4294967295})"},
      {R"({"aUint32":-0})", "{}"},
      {R"({"anInt64":"9223372036854775807"})"},
      {R"({"anInt64":-9223372036854775808})", R"({"anInt64":"-9223372036854775808"})"},
      {R"({"anInt64":9007199254740993})", R"({"anInt64":"9007199254740993"})"},
      {R"({"aUint64":18446744073709551615})", R"({"aUint64":"18446744073709551615"})"},
      {R"({"anInt64":9007199254740992.0})", R"({"anInt64":"9007199254740992"})"},
      // Real numbers.
      {R"({"aDouble":1.5})"},
      {R"({"aDouble":3})"},
      {R"({"aDouble":"2.5e3"})", R"({"aDouble":2500})"},
      {R"({"aDouble":-0.0})"},
      {R"({"aDouble":1e-400,"optionalDouble":1e-400})", R"({"optionalDouble":0})"},
      {R"({"aDouble":1.7976931348623157e308})", R"({"aDouble":1.7976931348623157e+308})"},
      {R"({"aDouble":5e-324})"},
      {R"({"aDouble":"NaN","aFloat":"-Infinity"})", R"({"aFloat":"-Infinity","aDouble":"NaN"})"},
      {R"({"aFloat":3.4028235e38})", R"({"aFloat":3.4028235e+38})"},
      {R"({"aFloat":0.1})"},
      // Strings.
      {R"({"aString":"邻距里 🏘"})"},
      {R"({"aString":"\u90bb\u8ddd\ud83c\udfd8"})", R"({"aString":"邻距🏘"})"},
      {R"({"aString":"\"\\\/\b\f\n\r\t\u0000\u001f"})",
       R"({"aString":"\"\\/\b\f\n\r\t\u0000\u001f"})"},
      {"{\"aString\":\"\x7f\xe2\x80\xa8</script>\"}"},
      {R"({"\u0061String":"by an escaped name"})", R"({"aString":"by an escaped name"})"},
      {R"({"a \"name\"":"x"})"},
      {R"({"named_otherwise":"x"})", R"({"a \"name\"":"x"})"},
      // Bytes.
      {R"({"aBytes":"AAEC/w=="})"},
      {R"({"aBytes":"-_8"})", R"({"aBytes":"+/8="})"},
      {R"({"aBytes":"AAEC_w"})", R"({"aBytes":"AAEC/w=="})"},
      {R"({"aBytes":"","optionalBytes":""})", R"({"optionalBytes":""})"},
      // Enums.
      {R"({"urgency":"URGENT"})"},
      {R"({"urgency":2})", R"({"urgency":"URGENT"})"},
      {R"({"urgency":"FAR","urgencies":["BELOW",0,-7,100000,5]})",
       R"({"urgency":"FAR","urgencies":["BELOW","JSON_URGENCY_UNSPECIFIED","BELOW","FAR",5]})"},
      // Presence.
      {R"({"optionalBool":false,"optionalInt32":0,"optionalString":"","optionalUrgency":0})",
       R"({"optionalBool":false,"optionalInt32":0,"optionalString":"",)"
       R"("optionalUrgency":"JSON_URGENCY_UNSPECIFIED"})"},
      // Lists, maps, oneofs.
      {R"({"strings":["","a"],"inners":[{},{"title":"x"}]})"},
      {R"({"bools":[],"labels":{}})", "{}"},
      {R"({"labels":{"b":"2","a":"","":"\u0000"}})", R"({"labels":{"":"\u0000","a":"","b":"2"}})"},
      {R"({"byBool":{"true":1,"false":2}})", R"({"byBool":{"false":2,"true":1}})"},
      {R"({"byInt32":{"-5":7},"byUint64":{"18446744073709551615":"AA=="}})",
       R"({"byInt32":{"-5":"7"},"byUint64":{"18446744073709551615":"AA=="}})"},
      {R"({"innerByName":{"x":{"outer":{"aBool":true}}}})"},
      {R"({"chosenNumber":0})"},
      {R"({"chosenText":null,"chosenEmpty":{}})", R"({"chosenEmpty":{}})"},
      // Well-known types.
      {R"({"aTime":"2025-06-01T00:30:00Z"})"},
      {R"({"aTime":"2025-06-01T08:30:00+08:00"})", R"({"aTime":"2025-06-01T00:30:00Z"})"},
      {R"({"aTime":"2025-01-01T00:30:00.12+01:00"})", R"({"aTime":"2024-12-31T23:30:00.120Z"})"},
      {R"({"aTime":"1969-12-31T23:59:59.999999999Z"})"},
      {R"({"aTime":"2024-02-29T00:00:00.000001-00:00"})",
       R"({"aTime":"2024-02-29T00:00:00.000001Z"})"},
      {R"({"times":["0001-01-01T00:00:00Z","9999-12-31T23:59:59.999999999Z"]})"},
      {R"({"durations":["0s","-0.000001s","1.500s","315576000000s","-3.000000001s"]})"},
      {R"({"aDuration":"1.5s"})", R"({"aDuration":"1.500s"})"},
      {R"({"aMask":""})"},
      {R"({"aMask":"title,inner.createTime"})"},
      {R"({"aMask":"inner.create_time"})", R"({"aMask":"inner.createTime"})"},
      {R"({"boolValue":false,"int64Value":5,"stringValue":"","bytesValue":"AA","doubleValue":"NaN"})",
       R"({"boolValue":false,"int64Value":"5","doubleValue":"NaN","stringValue":"","bytesValue":"AA=="})"},
      {R"({"anAny":{}})"},
      {R"({"anAny":{"count":3,"@type":"x.org/linjuli.testing.v1.JsonCases.Inner"}})",
       R"({"anAny":{"@type":"x.org/linjuli.testing.v1.JsonCases.Inner","count":3}})"},
      {R"({"anAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}})"},
      {R"({"anAny":{"@type":"type.googleapis.com/google.protobuf.Any","value":)"
       R"({"@type":"type.googleapis.com/google.protobuf.Empty"}}})"},
      {Nested(31)},
      {Nested(32)},
  };
  for (const auto& [text, printed] : cases) {
    CAPTURE(text);
    JsonCases message;
    message.set_a_string("what was there before");
    auto status = ParseJson(text, message);
    CAPTURE(status.ToString());
    CHECK(status.ok());
    CHECK(Printed(message) == (printed.empty() ? text : printed));
  }
}

TEST_CASE("what JSON or the proto does not allow is refused and named", "[json]") {
  const std::vector<Refused> cases = {
      // Not JSON.
      {"", "JSON", "line 1, column 1: a value is missing"},
      {"  ", "JSON", "a value is missing"},
      {R"({"aBool":true,})", "JSON", "line 1, column 15: nothing follows the comma"},
      {R"({"bools":[true,]})", "JSON", "nothing follows the comma"},
      {R"({"bools":[true true]})", "JSON", "a comma or ] must stand here"},
      {R"({"bools":[,true]})", "JSON", "no value of JSON begins so"},
      {R"({"bools":[true})", "JSON", "a comma or ] must stand here"},
      {"{\n  \"aBool\": true\n  \"anInt32\": 1}", "JSON", "line 3, column 3: a comma or }"},
      {R"({"aBool" true})", "JSON", "a colon must follow"},
      {R"({"aBool":true)", "JSON", "a comma or } must stand here"},
      {R"({)", "JSON", "an object is not closed"},
      {R"({"aBool":true}})", "JSON", "line 1, column 15: nothing may follow the value"},
      {R"({"aBool":true} x)", "JSON", "nothing may follow the value"},
      {"{}{}", "JSON", "nothing may follow the value"},
      {"{}\0"s, "JSON", "nothing may follow the value"},
      {"\xEF\xBB\xBF{}", "JSON", "a byte order mark"},
      {R"({'aBool':true})", "JSON", "the name of a field in double quotes"},
      {R"({"aString":'x'})", "JSON", "double quotes"},
      {R"({aBool:true})", "JSON", "in double quotes"},
      {R"({"aBool":True})", "JSON", "no value of JSON begins so"},
      {R"({"aBool":truex})", "JSON", "a comma or } must stand here"},
      {R"({"aDouble":NaN})", "JSON", "no value of JSON begins so"},
      {R"({"aDouble":-Infinity})", "JSON", "digits must follow the minus"},
      {R"({"anInt32":+1})", "JSON", "no value of JSON begins so"},
      {R"({"anInt32":01})", "JSON", "no leading zeros"},
      {R"({"anInt32":-01})", "JSON", "no leading zeros"},
      {R"({"anInt32":0x1})", "JSON", "a comma or } must stand here"},
      {R"({"aDouble":1.})", "JSON", "digits must follow the point"},
      {R"({"aDouble":.5})", "JSON", "no value of JSON begins so"},
      {R"({"aDouble":1e})", "JSON", "digits must follow the exponent"},
      {R"({"aBool":true /* yes */})", "JSON", "a comma or } must stand here"},
      {"{\"aString\":\"a\nb\"}", "JSON", "control characters must be escaped"},
      {"{\"aString\":\"a\0b\"}"s, "JSON", "control characters must be escaped"},
      {"{\"aString\":\"a\tb\"}", "JSON", "control characters must be escaped"},
      {"{\f}", "JSON", "the name of a field"},
      {"{\"aString\":\"\xff\"}", "JSON", "not UTF-8"},
      {"{\"aString\":\"\xc0\xaf\"}", "JSON", "not UTF-8"},
      {"{\"aString\":\"\xed\xa0\x80\"}", "JSON", "not UTF-8"},
      {"{\"aString\":\"\xf4\x90\x80\x80\"}", "JSON", "not UTF-8"},
      {"{\"aString\":\"\xe9\x82\"}", "JSON", "not UTF-8"},
      {"{\"aString\":\"邻\xe9\"}", "JSON", "line 1, column 14: not UTF-8"},
      {R"({"aString":"\ud83c"})", "JSON", "half of a surrogate pair"},
      {R"({"aString":"\udfd8"})", "JSON", "half of a surrogate pair"},
      {R"({"aString":"\ud83cx"})", "JSON", "half of a surrogate pair"},
      {R"({"aString":"\ud83c\u0041"})", "JSON", "half of a surrogate pair"},
      {R"({"aString":"\ud83c\ud83c"})", "JSON", "half of a surrogate pair"},
      {R"({"aString":"\x41"})", "JSON", "no such escape"},
      {R"({"aString":"\u00g0"})", "JSON", "four hexadecimal digits"},
      {R"({"aString":"\u00)", "JSON", "four hexadecimal digits"},
      {R"({"aString":"\)", "JSON", "no such escape"},
      {R"({"aString":"open})", "JSON", "a string is not closed"},
      // Numbers that nothing holds.
      {R"({"aDouble":1e400})", "JSON_RANGE", "the number is too large"},
      {R"({"anInt64":18446744073709551616})", "JSON_RANGE", "the number is too large"},
      {R"({"anInt64":)" + std::string(5000, '9') + "}", "JSON_RANGE", "the number is too large"},
      // Other types than declared.
      {"[]", "JSON_TYPE", "the request must be an object"},
      {"null", "JSON_TYPE", "the request must be an object"},
      {"\"{}\"", "JSON_TYPE", "the request must be an object"},
      {R"({"aBool":"true"})", "JSON_TYPE", "aBool must be true or false"},
      {R"({"aBool":1})", "JSON_TYPE", "aBool must be true or false"},
      {R"({"aString":5})", "JSON_TYPE", "aString must be a string"},
      {R"({"aString":["x"]})", "JSON_TYPE", "aString must be a string"},
      {R"({"strings":"x"})", "JSON_TYPE", "strings must be a list"},
      {R"({"strings":["x",null]})", "JSON_TYPE", "strings[1] must not be null"},
      {R"({"inner":[]})", "JSON_TYPE", "inner must be an object"},
      {R"({"inners":[{},{"outer":{"labels":{"k":1}}}]})", "JSON_TYPE",
       R"(inners[1].outer.labels["k"] must be a string)"},
      {R"({"labels":[]})", "JSON_TYPE", "labels must be an object"},
      {R"({"labels":{"a":null}})", "JSON_TYPE", R"(labels["a"] must not be null)"},
      {R"({"byInt32":{"x":1}})", "JSON_TYPE", R"(byInt32["x"] must be a whole number)"},
      {R"({"byInt32":{"01":1}})", "JSON_TYPE", R"(byInt32["01"] must be a whole number)"},
      {R"({"byBool":{"1":1}})", "JSON_TYPE", R"(byBool["1"] must be true or false)"},
      {R"({"anInt32":1.5})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"anInt32":"1.5"})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"anInt32":""})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"anInt32":" 1"})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"anInt32":"+1"})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"anInt32":"--1"})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"anInt32":true})", "JSON_TYPE", "anInt32 must be a whole number"},
      {R"({"aDouble":"1,5"})", "JSON_TYPE", "aDouble must be a number"},
      {R"({"aDouble":"inf"})", "JSON_TYPE", "aDouble must be a number"},
      {R"({"aBytes":"A"})", "JSON_TYPE", "aBytes must be a string of base64"},
      {R"({"aBytes":"AA="})", "JSON_TYPE", "aBytes must be a string of base64"},
      {R"({"aBytes":"A A="})", "JSON_TYPE", "aBytes must be a string of base64"},
      {R"({"aBytes":"+_8="})", "JSON_TYPE", "aBytes must be a string of base64"},
      {R"({"aBytes":"AB=="})", "JSON_TYPE", "aBytes must be a string of base64"},
      {R"({"int32Value":{"value":1}})", "JSON_TYPE", "int32Value must be a whole number"},
      {R"({"aTime":1700000000})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":{"seconds":1}})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T00:00:00"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01 00:00:00Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01t00:00:00z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-02-29T00:00:00Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-13-01T00:00:00Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-00-01T00:00:00Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T24:00:00Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T23:59:60Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T00:00:00.Z"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T00:00:00.0000000001Z"})", "JSON_TYPE", "aTime must be a time"},
      {R"({"aTime":"2025-06-01T00:00:00+0800"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T00:00:00+24:00"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aTime":"2025-06-01T00:00:00Zx"})", "JSON_TYPE", "aTime must be a time such as"},
      {R"({"aDuration":"1"})", "JSON_TYPE", "aDuration must be a duration"},
      {R"({"aDuration":"--1s"})", "JSON_TYPE", "aDuration must be a duration"},
      {R"({"aDuration":"1.s"})", "JSON_TYPE", "aDuration must be a duration"},
      {R"({"aDuration":"1m"})", "JSON_TYPE", "aDuration must be a duration"},
      {R"({"aMask":["title"]})", "JSON_TYPE", "aMask must be names of fields"},
      {R"({"aMask":"title,"})", "JSON_TYPE", "aMask must be names of fields"},
      {R"({"aMask":"a..b"})", "JSON_TYPE", "aMask must be names of fields"},
      {R"({"aMask":"a b"})", "JSON_TYPE", "aMask must be names of fields"},
      {R"({"anAny":{"count":3}})", "JSON_TYPE", "anAny.@type must name the type"},
      {R"({"anAny":{"@type":"x.org/none.Such"}})", "JSON_TYPE", "anAny.@type names no type"},
      {R"({"anAny":{"@type":"linjuli.testing.v1.JsonCases"}})", "JSON_TYPE", "names no type"},
      {R"({"anAny":{"@type":"x/google.protobuf.Duration","value":"1s","more":1}})", "JSON_TYPE",
       "anAny must have @type and value"},
      {R"({"anAny":{"@type":"x/google.protobuf.Duration","value":"1"}})", "JSON_TYPE",
       "anAny.value must be a duration"},
      // Out of range.
      {R"({"anInt32":2147483648})", "JSON_RANGE", "anInt32 must be from -2147483648 to 2147483647"},
      {R"({"anInt32":"-2147483649"})", "JSON_RANGE", "must be from -2147483648"},
      {R"({"aUint32":-1})", "JSON_RANGE", "aUint32 must be from 0 to 4294967295"},
      {R"({"aUint64":"-1"})", "JSON_RANGE", "aUint64 must be from 0 to 18446744073709551615"},
      {R"({"anInt64":9223372036854775808})", "JSON_RANGE", "anInt64 must be from"},
      {R"({"anInt64":"99999999999999999999"})", "JSON_RANGE", "anInt64 must be from"},
      {R"({"anInt64":9007199254740994.0})", "JSON_RANGE", "anInt64 is too large to be written"},
      {R"({"anInt32":1e10})", "JSON_RANGE", "anInt32 must be from"},
      {R"({"aFloat":3.4028236e38})", "JSON_RANGE", "aFloat must be within"},
      {R"({"aDouble":"1e400"})", "JSON_RANGE", "aDouble must be within"},
      {R"({"aTime":"0000-12-31T23:59:59Z"})", "JSON_RANGE", "aTime must lie in the years"},
      {R"({"aTime":"0001-01-01T00:00:00+00:01"})", "JSON_RANGE", "aTime must lie in the years"},
      {R"({"aTime":"9999-12-31T23:59:59-00:01"})", "JSON_RANGE", "aTime must lie in the years"},
      {R"({"aDuration":"315576000001s"})", "JSON_RANGE", "aDuration must be within"},
      {R"({"aDuration":"99999999999999999999s"})", "JSON_RANGE", "aDuration must be within"},
      // Enums.
      {R"({"urgency":"SOON"})", "JSON_ENUM",
       "urgency must be one of JSON_URGENCY_UNSPECIFIED, NORMAL, URGENT, FAR, BELOW"},
      {R"({"urgency":"urgent"})", "JSON_ENUM", "must be one of"},
      {R"({"urgency":1.5})", "JSON_ENUM", "must be one of"},
      {R"({"urgency":3000000000})", "JSON_ENUM", "must be one of"},
      {R"({"urgency":"99999999999"})", "JSON_ENUM", "must be one of"},
      {R"({"urgencies":[true]})", "JSON_ENUM", "urgencies[0] must be one of"},
      // Twice.
      {R"({"aBool":true,"aBool":true})", "JSON_DUPLICATE", "aBool is given twice"},
      {R"({"aBool":true,"a_bool":true})", "JSON_DUPLICATE", "a_bool is given twice"},
      {R"({"aBool":null,"aBool":true})", "JSON_DUPLICATE", "aBool is given twice"},
      {R"({"aBool":true,"\u0061Bool":true})", "JSON_DUPLICATE", "aBool is given twice"},
      {R"({"strings":[],"strings":[]})", "JSON_DUPLICATE", "strings is given twice"},
      {R"({"labels":{"k":"1","\u006b":"2"}})", "JSON_DUPLICATE", R"(labels["k"] is given twice)"},
      {R"({"byInt32":{"0":1,"-0":2}})", "JSON_DUPLICATE", R"(byInt32["-0"] is given twice)"},
      {R"({"chosenText":"","chosenNumber":0})", "JSON_DUPLICATE",
       "chosenNumber cannot be set beside chosenText"},
      {R"({"anAny":{"@type":"x/google.protobuf.Empty","@type":"x/google.protobuf.Empty"}})",
       "JSON_DUPLICATE", "anAny.@type is given twice"},
      // Unknown.
      {R"({"aBol":true})", "JSON_UNKNOWN_FIELD", "aBol is not a field of JsonCases"},
      {R"({"aBol":null})", "JSON_UNKNOWN_FIELD", "aBol is not a field of JsonCases"},
      {R"({"inner":{"a":1}})", "JSON_UNKNOWN_FIELD", "inner.a is not a field of Inner"},
      {R"({"":1})", "JSON_UNKNOWN_FIELD", "is not a field"},
      {R"({"@type":"x"})", "JSON_UNKNOWN_FIELD", "is not a field"},
      {R"({")" + std::string(5000, 'x') + R"(":1})", "JSON_UNKNOWN_FIELD", "xxx… is not a field"},
      {R"({"anEmpty":{"a":1}})", "JSON_UNKNOWN_FIELD", "anEmpty.a is not a field of Empty"},
      // Too deep.
      {Nested(33), "JSON_DEPTH", "is nested deeper than 32"},
      {R"({"inner":)" + std::string(99, '[') + std::string(99, ']') + "}", "JSON_TYPE", "inner"},
      {std::string(1000, '['), "JSON_DEPTH", "nested deeper than 100"},
      {std::string(200 << 10, '['), "JSON_DEPTH", "nested deeper than 32"},
      {R"({"inner":)" + std::string(200 << 10, '[') + "}", "JSON_DEPTH", "nested deeper than 32"},
  };
  for (const auto& [text, reason, in_message] : cases) {
    CAPTURE(text.substr(0, 200));
    JsonCases message;
    auto status = ParseJson(text, message);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(ReasonOf(status) == reason);
    CHECK_THAT(std::string(status.message()), Catch::Contains(in_message));
    CHECK(status.message().size() < 300);
  }
}

TEST_CASE("the limits are the caller's", "[json]") {
  JsonCases message;
  CHECK(ReasonOf(ParseJson("{}", message, {.max_bytes = 1})) == "JSON_SIZE");
  CHECK(ParseJson("{}", message, {.max_bytes = 2}).ok());
  CHECK(ReasonOf(ParseJson(Nested(4), message, {.max_depth = 3})) == "JSON_DEPTH");
  CHECK(ParseJson(Nested(3), message, {.max_depth = 3}).ok());
  CHECK(ParseJson(Nested(100), message, {.max_depth = 1000}).ok());
  CHECK(ReasonOf(ParseJson(Nested(101), message, {.max_depth = 1000})) == "JSON_DEPTH");
  CHECK(ReasonOf(ParseJson(std::string((1 << 20) + 1, ' '), message)) == "JSON_SIZE");
}

// {"aString":"TEXT","int32s":[1,1,…]}, with so many commas.
std::string WithCommas(size_t commas, absl::string_view text) {
  std::string json = absl::StrCat(R"({"aString":")", text, R"(","int32s":[1)");
  for (size_t i = 1; i < commas; ++i) json += ",1";
  return json + "]}";
}

TEST_CASE("a long text may have so many values, and no more", "[json][R32]") {
  JsonCases message;
  // More entries than the list may have: nothing is wrong with the text.
  CHECK_THAT(std::string(ParseJson(WithCommas(65'536, ""), message).message()),
             Catch::Contains("int32s has more than"));
  auto status = ParseJson(WithCommas(65'537, ""), message);
  CHECK(ReasonOf(status) == "TOO_MANY");
  CHECK_THAT(std::string(status.message()), Catch::Contains("more than 65536 values"));
  CHECK(ReasonOf(ParseJson(WithCommas(40'000, ""), message, {.max_values = 39'999})) == "TOO_MANY");
}

TEST_CASE("a string may have so many bytes, and no more", "[json][R32]") {
  JsonCases message;
  auto parse = [&](const std::string& text) {
    return ParseJson(absl::StrCat(R"({"aString":")", text, R"("})"), message);
  };
  CHECK(parse(std::string(256 << 10, 'x')).ok());
  CHECK(ReasonOf(parse(std::string((256 << 10) + 1, 'x'))) == "JSON_SIZE");
  std::string open(300 << 10, 'x');
  CHECK(ReasonOf(ParseJson("\"" + open, message)) == "JSON_SIZE");
}

TEST_CASE("what stands in the strings of a long text is no bracket and no comma", "[json][R32]") {
  for (std::string piece : {",", "[", "{", R"(\",)", R"(\\)", R"(\\\"[)"}) {
    CAPTURE(piece);
    std::string text;
    while (text.size() < 200'000) text += piece;
    JsonCases message;
    REQUIRE(ParseJson(absl::StrCat(R"({"aString":")", text, R"("})"), message).ok());
    // Behind it they are again.
    CHECK(ReasonOf(ParseJson(
              absl::StrCat(R"({"aString":")", text, R"(","inner":)", std::string(40, '[')),
              message)) == "JSON_DEPTH");
  }
}

TEST_CASE("of a number without end, no more is looked at than tells that it is one",
          "[json][R32]") {
  JsonCases message;
  for (const char* begin : {"", "-", "1.", "1e"}) {
    CAPTURE(begin);
    std::string number = begin + std::string(900'000, '9');
    auto status = ParseJson(absl::StrCat(R"({"anInt32":)", number, "}"), message);
    CHECK(ReasonOf(status) == "JSON_RANGE");
    CHECK_THAT(std::string(status.message()), Catch::Contains("line 1, column 12"));
  }
  auto status = ParseJson(R"({"anInt32":-)" + std::string(900'000, '0') + "}", message);
  CHECK_THAT(std::string(status.message()),
             Catch::Contains("line 1, column 13: numbers have no leading zeros"));
}

TEST_CASE("texts of any length are read, one after the other", "[json]") {
  for (size_t length : {0, 1, 31, 32, 33, 63, 64, 65, 4095, 70000, 1000000, 12, 70000, 5}) {
    CAPTURE(length);
    JsonCases message;
    const std::string value(length, 'x');
    auto status = ParseJson(absl::StrCat(R"({"aString":")", value, R"("})"), message,
                            {.max_string = 1'000'000});
    REQUIRE(status.ok());
    CHECK(message.a_string() == value);
  }
}

TEST_CASE("a message that is not an object is read from its own form", "[json]") {
  google::protobuf::Timestamp time;
  REQUIRE(ParseJson(R"("1970-01-01T00:00:01.5Z")", time).ok());
  CHECK(time.seconds() == 1);
  CHECK(time.nanos() == 500000000);
  google::protobuf::StringValue text;
  REQUIRE(ParseJson(R"("x")", text).ok());
  CHECK(text.value() == "x");
}

TEST_CASE("open structures are refused", "[json]") {
  for (const char* text : {R"({"value":1})", R"({"fields":{"a":1}})", R"({"list":[[[]]]})"}) {
    CAPTURE(text);
    JsonUnstructured message;
    CHECK(ReasonOf(ParseJson(text, message)) == "JSON_TYPE");
  }
}

}  // namespace
}  // namespace linjuli
