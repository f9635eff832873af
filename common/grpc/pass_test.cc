// Calls that go through a server to another one, untouched.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "common/grpc/test_parts.h"
#include "common/grpc/wire.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "linjuli/changes/v1/changes.grpc.pb.h"

namespace linjuli {
namespace {

using changes::v1::Changes;
using changes::v1::FollowChangesRequest;
using changes::v1::FollowChangesResponse;

constexpr char kCreateTicket[] = "/linjuli.testing.v1.Tickets/CreateTicket";
constexpr char kGetTicket[] = "/linjuli.testing.v1.Tickets/GetTicket";

// CreateTicketRequests with an empty ticket.
const std::string kWithoutId("\x0a\x02\x0a\x00", 4);
const std::string kWithId = kWithoutId + "\x12\x01x";

std::string TextIn(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  LJ_CHECK(bytes.DumpToSingleSlice(&slice).ok());
  return std::string(slice.begin(), slice.end());
}

grpc::ByteBuffer BytesOf(const std::string& text) {
  grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

// A foreign program's server: it knows no proto of ours, and answers every call as it is told.
class ForeignServer : public grpc::CallbackGenericService {
 public:
  struct Answer {
    grpc::Status status;
    std::string bytes;
  };
  struct Seen {
    std::string path, bytes;
    std::multimap<std::string, std::string> metadata;
  };

  ForeignServer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
    target_ = absl::StrCat("127.0.0.1:", port);
  }

  const std::string& target() const { return target_; }
  void AnswerWith(std::function<Answer(int call)> answer) { answer_ = std::move(answer); }
  // Holds calls from now on, and tells when the first has come and when one was canceled.
  void Hold() { holds_ = true; }
  absl::Notification& begun() { return begun_; }
  absl::Notification& canceled() { return canceled_; }
  std::vector<Seen> seen() {
    absl::MutexLock lock(&mutex_);
    return seen_;
  }

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Reactor(this, context);
  }

 private:
  class Reactor : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(ForeignServer* server, grpc::GenericCallbackServerContext* context)
        : server_(server), context_(context) {
      if (absl::StartsWith(context->method(), "/grpc.health.")) {
        Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no health here"));
      } else {
        StartRead(&request_);
      }
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::CANCELLED);
      int number = server_->Note(*context_, TextIn(request_));
      if (server_->holds_) return;
      Answer answer = server_->answer_(number);
      if (!answer.status.ok()) return Finish(answer.status);
      reply_ = BytesOf(answer.bytes);
      StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
    }
    void OnCancel() override {
      if (!server_->holds_) return;
      server_->canceled_.Notify();
      Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    ForeignServer* const server_;
    grpc::GenericCallbackServerContext* const context_;
    grpc::ByteBuffer request_, reply_;
  };

  int Note(const grpc::GenericCallbackServerContext& context, std::string bytes) {
    absl::MutexLock lock(&mutex_);
    Seen& seen = seen_.emplace_back();
    seen.path = context.method();
    seen.bytes = std::move(bytes);
    for (const auto& [key, value] : context.client_metadata()) {
      seen.metadata.emplace(std::string(key.data(), key.size()),
                            std::string(value.data(), value.size()));
    }
    if (holds_) begun_.Notify();
    return static_cast<int>(seen_.size());
  }

  std::function<Answer(int)> answer_ = [](int) { return Answer{}; };
  std::atomic<bool> holds_{false};
  absl::Notification begun_, canceled_;
  absl::Mutex mutex_;
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
  std::string target_;
  std::unique_ptr<grpc::Server> server_;
};

// A server that passes Tickets on to `target`, for whoever bears the token "good".
struct Gateway {
  explicit Gateway(GrpcChannelOptions to) : channel(std::move(to)) {
    GrpcServerOptions options;
    options.services = {{TicketsService(), nullptr, &channel}};
    options.admit = [](const google::protobuf::MethodDescriptor&, absl::string_view token) {
      return token == "good" ? absl::OkStatus()
                             : Refuse(absl::StatusCode::kUnauthenticated, "TOKEN", "not good");
    };
    options.localize = [](absl::Status& status) { Localize(status, "zh-CN", "请稍后"); };
    server = StartOrFail(std::move(options));
    stub = std::make_unique<grpc::GenericStub>(ConnectTo(*server));
  }

  struct Answer {
    grpc::Status status;
    std::string bytes;
    std::string pushback;
  };
  // Waits for a call that is made of bytes.
  Answer Carry(const std::string& path, const std::string& bytes, const std::string& token = "good",
               const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + token);
    for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
    grpc::ByteBuffer request = BytesOf(bytes), reply;
    Answer answer;
    absl::Notification arrived;
    stub->UnaryCall(&context, path, {}, &request, &reply, [&](grpc::Status status) {
      answer.status = std::move(status);
      arrived.Notify();
    });
    arrived.WaitForNotification();
    if (answer.status.ok()) answer.bytes = TextIn(reply);
    auto pushback = context.GetServerTrailingMetadata().find("grpc-retry-pushback-ms");
    if (pushback != context.GetServerTrailingMetadata().end()) {
      answer.pushback = std::string(pushback->second.data(), pushback->second.size());
    }
    return answer;
  }

  GrpcChannel channel;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<grpc::GenericStub> stub;
};

TEST_CASE("what passes through keeps every byte, unknown fields and odd encodings too", "[grpc]") {
  ForeignServer backend;
  Gateway gateway({.target = backend.target()});
  // Field 2 before field 1, a length in a longer varint than needs be, field 1 twice, an unknown
  // field 1000, a group, and bytes that are no message at all.
  std::string request(
      "\x12\x81\x00q\x0a\x00\x0a\x02\x0a\x00\xc2\x3e\x03\xff\xfe\xfd\x1b\x08\x01\x1c\xff\xff", 22);
  std::string reply("\xff\x00\x80\x80\x80\x00 no message", 17);
  backend.AnswerWith([&](int) { return ForeignServer::Answer{grpc::Status::OK, reply}; });
  auto answer = gateway.Carry(kCreateTicket, request);
  REQUIRE(answer.status.ok());
  CHECK(answer.bytes == reply);
  auto seen = backend.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].path == kCreateTicket);
  CHECK(seen[0].bytes == request);
  // And an empty one, which is a message like others.
  reply.clear();
  answer = gateway.Carry(kCreateTicket, "");
  CHECK(answer.status.ok());
  CHECK(answer.bytes == "");
}

TEST_CASE("of the metadata, token and trace are passed on and nothing else", "[grpc]") {
  ForeignServer backend;
  Gateway gateway({.target = backend.target()});
  REQUIRE(gateway
              .Carry(kCreateTicket, "", "good",
                     {{"x-request-id", "visit-7"}, {"x-forwarded-for", "1.2.3.4"}, {"cookie", "c"}})
              .status.ok());
  auto metadata = backend.seen().at(0).metadata;
  CHECK(metadata.find("authorization")->second == "Bearer good");
  CHECK(metadata.find("x-request-id")->second == "visit-7");
  CHECK(metadata.count("x-forwarded-for") == 0);
  CHECK(metadata.count("cookie") == 0);
}

TEST_CASE("who is not admitted is refused before anything is passed on", "[grpc]") {
  ForeignServer backend;
  Gateway gateway({.target = backend.target()});
  auto refused = FromGrpc(gateway.Carry(kCreateTicket, "", "bad").status, "test");
  CHECK(refused.code() == absl::StatusCode::kUnauthenticated);
  CHECK(ReasonOf(refused) == "TOKEN");
  CHECK(HasWords(ToGrpc(refused)));
  CHECK(backend.seen().empty());
}

TEST_CASE("an error's details pass through as they are, and what has no words gets some",
          "[grpc]") {
  ForeignServer backend;
  Gateway gateway({.target = backend.target()});
  absl::Status refusal = Refuse(absl::StatusCode::kFailedPrecondition, "STATE", "closed");
  Localize(refusal, "zh-CN", "已关闭");
  google::rpc::Status proto = ToProto(refusal);
  for (int i = 0; i < 2; ++i) {
    auto* own = proto.add_details();
    own->set_type_url("type.example.cn/their.own.Detail");
    own->set_value("\xff\x01");
  }
  grpc::Status sent(grpc::StatusCode::FAILED_PRECONDITION, "closed", proto.SerializeAsString());
  backend.AnswerWith([&](int) { return ForeignServer::Answer{sent, ""}; });
  auto got = gateway.Carry(kCreateTicket, "").status;
  CHECK(got.error_code() == sent.error_code());
  CHECK(got.error_message() == "closed");
  CHECK(got.error_details() == sent.error_details());

  sent = grpc::Status(grpc::StatusCode::DATA_LOSS, "bare");
  got = gateway.Carry(kCreateTicket, "").status;
  CHECK(got.error_code() == grpc::StatusCode::DATA_LOSS);
  CHECK(ReasonOf(FromGrpc(got, "test")) == "DATA_LOSS");
  CHECK(FactOf(FromGrpc(got, "test"), "target") == backend.target());
  CHECK(HasWords(got));
}

TEST_CASE("a client that leaves ends the call at the backend", "[grpc]") {
  ForeignServer backend;
  backend.Hold();
  Gateway gateway({.target = backend.target()});
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer good");
  grpc::ByteBuffer request = BytesOf(""), reply;
  absl::Notification arrived;
  gateway.stub->UnaryCall(&context, kCreateTicket, {}, &request, &reply,
                          [&](const grpc::Status&) { arrived.Notify(); });
  backend.begun().WaitForNotification();
  CHECK_FALSE(backend.canceled().HasBeenNotified());
  context.TryCancel();
  backend.canceled().WaitForNotification();
  arrived.WaitForNotification();
}

TEST_CASE("R24: the deadline ends the call at the gateway and at the backend", "[grpc]") {
  ForeignServer backend;
  backend.Hold();
  Gateway gateway({.target = backend.target()});
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer good");
  context.set_deadline(absl::ToChronoTime(Clock::Real()->Now() + absl::Milliseconds(200)));
  grpc::ByteBuffer request = BytesOf(""), reply;
  grpc::Status ended;
  absl::Notification arrived;
  gateway.stub->UnaryCall(&context, kCreateTicket, {}, &request, &reply, [&](grpc::Status status) {
    ended = std::move(status);
    arrived.Notify();
  });
  arrived.WaitForNotification();
  backend.canceled().WaitForNotification();
  CHECK(ended.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_CASE("R24: a call whose moment has passed on its way is not begun", "[grpc]") {
  FakeClock clock(absl::FromUnixSeconds(1'000'000));
  absl::Time deadline;
  FunctionBackend backend([&](Call call, Done done) {
    deadline = call.deadline;
    done(TicketWith(""));
  });
  auto options = TicketsBy(&backend);
  options.clock = &clock;
  auto server = StartOrFail(std::move(options));
  grpc::GenericStub stub(ConnectTo(*server));
  auto carry = [&](absl::Duration from_now) {
    grpc::ClientContext context;
    // As a frozen process finds it: the deadline as a duration is whole, the moment is past.
    context.set_deadline(absl::ToChronoTime(Clock::Real()->Now() + absl::Seconds(20)));
    context.AddMetadata("linjuli-deadline",
                        absl::StrCat(absl::ToUnixMicros(Clock::Real()->Now() + from_now)));
    grpc::ByteBuffer request = BytesOf(""), reply;
    absl::Notification arrived;
    stub.UnaryCall(&context, kCreateTicket, {}, &request, &reply,
                   [&](const grpc::Status&) { arrived.Notify(); });
    arrived.WaitForNotification();
    return deadline - clock.Now();
  };
  CHECK(carry(-absl::Seconds(1)) < absl::ZeroDuration());
  // It never makes a deadline later.
  // gRPC rounds a duration up on the wire, by a hundredth at most.
  CHECK(carry(absl::Hours(1)) <= absl::Seconds(20) * 1.01);
  CHECK(carry(absl::Hours(1)) > absl::Seconds(1));
}

TEST_CASE("a backend that is down is unavailable with a reason, and a client is not to retry",
          "[grpc]") {
  Gateway gateway({.target = "unix:/nowhere/at/all", .patience = absl::ZeroDuration()});
  auto answer = gateway.Carry(kGetTicket, "");
  auto status = FromGrpc(answer.status, "test");
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(status) == "UNAVAILABLE");
  CHECK(FactOf(status, "target") == "unix:/nowhere/at/all");
  CHECK(HasWords(answer.status));
  CHECK(answer.pushback == "-1");
}

TEST_CASE("C9: what may be repeated is tried three times, what may not once", "[grpc]") {
  ForeignServer backend;
  Gateway gateway({.target = backend.target()});
  int failures = 0;
  backend.AnswerWith([&](int call) {
    bool fails = call <= failures;
    return ForeignServer::Answer{
        fails ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting") : grpc::Status::OK,
        "reply"};
  });
  auto attempts = [&](const std::string& path, const std::string& bytes) {
    size_t before = backend.seen().size();
    failures = static_cast<int>(before) + 2;
    auto answer = gateway.Carry(path, bytes);
    size_t sent = backend.seen().size() - before;
    CHECK(answer.status.ok() == (sent == 3));
    if (!answer.status.ok()) CHECK(answer.pushback == "-1");
    return sent;
  };
  CHECK(attempts(kGetTicket, "") == 3);
  CHECK(attempts(kCreateTicket, kWithId) == 3);
  CHECK(attempts(kCreateTicket, kWithoutId) == 1);
  // The budget is at five by now: nothing is tried again until there were successes.
  CHECK(attempts(kGetTicket, "") == 1);
}

TEST_CASE("C9: a read may be repeated, and a write with a request id", "[grpc]") {
  auto may = [](const char* method, const std::string& bytes) {
    return MayRepeat(*TicketsService()->FindMethodByName(method), BytesOf(bytes));
  };
  CHECK(may("GetTicket", ""));
  CHECK(may("ListTickets", "\xff"));
  CHECK(may("CreateTicket", kWithId));
  CHECK_FALSE(may("CreateTicket", kWithoutId));
  CHECK_FALSE(may("CreateTicket", std::string("\x0a\x02\x0a\x00\x12\x00", 6)));
  // The last one counts, as for whoever parses it; and what is cut off is not repeated.
  CHECK_FALSE(may("CreateTicket", std::string("\x12\x01x\x12\x00", 5)));
  CHECK_FALSE(may("CreateTicket", kWithId + "\x12\x09x"));
}

TEST_CASE("R23: a target that refuses everything is hardly asked more than once a call", "[grpc]") {
  ForeignServer backend;
  Gateway gateway({.target = backend.target()});
  bool refuses = true;
  backend.AnswerWith([&](int) {
    return ForeignServer::Answer{
        refuses ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "no") : grpc::Status::OK, ""};
  });
  constexpr int kCalls = 100;
  for (int i = 0; i < kCalls; ++i) CHECK_FALSE(gateway.Carry(kGetTicket, "").status.ok());
  auto attempts = backend.seen().size();
  WARN("R23: " << attempts << " attempts for " << kCalls << " calls that were refused");
  CHECK(attempts <= kCalls * 11 / 10);
  // Back to normal, the budget fills again.
  refuses = false;
  for (int i = 0; i < kCalls; ++i) CHECK(gateway.Carry(kGetTicket, "").status.ok());
  auto before = backend.seen().size();
  refuses = true;
  CHECK_FALSE(gateway.Carry(kGetTicket, "").status.ok());
  CHECK(backend.seen().size() - before == 3);
}

TEST_CASE("R29: calls wait for a target that says NOT_SERVING, and go on when it serves",
          "[grpc]") {
  std::atomic<int> calls{0};
  FunctionBackend backend([&](Call call, Done done) {
    ++calls;
    Echo(std::move(call), std::move(done));
  });
  auto server = StartOrFail(TicketsBy(&backend));
  Gateway gateway(
      {.target = absl::StrCat("127.0.0.1:", server->port()), .patience = absl::Seconds(60)});
  REQUIRE(gateway.Carry(kCreateTicket, "").status.ok());
  server->SetServing(false);
  // The channel hears of it by its watch.
  while (gateway.channel.connection()->GetState(false) == GRPC_CHANNEL_READY) {
  }
  int before = calls;
  grpc::Status waited;
  std::thread waiting([&] { waited = gateway.Carry(kCreateTicket, "").status; });
  CHECK(calls == before);
  server->SetServing(true);
  waiting.join();
  CHECK(waited.ok());
  CHECK(calls == before + 1);
}

// A gateway before a server with the log "tickets".
struct PassedLog {
  PassedLog() : backend(&log) {
    GrpcServerOptions options;
    options.changes = &backend;
    options.max_followers = 1;
    options.follow = [this](absl::string_view, absl::string_view token) {
      return token == "good" ? absl::StatusOr<ChangeSource*>(&log)
                             : Refuse(absl::StatusCode::kPermissionDenied, "ROLE", "not for you");
    };
    server = StartOrFail(std::move(options));
    channel = std::make_unique<GrpcChannel>(
        GrpcChannelOptions{.target = absl::StrCat("127.0.0.1:", server->port())});

    GrpcServerOptions front;
    front.changes = channel.get();
    front.follow = [](absl::string_view name, absl::string_view) { return NotFound(name); };
    front.logs["tickets"] = channel.get();
    front.admit = [](const google::protobuf::MethodDescriptor&, absl::string_view token) {
      return token == "nobody" ? Refuse(absl::StatusCode::kUnauthenticated, "TOKEN", "who?")
                               : absl::OkStatus();
    };
    gateway = StartOrFail(std::move(front));
    stub = Changes::NewStub(ConnectTo(*gateway));
  }

  std::unique_ptr<grpc::ClientReader<FollowChangesResponse>> Follow(
      grpc::ClientContext& context, const std::string& token = "good",
      const std::string& service = "tickets") {
    context.AddMetadata("authorization", "Bearer " + token);
    FollowChangesRequest request;
    request.set_service(service);
    return stub->FollowChanges(&context, request);
  }
  std::string ReasonFor(const std::string& token, const std::string& service) {
    grpc::ClientContext context;
    FollowChangesResponse response;
    auto reader = Follow(context, token, service);
    while (reader->Read(&response)) {
    }
    return ReasonOf(FromGrpc(reader->Finish(), "test"));
  }

  MemoryLog log;
  LogBackend backend;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<GrpcChannel> channel;
  std::unique_ptr<GrpcServer> gateway;
  std::unique_ptr<Changes::Stub> stub;
};

TEST_CASE("changes are followed through the gateway, and a page of them is read", "[grpc]") {
  PassedLog passed;
  passed.log.Append(5);
  grpc::ClientContext context;
  auto reader = passed.Follow(context);
  FollowChangesResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.changes_size() == 5);
  passed.log.AwaitWaiting(1);
  passed.log.Append(1);
  REQUIRE(reader->Read(&response));
  CHECK(response.changes(0).sequence() == 6);
  context.TryCancel();
  reader->Finish();

  grpc::ClientContext page;
  page.AddMetadata("authorization", "Bearer good");
  changes::v1::ListChangesRequest request;
  changes::v1::ListChangesResponse list;
  request.set_service("tickets");
  request.set_page_size(4);
  REQUIRE(passed.stub->ListChanges(&page, request, &list).ok());
  CHECK(list.changes_size() == 4);

  CHECK(passed.ReasonFor("nobody", "tickets") == "TOKEN");
  CHECK(passed.ReasonFor("good", "elsewhere") == "NOT_FOUND");
}

TEST_CASE("a follower that leaves the gateway leaves the backend", "[grpc]") {
  PassedLog passed;
  passed.log.Append(1);
  FollowChangesResponse response;
  grpc::ClientContext first;
  auto reader = passed.Follow(first);
  REQUIRE(reader->Read(&response));
  // The backend takes one follower at a time.
  CHECK(passed.ReasonFor("good", "tickets") == "OVERLOADED");
  first.TryCancel();
  reader->Finish();
  while (true) {
    grpc::ClientContext next;
    auto again = passed.Follow(next);
    if (again->Read(&response)) break;
    CHECK(ReasonOf(FromGrpc(again->Finish(), "test")) == "OVERLOADED");
  }
}

TEST_CASE("a follower that does not read stops the reading of the log", "[grpc]") {
  PassedLog passed;
  constexpr int kChanges = 100'000;
  // More than what the connections hold for a reader that is slow.
  passed.log.Append(kChanges, 400);
  grpc::ClientContext context;
  auto reader = passed.Follow(context);
  FollowChangesResponse response;
  REQUIRE(reader->Read(&response));
  // Time for the servers to go on, if they would.
  for (int i = 0; i < 500; ++i) {
    grpc::ClientContext page;
    page.AddMetadata("authorization", "Bearer good");
    changes::v1::ListChangesRequest request;
    changes::v1::ListChangesResponse list;
    request.set_service("tickets");
    request.set_page_size(1);
    REQUIRE(passed.stub->ListChanges(&page, request, &list).ok());
  }
  CHECK(passed.log.reads() - 500 < kChanges / 100 / 2);
  int64_t last = response.changes(response.changes_size() - 1).sequence();
  while (last < kChanges && reader->Read(&response)) {
    CHECK(response.changes(0).sequence() == last + 1);
    last = response.changes(response.changes_size() - 1).sequence();
  }
  CHECK(last == kChanges);
}

TEST_CASE("streams through a gateway end when it drains", "[grpc]") {
  PassedLog passed;
  passed.log.Append(1);
  grpc::ClientContext context;
  auto reader = passed.Follow(context);
  FollowChangesResponse response;
  REQUIRE(reader->Read(&response));
  passed.gateway->Drain(absl::ZeroDuration(), absl::Minutes(1));
  while (reader->Read(&response)) {
  }
  CHECK(reader->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace linjuli
