#include "common/standard/calendar.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "common/clock.h"
#include "common/standard/standard.h"
#include "common/status.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

constexpr absl::Duration kWorkDay = absl::Hours(7);

// The calendar that ships, 2024 to 2026: 08:30-12:00 and 14:00-17:30.
const Calendar& Shipped() {
  static const auto standard =
      Standard::Load(SourceDir() + "/deploy/standards/linhai").value();
  return standard->calendar();
}

// "2026-09-20 08:30", China time.
absl::Time At(const std::string& text) {
  absl::Time t;
  std::string error;
  bool parsed = absl::ParseTime("%Y-%m-%d %H:%M", text, ChinaTime(), &t, &error);
  REQUIRE(parsed);
  return t;
}

absl::CivilDay DayOf(absl::Time t) { return absl::ToCivilDay(t, ChinaTime()); }

// A moment of the three years, far enough from their ends for the periods below.
absl::Time AnyTime(std::mt19937& random) {
  std::uniform_int_distribution<int64_t> seconds(
      0, absl::ToInt64Seconds(At("2026-09-01 00:00") - At("2024-03-01 00:00")));
  return At("2024-03-01 00:00") + absl::Seconds(seconds(random));
}

absl::Duration AnyWork(std::mt19937& random) {
  return absl::Seconds(std::uniform_int_distribution<int>(0, 60 * 60 * 70)(random));
}

bool InWorkTime(const Calendar& calendar, absl::Time t) {
  if (!calendar.IsWorkDay(DayOf(t)).value()) return false;
  const absl::Duration time = t - absl::FromCivil(DayOf(t), ChinaTime());
  for (const auto& stretch : calendar.hours()) {
    if (stretch.open <= time && time <= stretch.close) return true;
  }
  return false;
}

TEST_CASE("a make-up Sunday is a work day and a moved Friday is not", "[calendar]") {
  CHECK(*Shipped().IsWorkDay(absl::CivilDay(2026, 9, 20)));        // Sunday before National Day
  CHECK_FALSE(*Shipped().IsWorkDay(absl::CivilDay(2026, 9, 25)));  // Friday, Mid-Autumn
  CHECK(*Shipped().IsWorkDay(absl::CivilDay(2026, 2, 14)));  // Saturday before Spring Festival
  CHECK_FALSE(*Shipped().IsWorkDay(absl::CivilDay(2026, 9, 19)));  // a plain Saturday
  CHECK(*Shipped().IsWorkDay(absl::CivilDay(2024, 2, 9)));         // 除夕 2024 is worked
  CHECK_FALSE(*Shipped().IsWorkDay(absl::CivilDay(2025, 1, 28)));  // 除夕 2025 is not
}

TEST_CASE("the years have as many work days as the notices leave", "[calendar]") {
  auto count = [](int year) {
    int days = 0;
    for (absl::CivilDay day(year, 1, 1); day.year() == year; ++day) {
      days += Shipped().IsWorkDay(day).value();
    }
    return days;
  };
  // Weekdays of the year less the public holidays: 2024 has 11 (and one on a Saturday), 2025 and
  // 2026 have 13; a holiday on a weekend is made good by a day off.
  CHECK(count(2024) == 251);
  CHECK(count(2025) == 248);
  CHECK(count(2026) == 248);
}

TEST_CASE("a period in work days ends at close of business, the day of the start not counted",
          "[calendar]") {
  CHECK(*Shipped().AddWorkDays(At("2026-11-02 09:00"), 3) == At("2026-11-05 17:30"));
  CHECK(*Shipped().AddWorkDays(At("2026-11-02 23:59"), 3) == At("2026-11-05 17:30"));
  CHECK(*Shipped().AddWorkDays(At("2026-11-06 09:00"), 1) == At("2026-11-09 17:30"));  // Friday
  CHECK(*Shipped().AddWorkDays(At("2026-09-18 10:00"), 1) == At("2026-09-20 17:30"));  // 调休
  CHECK(*Shipped().AddWorkDays(At("2026-09-30 10:00"), 1) == At("2026-10-08 17:30"));
  CHECK(*Shipped().AddWorkDays(At("2026-09-30 10:00"), 3) == At("2026-10-10 17:30"));  // Saturday
}

TEST_CASE("a period in work hours runs inside the work hours only", "[calendar]") {
  CHECK(*Shipped().AddWorkTime(At("2026-11-02 09:00"), absl::Hours(2)) == At("2026-11-02 11:00"));
  CHECK(*Shipped().AddWorkTime(At("2026-11-02 11:00"), absl::Hours(2)) == At("2026-11-02 15:00"));
  CHECK(*Shipped().AddWorkTime(At("2026-11-02 11:00"), absl::Hours(1)) == At("2026-11-02 12:00"));
  CHECK(*Shipped().AddWorkTime(At("2026-11-06 17:00"), absl::Hours(2)) == At("2026-11-09 10:00"));
  CHECK(*Shipped().AddWorkTime(At("2026-09-19 20:00"), absl::Hours(2)) == At("2026-09-20 10:30"));
  CHECK(*Shipped().AddWorkTime(At("2026-11-07 03:00"), absl::ZeroDuration()) ==
        At("2026-11-09 08:30"));
  CHECK(*Shipped().SubtractWorkTime(At("2026-11-09 10:00"), absl::Hours(2)) ==
        At("2026-11-06 17:00"));
}

TEST_CASE("one work day before a close of business is a close of business", "[calendar]") {
  CHECK(*Shipped().SubtractWorkDays(At("2026-11-05 17:30"), 1) == At("2026-11-04 17:30"));
  CHECK(*Shipped().SubtractWorkDays(At("2026-10-08 17:30"), 1) == At("2026-09-30 17:30"));
  CHECK(*Shipped().SubtractWorkDays(At("2026-11-05 10:15"), 1) == At("2026-11-04 10:15"));
  CHECK(*Shipped().SubtractWorkDays(At("2026-11-07 10:15"), 1) == At("2026-11-05 17:30"));
}

TEST_CASE("a year without a table is refused by name, never guessed", "[calendar]") {
  auto refused = [](const auto& result, const std::string& year) {
    CHECK(result.status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(ReasonOf(result.status()) == "CALENDAR_MISSING");
    CHECK(FactOf(result.status(), "year") == year);
  };
  refused(Shipped().IsWorkDay(absl::CivilDay(2027, 1, 4)), "2027");
  refused(Shipped().AddWorkDays(At("2026-12-30 09:00"), 2), "2027");
  refused(Shipped().AddWorkTime(At("2026-12-31 17:00"), absl::Hours(1)), "2027");
  refused(Shipped().SubtractWorkDays(At("2024-01-02 09:00"), 1), "2023");
  refused(Shipped().SubtractWorkTime(At("2024-01-02 09:00"), absl::Hours(1)), "2023");
  refused(Shipped().WorkTimeBetween(At("2026-12-01 09:00"), At("2027-01-01 00:00")), "2027");
  CHECK(Shipped().AddWorkDays(At("2026-12-30 09:00"), 1).ok());
  CHECK_FALSE(Shipped().AddWorkDays(absl::InfiniteFuture(), 1).ok());
  CHECK_FALSE(Shipped().AddWorkDays(absl::InfinitePast(), 1).ok());
  CHECK_FALSE(Shipped().SubtractWorkDays(absl::InfinitePast(), 1).ok());
  CHECK_FALSE(Shipped().AddWorkTime(At("2026-01-05 09:00"), absl::InfiniteDuration()).ok());
  CHECK_FALSE(Calendar().AddWorkDays(At("2026-01-05 09:00"), 1).ok());
}

TEST_CASE("a period that is not positive is refused", "[calendar]") {
  CHECK(ReasonOf(Shipped().AddWorkDays(At("2026-11-02 09:00"), 0).status()) == "RANGE");
  CHECK(ReasonOf(Shipped().SubtractWorkDays(At("2026-11-02 09:00"), 0).status()) == "RANGE");
  CHECK(ReasonOf(Shipped().AddWorkTime(At("2026-11-02 09:00"), -absl::Seconds(1)).status()) ==
        "RANGE");
  CHECK(ReasonOf(Shipped().SubtractWorkTime(At("2026-11-02 09:00"), -absl::Seconds(1)).status()) ==
        "RANGE");
}

TEST_CASE("work time adds up, comes back and never ends off work", "[calendar]") {
  const Calendar& calendar = Shipped();
  std::mt19937 random(331082);
  int broken = 0;
  for (int i = 0; i < 5000; ++i) {
    const absl::Time t = AnyTime(random);
    const absl::Duration a = AnyWork(random);
    const absl::Duration b = AnyWork(random);
    const absl::Time due = *calendar.AddWorkTime(t, a);
    broken += due < t;
    broken += !InWorkTime(calendar, due);
    broken += *calendar.WorkTimeBetween(t, due) != a;
    broken += *calendar.WorkTimeBetween(due, t) != -a;
    broken += *calendar.AddWorkTime(due, b) != *calendar.AddWorkTime(t, a + b);
    const absl::Time begun = *calendar.SubtractWorkTime(t, a);
    broken += begun > t;
    broken += !InWorkTime(calendar, begun);
    broken += *calendar.WorkTimeBetween(begun, t) != a;
  }
  CHECK(broken == 0);
}

TEST_CASE("a later start is never due earlier", "[calendar]") {
  const Calendar& calendar = Shipped();
  std::mt19937 random(20260101);
  std::uniform_int_distribution<int> some_days(1, 40);
  std::uniform_int_distribution<int> minutes(0, 60 * 24 * 5);
  int broken = 0;
  for (int i = 0; i < 5000; ++i) {
    const absl::Time t = AnyTime(random);
    const absl::Time later = t + absl::Minutes(minutes(random));
    const absl::Duration work = AnyWork(random);
    const int days = some_days(random);
    broken += *calendar.AddWorkTime(later, work) < *calendar.AddWorkTime(t, work);
    broken += *calendar.SubtractWorkTime(later, work) < *calendar.SubtractWorkTime(t, work);
    broken += *calendar.AddWorkDays(later, days) < *calendar.AddWorkDays(t, days);
    broken += *calendar.SubtractWorkDays(later, days) < *calendar.SubtractWorkDays(t, days);
  }
  CHECK(broken == 0);
}

TEST_CASE("work days add up, come back and hold a whole day of work each", "[calendar]") {
  const Calendar& calendar = Shipped();
  std::mt19937 random(6);
  std::uniform_int_distribution<int> some_days(1, 30);
  int broken = 0;
  for (int i = 0; i < 5000; ++i) {
    const absl::Time t = AnyTime(random);
    const int a = some_days(random);
    const int b = some_days(random);
    const absl::Time due = *calendar.AddWorkDays(t, a);
    broken += !InWorkTime(calendar, due);
    broken += DayOf(due) <= DayOf(t);
    broken += *calendar.AddWorkDays(due, b) != *calendar.AddWorkDays(t, a + b);
    broken += *calendar.SubtractWorkDays(*calendar.AddWorkDays(due, b), b) != due;
    const absl::Time end_of_day = absl::FromCivil(DayOf(t) + 1, ChinaTime());
    broken += *calendar.WorkTimeBetween(end_of_day, due) != a * kWorkDay;
  }
  CHECK(broken == 0);
}

TEST_CASE("every moved day of the three notices counts as the notice says", "[calendar]") {
  const Calendar& calendar = Shipped();
  for (absl::CivilDay day(2024, 1, 2); day < absl::CivilDay(2026, 12, 31); ++day) {
    const absl::Time eve = absl::FromCivil(day, ChinaTime()) - absl::Minutes(1);
    const absl::Time close = absl::FromCivil(day, ChinaTime()) + absl::Minutes(17 * 60 + 30);
    const bool due_that_day = *calendar.AddWorkDays(eve, 1) == close;
    if (due_that_day != *calendar.IsWorkDay(day)) FAIL(absl::FormatCivilTime(day));
  }
}

}  // namespace
}  // namespace linjuli
