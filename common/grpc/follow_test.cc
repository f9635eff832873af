#include "common/grpc/follow.h"

#include <catch2/catch.hpp>
#include <thread>

#include "common/grpc/source.h"
#include "common/grpc/test_parts.h"
#include "common/grpc/wire.h"
#include "grpcpp/create_channel.h"
#include "linjuli/changes/v1/changes.grpc.pb.h"

namespace linjuli {
namespace {

using changes::v1::Changes;
using changes::v1::FollowChangesRequest;
using changes::v1::FollowChangesResponse;

// A server whose one log is "tickets", for whoever bears the token "follower".
struct ServedLog {
  explicit ServedLog(std::string address = "127.0.0.1:0", int max_followers = 64,
                     std::string epoch = "first")
      : log(std::move(epoch)), backend(&log) {
    GrpcServerOptions options;
    options.address = address;
    options.changes = &backend;
    options.max_followers = max_followers;
    options.follow = [this](absl::string_view service,
                            absl::string_view token) -> absl::StatusOr<ChangeSource*> {
      if (token != "follower") {
        return Refuse(absl::StatusCode::kPermissionDenied, "ROLE", "not for you");
      }
      if (service != "tickets") return NotFound(service);
      return &log;
    };
    server = StartOrFail(options);
  }
  std::string target() const { return absl::StrCat("127.0.0.1:", server->port()); }

  MemoryLog log;
  LogBackend backend;
  std::unique_ptr<GrpcServer> server;
};

// One FollowChanges stream, read by hand.
class Follower {
 public:
  explicit Follower(const ServedLog& served, int64_t after = 0, const std::string& epoch = "",
                    const std::string& token = "follower", const std::string& service = "tickets")
      : stub_(Changes::NewStub(
            grpc::CreateChannel(served.target(), grpc::InsecureChannelCredentials()))) {
    context_.AddMetadata("authorization", "Bearer " + token);
    FollowChangesRequest request;
    request.set_service(service);
    request.set_after_sequence(after);
    request.set_epoch(epoch);
    last_ = after;
    reader_ = stub_->FollowChanges(&context_, request);
  }

  // Reads until the change `last`; false when the stream ends or a change is missing before.
  bool ReadTo(int64_t last) {
    FollowChangesResponse response;
    while (last_ < last) {
      if (!reader_->Read(&response)) return false;
      if (response.epoch() != "first") return false;
      for (const auto& change : response.changes()) {
        if (change.sequence() != last_ + 1) return false;
        last_ = change.sequence();
      }
    }
    return true;
  }
  // Until the server has opened the feed.
  void AwaitOpen() { reader_->WaitForInitialMetadata(); }
  void Cancel() { context_.TryCancel(); }
  absl::Status End() {
    FollowChangesResponse response;
    while (reader_->Read(&response)) {
    }
    return FromGrpc(reader_->Finish(), "test");
  }

 private:
  std::unique_ptr<Changes::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<FollowChangesResponse>> reader_;
  int64_t last_ = 0;
};

GrpcSourceOptions Tickets() {
  GrpcSourceOptions options;
  options.service = "tickets";
  options.token = [] { return std::string("follower"); };
  options.first_retry = absl::Milliseconds(1);
  options.longest_retry = absl::Milliseconds(10);
  return options;
}

GrpcChannelOptions To(const std::string& target) {
  return {.target = target,
          .first_retry = absl::Milliseconds(1),
          .longest_retry = absl::Milliseconds(100),
          .patience = absl::ZeroDuration()};
}

TEST_CASE("two followers get a thousand changes while they are committed", "[grpc]") {
  ServedLog served;
  served.log.Append(150);
  Follower one(served), two(served, 100, "first");
  std::thread writer([&] {
    for (int i = 0; i < 850; ++i) served.log.Append(1);
  });
  bool second = false;
  std::thread reader([&] { second = two.ReadTo(1000); });
  CHECK(one.ReadTo(1000));
  reader.join();
  writer.join();
  CHECK(second);
  one.Cancel();
  two.Cancel();
  CHECK(one.End().code() == absl::StatusCode::kCancelled);
  CHECK(two.End().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("followers that come and go leave one wake-up in a quiet log", "[grpc]") {
  ServedLog served;
  served.log.Append(3);
  for (int i = 0; i < 20; ++i) {
    Follower follower(served, i % 4, "first");
    follower.AwaitOpen();
    served.log.AwaitWaiting(1);
    follower.Cancel();
    CHECK_FALSE(follower.End().ok());
  }
  CHECK(served.log.waiting() == 1);
  Follower follower(served, 3, "first");
  follower.AwaitOpen();
  for (int64_t last = 4; last < 8; ++last) {
    served.log.AwaitWaiting(1);
    served.log.Append(1);
    CHECK(follower.ReadTo(last));
  }
}

TEST_CASE("who waits for less than the others is woken at once", "[grpc]") {
  MemoryLog log;
  log.Append(3);
  auto bell = std::make_shared<ChangeBell>(&log);
  int ahead = 0, behind = 0;
  auto first = std::make_shared<Waker>([&] { ++ahead; });
  auto second = std::make_shared<Waker>([&] { ++behind; });
  bell->Wait(3, first);
  bell->Wait(2, second);
  CHECK(ahead == 0);
  CHECK(behind == 1);
  CHECK(log.waiting() == 1);
  log.Append(1);
  CHECK(ahead == 1);
  // One that was disarmed stays asleep.
  bell->Wait(4, first);
  first->Disarm();
  log.Append(1);
  CHECK(ahead == 1);
}

TEST_CASE("a place that the log does not have is an expired cursor", "[grpc]") {
  ServedLog served;
  served.log.Append(3);
  auto other_epoch = Follower(served, 3, "before the restore").End();
  CHECK(other_epoch.code() == absl::StatusCode::kOutOfRange);
  CHECK(ReasonOf(other_epoch) == "CURSOR_EXPIRED");
  auto beyond = Follower(served, 4, "first").End();
  CHECK(beyond.code() == absl::StatusCode::kOutOfRange);
  CHECK(ReasonOf(beyond) == "CURSOR_EXPIRED");
  CHECK(Follower(served, -1).End().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("who may not follow is told why", "[grpc]") {
  ServedLog served;
  auto denied = Follower(served, 0, "", "resident").End();
  CHECK(denied.code() == absl::StatusCode::kPermissionDenied);
  CHECK(ReasonOf(denied) == "ROLE");
  CHECK(Follower(served, 0, "", "follower", "nothing").End().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("more followers than the server takes are refused, until one leaves", "[grpc]") {
  ServedLog served("127.0.0.1:0", 1);
  Follower one(served);
  one.AwaitOpen();
  auto refused = Follower(served).End();
  CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
  CHECK(ReasonOf(refused) == "OVERLOADED");
  served.log.Append(1);
  CHECK(one.ReadTo(1));
  one.Cancel();
  CHECK_FALSE(one.End().ok());
  // The server hears of the leave a little later than the client.
  while (true) {
    Follower next(served);
    if (next.ReadTo(1)) break;
    CHECK(next.End().code() == absl::StatusCode::kResourceExhausted);
  }
}

TEST_CASE("followers are let go when the server drains", "[grpc]") {
  ServedLog served;
  served.log.Append(1);
  Follower follower(served);
  REQUIRE(follower.ReadTo(1));
  served.server->Drain(absl::ZeroDuration(), absl::Minutes(1));
  CHECK(follower.End().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a log in another process is read and tells of its changes", "[grpc]") {
  ServedLog served;
  GrpcChannel channel(To(served.target()));
  GrpcSource source(&channel, Tickets());
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) served.log.Append(5);
  });
  int64_t last = 0;
  std::string epoch;
  bool gapless = true;
  while (last < 1000) {
    auto batch = source.Read(epoch, last, 100);
    REQUIRE(batch.ok());
    epoch = batch->epoch;
    for (const auto& change : batch->changes) gapless = gapless && change.sequence() == ++last;
    if (batch->changes.empty()) {
      absl::Notification woken;
      source.Notify(last, [&] { woken.Notify(); });
      woken.WaitForNotification();
    }
  }
  writer.join();
  CHECK(gapless);
  CHECK(epoch == "first");
  CHECK(source.Read(epoch, 990, 3)->changes.size() == 3);
  CHECK(ReasonOf(source.Read("other", 0, 1).status()) == "CURSOR_EXPIRED");
}

TEST_CASE("what woke a reader is not fetched again", "[grpc]") {
  ServedLog served;
  GrpcChannel channel(To(served.target()));
  GrpcSource source(&channel, Tickets());
  REQUIRE(source.Read("", 0, 100)->changes.empty());
  absl::Notification woken;
  source.Notify(0, [&] { woken.Notify(); });
  served.log.AwaitWaiting(1);
  served.log.Append(3);
  woken.WaitForNotification();
  // With the server gone, what can be read is what the wake-up brought.
  served.server.reset();
  auto batch = source.Read("first", 0, 2);
  REQUIRE(batch.ok());
  CHECK(batch->changes.size() == 2);
  CHECK(source.Read("first", 2, 2).status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a server that restarts is found again, and one that was restored is told of", "[grpc]") {
  TempFolder folder;
  GrpcChannel channel(To(folder.Socket()));
  GrpcSource source(&channel, Tickets());
  auto unreachable = source.Read("", 0, 10).status();
  CHECK(unreachable.code() == absl::StatusCode::kUnavailable);
  CHECK(ReasonOf(unreachable) == "UNAVAILABLE");
  CHECK(FactOf(unreachable, "target") == folder.Socket());

  // Without a connection a bell is silent, however often calls fail meanwhile.
  absl::Notification connected;
  source.Notify(0, [&] { connected.Notify(); });
  for (int i = 0; i < 100; ++i) CHECK_FALSE(source.Read("", 0, 10).ok());
  CHECK_FALSE(connected.HasBeenNotified());

  auto served = std::make_unique<ServedLog>(folder.Socket());
  served->log.Append(5);
  connected.WaitForNotification();
  auto read_after = [&](const std::string& epoch, int64_t after) {
    while (true) {
      absl::Notification woken;
      source.Notify(after, [&] { woken.Notify(); });
      woken.WaitForNotification();
      auto batch = source.Read(epoch, after, 100);
      if (batch.ok() && batch->changes.empty()) continue;
      if (batch.status().code() == absl::StatusCode::kUnavailable) continue;
      return batch;
    }
  };
  CHECK(read_after("", 0)->changes.size() == 5);

  absl::Notification ended;
  source.Notify(5, [&] { ended.Notify(); });
  served->log.AwaitWaiting(1);
  served.reset();
  ended.WaitForNotification();

  served = std::make_unique<ServedLog>(folder.Socket());
  served->log.Append(7);
  auto further = read_after("first", 5);
  REQUIRE(further.ok());
  CHECK(further->changes.size() == 2);

  served.reset();
  served = std::make_unique<ServedLog>(folder.Socket(), 64, "second");
  served->log.Append(7);
  CHECK(ReasonOf(read_after("first", 7).status()) == "CURSOR_EXPIRED");
}

TEST_CASE("a source that is closed wakes who waits at it", "[grpc]") {
  ServedLog served;
  GrpcChannel channel(To(served.target()));
  bool woken = false;
  {
    GrpcSource source(&channel, Tickets());
    source.Notify(0, [&] { woken = true; });
    served.log.AwaitWaiting(1);
  }
  CHECK(woken);
}

}  // namespace
}  // namespace linjuli
