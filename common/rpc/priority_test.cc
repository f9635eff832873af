#include "common/rpc/priority.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "common/queue_wait.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {
namespace {

constexpr Priority::Level kLevels[] = {Priority::BULK, Priority::SHEDDABLE, Priority::NORMAL,
                                       Priority::CRITICAL};

// The share of 1,000 people who are let in when the queue waits so long.
double Admitted(Priority::Level level, absl::Duration wait, absl::Duration now = absl::Hours(1)) {
  int admitted = 0;
  for (int i = 0; i < 1000; ++i) {
    admitted += Admit(wait, level, absl::StrCat("person ", i), now).ok();
  }
  return admitted / 1000.0;
}

TEST_CASE("the longer the wait the more are refused, and the least important first",
          "[rpc][R22][C10]") {
  CHECK(Admitted(Priority::BULK, kOverload / 4) == 1);
  CHECK(Admitted(Priority::BULK, kOverload / 2) == 0);
  CHECK(Admitted(Priority::SHEDDABLE, kOverload / 2) == 1);
  CHECK(Admitted(Priority::SHEDDABLE, kOverload) == 0);
  CHECK(Admitted(Priority::NORMAL, kOverload) == 1);
  CHECK(Admitted(Priority::NORMAL, kOverload * 1.5) == Approx(0.5).margin(0.06));
  CHECK(Admitted(Priority::NORMAL, kOverload * 2) == 0);
  CHECK(Admitted(Priority::CRITICAL, kOverload * 8) == 1);
  CHECK(Admitted(Priority::CRITICAL, kOverload * 16) == 0);
  for (Priority::Level level : kLevels) {
    double before = 1;
    for (absl::Duration wait; wait < kOverload * 20; wait += kOverload / 10) {
      double now = Admitted(level, wait);
      CHECK(now <= before);
      before = now;
    }
  }
}

TEST_CASE("a person is refused or served whole within an hour, and the next hour others are",
          "[rpc][R22][C10]") {
  int same = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string person = absl::StrCat("person ", i);
    auto admitted = [&](absl::Duration now) {
      return Admit(kOverload * 1.5, Priority::NORMAL, person, now).ok();
    };
    CHECK(admitted(absl::Hours(5)) == admitted(absl::Hours(6) - absl::Seconds(1)));
    same += admitted(absl::Hours(5)) == admitted(absl::Hours(6));
  }
  CHECK(same > 400);
  CHECK(same < 600);
}

TEST_CASE("the refusal says that it is overload and when to come again", "[rpc][R22][C10]") {
  absl::Status refusal = Admit(absl::Seconds(1), Priority::CRITICAL, "li", absl::ZeroDuration());
  CHECK(refusal.code() == absl::StatusCode::kResourceExhausted);
  CHECK(ReasonOf(refusal) == "OVERLOADED");
  CHECK(RetryAfterOf(refusal) == absl::Seconds(1));
}

TEST_CASE("a method without a priority is normal, the feed is refused before it", "[rpc][C10]") {
  const auto* changes = changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
  auto level = [&](const char* name, const google::protobuf::Message& request) {
    auto plan = PriorityPlan::From(*changes->FindMethodByName(name));
    REQUIRE(plan.ok());
    return plan->Of(request);
  };
  CHECK(level("ListChanges", changes::v1::ListChangesRequest()) == Priority::SHEDDABLE);
  CHECK(level("ListHistory", changes::v1::ListHistoryRequest()) == Priority::NORMAL);
}

TEST_CASE("a wait that lasts shows soon, one hiccup hardly, and an old one not at all",
          "[common][C10]") {
  FakeClock clock(absl::UnixEpoch());
  QueueWait wait(&clock);
  CHECK(wait.Smoothed() == absl::ZeroDuration());
  wait.Observe(absl::Milliseconds(30));
  CHECK(wait.Smoothed() < kOverload / 2);
  wait.Observe(absl::ZeroDuration());
  wait.Observe(absl::ZeroDuration());
  CHECK(wait.Smoothed() < kOverload / 4);
  for (int i = 0; i < 5; ++i) wait.Observe(absl::Milliseconds(30));
  CHECK(wait.Smoothed() > kOverload);
  clock.Advance(QueueWait::kFresh);
  CHECK(wait.Smoothed() > kOverload);
  clock.Advance(absl::Milliseconds(1));
  CHECK(wait.Smoothed() == absl::ZeroDuration());
}

}  // namespace
}  // namespace linjuli
