#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "common/json/codec.h"
#include "google/rpc/error_details.pb.h"
#include "linjuli/testing/v1/json_cases.pb.h"

namespace linjuli {
namespace {

using testing::v1::JsonCases;
using testing::v1::JsonFlat;
using testing::v1::JsonPage;
using testing::v1::JsonUrgency;

std::string Printed(const google::protobuf::Message& message, const JsonPrint& options = {}) {
  std::string out;
  PrintJson(message, out, options);
  return out;
}

TEST_CASE("fields are printed under their JSON names and left out when not set", "[json]") {
  JsonFlat need;
  CHECK(Printed(need) == "{}");
  need.set_receipt_number("331082-2025-000001");
  need.set_urgency(testing::v1::URGENT);
  need.set_budget_fen(9007199254740993);
  need.mutable_create_time()->set_seconds(1748737800);
  CHECK(Printed(need) == R"({"receiptNumber":"331082-2025-000001","urgency":"URGENT",)"
                         R"("createTime":"2025-06-01T00:30:00Z","budgetFen":"9007199254740993"})");
}

TEST_CASE("printing appends to what is there", "[json]") {
  std::string out = "data: ";
  PrintJson(JsonFlat(), out);
  CHECK(out == "data: {}");
}

TEST_CASE("empty lists are printed where they are asked for", "[json]") {
  JsonPage page;
  CHECK(Printed(page) == "{}");
  CHECK(Printed(page, {.always_print_lists = true}) == R"({"needs":[]})");
}

TEST_CASE("only what JSON asks for is escaped, wherever in a string it stands", "[json]") {
  for (size_t before = 0; before < 20; ++before) {
    JsonCases message;
    const std::string pad(before, 'x');
    message.set_a_string(pad + "\"\\\n\x01/<邻\xe2\x80\xa8" + pad);
    CHECK(Printed(message) ==
          R"({"aString":")" + pad + R"(\"\\\n\u0001/<邻)" + "\xe2\x80\xa8" + pad + R"("})");
  }
}

TEST_CASE("bytes that are not UTF-8 do not spoil the output", "[json]") {
  google::protobuf::BytesValue bytes;
  bytes.set_value("\xff");
  google::protobuf::StringValue text;
  // What only code can set: the wire format would have refused it.
  text.set_value("a\xff\xe9\x82z");
  CHECK(Printed(bytes) == R"("/w==")");
  CHECK(Printed(text) == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST_CASE("a time or duration out of its range is null", "[json]") {
  google::protobuf::Timestamp time;
  google::protobuf::Duration duration;
  time.set_seconds(253402300800);
  CHECK(Printed(time) == "null");
  time.set_seconds(0);
  time.set_nanos(-1);
  CHECK(Printed(time) == "null");
  duration.set_seconds(1);
  duration.set_nanos(-1);
  CHECK(Printed(duration) == "null");
  duration.set_seconds(-315576000001);
  CHECK(Printed(duration) == "null");
}

TEST_CASE("an Any is expanded when its type is known", "[json]") {
  JsonCases message;
  google::rpc::ErrorInfo info;
  info.set_reason("CALL_CLOSED");
  message.mutable_an_any()->PackFrom(info);
  CHECK(Printed(message) ==
        R"({"anAny":{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CALL_CLOSED"}})");
  message.mutable_an_any()->set_type_url("type.googleapis.com/none.Such");
  message.mutable_an_any()->set_value("\x01\x02");
  CHECK(Printed(message) ==
        R"({"anAny":{"@type":"type.googleapis.com/none.Such","value":"AQI="}})");
}

TEST_CASE("Any within Any ends at a bound", "[json]") {
  google::protobuf::Any any;
  for (int i = 0; i < 40; ++i) {
    google::protobuf::Any outer;
    outer.PackFrom(any);
    any = outer;
  }
  const std::string out = Printed(any);
  size_t levels = 0;
  for (size_t at = 0; (at = out.find("@type", at)) != std::string::npos; ++at) ++levels;
  CHECK(levels == 33);
}

TEST_CASE("many threads may meet a type for the first time at once", "[json]") {
  std::vector<std::thread> threads;
  std::vector<std::string> printed(8);
  for (auto& out : printed) {
    threads.emplace_back([&out] {
      testing::v1::JsonUnstructured message;
      message.mutable_fields();
      PrintJson(message, out);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& out : printed) CHECK(out == R"({"fields":{}})");
}

}  // namespace
}  // namespace linjuli
