#include "services/needs_intake/clock.h"

#include "absl/strings/numbers.h"
#include "common/clock.h"

namespace linjuli::needs_intake {
absl::Status StartClock(Tx& tx, v1::Clock& clock, absl::Time from, const WorkSpan& span) {
  clock.Clear();
  Stamp(clock.mutable_start_time(), from);
  const Standard& standard = tx.standard();
  auto due = standard.After(from, span);
  if (ReasonOf(due.status()) == "CALENDAR_MISSING") {
    int year = 0;
    LJ_CHECK(absl::SimpleAtoi(FactOf(due.status(), "year"), &year));
    clock.set_missing_year(year);
    return absl::OkStatus();
  }
  if (!due.ok()) return due.status();
  auto warn = standard.Before(*due, standard.clock("warning"));
  Stamp(clock.mutable_due_time(), *due);
  // A clock shorter than the warning's lead is warned of half-way.
  Stamp(clock.mutable_warn_time(), warn.ok() && *warn > from ? *warn : from + (*due - from) / 2);
  return absl::OkStatus();
}

absl::Time NextOf(const v1::Clock& clock, absl::Time now) {
  if (clock.missing_year() != 0) return now + kLookForCalendar;
  switch (clock.alarm()) {
    case v1::Clock::WARNED:
      return ToTime(clock.due_time());
    case v1::Clock::OVERDUE:
      return absl::InfiniteFuture();
    default:
      return clock.has_warn_time() ? ToTime(clock.warn_time()) : absl::InfiniteFuture();
  }
}

absl::Status TickClock(Tx& tx, v1::Clock& clock, const WorkSpan& span) {
  if (clock.missing_year() != 0) {
    return StartClock(tx, clock, ToTime(clock.start_time()), span);
  }
  // A warning that was slept through is raised before what is overdue: each once, in order.
  if (NextOf(clock, tx.now()) <= tx.now()) {
    clock.set_alarm(clock.alarm() == v1::Clock::WARNED ? v1::Clock::OVERDUE : v1::Clock::WARNED);
  }
  return absl::OkStatus();
}

absl::Status CheckWindow(Tx& tx, const google::protobuf::Timestamp& from, const char* clock,
                         const char* reason, const char* sentence) {
  LJ_ASSIGN(absl::Time closes, tx.standard().After(ToTime(from), tx.standard().clock(clock)));
  if (tx.now() <= closes) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, reason, sentence,
                {{"closes", absl::FormatTime(closes, ChinaTime())}});
}

}  // namespace linjuli::needs_intake
