// More writes than may wait, and writes whose time passes while they wait.
#include <catch2/catch.hpp>

#include "absl/synchronization/blocking_counter.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

// The store's writer, held until Release.
class HeldWriter {
 public:
  explicit HeldWriter(TicketStore& rig) {
    rig.store->Write(
        {&Tester(), "hold", ""}, absl::InfiniteFuture(),
        [this](Tx&) {
          held_.Notify();
          release_.WaitForNotification();
          return absl::OkStatus();
        },
        [](absl::Status) {});
    held_.WaitForNotification();
  }
  void Release() { release_.Notify(); }

 private:
  absl::Notification held_, release_;
};

TEST_CASE("a write that finds too many waiting is refused at once; those that wait are made",
          "[store][overload]") {
  constexpr int kMore = 100;
  TicketStore rig;
  HeldWriter writer(rig);
  std::atomic<int> made{0}, failed{0};
  std::vector<absl::Status> refused;
  int asked = 0;
  while (refused.size() < kMore && asked < 100'000) {
    ++asked;
    auto ticket = std::make_shared<Ticket>();
    rig.store->Write(
        {&Tester(), "test", ""}, absl::InfiniteFuture(),
        [ticket](Tx& tx) {
          ticket->clear_name();
          return tx.Create(*ticket);
        },
        [&made, &failed, &refused, ticket](absl::Status status) {
          // Only those that are refused are told before the writer goes on.
          if (ReasonOf(status) == "OVERLOADED") {
            refused.push_back(status);
          } else {
            ++(status.ok() ? made : failed);
          }
        });
  }
  REQUIRE(refused.size() == kMore);
  CHECK(refused[0].code() == absl::StatusCode::kResourceExhausted);
  CHECK(made == 0);
  writer.Release();
  // Behind all that waited.
  while (!rig.Write([](Tx&) { return absl::OkStatus(); }).ok()) {
  }
  CHECK(made == asked - kMore);
  CHECK(failed == 0);
  CHECK(rig.Count("SELECT count(*) FROM ticket") == made);
}

TEST_CASE("a write whose deadline passes while it waits is not made", "[store][overload][A7]") {
  TicketStore rig;
  HeldWriter writer(rig);
  absl::Time deadline = rig.clock.Now() + absl::Seconds(5);
  std::vector<absl::Status> told;
  absl::BlockingCounter waiting(2);
  bool run = false;
  for (absl::Time until : {deadline, deadline + absl::Seconds(1)}) {
    rig.store->Write(
        {&Tester(), "test", ""}, until,
        [&run, late = until == deadline](Tx&) {
          run = run || late;
          return absl::OkStatus();
        },
        [&](absl::Status status) {
          told.push_back(std::move(status));
          waiting.DecrementCount();
        });
  }
  rig.clock.Set(deadline);
  writer.Release();
  waiting.Wait();
  CHECK(told[0].code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(ReasonOf(told[0]) == "DEADLINE");
  CHECK(told[1].ok());
  CHECK_FALSE(run);
}

}  // namespace
}  // namespace linjuli
