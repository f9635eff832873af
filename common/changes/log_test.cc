#include "common/changes/log.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

using changes::v1::Change;

TEST_CASE("every write appends one change that tells who did what", "[changes]") {
  TicketStore rig;
  Ticket ticket = rig.Add("路灯", "AB1234", "tickets/0000000000001");
  rig.clock.Advance(absl::Seconds(90));
  REQUIRE(rig.store
              ->WriteAndWait({&Tester(), "the.Method", "key-1"},
                             [&](Tx& tx) {
                               CHECK(tx.sequence() == 2);
                               ticket.set_text("电梯");
                               return tx.Put(ticket);
                             })
              .ok());
  auto batch = rig.store->Read("", 0, 10);
  REQUIRE(batch.ok());
  REQUIRE(batch->changes.size() == 2);
  const Change& change = batch->changes[1];
  CHECK(change.sequence() == 2);
  CHECK(change.caller() == "u/tester");
  CHECK(change.method() == "the.Method");
  CHECK(change.request_id() == "key-1");
  CHECK(change.resource() == ticket.name());
  CHECK(change.commit_time().seconds() == 1'800'000'090);
  REQUIRE(change.references_size() == 1);
  CHECK(change.references(0) == "tickets/0000000000001");
  CHECK(change.state_before() == "STATE_UNSPECIFIED");
  CHECK(batch->changes[0].state_before().empty());
  Ticket snapshot;
  REQUIRE(change.snapshot().UnpackTo(&snapshot));
  CHECK(snapshot.SerializeAsString() == rig.Get(ticket.name())->SerializeAsString());
}

TEST_CASE("pages of changes have no gaps and nothing twice", "[changes][X6]") {
  TicketStore rig;
  for (int i = 0; i < 57; ++i) rig.Add(absl::StrCat("ticket ", i));
  int64_t after = 0;
  std::string epoch;
  while (true) {
    auto batch = rig.store->Read(epoch, after, 10);
    REQUIRE(batch.ok());
    epoch = batch->epoch;
    if (batch->changes.empty()) break;
    for (const auto& change : batch->changes) CHECK(change.sequence() == ++after);
  }
  CHECK(after == 57);
}

TEST_CASE("a cursor of another epoch has expired", "[changes][X6]") {
  TicketStore rig;
  rig.Add("one");
  std::string epoch = rig.store->Read("", 0, 1)->epoch;
  REQUIRE_FALSE(epoch.empty());
  CHECK(rig.store->Read(epoch, 0, 1).ok());
  rig.Reopen();
  CHECK(rig.store->Read(epoch, 0, 1).ok());
  auto expired = rig.store->Read("another", 0, 1);
  CHECK(absl::IsOutOfRange(expired.status()));
  CHECK(ReasonOf(expired.status()) == "CURSOR_EXPIRED");
  CHECK(FactOf(expired.status(), "epoch") == epoch);
  TicketStore other;
  CHECK(other.store->Read("", 0, 1)->epoch != epoch);
}

TEST_CASE("a place beyond the end has nothing yet", "[changes]") {
  TicketStore rig;
  rig.Add("one");
  auto batch = rig.store->Read("", 1, 10);
  REQUIRE(batch.ok());
  CHECK(batch->changes.empty());
  CHECK(rig.store->Read("", 1000, 10)->changes.empty());
}

TEST_CASE("who waits for a change is woken by it, once", "[changes]") {
  TicketStore rig;
  rig.Add("one");
  absl::Notification at_once;
  rig.store->Notify(0, [&] { at_once.Notify(); });
  CHECK(at_once.HasBeenNotified());

  absl::Notification next;
  std::atomic<int> second{0};
  rig.store->Notify(1, [&] { next.Notify(); });
  rig.store->Notify(2, [&] { ++second; });
  CHECK_FALSE(next.HasBeenNotified());
  // A write without an effect wakes nobody.
  REQUIRE(rig.Write([](Tx&) { return absl::OkStatus(); }).ok());
  REQUIRE(rig.Write([](Tx&) { return absl::OkStatus(); }).ok());
  CHECK_FALSE(next.HasBeenNotified());
  rig.Add("two");
  next.WaitForNotification();
  CHECK(second == 0);
  // Those who wait in vain are told when the store ends.
  rig.store.reset();
  CHECK(second == 1);
}

TEST_CASE("the history of a resource tells of what mentions it", "[changes]") {
  TicketStore rig;
  Ticket first = rig.Add("first");
  rig.Add("stranger");
  Ticket second = rig.Add("second", "", first.name());
  REQUIRE(rig.Write([&](Tx& tx) {
               first.set_text("first again");
               return tx.Put(first);
             })
              .ok());
  auto history = [&](const std::string& name, int64_t after, int limit) {
    std::vector<int64_t> sequences;
    LJ_CHECK(rig.store
                 ->Read(Tester(), false,
                        [&](Rx& rx) -> absl::Status {
                          LJ_ASSIGN(auto changes, ReadHistory(rx.db(), name, after, limit));
                          for (const auto& change : changes) sequences.push_back(change.sequence());
                          return absl::OkStatus();
                        })
                 .ok());
    return sequences;
  };
  using Places = std::vector<int64_t>;
  CHECK(history(first.name(), 0, 10) == Places{1, 3, 4});
  CHECK(history(first.name(), 1, 1) == Places{3});
  CHECK(history(second.name(), 0, 10) == Places{3});
  CHECK(history("tickets/0000000000000", 0, 10).empty());
}

TEST_CASE("a reply that was kept is found under its key only", "[changes][X1]") {
  TicketStore rig;
  REQUIRE(rig.Write([](Tx& tx) -> absl::Status {
               LJ_RETURN_IF_ERROR(tx.log().SaveReply(5, "hash", std::string("reply")));
               LJ_RETURN_IF_ERROR(tx.log().SaveReply(6, "other", std::nullopt));
               LJ_ASSIGN(auto kept, tx.log().FindReply(5));
               REQUIRE(kept.has_value());
               CHECK(kept->body_hash == "hash");
               CHECK(kept->reply == "reply");
               LJ_ASSIGN(auto snapshot, tx.log().FindReply(6));
               REQUIRE(snapshot.has_value());
               CHECK_FALSE(snapshot->reply.has_value());
               LJ_ASSIGN(auto none, tx.log().FindReply(7));
               CHECK_FALSE(none.has_value());
               return absl::OkStatus();
             })
              .ok());
}

TEST_CASE("the hash is SHA-256", "[changes]") {
  CHECK(absl::BytesToHexString(Sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace linjuli
