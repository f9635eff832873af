#include "common/rpc/rate_limit.h"

#include <malloc.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace linjuli {
namespace {

// Calls of `key` that pass while it asks `a_second` times in each of so many seconds.
int Passed(RateLimit& limit, FakeClock& clock, absl::string_view key, int a_second, int seconds,
           bool writes = false) {
  int passed = 0;
  for (int i = 0; i < a_second * seconds; ++i) {
    clock.Advance(absl::Seconds(1) / a_second);
    passed += limit.Take(key, writes).ok();
  }
  return passed;
}

TEST_CASE("a burst passes, then the rate, within 2 %", "[rpc][R39]") {
  for (double rate : {0.5, 1.0, 7.0, 50.0, 999.0}) {
    FakeClock clock(absl::UnixEpoch());
    RateLimit limit({rate, 0}, &clock);
    int burst = 0;
    while (limit.Take("li", false).ok()) ++burst;
    CHECK(burst == std::max(1, static_cast<int>(rate * RateLimit::kBurst)));
    int passed = Passed(limit, clock, "li", static_cast<int>(std::ceil(rate * 10)), 200);
    CHECK(std::abs(passed - rate * 200) <= rate * 200 * 0.02);
  }
}

TEST_CASE("the refusal says after which time one more call passes", "[rpc][R39]") {
  FakeClock clock(absl::UnixEpoch());
  RateLimit limit({10, 2}, &clock);
  auto spend = [&](bool writes) {
    while (true) {
      absl::Status status = limit.Take("li", writes);
      if (!status.ok()) return status;
    }
  };
  for (bool writes : {true, false}) {
    absl::Status refusal = spend(writes);
    CHECK(refusal.code() == absl::StatusCode::kResourceExhausted);
    CHECK(ReasonOf(refusal) == "RATE");
    REQUIRE(RetryAfterOf(refusal).has_value());
    CHECK(*RetryAfterOf(refusal) > absl::ZeroDuration());
    clock.Advance(*RetryAfterOf(refusal) - absl::Milliseconds(1));
    CHECK_FALSE(limit.Take("li", writes).ok());
    clock.Advance(absl::Milliseconds(1));
    CHECK(limit.Take("li", writes).ok());
  }
}

TEST_CASE("writes have a smaller bucket of their own, and count as calls too", "[rpc][R39]") {
  FakeClock clock(absl::UnixEpoch());
  RateLimit limit({20, 4}, &clock);
  int writes = 0;
  while (limit.Take("li", true).ok()) ++writes;
  CHECK(writes == 20);
  int reads = 0;
  while (limit.Take("li", false).ok()) ++reads;
  CHECK(reads == 80);
}

TEST_CASE("what one caller spends is no other's loss", "[rpc][R39]") {
  FakeClock clock(absl::UnixEpoch());
  RateLimit limit({10, 0}, &clock);
  int refused = 0, hoarded = 0;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 1000; ++i) {
      clock.Advance(absl::Milliseconds(1));
      hoarded += limit.Take("hoarder", false).ok();
      if (i % 200 == 0) refused += !limit.Take(absl::StrCat("person ", second % 7), false).ok();
    }
  }
  CHECK(refused == 0);
  CHECK(hoarded <= 650);
}

TEST_CASE("no rate is no limit, and remembers nobody", "[rpc][R39]") {
  FakeClock clock(absl::UnixEpoch());
  RateLimit limit({0, 0}, &clock);
  for (int i = 0; i < 10'000; ++i) REQUIRE(limit.Take("li", i % 2 == 0).ok());
  CHECK(limit.size() == 0);
  RateLimit writes_only({0, 1}, &clock);
  while (writes_only.Take("li", true).ok()) {
  }
  CHECK(writes_only.Take("li", false).ok());
}

TEST_CASE("the clock that is set back or forth moves no bucket", "[rpc][R20]") {
  FakeClock clock(absl::UnixEpoch());
  RateLimit limit({1, 0}, &clock);
  while (limit.Take("li", false).ok()) {
  }
  clock.Set(absl::UnixEpoch() - absl::Hours(1));
  clock.Advance(absl::Seconds(1));
  CHECK(limit.Take("li", false).ok());
  CHECK_FALSE(limit.Take("li", false).ok());
}

TEST_CASE("100,000 keys fit in 32 MB, and of more the one silent the longest is forgotten",
          "[rpc][R39]") {
  FakeClock clock(absl::UnixEpoch());
  const auto before = mallinfo2().uordblks + mallinfo2().hblkhd;
  RateLimit limit({1, 1}, &clock);
  for (int i = 0; i < 300'000; ++i) {
    (void)limit.Take(absl::StrCat("person ", i), true);
    // Stays because it goes on asking.
    if (i % 100 == 0) (void)limit.Take("hoarder", true);
  }
  const auto bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
  CHECK(limit.size() <= RateLimit::kKeys);
  CHECK(limit.size() > RateLimit::kKeys - 2000);
  CHECK(bytes <= 32u << 20);
  std::cout << "rate limit: " << limit.size() << " keys in " << (bytes >> 10) << " KiB\n";
  CHECK_FALSE(limit.Take("hoarder", true).ok());
  CHECK(limit.Take("person 0", true).ok());
}

}  // namespace
}  // namespace linjuli
