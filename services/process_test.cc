// The whole program as it ends: what its probes say, and what it still does.
#include "services/process.h"

#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/grpc/channel.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/gateway/test_client.h"
#include "tests/city_rig.h"

namespace linjuli {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

TEST_CASE("a program that drains says so and serves on, until its callers have heard of it",
          "[process][drain][R29]") {
  QuietLog();
  MemoryDir folder;
  TokenDesk desk(folder.path());
  FakeClock clock(ChinaAt("2026-11-23 09:00"));
  ProcessOptions options;
  options.serve = {"all"};
  options.data_dir = folder.path();
  options.standard_dir = LinhaiFolder();
  options.http = "127.0.0.1:0";
  options.grpc = "127.0.0.1:0";
  options.clock = &clock;
  options.due_thread = false;
  options.drain_delay = absl::Seconds(5);
  auto started = Process::Start(std::move(options));
  INFO(started.status());
  REQUIRE(started.ok());
  Process& process = **started;
  int port = process.http_port();
  std::string bearer = desk.TokenOf(Person("worker/wang", {COMMUNITY_WORKER}, {"331082"}));
  // Each on a connection of its own, as a probe or a new caller would.
  auto get = [&](const std::string& path) {
    return TestClient(port).Ask(absl::StrCat(
        "GET ", path, " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", bearer, "\r\n\r\n"));
  };
  auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", process.grpc_port()),
                                     grpc::InsecureChannelCredentials());
  auto health = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  auto watch = health->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  REQUIRE(watch->Read(&response));
  REQUIRE(response.status() == HealthCheckResponse::SERVING);
  REQUIRE(get("/readyz").code == 200);

  std::thread drain([&] { process.Drain(); });
  CHECK(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
  ClientResponse ready = get("/readyz");
  CHECK(ready.code == 503);
  CHECK(ready.body == "draining\n");
  CHECK(get("/livez").code == 200);
  CHECK(get("/v1/needs").code == 200);

  clock.Advance(absl::Seconds(5));
  drain.join();
  CHECK_FALSE(TestClient(port).connected());
  context.TryCancel();
  CHECK_FALSE(watch->Read(&response));
}

}  // namespace
}  // namespace linjuli
