#include "services/gateway/openapi.h"

#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "common/status.h"
#include "linjuli/testing/v1/gateway_cases.pb.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "services/gateway/json_writer.h"
#include "simdjson.h"

namespace linjuli {
namespace {

const google::protobuf::ServiceDescriptor* Tickets() {
  return testing::v1::Ticket::descriptor()->file()->FindServiceByName("Tickets");
}
const google::protobuf::ServiceDescriptor* Notices() {
  return testing::v1::Notice::descriptor()->file()->FindServiceByName("Notices");
}

// The protos of the tests with their comments.
const std::string& TestingDescriptors() {
  static const std::string* const bytes = [] {
    std::ifstream file(LINJULI_TESTING_SET, std::ios::binary);
    return new std::string(std::istreambuf_iterator<char>(file), {});
  }();
  return *bytes;
}

// The document, and what stands at a JSON pointer of it.
class Document {
 public:
  explicit Document(absl::string_view descriptor_set = TestingDescriptors()) {
    auto text = OpenApiDocument({Tickets(), Notices()}, descriptor_set);
    REQUIRE(text.ok());
    REQUIRE(parser_.parse(*text).get(root_) == simdjson::SUCCESS);
  }
  // As JSON text; empty where there is nothing.
  std::string At(const std::string& pointer) const {
    simdjson::dom::element element;
    if (root_.at_pointer(pointer).get(element) != simdjson::SUCCESS) return "";
    return simdjson::minify(element);
  }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

TEST_CASE("the document describes an operation with its comment, access and transition",
          "[gateway]") {
  Document document;
  CHECK(document.At("/openapi") == "\"3.1.0\"");
  const std::string take = "/paths/~1v1~1tickets~1{ticket}:take/post";
  CHECK(document.At(take + "/operationId") == "\"Tickets_TakeTicket\"");
  CHECK(document.At(take + "/summary") == "\"Takes a ticket; moves the state and nothing else\"");
  CHECK_THAT(document.At(take + "/description"), Catch::Contains("COMMUNITY_WORKER: AREA"));
  CHECK(document.At(take + "/tags/0") == "\"linjuli.testing.v1.Tickets\"");
  CHECK(document.At(take + "/x-linjuli-transition") == "\"OPEN -> TAKEN\"");
  CHECK(document.At(take + "/x-linjuli-access") ==
        R"({"allow":[{"role":["COMMUNITY_WORKER"],"scope":"AREA"}]})");
  CHECK(document.At(take + "/security") == R"([{"bearer":[]}])");
  CHECK(document.At(take + "/requestBody/content/application~1json/schema/$ref") ==
        "\"#/components/schemas/linjuli.testing.v1.TakeTicketRequest\"");
  CHECK(document.At(take + "/responses/default/content/application~1json/schema/$ref") ==
        "\"#/components/schemas/Error\"");
}

TEST_CASE("a public operation asks for no token", "[gateway]") {
  CHECK(Document().At("/paths/~1v1~1boards~1{board}~1notices:batchGet/get/security") == "[]");
}

TEST_CASE("parameters are what the path, the query and the header take", "[gateway]") {
  Document document;
  const std::string batch = "/paths/~1v1~1boards~1{board}~1notices:batchGet/get/parameters/";
  CHECK(document.At(batch + "0/name") == "\"board\"");
  CHECK(document.At(batch + "0/in") == "\"path\"");
  CHECK(document.At(batch + "1/name") == "\"names\"");
  CHECK(document.At(batch + "1/schema/type") == "\"array\"");
  CHECK(document.At(batch + "2/schema/format") == "\"date-time\"");
  CHECK(document.At(batch + "5/name") == "\"filter.word\"");
  const std::string update = "/paths/~1v1~1boards~1{board}~1notices~1{notice}/patch/";
  CHECK(document.At(update + "parameters/2/name") == "\"update_mask\"");
  CHECK_THAT(document.At(update + "parameters"), Catch::Contains("Idempotency-Key"));
  CHECK_THAT(document.At(update + "parameters"), Catch::Contains("If-Match"));
  CHECK(document.At(update + "requestBody/content/application~1json/schema/$ref") ==
        "\"#/components/schemas/linjuli.testing.v1.Notice\"");
}

TEST_CASE("schemas carry the field rules and comments of the protos", "[gateway]") {
  Document document;
  const std::string schemas = "/components/schemas/linjuli.testing.v1.";
  const std::string ticket = schemas + "Ticket/properties/";
  CHECK(document.At(schemas + "Ticket/description") == "\"Something to be done.\"");
  CHECK(document.At(schemas + "Ticket/required") == R"(["text","division"])");
  CHECK(document.At(ticket + "name/readOnly") == "true");
  CHECK(document.At(ticket + "text/description") == "\"What is to be done.\"");
  CHECK(document.At(ticket + "text/maxLength") == "2000");
  CHECK(document.At(ticket + "phone/maxLength") == "256");
  CHECK(document.At(ticket + "code/pattern") == R"("^(?:[A-Z]{2}[0-9]{4})$")");
  CHECK(document.At(ticket + "weight/minimum") == "0");
  CHECK(document.At(ticket + "weight/maximum") == "10");
  CHECK(document.At(ticket + "dueTime/format") == "\"date-time\"");
  CHECK(document.At(ticket + "notes/items/type") == "\"string\"");
  CHECK(document.At(ticket + "continues/x-linjuli-reference") == "\"tickets\"");
  CHECK(document.At(ticket + "state/$ref") ==
        "\"#/components/schemas/linjuli.testing.v1.Ticket.State\"");
  CHECK(document.At(schemas + "Ticket.State/enum") ==
        R"(["STATE_UNSPECIFIED","OPEN","TAKEN","DONE","LAPSED"])");
  CHECK(document.At(schemas + "Ticket.State/x-enum-descriptions/4") == "\"Nobody came in time.\"");
  CHECK(document.At(schemas + "Notice/properties/views/type") == "\"string\"");
  CHECK(document.At(schemas + "Notice/properties/views/format") == "\"int64\"");
  CHECK_THAT(document.At(schemas + "Notice.Audience/x-enum-descriptions"), Catch::Contains("居民"));
}

TEST_CASE("without a descriptor set the document has everything but comments", "[gateway]") {
  Document document("");
  CHECK(document.At("/components/schemas/linjuli.testing.v1.Ticket/description") == "");
  CHECK(document.At("/components/schemas/linjuli.testing.v1.Ticket/properties/text/maxLength") ==
        "2000");
}

TEST_CASE("a damaged descriptor set is an error", "[gateway]") {
  CHECK(ReasonOf(OpenApiDocument({Tickets()}, "nonsense").status()) == "DESCRIPTORS");
}

TEST_CASE("JSON strings are escaped, and bytes that are no UTF-8 replaced", "[gateway]") {
  std::string text;
  AppendJsonString(absl::string_view("a\"\\\n\t\0邻\xff\xed\xa0\x80", 13), text);
  CHECK(text == "\"a\\\"\\\\\\n\\u0009\\u0000邻\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace linjuli
