// Live changes where the gateway and a service are processes of their own.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/gateway/test_events.h"
#include "services/process.h"
#include "tests/city_rig.h"

namespace linjuli {
namespace {

TEST_CASE("a need in another process is followed through the gateway", "[process][events]") {
  QuietLog();
  MemoryDir folder;
  TokenDesk desk(folder.path());
  ProcessOptions options;
  options.data_dir = folder.path();
  options.standard_dir = LinhaiFolder();
  options.due_thread = false;
  ProcessOptions front = options;
  options.serve = {"needs_intake"};
  options.grpc = "127.0.0.1:0";
  auto service = Process::Start(options);
  INFO(service.status());
  REQUIRE(service.ok());
  front.serve = {"gateway"};
  front.http = "127.0.0.1:0";
  front.backends["needs_intake"] = absl::StrCat("127.0.0.1:", (*service)->grpc_port());
  auto gateway = Process::Start(front);
  INFO(gateway.status());
  REQUIRE(gateway.ok());
  int port = (*gateway)->http_port();

  std::string resident = desk.TokenOf(Person("resident/li", {RESIDENT}));
  std::string worker = desk.TokenOf(Person("worker/wang", {COMMUNITY_WORKER}, {"331082"}));
  std::string auditor = desk.TokenOf(Person("auditor/he", {AUDITOR}));
  auto post = [&](const std::string& path, const std::string& token, const std::string& body) {
    return TestClient(port).Ask(absl::StrCat(
        "POST ", path, " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: ",
        "Bearer ", token, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  };
  ClientResponse made =
      post("/v1/needs", resident, R"({"text":"a","division":"331082001001","channel":"ONLINE"})");
  REQUIRE(made.code == 200);
  std::vector<std::string> parts = absl::StrSplit(made.body, '"');
  std::string name = parts[3];

  EventClient story(port, resident, "/v1/history/" + name);
  EventClient log(port, auditor, "/v1/changes/needs_intake");
  CHECK(EventClient(port, resident, "/v1/changes/needs_intake").head.code == 403);
  CHECK(story.States(1) == "RECEIVED");
  CHECK(log.States(1) == "RECEIVED");
  REQUIRE(post("/v1/" + name + ":claim", worker, "{}").code == 200);
  CHECK(story.States(1) == "CLAIMED");
  CHECK(log.States(1) == "CLAIMED");
}

}  // namespace
}  // namespace linjuli
