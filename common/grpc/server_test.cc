#include "common/grpc/server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "common/grpc/test_frames.h"
#include "common/grpc/test_parts.h"
#include "common/grpc/wire.h"
#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"

namespace linjuli {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kCreateTicket[] = "/linjuli.testing.v1.Tickets/CreateTicket";

// Waits for a call that is made of bytes.
grpc::Status CarryBytes(const GrpcServer& server, const std::string& path, std::string bytes,
                        grpc::ClientContext& context) {
  grpc::GenericStub stub(ConnectTo(server));
  grpc::Slice slice(bytes);
  grpc::ByteBuffer request(&slice, 1), response;
  grpc::Status status;
  absl::Notification arrived;
  stub.UnaryCall(&context, path, {}, &request, &response, [&](grpc::Status s) {
    status = std::move(s);
    arrived.Notify();
  });
  arrived.WaitForNotification();
  return status;
}

TEST_CASE("a call reaches its backend with token, trace and deadline", "[grpc]") {
  FakeClock clock(absl::FromUnixSeconds(1'000'000));
  Call seen;
  FunctionBackend backend([&](Call call, Done done) {
    std::string text = TextOf(call);
    seen = std::move(call);
    done(TicketWith(text));
  });
  auto options = TicketsBy(&backend);
  options.clock = &clock;
  auto server = StartOrFail(options);
  GrpcChannel channel({.target = absl::StrCat("127.0.0.1:", server->port()), .clock = &clock});

  Call call = CreateTicket("路灯坏了");
  call.token = "a.b.c";
  call.trace = "trace-1";
  call.deadline = clock.Now() + absl::Seconds(20);
  auto reply = Carry(channel, std::move(call));

  REQUIRE(reply.ok());
  CHECK(static_cast<const testing::v1::Ticket&>(**reply).text() == "路灯坏了");
  CHECK(seen.method->full_name() == "linjuli.testing.v1.Tickets.CreateTicket");
  CHECK(seen.token == "a.b.c");
  CHECK(seen.trace == "trace-1");
  CHECK(seen.deadline > clock.Now() + absl::Seconds(5));
  CHECK(seen.deadline < clock.Now() + absl::Seconds(21));
}

TEST_CASE("a call has 30 seconds at most, whatever its client allows", "[grpc]") {
  FakeClock clock(absl::FromUnixSeconds(1'000'000));
  Call seen;
  FunctionBackend backend([&](Call call, Done done) {
    seen = std::move(call);
    done(TicketWith(""));
  });
  auto options = TicketsBy(&backend);
  options.clock = &clock;
  auto server = StartOrFail(options);
  grpc::ClientContext context;
  REQUIRE(CarryBytes(*server, kCreateTicket, "", context).ok());
  CHECK(seen.deadline == clock.Now() + absl::Seconds(30));
}

TEST_CASE("a request id comes back, and one that is none is replaced", "[grpc]") {
  FunctionBackend backend(Echo);
  auto server = StartOrFail(TicketsBy(&backend));
  auto returned = [&](const std::string& sent) {
    grpc::ClientContext context;
    if (!sent.empty()) context.AddMetadata("x-request-id", sent);
    REQUIRE(CarryBytes(*server, kCreateTicket, "", context).ok());
    auto& metadata = context.GetServerInitialMetadata();
    REQUIRE(metadata.count("x-request-id") == 1);
    auto value = metadata.find("x-request-id")->second;
    return std::string(value.data(), value.size());
  };
  CHECK(returned("visit-7.A_b:c") == "visit-7.A_b:c");
  CHECK(returned(std::string(64, 'a')) == std::string(64, 'a'));
  CHECK(returned(std::string(65, 'a')).size() == 16);
  CHECK(returned("two words").size() == 16);
  CHECK(returned("") != returned(""));
}

TEST_CASE("only a bearer token loses its scheme, and two are not one", "[grpc]") {
  std::string seen;
  FunctionBackend backend([&](Call call, Done done) {
    seen = call.token;
    done(TicketWith(""));
  });
  auto server = StartOrFail(TicketsBy(&backend));
  auto token = [&](const std::vector<std::string>& headers) {
    grpc::ClientContext context;
    for (const auto& header : headers) context.AddMetadata("authorization", header);
    REQUIRE(CarryBytes(*server, kCreateTicket, "", context).ok());
    return seen;
  };
  CHECK(token({}) == "");
  CHECK(token({"Bearer x.y.z"}) == "x.y.z");
  CHECK(token({"bearer x.y.z"}) == "x.y.z");
  CHECK(token({"Basic eDp5"}) == "Basic eDp5");
  CHECK(token({"Bearer a", "Bearer b"}) == "a,Bearer b");
}

TEST_CASE("bytes that are no message are refused as malformed", "[grpc]") {
  bool called = false;
  FunctionBackend backend([&](Call, Done done) {
    called = true;
    done(TicketWith(""));
  });
  auto server = StartOrFail(TicketsBy(&backend));
  grpc::ClientContext context;
  auto status = FromGrpc(CarryBytes(*server, kCreateTicket, "\x0a\xff", context), "test");
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ReasonOf(status) == "MALFORMED");
  CHECK_FALSE(called);
}

TEST_CASE("an unknown method, a large request and a compressed one are refused", "[grpc]") {
  FunctionBackend backend(Echo);
  auto server = StartOrFail(TicketsBy(&backend));
  grpc::ClientContext unknown, large, compressed;
  auto burn = FromGrpc(CarryBytes(*server, "/linjuli.testing.v1.Tickets/Burn", "", unknown), "");
  CHECK(burn.code() == absl::StatusCode::kUnimplemented);
  CHECK(ReasonOf(burn) == "NO_METHOD");
  CHECK(CarryBytes(*server, kCreateTicket, std::string(300 << 10, 'x'), large).error_code() ==
        grpc::StatusCode::RESOURCE_EXHAUSTED);
  compressed.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  CHECK(CarryBytes(*server, kCreateTicket, std::string(10 << 10, 'x'), compressed).error_code() ==
        grpc::StatusCode::UNIMPLEMENTED);
}

TEST_CASE("an error arrives with its reason, facts and fields", "[grpc]") {
  FunctionBackend backend([](Call, Done done) {
    done(RefuseFields({{"ticket.text", "REQUIRED", "must be given"},
                       {"ticket.division", "PATTERN", "must be twelve digits"}}));
  });
  auto server = StartOrFail(TicketsBy(&backend));
  GrpcChannel channel({.target = absl::StrCat("127.0.0.1:", server->port())});
  auto status = Carry(channel, CreateTicket("")).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ReasonOf(status) == "REQUIRED");
  auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  REQUIRE(payload.has_value());
  google::rpc::BadRequest bad;
  REQUIRE(bad.ParseFromString(std::string(*payload)));
  REQUIRE(bad.field_violations_size() == 2);
  CHECK(bad.field_violations(1).field() == "ticket.division");
}

TEST_CASE("an error that is too long for a header keeps its reason", "[grpc]") {
  FunctionBackend backend([](Call, Done done) {
    auto status = Refuse(absl::StatusCode::kFailedPrecondition, "STATE", std::string(9000, 'm'),
                         {{"state", "OPEN"}});
    Localize(status, "zh-CN", std::string(9000, 't'));
    done(std::move(status));
  });
  auto server = StartOrFail(TicketsBy(&backend));
  GrpcChannel channel({.target = absl::StrCat("127.0.0.1:", server->port())});
  auto status = Carry(channel, CreateTicket("")).status();
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ReasonOf(status) == "STATE");
  CHECK(FactOf(status, "state") == "OPEN");
  CHECK(status.message().size() == 512);
  // The facts stay as long as there is something else to leave out.
  auto mixed = Refuse(absl::StatusCode::kAborted, "ETAG", "m", {{"k", std::string(3000, 'f')}});
  Localize(mixed, "zh-CN", std::string(2000, 't'));
  CHECK(FactOf(FromGrpc(ToGrpc(mixed), "test"), "k") == std::string(3000, 'f'));
  // A reason whose own facts are too long goes without them.
  auto facts =
      ToGrpc(Refuse(absl::StatusCode::kAborted, "ETAG", "m", {{"k", std::string(9000, 'f')}}));
  CHECK(facts.error_details().size() < kMaxErrorBytes);
  CHECK(ReasonOf(FromGrpc(facts, "test")) == "ETAG");
}

TEST_CASE("no character of a clipped message is cut in half", "[grpc]") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "邻";
  auto message = ToGrpc(Refuse(absl::StatusCode::kAborted, "ETAG", text)).error_message();
  CHECK(message.size() == 510);
}

TEST_CASE("draining lets the call in flight end, and takes no further one", "[grpc]") {
  absl::Notification begun;
  Done held;
  FunctionBackend backend([&](Call, Done done) {
    held = std::move(done);
    begun.Notify();
  });
  auto server = StartOrFail(TicketsBy(&backend));
  server->SetServing(true);
  GrpcChannel channel(
      {.target = absl::StrCat("127.0.0.1:", server->port()), .patience = absl::ZeroDuration()});
  auto health = Health::NewStub(ConnectTo(*server));
  grpc::ClientContext context;
  HealthCheckResponse response;
  auto watch = health->Watch(&context, HealthCheckRequest());
  REQUIRE(watch->Read(&response));

  Reply reply;
  absl::Notification arrived;
  channel.Start(CreateTicket("last"), [&](Reply r) {
    reply = std::move(r);
    arrived.Notify();
  });
  begun.WaitForNotification();
  std::thread drain([&] { server->Drain(absl::ZeroDuration(), absl::Minutes(1)); });
  // The stream's end says that the drain has begun.
  while (watch->Read(&response)) {
  }
  auto end = FromGrpc(watch->Finish(), "test");
  CHECK(end.code() == absl::StatusCode::kUnavailable);
  CHECK_FALSE(arrived.HasBeenNotified());
  held(TicketWith("done"));
  arrived.WaitForNotification();
  drain.join();
  CHECK(reply.ok());

  auto refused = Carry(channel, CreateTicket("too late")).status();
  CHECK(refused.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(refused) == "UNAVAILABLE");
  CHECK(FactOf(refused, "target") == channel.target());
}

TEST_CASE("a call whose client has gone is still answered, and nothing is left", "[grpc]") {
  absl::Notification begun;
  Done held;
  FunctionBackend backend([&](Call, Done done) {
    held = std::move(done);
    begun.Notify();
  });
  auto server = StartOrFail(TicketsBy(&backend));
  Reply reply;
  {
    GrpcChannel channel({.target = absl::StrCat("127.0.0.1:", server->port())});
    channel.Start(CreateTicket("left"), [&](Reply r) { reply = std::move(r); });
    begun.WaitForNotification();
  }
  CHECK(reply.status().code() == absl::StatusCode::kCancelled);
  std::thread answer([&] { held(TicketWith("nobody hears it")); });
  server.reset();
  answer.join();
}

TEST_CASE("replies may come from any thread, all at once", "[grpc]") {
  constexpr int kCalls = 50;
  absl::Mutex mutex;
  std::vector<Done> held;
  FunctionBackend backend([&](Call, Done done) {
    absl::MutexLock lock(&mutex);
    held.push_back(std::move(done));
  });
  auto options = TicketsBy(&backend);
  options.polling_threads = 2;
  auto server = StartOrFail(options);
  GrpcChannel channel({.target = absl::StrCat("127.0.0.1:", server->port())});
  absl::BlockingCounter arrived(kCalls);
  std::atomic<int> good{0};
  for (int i = 0; i < kCalls; ++i) {
    channel.Start(CreateTicket(absl::StrCat(i)), [&](Reply reply) {
      good += reply.ok();
      arrived.DecrementCount();
    });
  }
  {
    absl::MutexLock lock(&mutex);
    auto all = [&] { return held.size() == kCalls; };
    mutex.Await(absl::Condition(&all));
  }
  std::thread batch([&] {
    for (auto& done : held) done(TicketWith("batch"));
  });
  arrived.Wait();
  batch.join();
  CHECK(good == kCalls);
}

TEST_CASE("more calls than the server takes at a time are refused", "[grpc]") {
  absl::Notification begun;
  Done held;
  FunctionBackend backend([&](Call, Done done) {
    held = std::move(done);
    begun.Notify();
  });
  auto options = TicketsBy(&backend);
  options.max_calls = 1;
  auto server = StartOrFail(options);
  GrpcChannel channel({.target = absl::StrCat("127.0.0.1:", server->port())});
  absl::Notification arrived;
  channel.Start(CreateTicket("first"), [&](Reply) { arrived.Notify(); });
  begun.WaitForNotification();
  auto refused = Carry(channel, CreateTicket("second")).status();
  CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
  CHECK(ReasonOf(refused) == "OVERLOADED");
  backend = FunctionBackend(Echo);
  held(TicketWith(""));
  arrived.WaitForNotification();
  // The place is free a little later than the reply is there.
  while (Carry(channel, CreateTicket("third")).status().code() ==
         absl::StatusCode::kResourceExhausted) {
  }
}

TEST_CASE("what cannot be served refuses to start and says so", "[grpc]") {
  FunctionBackend backend(Echo);
  auto twice = TicketsBy(&backend);
  twice.services.push_back(twice.services[0]);
  CHECK(ReasonOf(GrpcServer::Start(twice).status()) == "SERVICE");

  auto streams = TicketsBy(&backend);
  streams.services[0].service =
      changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
  CHECK(FactOf(GrpcServer::Start(streams).status(), "service") ==
        "linjuli.changes.v1.Changes.FollowChanges");

  CHECK(ReasonOf(GrpcServer::Start(TicketsBy(nullptr)).status()) == "SERVICE");

  auto first = StartOrFail(TicketsBy(&backend));
  auto taken = TicketsBy(&backend);
  taken.address = absl::StrCat("127.0.0.1:", first->port());
  auto status = GrpcServer::Start(taken).status();
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(status) == "ADDRESS");
}

TEST_CASE("a token that no header can carry does not leave", "[grpc]") {
  GrpcChannel channel({.target = "unix:/nowhere"});
  Call call = CreateTicket("");
  call.token = "line\nbreak";
  auto status = Carry(channel, std::move(call)).status();
  CHECK(status.code() == absl::StatusCode::kUnauthenticated);
}

// A connection that says whatever it likes.
class RawConnection {
 public:
  explicit RawConnection(const GrpcServer& server) {
    file_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(static_cast<uint16_t>(server.port()));
    LJ_CHECK(connect(file_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~RawConnection() { close(file_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = send(file_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // All that the server says until it hangs up.
  std::string ReadAll() {
    std::string all;
    char bytes[4096];
    for (ssize_t got; (got = recv(file_, bytes, sizeof(bytes), 0)) > 0;) {
      all.append(bytes, static_cast<size_t>(got));
    }
    return all;
  }

 private:
  int file_;
};

// POST http:/linjuli.testing.v1.Tickets/CreateTicket, as HPACK says it without a table.
std::string CreateTicketHeaders() {
  auto field = [](absl::string_view name, absl::string_view value) {
    return absl::StrCat(absl::string_view("\0", 1), std::string(1, static_cast<char>(name.size())),
                        name, std::string(1, static_cast<char>(value.size())), value);
  };
  return field(":method", "POST") + field(":scheme", "http") + field(":path", kCreateTicket) +
         field(":authority", "a") + field("te", "trailers") +
         field("content-type", "application/grpc");
}

TEST_CASE("a connection that resets all that it opens is cut, and others go on", "[grpc][R28]") {
  FunctionBackend backend([](Call call, Done done) { done(TicketWith(TextOf(call))); });
  prometheus::Registry registry;
  auto options = TicketsBy(&backend);
  options.metrics = &registry;
  auto server = StartOrFail(options);
  grpc::ClientContext before;
  REQUIRE(CarryBytes(*server, kCreateTicket, "", before).ok());

  RawConnection hasty(*server);
  hasty.Send(kPreface + Frame(kSettings, 0, 0, "") + Frame(kSettings, kAck, 0, ""));
  for (uint32_t stream = 1; stream < 1001; stream += 2) {
    hasty.Send(Frame(kHeaders, kEndHeaders, stream, CreateTicketHeaders()) +
               Frame(kReset, 0, stream, std::string(4, '\0')));
  }
  hasty.ReadAll();  // Ends.
  double cut = 0;
  for (const auto& family : registry.Collect()) {
    if (family.name != "linjuli_grpc_connections_cut_total") continue;
    for (const auto& metric : family.metric) {
      CHECK(metric.label.at(0).value == "resets");
      cut += metric.counter.value;
    }
  }
  CHECK(cut == 1);
  grpc::ClientContext after;
  CHECK(CarryBytes(*server, kCreateTicket, "", after).ok());
}

TEST_CASE("a connection that is cut is told why", "[grpc][R28]") {
  FunctionBackend backend([](Call call, Done done) { done(TicketWith(TextOf(call))); });
  auto server = StartOrFail(TicketsBy(&backend));
  RawConnection talker(*server);
  talker.Send(kPreface + Frame(kSettings, 0, 0, "") + Frame(kHeaders, 0, 1, CreateTicketHeaders()));
  // No more than it takes: what a server has not read when it closes takes its last words away.
  for (int i = 0; i < 4; ++i) talker.Send(Frame(kContinuation, 0, 1, std::string(16'384, 'h')));
  std::string said = talker.ReadAll();
  CHECK_THAT(said, Catch::EndsWith("too much: header"));
}

}  // namespace
}  // namespace linjuli
