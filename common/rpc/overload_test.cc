// More than can be done at once: what is over the bound is refused, and told so at once.
#include <catch2/catch.hpp>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/rpc/read_pool.h"
#include "linjuli/testing/v1/broken.pb.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using testing::broken::v1::PonderRequest;
using testing::broken::v1::PonderResponse;

// What keeps every PonderSlowly waiting; one test at a time has it.
absl::Notification* released = nullptr;

absl::StatusOr<PonderResponse> PonderSlowly(Rx&, const PonderRequest&) {
  released->WaitForNotification();
  return PonderResponse();
}

TEST_CASE("a pool takes as much as may wait, and runs what it took", "[rpc][overload]") {
  absl::Notification begun, go_on;
  int ran = 0, refused = 0;
  {
    ReadPool pool(1, 2);
    REQUIRE(pool.Run([&] {
      begun.Notify();
      go_on.WaitForNotification();
    }));
    begun.WaitForNotification();
    CHECK(pool.Run([&] { ++ran; }));
    CHECK(pool.Run([&] { ++ran; }));
    // What was not taken is the caller's still.
    absl::AnyInvocable<void()> left = [&] { ++refused; };
    CHECK_FALSE(pool.Run(std::move(left)));
    left();
    go_on.Notify();
  }
  CHECK(ran == 2);
  CHECK(refused == 1);
}

TEST_CASE("more long reads than may wait are refused, and those that wait are answered",
          "[rpc][overload]") {
  absl::Notification go_on;
  released = &go_on;
  PonderRequest request;
  Rig rig(Implement("linjuli.testing.broken.v1.NobodyDoesIt", PonderSlowly));
  constexpr int kCalls = 1000;
  std::atomic<int> answered{0};
  std::vector<absl::Status> refused;  // told on this thread
  absl::BlockingCounter waiting(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    rig->Start(rig.MakeCall(Resident(), "linjuli.testing.broken.v1.NobodyDoesIt.Ponder", request),
               [&](Reply reply) {
                 if (reply.ok()) {
                   ++answered;
                 } else {
                   refused.push_back(reply.status());
                 }
                 waiting.DecrementCount();
               });
  }
  CHECK(answered == 0);
  CHECK(refused.size() > kCalls / 2);
  CHECK(refused.size() < kCalls - 100);
  for (const auto& status : refused) CHECK(Told(status) == "RESOURCE_EXHAUSTED OVERLOADED");
  go_on.Notify();
  waiting.Wait();
  CHECK(answered + refused.size() == kCalls);
  // Then there is room again.
  CHECK(
      rig.Ask<PonderResponse>(Resident(), "linjuli.testing.broken.v1.NobodyDoesIt.Ponder", request)
          .ok());
}

}  // namespace
}  // namespace linjuli
