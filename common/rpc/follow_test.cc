// The feed contract in one process (R15, C7): in order, without gaps, each effect once, whatever
// happens to who follows and whom they follow. failpoint_test.cc kills followers at every point.
#include "common/rpc/follow.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "tests/hearing.h"

namespace linjuli {
namespace {

// Each change heard once, in its order: so its place among the heard is its sequence.
bool HeardAllOnce(Service& hearing, int64_t changes) {
  return Number(hearing, "SELECT count(*) FROM heard") == changes &&
         Number(hearing, "SELECT count(*) FROM heard WHERE id<>sequence") == 0;
}

// Until nothing stands in the source that was not applied.
absl::Status FollowToEnd(Service& hearing, ChangeSource& source) {
  while (true) {
    LJ_ASSIGN(int applied, FollowOnce(hearing, "testing", source));
    if (applied == 0) return absl::OkStatus();
  }
}

double Lag(prometheus::Registry& metrics) {
  for (const auto& family : metrics.Collect()) {
    if (family.name == "linjuli_feed_lag_seconds") return family.metric.at(0).gauge.value;
  }
  return -1;
}

// A source that cannot be reached when it is told so, and says how often it was asked.
class Line : public ChangeSource {
 public:
  explicit Line(ChangeSource* source) : source_(source) {}
  absl::StatusOr<ChangeBatch> Read(absl::string_view epoch, int64_t after, int limit) override {
    {
      absl::MutexLock lock(&mutex_);
      ++reads_;
      if (cut_) return absl::UnavailableError("the line is cut");
    }
    return source_->Read(epoch, after, limit);
  }
  void Notify(int64_t after, absl::AnyInvocable<void()> wake) override {
    source_->Notify(after, std::move(wake));
  }
  void Cut(bool cut) {
    absl::MutexLock lock(&mutex_);
    cut_ = cut;
  }
  void AwaitReads(int more) {
    absl::MutexLock lock(&mutex_);
    int target = reads_ + more;
    auto reached = [this, target]()
                       ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return reads_ >= target; };
    mutex_.Await(absl::Condition(&reached));
  }

 private:
  ChangeSource* const source_;
  absl::Mutex mutex_;
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_CASE("followers that come, go, restart and are slow hear every change once, in order",
          "[rpc][R15]") {
  constexpr int kConsumers = 5;
  constexpr int kRounds = 12;
  TicketRig tickets;
  std::vector<std::unique_ptr<Rig>> consumers;
  for (int i = 0; i < kConsumers; ++i) consumers.push_back(std::make_unique<Rig>(HearingSpec()));
  std::mt19937 random(15);
  int64_t changes = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::unique_ptr<Follower>> followers;
    for (int i = 0; i < kConsumers; ++i) {
      // The first follows always, the last only at the end; the others now and then.
      if (i == kConsumers - 1 || (i > 0 && random() % 3 == 0)) continue;
      followers.push_back(
          std::make_unique<Follower>(&**consumers[i], "testing", &*tickets, nullptr));
    }
    int count = 1 + static_cast<int>(random() % 40);
    for (int i = 0; i < count; ++i) tickets.Made(Resident(), TicketOf("路灯坏了"));
    changes += count;
    // They end wherever they are.
    followers.clear();
    for (auto& consumer : consumers) {
      if (random() % 3 == 0) consumer->Restart();
    }
  }
  for (auto& consumer : consumers) {
    REQUIRE(FollowToEnd(**consumer, *tickets).ok());
    CHECK(HeardAllOnce(**consumer, changes));
  }
}

TEST_CASE("two that follow into one store at once do each effect once", "[rpc][R15]") {
  TicketRig tickets;
  Rig hearing(HearingSpec());
  for (int i = 0; i < 250; ++i) tickets.Made(Resident(), TicketOf("路灯坏了"));
  {
    std::thread other([&] {
      for (int i = 0; i < 20; ++i) FollowOnce(*hearing, "testing", *tickets).status().IgnoreError();
    });
    for (int i = 0; i < 20; ++i) FollowOnce(*hearing, "testing", *tickets).status().IgnoreError();
    other.join();
  }
  REQUIRE(FollowToEnd(*hearing, *tickets).ok());
  CHECK(HeardAllOnce(*hearing, 250));
}

TEST_CASE("a change that cannot be applied holds up those behind it, and loses none",
          "[rpc][R15]") {
  TicketRig tickets;
  Rig hearing(HearingSpec());
  tickets.Made(Resident(), TicketOf("one"));
  tickets.Made(Resident(), TicketOf("deaf"));
  tickets.Made(Resident(), TicketOf("three"));
  for (int i = 0; i < 3; ++i) {
    CHECK(ReasonOf(FollowOnce(*hearing, "testing", *tickets).status()) == "DEAF");
    CHECK(HeardAllOnce(*hearing, 1));
  }
  // What follows without a function for tickets only counts them.
  Rig indifferent(TicketsSpec());
  REQUIRE(FollowToEnd(*indifferent, *tickets).ok());
  CHECK(Number(*indifferent, "SELECT seq FROM cursor WHERE source='testing'") == 3);
}

TEST_CASE("a source that was restored is read again from its beginning", "[rpc][R15]") {
  TicketRig tickets;
  Rig hearing(HearingSpec());
  for (int i = 0; i < 3; ++i) tickets.Made(Resident(), TicketOf("before"));
  std::string file = tickets.dir.File("testing.db"), saved = tickets.dir.File("saved.db");
  REQUIRE(tickets->store().Checkpoint().ok());
  std::filesystem::copy_file(file, saved);
  for (int i = 0; i < 2; ++i) tickets.Made(Resident(), TicketOf("lost"));
  REQUIRE(FollowToEnd(*hearing, *tickets).ok());
  CHECK(HeardAllOnce(*hearing, 5));

  tickets.Stop();
  for (const char* rest : {"", "-wal", "-shm"}) std::filesystem::remove(file + rest);
  std::filesystem::copy_file(saved, file);
  {
    auto db = Connection::Open(file, Connection::Access::kWrite);
    REQUIRE(db.ok());
    REQUIRE(BeginLife(**db).ok());
  }
  tickets.Restart();
  auto expired = tickets->Read("an epoch of before", 5, 10);
  CHECK(absl::IsOutOfRange(expired.status()));
  CHECK(ReasonOf(expired.status()) == "CURSOR_EXPIRED");
  tickets.Made(Resident(), TicketOf("after"));
  REQUIRE(FollowToEnd(*hearing, *tickets).ok());
  // The four of its new life, after the five of the old one; each told again once.
  CHECK(Number(*hearing, "SELECT count(*) FROM heard") == 9);
  CHECK(Number(*hearing, "SELECT count(*) FROM heard WHERE id>5 AND sequence<>id-5") == 0);
  CHECK(Number(*hearing, "SELECT count(*) FROM told WHERE text='after'") == 1);
  tickets.Made(Resident(), TicketOf("after"));
  REQUIRE(FollowToEnd(*hearing, *tickets).ok());
  CHECK(Number(*hearing, "SELECT count(*) FROM heard") == 10);
}

TEST_CASE("how fast a backlog is caught up with", "[rpc][R14][R15]") {
  // Not asserted: the machine may be busy.
  constexpr int kBacklog = 5000;
  TicketRig tickets;
  Rig hearing(HearingSpec());
  Caller caller = Resident();
  REQUIRE(tickets->store()
              .WriteAndWait({&caller, "test", ""},
                            [](Tx& tx) -> absl::Status {
                              for (int i = 0; i < kBacklog; ++i) {
                                Ticket ticket = TicketOf("路灯坏了");
                                LJ_RETURN_IF_ERROR(tx.Create(ticket));
                              }
                              return absl::OkStatus();
                            })
              .ok());
  auto begun = std::chrono::steady_clock::now();
  REQUIRE(FollowToEnd(*hearing, *tickets).ok());
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  CHECK(HeardAllOnce(*hearing, kBacklog));
  WARN("a backlog of " << kBacklog << " changes in " << took.count() << " s");
}

TEST_CASE("the lag tells in seconds for how long changes may be missing", "[rpc][R15]") {
  TicketRig tickets;
  Rig hearing(HearingSpec());
  prometheus::Registry metrics;
  Line line(&*tickets);
  tickets.Made(Resident(), TicketOf("路灯坏了"));
  Follower follower(&*hearing, "testing", &line, &metrics);
  auto await = [&](auto condition) {
    while (!condition()) std::this_thread::yield();
  };
  await([&] { return HeardAllOnce(*hearing, 1) && Lag(metrics) == 0; });
  line.Cut(true);
  tickets.Made(Resident(), TicketOf("路灯坏了"));
  line.AwaitReads(1);
  hearing.clock.Advance(absl::Seconds(90));
  await([&] { return Lag(metrics) == 90; });
  CHECK(HeardAllOnce(*hearing, 1));
  line.Cut(false);
  await([&] { return Lag(metrics) == 0; });
  CHECK(HeardAllOnce(*hearing, 2));
}

}  // namespace
}  // namespace linjuli
