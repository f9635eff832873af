#include "services/gateway/gate.h"

#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "common/auth/issuer.h"
#include "common/rpc/priority.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "services/gateway/gateway.h"
#include "services/gateway/test_client.h"
#include "tests/temp_dir.h"

namespace linjuli {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::ServiceDescriptor;

const ServiceDescriptor* Tickets() {
  return testing::v1::Ticket::descriptor()->file()->FindServiceByName("Tickets");
}

// Answers everything, and counts.
class Counting : public Backend {
 public:
  void Start(Call call, Done done) override {
    ++calls;
    done(Reply(std::unique_ptr<Message>(
        MessageFactory::generated_factory()->GetPrototype(call.method->output_type())->New())));
  }
  int calls = 0;
};

// A gateway with a gate before it, and tokens.
class World {
 public:
  explicit World(GateOptions gate = {}) {
    auto made = Issuer::LoadOrCreate(dir_.File("issuer.jwk"));
    REQUIRE(made.ok());
    issuer_ = std::make_unique<Issuer>(*std::move(made));
    verifier_ = std::make_unique<Verifier>(issuer_->keys(), Issuer::kName, Issuer::kName, &clock);
    GatewayOptions options;
    options.services = {{Tickets(), &tickets}};
    options.http.clock = &clock;
    options.gate = std::move(gate);
    options.gate.verifier = verifier_.get();
    options.gate.clock = &clock;
    options.localize = [](absl::Status& status) {
      Localize(status, "zh-CN", absl::StrCat("原因 ", ReasonOf(status)));
    };
    auto started = Gateway::Start(std::move(options));
    REQUIRE(started.ok());
    gateway_ = *std::move(started);
    client = std::make_unique<TestClient>(gateway_->port());
  }

  std::string Token(absl::string_view subject) {
    Caller caller;
    caller.subject = std::string(subject);
    return issuer_->Sign(caller, absl::Hours(10), clock.Now());
  }
  ClientResponse Get(absl::string_view token, absl::string_view fields = "") {
    return client->Ask(
        absl::StrCat("GET /v1/tickets/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", token,
                     "\r\n", fields, "\r\n"));
  }
  ClientResponse Post(absl::string_view token) {
    return client->Ask(
        absl::StrCat("POST /v1/tickets HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", token,
                     "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
  }
  // How many in a row are let in.
  int Admitted(const std::function<ClientResponse()>& ask) {
    int admitted = 0;
    while (ask().code != 429) ++admitted;
    return admitted;
  }

  FakeClock clock{absl::FromUnixSeconds(1'700'000'000)};
  Counting tickets;
  std::unique_ptr<TestClient> client;

 private:
  TempDir dir_;
  std::unique_ptr<Issuer> issuer_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_CASE("who calls too often is told 429 and when to come again, others are served",
          "[gateway][R39]") {
  World world({.person = {.all = 4, .writes = 1}});
  std::string li = world.Token("li"), wang = world.Token("wang");
  CHECK(world.Admitted([&] { return world.Get(li); }) == 20);
  ClientResponse refused = world.Get(li);
  CHECK(refused.code == 429);
  CHECK(refused.Field("Retry-After") == "1");
  CHECK(absl::StrContains(refused.body, "\"reason\":\"RATE\""));
  CHECK(absl::StrContains(refused.body, "\"retryDelay\":\"0.250s\""));
  CHECK(absl::StrContains(refused.body, "原因 RATE"));
  CHECK(world.tickets.calls == 20);
  CHECK(world.Get(wang).code == 200);
  world.clock.Advance(absl::Milliseconds(250));
  CHECK(world.Get(li).code == 200);
  CHECK(world.Get(li).code == 429);
}

TEST_CASE("writes have a smaller limit than reads", "[gateway][R39]") {
  World world({.person = {.all = 4, .writes = 1}});
  std::string li = world.Token("li");
  CHECK(world.Admitted([&] { return world.Post(li); }) == 5);
  CHECK(world.Post(li).Field("Retry-After") == "1");
  CHECK(world.Get(li).code == 200);
}

TEST_CASE("another token of the same person has no calls of its own, a forged one spends none",
          "[gateway][R39]") {
  World world({.person = {.all = 4}});
  std::string li = world.Token("li");
  world.clock.Advance(absl::Seconds(1));
  std::string again = world.Token("li");
  REQUIRE(li != again);
  std::string forged = li;
  forged[forged.size() - 10] ^= 1;
  for (int i = 0; i < 100; ++i) CHECK(world.Get(forged).code == 401);
  CHECK(world.tickets.calls == 0);
  CHECK(world.Admitted([&] { return world.Get(li); }) == 20);
  CHECK(world.Get(again).code == 429);
}

TEST_CASE("an address has a limit for all requests, whatever they ask", "[gateway][R39]") {
  World world({.address_rate = 2});
  for (const char* path : {"/livez", "/v1/tickets/a", "/nowhere", "/openapi.json"}) {
    CHECK(world.client->Ask(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\n\r\n")).code !=
          429);
  }
  CHECK(world.Admitted([&] { return world.Get("bad"); }) == 6);
  ClientResponse refused = world.Get("bad", "X-Forwarded-For: 1.2.3.4\r\n");
  CHECK(refused.code == 429);
  CHECK(absl::StrContains(refused.body, "原因 RATE"));
}

TEST_CASE("behind a trusted proxy each address has its own limit", "[gateway][R39]") {
  World world({.address_rate = 2, .trusted_proxies = {"127.0.0.0/8"}});
  auto from = [&](absl::string_view address) {
    return world.Get("bad", absl::StrCat("X-Forwarded-For: 6.6.6.6, ", address, "\r\n"));
  };
  CHECK(world.Admitted([&] { return from("1.2.3.4"); }) == 10);
  CHECK(from("1.2.3.5").code == 401);
}

TEST_CASE("a gateway whose proxies are no addresses does not start", "[gateway]") {
  GatewayOptions options;
  options.gate.trusted_proxies = {"edge"};
  auto started = Gateway::Start(std::move(options));
  CHECK(absl::IsInvalidArgument(started.status()));
}

// Whether each of the calls is let in, by who makes it.
TEST_CASE("while the loop is overloaded the feed is refused first, then people, by their lot",
          "[gateway][R22][C10]") {
  FakeClock clock(absl::UnixEpoch());
  auto gate = Gate::From({.clock = &clock});
  REQUIRE(gate.ok());
  Counting behind;
  const ServiceDescriptor* changes =
      changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
  auto guarded = (*gate)->Guard(changes, &behind);
  REQUIRE(guarded.ok());
  auto refused = [&](const char* method) {
    int count = 0;
    for (int i = 0; i < 100; ++i) {
      Call call;
      call.method = changes->FindMethodByName(method);
      call.request.reset(
          MessageFactory::generated_factory()->GetPrototype(call.method->input_type())->New());
      call.trace = absl::StrCat("call ", i);
      (*guarded)->Start(std::move(call), [&](Reply reply) {
        if (reply.ok()) return;
        CHECK(ReasonOf(reply.status()) == "OVERLOADED");
        ++count;
      });
    }
    return count;
  };
  auto set_wait = [&](absl::Duration wait) {
    for (int i = 0; i < 50; ++i) (*gate)->wait().Observe(wait);
  };
  CHECK(refused("ListChanges") == 0);
  // A call waits for the loop twice, and so for twice as long as one wait is.
  set_wait(kOverload / 2);
  CHECK(refused("ListChanges") > 90);
  CHECK(refused("ListHistory") == 0);
  set_wait(kOverload * 0.75);
  int people = refused("ListHistory");
  CHECK(people > 30);
  CHECK(people < 70);
  set_wait(absl::ZeroDuration());
  CHECK(refused("ListChanges") == 0);
}

// Refuses everything as a queue that is too long does.
class Busy : public Backend {
 public:
  void Start(Call, Done done) override { done(TooBusy()); }
};

TEST_CASE("a refusal for want of time has its reason, its words and its pause, every time",
          "[gateway][R22][C10]") {
  FakeClock clock(absl::UnixEpoch());
  Busy busy;
  GatewayOptions options;
  options.services = {{Tickets(), &busy}};
  options.http.clock = &clock;
  options.localize = [](absl::Status& status) {
    Localize(status, "zh-CN", absl::StrCat("原因 ", ReasonOf(status)));
  };
  auto gateway = Gateway::Start(std::move(options));
  REQUIRE(gateway.ok());
  TestClient client((*gateway)->port());
  for (const char* path : {"/v1/tickets", "/linjuli.testing.v1.Tickets/CreateTicket"}) {
    for (int i = 0; i < 3; ++i) {
      CAPTURE(path, i);
      ClientResponse answer = client.Ask(
          absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n",
                       "Content-Length: 2\r\n\r\n{}"));
      CHECK(answer.code == 429);
      CHECK(answer.Field("Retry-After") == "1");
      CHECK_THAT(answer.body, Catch::Contains("\"reason\":\"OVERLOADED\""));
      CHECK_THAT(answer.body, Catch::Contains("原因 OVERLOADED"));
    }
  }
}

}  // namespace
}  // namespace linjuli
