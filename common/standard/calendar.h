// Work days and work hours, with the days that the State Council moves (调休).
//
// Periods follow the Civil Code, art. 201 and 203. Counted in days: the day of the start does not
// count, and the last day ends with the close of business. Counted in hours: they run at once, but
// only inside the work hours.
//
// What would need a year without an official table is FAILED_PRECONDITION, reason CALENDAR_MISSING,
// fact `year`. A negative amount is INVALID_ARGUMENT, reason RANGE.
#ifndef LINJULI_COMMON_STANDARD_CALENDAR_H_
#define LINJULI_COMMON_STANDARD_CALENDAR_H_

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace linjuli {

// A stretch of work within each work day, both ends since midnight.
struct WorkHours {
  absl::Duration open;
  absl::Duration close;
};

// What the State Council's notice changes about the weeks of one year.
struct CalendarYear {
  int year = 0;
  std::vector<absl::CivilDay> off;  // holidays, also those that fall on a weekend
  std::vector<absl::CivilDay> on;   // weekend days that are worked
};

// Thread-safe: never changes once made. All days and hours are China time.
class Calendar {
 public:
  Calendar() = default;  // knows no year
  // `hours` in order, not empty, not overlapping; the days of a year lie in it. The loader of the
  // standard has checked that; here a breach stops the process.
  Calendar(std::vector<WorkHours> hours, const std::vector<CalendarYear>& years);

  absl::StatusOr<bool> IsWorkDay(absl::CivilDay day) const;

  // Close of business of the n-th work day after the day of `t`; n >= 1.
  absl::StatusOr<absl::Time> AddWorkDays(absl::Time t, int n) const;

  // The same clock time n work days earlier; n >= 1. A `t` off work counts as the last moment of
  // work before it. From a close of business to a close of business: for warnings.
  absl::StatusOr<absl::Time> SubtractWorkDays(absl::Time t, int n) const;

  // The first moment after `t` with `work` of work time between. Opening and closing count as in
  // work time; nothing added to a moment off work gives the next opening.
  absl::StatusOr<absl::Time> AddWorkTime(absl::Time t, absl::Duration work) const;

  // The last moment before `t` with `work` of work time between.
  absl::StatusOr<absl::Time> SubtractWorkTime(absl::Time t, absl::Duration work) const;

  // How much work time lies between; negative when `to` is before `from`.
  absl::StatusOr<absl::Duration> WorkTimeBetween(absl::Time from, absl::Time to) const;

  const std::vector<WorkHours>& hours() const { return hours_; }

 private:
  std::vector<WorkHours> hours_;
  // By year, one entry for every day from 1 January.
  absl::flat_hash_map<int, std::vector<bool>> work_days_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_CALENDAR_H_
