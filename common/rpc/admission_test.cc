// Calls that find the queue before them long.
#include <catch2/catch.hpp>

#include "absl/synchronization/notification.h"
#include "common/rpc/priority.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

// The store's writer, held until Release.
class HeldWriter {
 public:
  explicit HeldWriter(Store& store) {
    store.Write(
        {&nobody_, "hold", ""}, absl::InfiniteFuture(),
        [this](Tx&) {
          held_.Notify();
          release_.WaitForNotification();
          return absl::OkStatus();
        },
        [this](absl::Status) { released_.Notify(); });
    held_.WaitForNotification();
  }
  void Release() {
    release_.Notify();
    released_.WaitForNotification();
  }

 private:
  Caller nobody_;
  absl::Notification held_, release_, released_;
};

TEST_CASE(
    "a write that would wait too long is refused before it waits, and told when to come again",
    "[rpc][R22][C10]") {
  Rig rig(TicketsSpec());
  const auto request = CreateOf(TicketOf("a lamp is out"));
  auto create = [&] {
    return rig.MakeCall(Resident(), absl::StrCat(kTickets, "CreateTicket"), request);
  };

  HeldWriter writer(rig->store());
  absl::Notification answered;
  absl::Status waited = absl::UnknownError("");
  rig->Start(create(), [&](Reply reply) {
    waited = reply.status();
    answered.Notify();
  });
  // The first of the queue has waited as long as nobody bears.
  rig.clock.Advance(kOverload * 3);
  absl::Status refused;
  rig->Start(create(), [&](Reply reply) { refused = reply.status(); });
  CHECK(ReasonOf(refused) == "OVERLOADED");
  CHECK(RetryAfterOf(refused).has_value());
  CHECK_FALSE(answered.HasBeenNotified());
  writer.Release();
  answered.WaitForNotification();
  CHECK(waited.ok());
  // What waits for nothing is not refused, and then there is room again.
  CHECK(rig.Ask<Ticket>(Resident(), absl::StrCat(kTickets, "CreateTicket"), request).ok());
}

TEST_CASE("a write whose time passes while it waits is answered, and no transaction begins for it",
          "[rpc][R24][C8][A7]") {
  Rig rig(TicketsSpec());
  const auto request = CreateOf(TicketOf("a lamp is out"));
  Call call = rig.MakeCall(Resident(), absl::StrCat(kTickets, "CreateTicket"), request);
  call.deadline = rig.clock.Now() + absl::Milliseconds(200);
  HeldWriter writer(rig->store());
  absl::Notification answered;
  absl::Status status;
  rig->Start(std::move(call), [&](Reply reply) {
    status = reply.status();
    answered.Notify();
  });
  rig.clock.Advance(absl::Milliseconds(200));
  writer.Release();
  answered.WaitForNotification();
  CHECK(ReasonOf(status) == "DEADLINE");
  auto changes = rig->store().Read("", 0, 10);
  REQUIRE(changes.ok());
  CHECK(changes->changes.empty());
}

}  // namespace
}  // namespace linjuli
