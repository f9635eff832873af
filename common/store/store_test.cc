#include "common/store/store.h"

#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

absl::Status Fail() { return Refuse(absl::StatusCode::kFailedPrecondition, "TOLD", "as told"); }

// Stops the writer in a job of its own, so that what is written meanwhile makes one batch.
class HeldWriter {
 public:
  explicit HeldWriter(Store& store) {
    store.Write(
        {&Tester(), "hold", ""}, absl::InfiniteFuture(),
        [this](Tx&) {
          begun_.Notify();
          release_.WaitForNotification();
          return absl::OkStatus();
        },
        [this](absl::Status) { ended_.Notify(); });
    begun_.WaitForNotification();
  }
  void Release() {
    release_.Notify();
    ended_.WaitForNotification();
  }

 private:
  absl::Notification begun_, release_, ended_;
};

// A write that is on its way, and how it ended.
struct Pending {
  absl::Status status = absl::UnknownError("");
  int runs = 0;
  absl::Notification ended;

  void Start(Store& store, Store::Work work, absl::Time deadline = absl::InfiniteFuture()) {
    store.Write(
        {&Tester(), "test", ""}, deadline,
        [this, work = std::move(work)](Tx& tx) mutable {
          ++runs;
          return work(tx);
        },
        [this](absl::Status s) {
          status = std::move(s);
          ended.Notify();
        });
  }
  const absl::Status& Wait() {
    ended.WaitForNotification();
    return status;
  }
};

Store::Work Adds(const std::string& text, bool then_fail = false) {
  return [text, then_fail](Tx& tx) -> absl::Status {
    Ticket ticket;
    ticket.set_text(text);
    LJ_RETURN_IF_ERROR(tx.Create(ticket));
    return then_fail ? Fail() : absl::OkStatus();
  };
}

TEST_CASE("what was written is read back with its standard fields", "[store]") {
  TicketStore rig;
  Ticket made = rig.Add("路灯坏了");
  auto read = rig.Get(made.name());
  REQUIRE(read.ok());
  CHECK(read->text() == "路灯坏了");
  CHECK(read->etag() == EncodeId(1));
  CHECK(TimeAt(*read, *FindPath(Ticket::descriptor(), "create_time")) == rig.clock.Now());
  CHECK(ReasonOf(rig.Get("tickets/0000000000000").status()) == "NOT_FOUND");
  CHECK(ReasonOf(rig.Get("nonsense").status()) == "NOT_FOUND");
}

TEST_CASE("a job that fails after writing leaves the rest of its batch", "[store]") {
  TicketStore rig;
  HeldWriter writer(*rig.store);
  Pending before, failing, after, refused;
  before.Start(*rig.store, Adds("before"));
  failing.Start(*rig.store, Adds("failing", true));
  after.Start(*rig.store, Adds("after"));
  refused.Start(*rig.store, [](Tx&) { return Fail(); });
  writer.Release();

  CHECK(before.Wait().ok());
  CHECK(ReasonOf(failing.Wait()) == "TOLD");
  CHECK(after.Wait().ok());
  CHECK(ReasonOf(refused.Wait()) == "TOLD");
  // They shared a batch: the first was undone with it, and ran again.
  CHECK(before.runs == 2);
  CHECK(after.runs == 1);
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 2);
  CHECK(rig.Count("SELECT count(*) FROM ticket_text WHERE ticket_text MATCH '\"faili\"*'") == 0);
  Verdict verdict = rig.Verify();
  CHECK(verdict.changes == 2);
  CHECK_FALSE(verdict.flaw.has_value());
}

TEST_CASE("a job that fails before it writes costs its batch nothing", "[store]") {
  TicketStore rig;
  HeldWriter writer(*rig.store);
  Pending before, refused;
  before.Start(*rig.store, Adds("before"));
  refused.Start(*rig.store, [](Tx&) { return Fail(); });
  writer.Release();
  CHECK(before.Wait().ok());
  CHECK(ReasonOf(refused.Wait()) == "TOLD");
  CHECK(before.runs == 1);
}

TEST_CASE("what a failed job wrote to the service's own tables goes with it", "[store]") {
  TicketStore rig({"CREATE TABLE tally(n INTEGER NOT NULL)"});
  HeldWriter writer(*rig.store);
  auto add = [](int n, bool then_fail) {
    return [n, then_fail](Tx& tx) -> absl::Status {
      LJ_RETURN_IF_ERROR(
          tx.Sql("INSERT INTO tally(n) VALUES(?1)").Bind(1, static_cast<int64_t>(n)).Run());
      return then_fail ? Fail() : absl::OkStatus();
    };
  };
  Pending good, bad;
  good.Start(*rig.store, add(1, false));
  bad.Start(*rig.store, add(20, true));
  writer.Release();
  CHECK(good.Wait().ok());
  CHECK(ReasonOf(bad.Wait()) == "TOLD");
  CHECK(rig.Count("SELECT sum(n) FROM tally") == 1);
}

TEST_CASE("a part that fails is undone alone", "[store]") {
  TicketStore rig({"CREATE TABLE tally(n INTEGER NOT NULL)"});
  absl::Status parts[3];
  absl::Status status = rig.Write([&](Tx& tx) -> absl::Status {
    for (int i = 0; i < 3; ++i) {
      parts[i] = tx.Nested([&]() -> absl::Status {
        LJ_RETURN_IF_ERROR(
            tx.Sql("INSERT INTO tally(n) VALUES(?1)").Bind(1, static_cast<int64_t>(i)).Run());
        if (i == 1) return Fail();
        return Adds(absl::StrCat("part ", i))(tx);
      });
      if (ReasonOf(parts[i]) == kHalfDone) return parts[i];
    }
    return absl::OkStatus();
  });
  CHECK(status.ok());
  CHECK(parts[0].ok());
  CHECK(ReasonOf(parts[1]) == "TOLD");
  CHECK(parts[2].ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 2);
  CHECK(rig.Count("SELECT sum(n) FROM tally") == 2);
  CHECK_FALSE(rig.Verify().flaw.has_value());
}

TEST_CASE("a write whose deadline passes in the queue is not run", "[store]") {
  TicketStore rig;
  HeldWriter writer(*rig.store);
  Pending late, in_time;
  late.Start(*rig.store, Adds("late"), rig.clock.Now() + absl::Seconds(5));
  in_time.Start(*rig.store, Adds("in time"), rig.clock.Now() + absl::Seconds(6));
  rig.clock.Advance(absl::Seconds(5));
  writer.Release();
  CHECK(absl::IsDeadlineExceeded(late.Wait()));
  CHECK(ReasonOf(late.status) == "DEADLINE");
  CHECK(late.runs == 0);
  CHECK(in_time.Wait().ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 1);
}

TEST_CASE("a queue that is full refuses at once", "[store]") {
  TicketStore rig;
  HeldWriter writer(*rig.store);
  constexpr int kQueue = 4096;
  absl::BlockingCounter waiting(kQueue);
  for (int i = 0; i < kQueue; ++i) {
    rig.store->Write(
        {&Tester(), "test", ""}, absl::InfiniteFuture(), [](Tx&) { return absl::OkStatus(); },
        [&](absl::Status) { waiting.DecrementCount(); });
  }
  Pending refused;
  refused.Start(*rig.store, Adds("one too many"));
  CHECK(ReasonOf(refused.Wait()) == "OVERLOADED");
  writer.Release();
  waiting.Wait();
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 0);
}

TEST_CASE("a second store on the same file is refused until the first has gone", "[store]") {
  TicketStore rig;
  auto second = OpenTickets(rig.path(), &rig.clock);
  CHECK(absl::IsUnavailable(second.status()));
  CHECK(ReasonOf(second.status()) == "LOCKED");
  rig.store.reset();
  CHECK(OpenTickets(rig.path(), &rig.clock).ok());
}

TEST_CASE("writes that wait when the store ends are still made", "[store]") {
  TicketStore rig;
  std::vector<Pending> waiting(20);
  for (auto& pending : waiting) pending.Start(*rig.store, Adds("waits"));
  rig.Reopen();
  for (auto& pending : waiting) CHECK(pending.Wait().ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 20);
}

TEST_CASE("ids and the log go on after a restart, though the clock stepped back", "[store]") {
  TicketStore rig;
  Ticket before = rig.Add("before");
  rig.clock.Advance(-absl::Hours(48));
  rig.Reopen();
  Ticket after = rig.Add("after");
  CHECK(before.name() < after.name());
  CHECK(after.etag() == EncodeId(2));
  CHECK_FALSE(rig.Verify().flaw.has_value());
}

TEST_CASE("two resources cannot share a value that is declared unique", "[store]") {
  TicketStore rig;
  rig.Add("one", "AB1234");
  rig.Add("without");
  rig.Add("without too");
  absl::Status status = rig.Write([](Tx& tx) {
    Ticket ticket;
    ticket.set_code("AB1234");
    return tx.Create(ticket);
  });
  CHECK(absl::IsAlreadyExists(status));
  CHECK(ReasonOf(status) == "UNIQUE");
  CHECK(FactOf(status, "field") == "code");
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 3);
}

TEST_CASE("a lookup finds the oldest by an indexed field", "[store]") {
  TicketStore rig;
  for (const char* who : {"u/a", "u/b", "u/a", "u/a"}) {
    REQUIRE(rig.Write([&](Tx& tx) {
                 Ticket ticket;
                 ticket.set_reporter(who);
                 return tx.Create(ticket);
               })
                .ok());
  }
  REQUIRE(rig.store
              ->Read(Tester(), true,
                     [](Rx& rx) -> absl::Status {
                       LJ_ASSIGN(auto found, rx.Find<Ticket>("reporter", "u/a", 2));
                       CHECK(found.size() == 2);
                       CHECK(found[0].name() < found[1].name());
                       LJ_ASSIGN(auto none, rx.Find<Ticket>("reporter", "u/c", 2));
                       CHECK(none.empty());
                       return absl::OkStatus();
                     })
              .ok());
}

TEST_CASE("one snapshot stands still while others write", "[store]") {
  TicketStore rig;
  rig.Add("one");
  REQUIRE(rig.store
              ->Read(Tester(), true,
                     [&](Rx& rx) -> absl::Status {
                       auto count = [&]() -> int64_t {
                         StatementScope rows(rx.Sql("SELECT count(*) FROM ticket"));
                         return rows->Step().ok() ? rows->Int(0) : -1;
                       };
                       CHECK(count() == 1);
                       std::thread([&] { rig.Add("two"); }).join();
                       CHECK(count() == 1);
                       return absl::OkStatus();
                     })
              .ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 2);
}

// Nothing of a disk that is full: the pages that the file may have are limited from inside.
TEST_CASE("a full disk refuses writes, loses nothing, and reading goes on", "[store]") {
  TicketStore rig;
  Ticket first = rig.Add("first");
  REQUIRE(rig.Write([](Tx& tx) { return tx.db().Exec("PRAGMA max_page_count=1"); }).ok());
  HeldWriter writer(*rig.store);
  std::vector<Pending> writes(3);
  std::string much(200'000, 'x');
  for (auto& pending : writes) pending.Start(*rig.store, Adds(much));
  writer.Release();
  for (auto& pending : writes) {
    CHECK(absl::IsResourceExhausted(pending.Wait()));
    CHECK(ReasonOf(pending.status) == "DISK_FULL");
  }
  CHECK(rig.Get(first.name()).ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 1);

  REQUIRE(rig.Write([](Tx& tx) { return tx.db().Exec("PRAGMA max_page_count=1000000"); }).ok());
  CHECK(rig.Add(much).etag() == EncodeId(2));
  CHECK_FALSE(rig.Verify().flaw.has_value());
}

TEST_CASE("a lone write is answered without copying the log", "[store]") {
  TicketStore rig;
  // The writer has ended its round for one job once the next is answered.
  rig.Add("one");
  rig.Add("two");
  int64_t before = rig.store->wal_bytes();
  rig.Add("three");
  rig.Add("four");
  CHECK(before > 0);
  const int64_t full = rig.store->wal_bytes();
  CHECK(full > before);
  REQUIRE(rig.store->Checkpoint().ok());
  rig.Add("five");
  CHECK(rig.store->wal_bytes() < full);
}

}  // namespace
}  // namespace linjuli
