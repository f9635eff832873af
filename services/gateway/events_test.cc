#include "services/gateway/events.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "catch2/catch.hpp"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/options.pb.h"
#include "services/gateway/gateway.h"
#include "services/gateway/test_client.h"
#include "services/gateway/test_events.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using changes::v1::FollowChangesRequest;
using changes::v1::FollowChangesResponse;

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

// A follower over gRPC-Web.
class Follower {
 public:
  Follower(World& world, const Caller& caller, const FollowChangesRequest& request,
           bool text = false)
      : client_(world.gateway->port()), text_(text) {
    std::string bytes = request.SerializeAsString();
    std::string body("\0\0\0\0", 4);
    body += static_cast<char>(bytes.size());
    body += bytes;
    if (text) body = absl::Base64Escape(body);
    client_.Send(absl::StrCat(
        "POST /linjuli.changes.v1.Changes/FollowChanges HTTP/1.1\r\nHost: a\r\nContent-Type: ",
        "application/grpc-web", text ? "-text" : "", "\r\nAuthorization: Bearer ",
        world.rig.Token(caller), "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
    head = client_.Receive();
    Add(head.body);
  }

  // The next message that has changes: its states, "OPEN TAKEN". Of the end, its trailers.
  std::string Next() {
    while (true) {
      while (bytes_.size() < 5 || bytes_.size() < 5 + Length()) {
        std::string chunk = client_.Chunk();
        if (chunk.empty()) return "";
        Add(chunk);
      }
      std::string payload = bytes_.substr(5, Length());
      bool trailers = (bytes_[0] & 0x80) != 0;
      bytes_.erase(0, 5 + payload.size());
      if (trailers) return payload;
      FollowChangesResponse response;
      REQUIRE(response.ParseFromString(payload));
      epoch = response.epoch();
      if (response.changes().empty()) {
        ++beats;
        continue;
      }
      std::vector<std::string> states;
      for (const auto& change : response.changes()) states.push_back(change.state_after());
      last = response.changes().rbegin()->sequence();
      return absl::StrJoin(states, " ");
    }
  }

  ClientResponse head;
  std::string epoch;
  int64_t last = 0;
  int beats = 0;

 private:
  size_t Length() const {
    size_t length = 0;
    for (int i = 1; i < 5; ++i) length = length << 8 | static_cast<unsigned char>(bytes_[i]);
    return length;
  }
  // Each part is base64 by itself.
  void Add(const std::string& part) {
    std::string decoded = part;
    if (text_) REQUIRE(absl::Base64Unescape(part, &decoded));
    bytes_ += decoded;
  }

  TestClient client_;
  const bool text_;
  std::string bytes_;
};

FollowChangesRequest OfTickets() {
  FollowChangesRequest request;
  request.set_service("testing");
  return request;
}

TEST_CASE("a log is followed over gRPC-Web, and goes on after any of its places",
          "[gateway][events][grpc_web]") {
  bool text = GENERATE(false, true);
  World world;
  Ticket ticket = world.rig.Made(Resident(), TicketOf("a"));
  Follower follower(world, Auditor(), OfTickets(), text);
  CHECK(follower.head.code == 200);
  CHECK(follower.head.Field("Content-Type") ==
        (text ? "application/grpc-web-text+proto" : "application/grpc-web+proto"));
  CHECK(follower.Next() == "OPEN");
  REQUIRE(world.rig.Take(Worker(), ticket.name()).ok());
  CHECK(follower.Next() == "TAKEN");
  CHECK(follower.epoch != "");

  FollowChangesRequest after = OfTickets();
  after.set_epoch(follower.epoch);
  after.set_after_sequence(1);
  Follower second(world, Auditor(), after, text);
  CHECK(second.Next() == "TAKEN");
  CHECK(second.last == 2);
  // What lives says so, with the epoch and without changes.
  second.epoch.clear();
  REQUIRE(world.rig.Judge(Worker(kTown, "u/other"), ticket.name(), true).ok());
  CHECK(second.Next() == "DONE");
  CHECK(second.epoch == follower.epoch);
}

TEST_CASE("a quiet log says over gRPC-Web that it lives, and when it cannot be followed any more",
          "[gateway][events][grpc_web]") {
  World world;
  world.rig.Made(Resident(), TicketOf("a"));
  Follower follower(world, Auditor(), OfTickets());
  CHECK(follower.Next() == "OPEN");
  // A beat is a look, and a look that fails ends it.
  world.gate.Fail(Refuse(absl::StatusCode::kUnauthenticated, "TOKEN", "over"));
  CHECK_THAT(follower.Next(), Catch::StartsWith("grpc-status:16\r\ngrpc-message:over"));
  CHECK(follower.Next() == "");
}

TEST_CASE("who may not follow over gRPC-Web is told in its trailers",
          "[gateway][events][grpc_web]") {
  World world;
  world.rig.Made(Resident(), TicketOf("a"));
  FollowChangesRequest gone = OfTickets(), below = OfTickets(), unknown = OfTickets();
  gone.set_epoch("another");
  gone.set_after_sequence(1);
  below.set_after_sequence(-1);
  unknown.set_service("nobody");
  struct Line {
    Caller caller;
    FollowChangesRequest request;
    const char* trailers;
  };
  for (const Line& line :
       {Line{Resident(), OfTickets(), "grpc-status:7\r\n"},
        Line{Auditor(), unknown, "grpc-status:5\r\n"}, Line{Auditor(), below, "grpc-status:3\r\n"},
        Line{Auditor(), gone, "grpc-status:11\r\n"}}) {
    CAPTURE(line.trailers);
    Follower follower(world, line.caller, line.request);
    CHECK(follower.head.code == 200);
    CHECK_THAT(follower.Next(), Catch::StartsWith(line.trailers));
  }
}

TEST_CASE("whoever may list a log may follow it", "[gateway][events][access]") {
  // FollowChanges over gRPC-Web is made of looks by ListChanges.
  const auto* changes = changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
  auto access_of = [&](const char* method) {
    return changes->FindMethodByName(method)->options().GetExtension(access).SerializeAsString();
  };
  CHECK(access_of("FollowChanges") == access_of("ListChanges"));
}

}  // namespace
}  // namespace linjuli
