// The feed contract between two processes' worth of services (R15, C7): one follows and witnesses
// the other over gRPC, while the server, the follower and the followed service come and go.
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "common/changes/heads.h"
#include "common/changes/merkle.h"
#include "common/grpc/server.h"
#include "common/grpc/source.h"
#include "common/rpc/follow.h"
#include "tests/hearing.h"

namespace linjuli {
namespace {

// Tickets behind a gRPC door, and a way to it.
class Served {
 public:
  Served() { Open(); }
  void Open() {
    GrpcServerOptions options;
    options.address = Address();
    options.changes = &*tickets;
    options.follow = [this](absl::string_view,
                            absl::string_view token) -> absl::StatusOr<ChangeSource*> {
      return tickets->Follow(token);
    };
    auto started = GrpcServer::Start(std::move(options));
    LJ_CHECK(started.ok(), started.status().ToString());
    server_ = *std::move(started);
    server_->SetServing(true);
  }
  void Close() { server_.reset(); }
  std::string Address() { return absl::StrCat("unix:", tickets.dir.File("socket")); }

  // A source of its own connection.
  struct Line {
    std::unique_ptr<GrpcChannel> channel;
    std::unique_ptr<GrpcSource> source;
  };
  Line Connect(Role role = SERVICE) {
    GrpcChannelOptions channel;
    channel.target = Address();
    Line line;
    line.channel = std::make_unique<GrpcChannel>(std::move(channel));
    GrpcSourceOptions options;
    options.service = "testing";
    options.token = [this, role] { return tickets.Token(Person("service/hearing", role)); };
    options.first_retry = absl::Milliseconds(1);
    line.source = std::make_unique<GrpcSource>(line.channel.get(), std::move(options));
    return line;
  }

  TicketRig tickets;

 private:
  std::unique_ptr<GrpcServer> server_;
};

TEST_CASE("over gRPC too every change is heard once and in order, whoever restarts",
          "[grpc][R15]") {
  Served served;
  Rig hearing(HearingSpec());
  std::mt19937 random(15);
  int64_t changes = 0;
  for (int round = 0; round < 10; ++round) {
    auto line = served.Connect();
    {
      Follower follower(&*hearing, "testing", line.source.get(), nullptr);
      int count = 1 + static_cast<int>(random() % 60);
      for (int i = 0; i < count; ++i) served.tickets.Made(Resident(), TicketOf("路灯坏了"));
      changes += count;
      if (round % 3 == 1) {
        served.Close();
        served.tickets.Restart();
        served.Open();
      }
    }
    if (round % 3 == 2) hearing.Restart();
  }
  auto line = served.Connect();
  while (true) {
    auto applied = FollowOnce(*hearing, "testing", *line.source);
    REQUIRE(applied.ok());
    if (*applied == 0) break;
  }
  CHECK(Number(*hearing, "SELECT count(*) FROM heard") == changes);
  CHECK(Number(*hearing, "SELECT count(*) FROM heard WHERE id<>sequence") == 0);
}

TEST_CASE("a change is heard as it is committed, without being asked for", "[grpc][R15]") {
  Served served;
  Rig hearing(HearingSpec());
  auto line = served.Connect();
  Follower follower(&*hearing, "testing", line.source.get(), nullptr);
  for (int64_t heard = 1; heard <= 20; ++heard) {
    served.tickets.Made(Resident(), TicketOf("路灯坏了"));
    while (Number(*hearing, "SELECT count(*) FROM heard") < heard) std::this_thread::yield();
  }
}

TEST_CASE("heads and their proofs cross the wire, for who may have them", "[grpc][R41]") {
  Served served;
  auto line = served.Connect();
  CHECK(absl::IsNotFound(line.source->ReadHead().status()));
  for (int i = 0; i < 5; ++i) served.tickets.Made(Resident(), TicketOf("路灯坏了"));
  REQUIRE(served.tickets->SignHead().ok());
  auto first = line.source->ReadHead();
  REQUIRE(first.ok());
  for (int i = 0; i < 7; ++i) served.tickets.Made(Resident(), TicketOf("路灯坏了"));
  REQUIRE(served.tickets->SignHead().ok());
  auto second = line.source->ReadHead();
  REQUIRE(second.ok());
  CHECK(HeadIsSigned(*second));
  auto path = line.source->ProveConsistency(5, 12);
  REQUIRE(path.ok());
  CHECK(ProvesConsistency(5, *DigestFrom(first->root_hash()), 12, *DigestFrom(second->root_hash()),
                          *path));
  CHECK(ReasonOf(line.source->ProveConsistency(5, 13).status()) == "RANGE");
  auto stranger = served.Connect(RESIDENT);
  CHECK(ReasonOf(stranger.source->ReadHead().status()) == "ROLE");
  CHECK(ReasonOf(stranger.source->ProveConsistency(5, 12).status()) == "ROLE");
}

}  // namespace
}  // namespace linjuli
