#include "services/gateway/gateway.h"

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/testing/v1/gateway_cases.pb.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "services/gateway/embedded_descriptors.h"
#include "services/gateway/test_client.h"

namespace linjuli {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::ServiceDescriptor;
using testing::v1::Notice;
using testing::v1::Ticket;

// Keeps what it was asked last, and answers as it is told; an empty message where it is not.
class FakeBackend : public Backend {
 public:
  void Start(Call call, Done done) override {
    last = std::move(call);
    if (answer != nullptr) return done(answer(last));
    done(Reply(std::unique_ptr<Message>(
        MessageFactory::generated_factory()->GetPrototype(last.method->output_type())->New())));
  }

  // "TakeTicket name: \"tickets/a\"".
  std::string Asked() const {
    return last.method == nullptr
               ? ""
               : absl::StrCat(last.method->name(), " ", last.request->ShortDebugString());
  }

  Call last;
  std::function<Reply(const Call&)> answer;
};

const ServiceDescriptor* Tickets() {
  return Ticket::descriptor()->file()->FindServiceByName("Tickets");
}
const ServiceDescriptor* Notices() {
  return Notice::descriptor()->file()->FindServiceByName("Notices");
}

// A gateway before two services, and a client.
class World {
 public:
  World() {
    GatewayOptions options;
    options.services = {{Tickets(), &tickets}, {Notices(), &notices}};
    options.http.clock = &clock;
    options.descriptor_set = EmbeddedDescriptors();
    options.ready = [this] { return ready; };
    options.localize = [](absl::Status& status) {
      Localize(status, "zh-CN", absl::StrCat("原因 ", ReasonOf(status)));
    };
    auto started = Gateway::Start(std::move(options));
    REQUIRE(started.ok());
    gateway = *std::move(started);
    client = std::make_unique<TestClient>(gateway->port());
  }

  // `line` as "POST /v1/tickets"; `fields` each with its line break.
  ClientResponse Ask(absl::string_view line, absl::string_view body = "",
                     absl::string_view fields = "Content-Type: application/json\r\n") {
    tickets.last = Call();
    notices.last = Call();
    return client->Ask(absl::StrCat(line, " HTTP/1.1\r\nHost: a\r\n", fields,
                                    "Content-Length: ", body.size(), "\r\n\r\n", body));
  }

  FakeClock clock{absl::FromUnixSeconds(1'700'000'000)};
  FakeBackend tickets, notices;
  absl::Status ready;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<TestClient> client;
};

TEST_CASE("path, query, body and header fields make the request message", "[gateway]") {
  World world;
  struct Line {
    const char* line;
    const char* body;
    const char* fields;
    const char* asked;
  };
  const Line lines[] = {
      {"GET /v1/tickets/a", "", "", "GetTicket name: \"tickets/a\""},
      {"HEAD /v1/tickets/a", "", "", "GetTicket name: \"tickets/a\""},
      {"GET /v1/tickets?division=331082&state=OPEN&page_size=7", "", "",
       "ListTickets division: \"331082\" state: OPEN page_size: 7"},
      {"GET /v1/tickets?pageSize=7", "", "", "ListTickets page_size: 7"},
      {"GET /v1/tickets:search?query=%E5%81%9C%E8%BD%A6+near", "", "",
       "SearchTickets query: \"\\345\\201\\234\\350\\275\\246 near\""},
      {"POST /v1/tickets", R"({"text":"a","dueTime":"2024-01-02T03:04:05Z"})", "",
       "CreateTicket ticket { text: \"a\" due_time { seconds: 1704164645 } }"},
      {"POST /v1/tickets?request_id=r1", R"({"text":"a"})", "",
       "CreateTicket ticket { text: \"a\" } request_id: \"r1\""},
      {"POST /v1/tickets", R"({"text":"a"})", "Idempotency-Key: r-2\r\n",
       "CreateTicket ticket { text: \"a\" } request_id: \"r-2\""},
      {"POST /v1/tickets/a:take", "", "", "TakeTicket name: \"tickets/a\""},
      {"POST /v1/tickets/a:take", "{}", "If-Match: \"7\"\r\n",
       "TakeTicket name: \"tickets/a\" etag: \"7\""},
      {"POST /v1/tickets/a:take", R"({"requestId":"r"})", "Idempotency-Key: r\r\n",
       "TakeTicket name: \"tickets/a\" request_id: \"r\""},
      {"POST /v1/tickets/a:take", R"({"name":"tickets/a"})", "", "TakeTicket name: \"tickets/a\""},
      {"PATCH /v1/boards/b/notices/n?update_mask=text,audience",
       R"({"text":"t","audience":"RESIDENTS"})", "If-Match: \"e\"\r\n",
       "UpdateNotice notice { name: \"boards/b/notices/n\" text: \"t\" etag: \"e\" audience: "
       "RESIDENTS } update_mask { paths: \"text\" paths: \"audience\" }"},
      {"DELETE /v1/boards/b/notices/n", "", "", "DeleteNotice name: \"boards/b/notices/n\""},
      {"GET /v1/boards/b/notices:batchGet?names=x&names=y&after_time=2024-01-02T03:04:05Z"
       "&filter.word=w&filter.views=9007199254740993",
       "", "",
       "BatchGetNotices parent: \"boards/b\" names: \"x\" names: \"y\" after_time { seconds: "
       "1704164645 } filter { word: \"w\" views: 9007199254740993 }"},
      {"GET /v1/history/needs/a", "", "", "ListHistory name: \"needs/a\""},
  };
  for (const Line& line : lines) {
    INFO(line.line << " " << line.body);
    ClientResponse response = world.Ask(
        line.line, line.body, absl::StrCat("Content-Type: application/json\r\n", line.fields));
    CHECK(response.code == 200);
    std::string asked =
        world.tickets.Asked().empty() ? world.notices.Asked() : world.tickets.Asked();
    CHECK(asked == line.asked);
  }
}

TEST_CASE("a request that says too much, too little or two things is refused with a reason",
          "[gateway]") {
  World world;
  struct Line {
    const char* line;
    const char* body;
    const char* fields;
    int code;
    const char* reason;
  };
  const char* const json = "Content-Type: application/json\r\n";
  const Line lines[] = {
      {"GET /v1/tickets/a", "{}", json, 400, "BODY"},
      {"DELETE /v1/boards/b/notices/n", "{}", json, 400, "BODY"},
      {"POST /v1/tickets", "{}", "", 415, "MEDIA_TYPE"},
      {"POST /v1/tickets", "{}", "Content-Type: text/plain\r\n", 415, "MEDIA_TYPE"},
      {"POST /v1/tickets", "{}", "Content-Type: application/json; charset=gbk\r\n", 415,
       "MEDIA_TYPE"},
      {"POST /v1/tickets", "{}", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
       415, "MEDIA_TYPE"},
      {"POST /v1/tickets", "{", json, 400, "JSON"},
      {"POST /v1/tickets", "{'text':'a'}", json, 400, "JSON"},
      {"POST /v1/tickets", R"({"nobody":1})", json, 400, "JSON_UNKNOWN_FIELD"},
      {"POST /v1/tickets", R"({"text":"a","text":"a"})", json, 400, "JSON_DUPLICATE"},
      {"GET /v1/tickets?nobody=1", "", "", 400, "UNKNOWN_FIELD"},
      {"GET /v1/tickets?", "", "", 200, ""},
      {"GET /v1/tickets?&", "", "", 400, "UNKNOWN_FIELD"},
      {"GET /v1/tickets?page_size=0&page_size=1", "", "", 400, "QUERY"},
      {"GET /v1/tickets?page_size=1&pageSize=1", "", "", 400, "QUERY"},
      {"GET /v1/tickets?page_size=a", "", "", 400, "JSON_TYPE"},
      {"GET /v1/tickets?state=NOBODY", "", "", 400, "JSON_ENUM"},
      {"GET /v1/tickets?division=%zz", "", "", 400, "QUERY"},
      {"GET /v1/tickets?division=%ff", "", "", 400, "QUERY"},
      {"GET /v1/tickets/a?name=tickets/a", "", "", 400, "QUERY"},
      {"POST /v1/tickets?ticket.text=a", "{}", json, 400, "QUERY"},
      {"POST /v1/tickets/a:take?etag=a", "{}", json, 400, "QUERY"},
      {"POST /v1/tickets/a:take", R"({"name":"tickets/b"})", json, 400, "CONFLICT"},
      {"POST /v1/tickets/a:take", R"({"requestId":"r"})",
       "Content-Type: application/json\r\nIdempotency-Key: s\r\n", 400, "CONFLICT"},
      {"POST /v1/tickets/a:take", R"({"etag":"1"})",
       "Content-Type: application/json\r\nIf-Match: \"2\"\r\n", 400, "CONFLICT"},
      {"POST /v1/tickets/a:take", "", "Idempotency-Key: a b\r\n", 400, "HEADER"},
      {"POST /v1/tickets/a:take", "", "Idempotency-Key:\r\n", 400, "HEADER"},
      {"POST /v1/tickets/a:take", "", "If-Match: 7\r\n", 400, "HEADER"},
      {"POST /v1/tickets/a:take", "", "If-Match: W/\"7\"\r\n", 400, "HEADER"},
      {"POST /v1/tickets/a:take", "", "If-Match: *\r\n", 400, "HEADER"},
      {"POST /v1/tickets/a:take", "", "If-Match: \"7\", \"8\"\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "If-Match: \"7\"\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "X-Request-Timeout: 61\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "X-Request-Timeout: 0\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "X-Request-Timeout: -1\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "X-Request-Timeout: 1e1\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "X-Request-Timeout: nan\r\n", 400, "HEADER"},
      {"GET /v1/tickets/a", "", "Authorization: Basic YTpi\r\n", 401, "TOKEN"},
      {"GET /v1/tickets/a", "", "Authorization: Bearer\r\n", 401, "TOKEN"},
      {"GET /v1/tickets/a", "", "Authorization: Bearer a b\r\n", 401, "TOKEN"},
      {"GET /v1/nothing", "", "", 404, "NO_ROUTE"},
      {"DELETE /v1/tickets", "", "", 405, "METHOD_NOT_ALLOWED"},
      {"GET /v1/tickets/%zz", "", "", 400, "PATH"},
  };
  for (const Line& line : lines) {
    INFO(line.line << " " << line.body << " " << line.fields);
    ClientResponse response = world.Ask(line.line, line.body, line.fields);
    CHECK(response.code == line.code);
    if (line.code != 200) {
      CHECK_THAT(response.body, Catch::Contains(absl::StrCat("\"reason\":\"", line.reason, "\"")));
      CHECK(world.tickets.Asked() == "");
      CHECK(world.notices.Asked() == "");
    }
  }
}

TEST_CASE("JSON nested 33 deep is refused", "[gateway]") {
  World world;
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += R"({"ticket":)";
  ClientResponse response = world.Ask("POST /v1/tickets", deep);
  CHECK(response.code == 400);
}

TEST_CASE("a call carries the token, the trace and a deadline, and nothing else of the header",
          "[gateway]") {
  World world;
  ClientResponse response = world.Ask(
      "GET /v1/tickets/a", "",
      "Authorization: bearer abc.def\r\nX-Request-Id: trace-1\r\nX-Request-Timeout: 2.5\r\n"
      "X-Forwarded-User: boss\r\n");
  CHECK(response.code == 200);
  CHECK(response.Field("X-Request-Id") == "trace-1");
  CHECK(world.tickets.last.token == "abc.def");
  CHECK(world.tickets.last.trace == "trace-1");
  CHECK(world.tickets.last.deadline == world.clock.Now() + absl::Milliseconds(2500));

  response = world.Ask("GET /v1/tickets/a", "", "");
  CHECK(world.tickets.last.token == "");
  CHECK(response.Field("X-Request-Id").size() == 32);
  CHECK(world.tickets.last.trace == response.Field("X-Request-Id"));
  CHECK(world.tickets.last.deadline == world.clock.Now() + absl::Seconds(10));
}

TEST_CASE("a reply is JSON with its version as ETag", "[gateway]") {
  World world;
  world.tickets.answer = [](const Call&) -> Reply {
    auto ticket = std::make_unique<Ticket>();
    ticket->set_name("tickets/a");
    ticket->set_text("修路灯");
    ticket->set_state(Ticket::OPEN);
    ticket->set_etag("7");
    return Reply(std::move(ticket));
  };
  ClientResponse response = world.Ask("GET /v1/tickets/a", "", "");
  CHECK(response.code == 200);
  CHECK(response.Field("ETag") == "\"7\"");
  CHECK(response.Field("Content-Type") == "application/json");
  CHECK(
      response.body ==
      R"({"name":"tickets/a","text":"修路灯","state":"OPEN","notes":[],"etag":"7","allowedActions":[]})");

  // An etag that no header may hold is left to the body.
  world.tickets.answer = [](const Call&) -> Reply {
    auto ticket = std::make_unique<Ticket>();
    ticket->set_etag("a\r\nSet-Cookie: b");
    return Reply(std::move(ticket));
  };
  response = world.Ask("GET /v1/tickets/a", "", "");
  CHECK(response.code == 200);
  CHECK(response.head.find("ETag") == std::string::npos);
  CHECK(response.head.find("Set-Cookie") == std::string::npos);
}

TEST_CASE("every canonical error has its HTTP code, and keeps its details", "[gateway]") {
  World world;
  const std::pair<absl::StatusCode, int> codes[] = {
      {absl::StatusCode::kCancelled, 499},          {absl::StatusCode::kUnknown, 500},
      {absl::StatusCode::kInvalidArgument, 400},    {absl::StatusCode::kDeadlineExceeded, 504},
      {absl::StatusCode::kNotFound, 404},           {absl::StatusCode::kAlreadyExists, 409},
      {absl::StatusCode::kPermissionDenied, 403},   {absl::StatusCode::kResourceExhausted, 429},
      {absl::StatusCode::kFailedPrecondition, 400}, {absl::StatusCode::kAborted, 409},
      {absl::StatusCode::kOutOfRange, 400},         {absl::StatusCode::kUnimplemented, 501},
      {absl::StatusCode::kInternal, 500},           {absl::StatusCode::kUnavailable, 503},
      {absl::StatusCode::kDataLoss, 500},           {absl::StatusCode::kUnauthenticated, 401},
  };
  for (auto [code, http] : codes) {
    world.tickets.answer = [code = code](const Call&) -> Reply {
      return Refuse(code, "WHY", "a sentence", {{"fact", "1"}});
    };
    ClientResponse response = world.Ask("GET /v1/tickets/a", "", "");
    INFO(response.body);
    CHECK(response.code == http);
    CHECK(absl::StartsWith(response.body,
                           absl::StrCat("{\"error\":{\"code\":", http, ",\"status\":\"",
                                        absl::StatusCodeToString(code),
                                        "\",\"message\":\"a sentence\",\"details\":[")));
    CHECK_THAT(response.body,
               Catch::Contains(R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo",)"
                               R"("reason":"WHY","domain":"linjuli","metadata":{"fact":"1"}})"));
    CHECK_THAT(response.body, Catch::Contains(R"("locale":"zh-CN","message":"原因 WHY")"));
    CHECK(response.Field("WWW-Authenticate") == (http == 401 ? "Bearer" : ""));
  }
}

TEST_CASE("the verbs of a path are told to OPTIONS, and to who tries another", "[gateway]") {
  World world;
  ClientResponse response = world.Ask("OPTIONS /v1/tickets", "", "");
  CHECK(response.code == 204);
  CHECK(response.Field("Allow") == "GET, HEAD, OPTIONS, POST");
  CHECK(response.head.find("Access-Control") == std::string::npos);
  CHECK(world.Ask("DELETE /v1/tickets", "", "").Field("Allow") == "GET, HEAD, OPTIONS, POST");
  CHECK(world.Ask("OPTIONS /v1/nothing", "", "").code == 404);
}

TEST_CASE("the probes say whether the process lives, and whether and why not it is ready",
          "[gateway]") {
  World world;
  CHECK(world.Ask("GET /livez", "", "").code == 200);
  CHECK(world.Ask("GET /readyz", "", "").body == "ok\n");
  world.ready = absl::UnavailableError("the store is being opened");
  CHECK(world.Ask("GET /livez", "", "").code == 200);
  ClientResponse response = world.Ask("GET /readyz", "", "");
  CHECK(response.code == 503);
  CHECK(response.body == "the store is being opened\n");
  CHECK(world.Ask("POST /readyz", "", "").code == 405);
}

TEST_CASE("the documentation is a page that loads nothing from outside", "[gateway]") {
  World world;
  ClientResponse response = world.Ask("GET /docs", "", "");
  CHECK(response.code == 200);
  CHECK(response.Field("Content-Type") == "text/html; charset=utf-8");
  CHECK(absl::StartsWith(response.Field("Content-Security-Policy"), "default-src 'none';"));
  CHECK_FALSE(absl::StrContains(response.body, "http://"));
  CHECK_FALSE(absl::StrContains(response.body, "https://"));
  CHECK_FALSE(absl::StrContains(response.body, "innerHTML"));
  CHECK(world.Ask("GET /openapi.json", "", "").code == 200);
}

TEST_CASE("a gateway with routes that contradict each other does not start", "[gateway]") {
  FakeBackend backend;
  GatewayOptions options;
  options.services = {{Tickets(), &backend}, {Tickets(), &backend}};
  auto started = Gateway::Start(std::move(options));
  CHECK(ReasonOf(started.status()) == "ROUTE");
}

}  // namespace
}  // namespace linjuli
