#include "services/gateway/events.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "services/gateway/gateway.h"
#include "services/gateway/test_client.h"
#include "services/gateway/test_events.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

// Lets calls through to the service, until it is told to answer something else.
class Gate : public Backend {
 public:
  explicit Gate(Rig* rig) : rig_(rig) {}
  void Start(Call call, Done done) override {
    absl::Status status;
    {
      absl::MutexLock lock(&mutex_);
      status = error_;
    }
    if (!status.ok()) return done(status);
    (**rig_).Start(std::move(call), std::move(done));
  }
  void Fail(absl::Status error) {
    absl::MutexLock lock(&mutex_);
    error_ = std::move(error);
  }

 private:
  Rig* const rig_;
  absl::Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

struct World {
  explicit World(EventOptions events = Quick()) {
    GatewayOptions options;
    options.services = {{Ticket::descriptor()->file()->FindServiceByName("Tickets"), &gate, &*rig}};
    options.http.clock = &rig.clock;
    options.http.sweep = absl::Milliseconds(5);
    options.events = events;
    options.localize = [](absl::Status& status) { Localize(status, "zh-CN", "原因"); };
    auto started = Gateway::Start(std::move(options));
    REQUIRE(started.ok());
    gateway = *std::move(started);
  }
  static EventOptions Quick() {
    EventOptions events;
    events.pulse.settle = absl::Milliseconds(1);
    events.pulse.beat = absl::Milliseconds(20);
    return events;
  }

  TicketRig rig;
  Gate gate{&rig};
  std::unique_ptr<Gateway> gateway;
};

class Listener : public EventClient {
 public:
  Listener(World& world, const Caller& caller, absl::string_view path,
           absl::string_view last_id = "")
      : EventClient(world.gateway->port(), world.rig.Token(caller), path, last_id) {}
};

Caller Auditor() { return Person("u/auditor", AUDITOR); }
std::string HistoryOf(const Ticket& ticket) { return absl::StrCat("/v1/history/", ticket.name()); }

TEST_CASE("a history is told from its beginning and goes on live", "[gateway][events]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  world.rig.Made(Resident(), TicketOf("another"));
  REQUIRE(world.rig.Take(Worker(), ticket.name()).ok());
  Listener listener(world, Resident(), HistoryOf(ticket));
  CHECK(listener.head.code == 200);
  CHECK(listener.head.Field("Content-Type") == "text/event-stream");
  CHECK(listener.head.Field("Cache-Control") == "no-store");
  CHECK(listener.head.Field("X-Accel-Buffering") == "no");
  CHECK(listener.States(2) == "OPEN TAKEN");
  REQUIRE(world.rig.Judge(Worker(kTown, "u/other"), ticket.name(), false).ok());
  CHECK(listener.States(1) == "OPEN");
  REQUIRE(world.rig.Take(Worker(), ticket.name()).ok());
  REQUIRE(world.rig.Judge(Worker(kTown, "u/other"), ticket.name(), true).ok());
  CHECK(listener.States(2) == "TAKEN DONE");
}

TEST_CASE("a history goes on after the event that was heard last", "[gateway][events]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  REQUIRE(world.rig.Take(Worker(), ticket.name()).ok());
  REQUIRE(world.rig.Judge(Worker(kTown, "u/other"), ticket.name(), true).ok());
  std::string heard;
  for (const char* state : {"OPEN", "TAKEN", "DONE"}) {
    Listener listener(world, Resident(), HistoryOf(ticket), heard);
    CHECK(listener.States(1) == state);
    heard = listener.last_id;
  }
  // After the last one nothing is told twice.
  Listener listener(world, Resident(), HistoryOf(ticket), heard);
  CHECK(listener.client().Chunk() == "retry: 2000\n\n");
  CHECK(listener.client().Chunk() == ":\n\n");
}

TEST_CASE("each hears what it may see: personal fields are masked by caller", "[gateway][events]") {
  World world;
  Ticket draft = TicketOf("a");
  draft.set_phone("13800138000");
  Ticket ticket = world.rig.Made(Resident(), draft);
  Listener owner(world, Resident(), HistoryOf(ticket));
  Listener provider(world, Person("u/firm", PROVIDER), HistoryOf(ticket));
  Listener auditor(world, Auditor(), "/v1/changes/testing");
  for (int i = 0; i < 2; ++i) {
    CHECK_THAT(owner.Next().data, Catch::Contains("13800138000"));
    CHECK_THAT(provider.Next().data, !Catch::Contains("13800138000"));
    CHECK_THAT(auditor.Next().data, !Catch::Contains("13800138000"));
    if (i == 0) REQUIRE(world.rig.Take(Worker(), ticket.name()).ok());
  }
}

TEST_CASE("who may not follow is told at once, and why", "[gateway][events][access]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  const std::string history = HistoryOf(ticket);
  struct Line {
    Caller caller;
    std::string path;
    std::string last_id;
    int code;
  };
  const Line lines[] = {
      {Caller(), history, "", 401},
      {Resident("u/other"), history, "", 404},
      {Worker(kFarVillage), history, "", 404},
      {Resident(), "/v1/history/tickets/0000000000000", "", 404},
      {Caller(), "/v1/changes/testing", "", 401},
      {Resident(), "/v1/changes/testing", "", 403},
      {Worker(), "/v1/changes/testing", "", 403},
      {Auditor(), "/v1/changes/nothing", "", 404},
      {Auditor(), "/v1/changes/testing", "7", 400},
      {Auditor(), "/v1/changes/testing", ".7", 400},
      {Auditor(), "/v1/changes/testing", "a.b", 400},
      {Auditor(), "/v1/changes/testing", "a.0", 400},
      {Auditor(), "/v1/changes/testing?nobody=1", "", 400},
  };
  for (const Line& line : lines) {
    INFO(line.caller.subject << " " << line.path << " " << line.last_id);
    Listener listener(world, line.caller, line.path, line.last_id);
    CHECK(listener.head.code == line.code);
    CHECK(listener.head.Field("Content-Type") == "application/json");
    CHECK_THAT(listener.head.body, Catch::Contains("google.rpc.ErrorInfo"));
  }
}

TEST_CASE("the log of a service is followed in order and resumed without a gap",
          "[gateway][events][R15]") {
  World world;
  constexpr int kTickets = 200;
  std::string heard;
  int next = 1;
  auto hear = [&](Listener& listener, int changes) {
    for (int i = 0; i < changes; ++i) {
      HeardEvent event = listener.Next();
      REQUIRE(event.type == "change");
      REQUIRE(absl::StrContains(event.data, absl::StrCat("\"sequence\":\"", next, "\"")));
      REQUIRE(absl::EndsWith(event.id, absl::StrCat(".", next++)));
      heard = event.id;
    }
  };
  for (int i = 0; i < kTickets; ++i) world.rig.Made(Resident(), TicketOf("a"));
  {
    Listener listener(world, Auditor(), "/v1/changes/testing");
    hear(listener, 77);
  }
  for (int i = 0; i < kTickets; ++i) world.rig.Made(Resident(), TicketOf("b"));
  Listener listener(world, Auditor(), "/v1/changes/testing", heard);
  hear(listener, 2 * kTickets - 77);
  world.rig.Made(Resident(), TicketOf("c"));
  hear(listener, 1);
  // A place of one's own choice, as in ListChanges.
  Listener chosen(world, Auditor(), "/v1/changes/testing?afterSequence=400");
  next = 401;
  hear(chosen, 1);
}

TEST_CASE("a place in a log that was restored since is answered by an event that resets it",
          "[gateway][events][R15]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  Listener first(world, Auditor(), "/v1/changes/testing");
  std::string id = first.Next().id;
  std::string epoch = id.substr(0, id.rfind('.'));
  const std::pair<std::string, std::string> places[] = {
      {"/v1/changes/testing", "another.1"},
      {"/v1/changes/testing", absl::StrCat(epoch, ".99")},
      {HistoryOf(ticket), "bm8gcGxhY2U"}};
  for (const auto& [path, place] : places) {
    INFO(path << " " << place);
    Listener listener(world, Auditor(), path, place);
    CHECK(listener.head.code == 200);
    CHECK(listener.head.Field("Content-Type") == "text/event-stream");
    HeardEvent event = listener.Next();
    CHECK(event.type == "end");
    CHECK(event.id == "");
    CHECK_THAT(event.data, Catch::Contains("CURSOR_EXPIRED") && Catch::Contains("原因") &&
                               Catch::Contains("Last-Event-ID"));
  }
}

TEST_CASE("a stream ends when its token does, also while nothing happens",
          "[gateway][events][R37]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  Listener listener(world, Resident(), HistoryOf(ticket));
  CHECK(listener.States(1) == "OPEN");
  world.rig.clock.Advance(absl::Minutes(12));
  HeardEvent event = listener.Next();
  CHECK(event.type == "end");
  CHECK(event.id == "none");
  CHECK_THAT(event.data, Catch::Contains("\"code\":401") && Catch::Contains("TOKEN"));
  CHECK(listener.Next().type == "");
  CHECK(listener.EndedInOrder());
}

TEST_CASE("a stream ends when the resource may no longer be seen, or its service cannot be asked",
          "[gateway][events][access]") {
  for (const absl::Status& status :
       {NotFound("tickets/a"), Refuse(absl::StatusCode::kUnavailable, "UNAVAILABLE", "gone")}) {
    World world;
    Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
    Listener listener(world, Resident(), HistoryOf(ticket));
    CHECK(listener.States(1) == "OPEN");
    world.gate.Fail(status);
    HeardEvent event = listener.Next();
    CHECK(event.type == "end");
    CHECK_THAT(event.data, Catch::Contains(ReasonOf(status)));
    CHECK(listener.Next().type == "");
    CHECK(listener.EndedInOrder());
  }
}

TEST_CASE("a stream says that it lives while nothing happens", "[gateway][events]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  Listener listener(world, Auditor(), "/v1/changes/testing");
  CHECK(listener.States(1) == "OPEN");
  for (int i = 0; i < 3; ++i) CHECK(listener.client().Chunk() == ":\n\n");
}

TEST_CASE("above so many streams further ones are refused, until one has left",
          "[gateway][events]") {
  EventOptions events = World::Quick();
  events.most = 2;
  World world(events);
  Listener first(world, Auditor(), "/v1/changes/testing");
  {
    Listener second(world, Auditor(), "/v1/changes/testing");
    CHECK(second.head.code == 200);
    Listener third(world, Auditor(), "/v1/changes/testing");
    CHECK(third.head.code == 429);
    CHECK_THAT(third.head.body, Catch::Contains("OVERLOADED"));
  }
  int tries = 0;
  while (Listener(world, Auditor(), "/v1/changes/testing").head.code != 200 && tries < 1000) {
    ++tries;
  }
  CHECK(tries < 1000);
}

TEST_CASE("a gateway that drains ends its streams in order", "[gateway][events]") {
  World world;
  Listener listener(world, Auditor(), "/v1/changes/testing");
  CHECK(listener.head.code == 200);
  std::thread drain([&] { world.gateway->Drain(absl::Seconds(10)); });
  CHECK(listener.Next().type == "");
  CHECK(listener.EndedInOrder());
  listener.client().Close();
  drain.join();
}

TEST_CASE("without the media type of events, and on other paths, answers are whole",
          "[gateway][events]") {
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  Listener listener(world, Resident(), absl::StrCat("/v1/", ticket.name()));
  CHECK(listener.head.Field("Content-Type") == "application/json");
  TestClient client(world.gateway->port());
  ClientResponse whole = client.Ask(absl::StrCat("GET ", HistoryOf(ticket),
                                                 " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
                                                 world.rig.Token(Resident()), "\r\n\r\n"));
  CHECK(whole.code == 200);
  CHECK_THAT(whole.body, Catch::StartsWith("{\"changes\":["));
}

}  // namespace
}  // namespace linjuli
