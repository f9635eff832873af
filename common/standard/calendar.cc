#include "common/standard/calendar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/status.h"

namespace linjuli {
namespace {

absl::CivilDay DayOf(absl::Time t) { return absl::ToCivilDay(t, ChinaTime()); }
absl::Time MidnightOf(absl::CivilDay day) { return absl::FromCivil(day, ChinaTime()); }

absl::Status Negative() {
  return Refuse(absl::StatusCode::kInvalidArgument, "RANGE",
                "a period must be positive; give one work day or more, or no less than no time");
}

}  // namespace

Calendar::Calendar(std::vector<WorkHours> hours, const std::vector<CalendarYear>& years)
    : hours_(std::move(hours)) {
  LJ_CHECK(!hours_.empty());
  absl::Duration free_from = absl::ZeroDuration();
  for (const auto& stretch : hours_) {
    LJ_CHECK(free_from <= stretch.open && stretch.open < stretch.close);
    free_from = stretch.close;
  }
  LJ_CHECK(free_from <= absl::Hours(24));
  for (const auto& year : years) {
    const absl::CivilDay first(year.year, 1, 1);
    std::vector<bool> work(absl::CivilDay(year.year + 1, 1, 1) - first);
    for (size_t i = 0; i < work.size(); ++i) {
      // 星期六和星期日为周休息日: State Council rules on work time, 1995, art. 7.
      absl::Weekday weekday = absl::GetWeekday(first + i);
      work[i] = weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday;
    }
    for (const auto& [days, works] : {std::pair(&year.off, false), std::pair(&year.on, true)}) {
      for (absl::CivilDay day : *days) {
        LJ_CHECK(day.year() == year.year);
        work[day - first] = works;
      }
    }
    LJ_CHECK(work_days_.emplace(year.year, std::move(work)).second);
  }
}

absl::StatusOr<bool> Calendar::IsWorkDay(absl::CivilDay day) const {
  auto year = work_days_.find(static_cast<int>(day.year()));
  if (year == work_days_.end() || day.year() != year->first) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "CALENDAR_MISSING",
                  absl::StrCat("the standard has no calendar of ", day.year(),
                               "; add the State Council's notice for that year"),
                  {{"year", absl::StrCat(day.year())}});
  }
  return year->second[day - absl::CivilDay(day.year(), 1, 1)];
}

absl::StatusOr<absl::Time> Calendar::AddWorkDays(absl::Time t, int n) const {
  if (n < 1) return Negative();
  absl::CivilDay day = DayOf(t);
  // The day after it does not exist; the refusal names its year.
  if (t == absl::InfiniteFuture()) return IsWorkDay(day).status();
  while (n > 0) {
    LJ_ASSIGN(bool works, IsWorkDay(++day));
    if (works) --n;
  }
  return MidnightOf(day) + hours_.back().close;
}

absl::StatusOr<absl::Time> Calendar::SubtractWorkDays(absl::Time t, int n) const {
  if (n < 1) return Negative();
  LJ_ASSIGN(const absl::Time last_moment, SubtractWorkTime(t, absl::ZeroDuration()));
  absl::CivilDay day = DayOf(last_moment);
  const absl::Duration time_of_day = last_moment - MidnightOf(day);
  while (n > 0) {
    LJ_ASSIGN(bool works, IsWorkDay(--day));
    if (works) --n;
  }
  return MidnightOf(day) + time_of_day;
}

absl::StatusOr<absl::Time> Calendar::AddWorkTime(absl::Time t, absl::Duration work) const {
  if (work < absl::ZeroDuration()) return Negative();
  for (absl::CivilDay day = DayOf(t);; ++day) {
    LJ_ASSIGN(bool works, IsWorkDay(day));
    if (!works) continue;
    const absl::Time midnight = MidnightOf(day);
    for (const auto& stretch : hours_) {
      const absl::Time begin = std::max(t, midnight + stretch.open);
      const absl::Time close = midnight + stretch.close;
      if (begin > close) continue;
      if (work <= close - begin) return begin + work;
      work -= close - begin;
    }
  }
}

absl::StatusOr<absl::Time> Calendar::SubtractWorkTime(absl::Time t, absl::Duration work) const {
  if (work < absl::ZeroDuration()) return Negative();
  for (absl::CivilDay day = DayOf(t);; --day) {
    LJ_ASSIGN(bool works, IsWorkDay(day));
    if (!works) continue;
    const absl::Time midnight = MidnightOf(day);
    for (auto stretch = hours_.rbegin(); stretch != hours_.rend(); ++stretch) {
      const absl::Time end = std::min(t, midnight + stretch->close);
      const absl::Time open = midnight + stretch->open;
      if (end < open) continue;
      if (work <= end - open) return end - work;
      work -= end - open;
    }
  }
}

absl::StatusOr<absl::Duration> Calendar::WorkTimeBetween(absl::Time from, absl::Time to) const {
  if (to < from) {
    LJ_ASSIGN(absl::Duration back, WorkTimeBetween(to, from));
    return -back;
  }
  absl::Duration sum;
  for (absl::CivilDay day = DayOf(from), last = DayOf(to); day <= last; ++day) {
    LJ_ASSIGN(bool works, IsWorkDay(day));
    if (!works) continue;
    const absl::Time midnight = MidnightOf(day);
    for (const auto& stretch : hours_) {
      const absl::Time begin = std::max(from, midnight + stretch.open);
      const absl::Time end = std::min(to, midnight + stretch.close);
      if (begin < end) sum += end - begin;
    }
  }
  return sum;
}

}  // namespace linjuli
