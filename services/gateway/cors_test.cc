#include "services/gateway/cors.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "common/status.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "services/gateway/gateway.h"
#include "services/gateway/test_client.h"

namespace linjuli {
namespace {

class DeadBackend : public Backend {
 public:
  void Start(Call, Done done) override { done(NotFound("tickets/a")); }
};

constexpr char kTown[] = "Origin: https://town.example.cn\r\n";

struct World {
  explicit World(std::vector<std::string> origins) {
    GatewayOptions options;
    options.services = {
        {testing::v1::Ticket::descriptor()->file()->FindServiceByName("Tickets"), &backend}};
    options.origins = std::move(origins);
    auto started = Gateway::Start(std::move(options));
    REQUIRE(started.ok());
    gateway = *std::move(started);
  }
  ClientResponse Ask(absl::string_view line, absl::string_view fields) {
    TestClient client(gateway->port());
    return client.Ask(absl::StrCat(line, " HTTP/1.1\r\nHost: a\r\n", fields, "\r\n"));
  }
  DeadBackend backend;
  std::unique_ptr<Gateway> gateway;
};

std::string Preflight(absl::string_view origin, absl::string_view verb) {
  return absl::StrCat(origin, "Access-Control-Request-Method: ", verb,
                      "\r\nAccess-Control-Request-Headers: authorization,content-type\r\n");
}

TEST_CASE("without a list no page of another origin reads an answer", "[gateway][cors]") {
  World world({});
  ClientResponse answer = world.Ask("OPTIONS /v1/tickets", Preflight(kTown, "POST"));
  CHECK(answer.code == 204);
  CHECK(answer.Field("Allow") != "");
  for (const char* line : {"OPTIONS /v1/tickets", "GET /v1/tickets/a", "GET /livez"}) {
    answer = world.Ask(line, kTown);
    CHECK_FALSE(absl::StrContains(answer.head, "Access-Control"));
    CHECK(answer.Field("Vary") == "");
  }
}

TEST_CASE("a page of a listed origin may ask, and reads answers and errors of every door",
          "[gateway][cors]") {
  World world({"https://town.example.cn", "http://127.0.0.1:5173"});
  for (const char* verb : {"POST", "PATCH", "DELETE", "GET"}) {
    ClientResponse answer = world.Ask("OPTIONS /v1/tickets", Preflight(kTown, verb));
    CHECK(answer.code == 204);
    CHECK(answer.Field("Access-Control-Allow-Origin") == "https://town.example.cn");
    CHECK_THAT(answer.Field("Access-Control-Allow-Methods"), Catch::Contains(verb));
    for (const char* name : {"Authorization", "Content-Type", "Idempotency-Key", "If-Match",
                             "Connect-Protocol-Version", "Connect-Timeout-Ms", "X-Grpc-Web",
                             "Grpc-Timeout", "Last-Event-ID"}) {
      CHECK_THAT(answer.Field("Access-Control-Allow-Headers"), Catch::Contains(name));
    }
    CHECK(answer.Field("Access-Control-Max-Age") == "7200");
    CHECK(answer.Field("Vary") == "Origin");
    CHECK(answer.Field("Access-Control-Allow-Credentials") == "");
  }
  const std::pair<std::string, std::string> asked[] = {
      {"GET /v1/tickets/a", ""},
      {"GET /v1/nothing", ""},
      {"GET /livez", ""},
      {"DELETE /linjuli.testing.v1.Tickets/GetTicket", ""},
      {"GET /linjuli.testing.v1.Tickets/GetTicket?encoding=json&message=%7B%7D", ""},
      {"POST /linjuli.testing.v1.Tickets/GetTicket", "Content-Type: application/grpc-web\r\n"}};
  for (const auto& [line, fields] : asked) {
    INFO(line);
    ClientResponse answer = world.Ask(line, absl::StrCat(kTown, fields));
    CHECK(answer.code != 0);
    CHECK(answer.Field("Access-Control-Allow-Origin") == "https://town.example.cn");
    CHECK_THAT(answer.Field("Access-Control-Expose-Headers"), Catch::Contains("X-Request-Id"));
    CHECK(answer.Field("Vary") == "Origin");
  }
}

TEST_CASE("a page of another origin is told nothing, and caches know that it depends",
          "[gateway][cors]") {
  World world({"https://town.example.cn"});
  for (const char* origin :
       {"Origin: https://town.example.cn.evil.example\r\n", "Origin: http://town.example.cn\r\n",
        "Origin: https://town.example.cn:8443\r\n", "Origin: null\r\n", "Origin: *\r\n",
        "Origin: https://TOWN.example.cn\r\n", ""}) {
    INFO(origin);
    ClientResponse answer = world.Ask("OPTIONS /v1/tickets", Preflight(origin, "POST"));
    CHECK(answer.code == 204);
    CHECK_FALSE(absl::StrContains(answer.head, "Access-Control"));
    answer = world.Ask("GET /v1/tickets/a", origin);
    CHECK(answer.code == 404);
    CHECK_FALSE(absl::StrContains(answer.head, "Access-Control"));
    CHECK(answer.Field("Vary") == "Origin");
  }
}

TEST_CASE("an origin that no browser sends keeps the gateway from starting", "[gateway][cors]") {
  for (const char* origin : {"*", "null", "", "town.example.cn", "https://", "https://a/",
                             "https://a/b", "https://*.a", "https://A", "https://a@b", "ftp://a"}) {
    INFO(origin);
    CHECK(ReasonOf(CorsDoor::Of({origin}).status()) == "ORIGIN");
  }
}

}  // namespace
}  // namespace linjuli
