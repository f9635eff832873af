#include "services/needs_intake/clocks.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/standard/standard.h"

namespace linjuli::needs_intake {
namespace {

constexpr absl::Duration kLookForCalendar = absl::Hours(24);

absl::Status Start(Tx& tx, v1::Clock& clock, absl::Time from, const char* name) {
  clock.Clear();
  Stamp(clock.mutable_start_time(), from);
  const Standard& standard = tx.standard();
  auto due = standard.After(from, standard.clock(name));
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

const char* FollowUpName(const Need& need) {
  return need.urgent() || need.level() == v1::REMEDIAL ? "follow_up_urgent" : "follow_up";
}

const char* HandleName(const Need& need) {
  switch (need.kind()) {
    case Need::CONSULT:
      return "handle_consult";
    case Need::COMPLAINT:
      return "handle_complaint";
    default:
      return "handle_help";
  }
}

// The clocks that run in the need's state.
std::vector<v1::Clock*> Running(Need& need) {
  switch (need.state()) {
    case Need::RECEIVED:
      return {need.mutable_follow_up(), need.mutable_handle()};
    case Need::CLAIMED:
    case Need::IN_HANDLING:
    case Need::REFERRED:
    case Need::REHANDLING:
    case Need::SUPERVISED:
      return {need.mutable_handle()};
    case Need::ANSWERED:
      return {need.mutable_feedback()};
    default:
      return {};
  }
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

// When a reporter who cannot be reached has been tried often and long enough (E10).
absl::Time UnreachedAt(Tx& tx, const Need& need) {
  if (need.state() != Need::ANSWERED ||
      need.contact_attempt_times_size() < tx.standard().Limit("contact_tries")) {
    return absl::InfiniteFuture();
  }
  auto at = tx.standard().After(ToTime(need.contact_attempt_times(0)),
                                tx.standard().clock("contact_spread"));
  return at.ok() ? *at : tx.now() + kLookForCalendar;
}

absl::Time ExpiryOf(const Need& need) {
  return need.state() == Need::REFERRED ? ToTime(need.referral().expire_time())
                                        : absl::InfiniteFuture();
}

}  // namespace

absl::Time ToTime(const google::protobuf::Timestamp& stamp) {
  return absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
}

void Stamp(google::protobuf::Timestamp* stamp, absl::Time time) {
  int64_t micros = absl::ToUnixMicros(time);
  stamp->set_seconds(absl::ToUnixSeconds(time));
  stamp->set_nanos(static_cast<int32_t>(micros - stamp->seconds() * 1000000) * 1000);
}

absl::Status StartFollowUp(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(Start(tx, *need.mutable_follow_up(), tx.now(), FollowUpName(need)));
  return ScheduleCheck(tx, need);
}

absl::Status StartHandle(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(Start(tx, *need.mutable_handle(), tx.now(), HandleName(need)));
  return ScheduleCheck(tx, need);
}

absl::Status StartFeedback(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(Start(tx, *need.mutable_feedback(), tx.now(), "callback"));
  return ScheduleCheck(tx, need);
}

absl::Status ExtendHandle(Tx& tx, Need& need, int work_days) {
  v1::Clock& clock = *need.mutable_handle();
  LJ_ASSIGN(absl::Time due,
            tx.standard().calendar().AddWorkDays(ToTime(clock.due_time()), work_days));
  auto warn = tx.standard().Before(due, tx.standard().clock("warning"));
  Stamp(clock.mutable_due_time(), due);
  Stamp(clock.mutable_warn_time(), warn.ok() ? *warn : due);
  clock.clear_alarm();
  return ScheduleCheck(tx, need);
}

absl::Status ScheduleCheck(Tx& tx, Need& need) {
  absl::Time next = std::min(ExpiryOf(need), UnreachedAt(tx, need));
  for (const v1::Clock* clock : Running(need)) next = std::min(next, NextOf(*clock, tx.now()));
  if (next == absl::InfiniteFuture()) {
    need.clear_next_check_time();
  } else {
    Stamp(need.mutable_next_check_time(), next);
  }
  return absl::OkStatus();
}

absl::Status OnDue(Tx& tx, Need& need) {
  // What else is due at the same moment is raised below.
  if (ExpiryOf(need) <= tx.now()) Tx::Move(need, Need::IN_HANDLING);
  if (UnreachedAt(tx, need) <= tx.now()) {
    Tx::Move(need, Need::CLOSED);
    need.set_outcome(Need::UNREACHED);
    Stamp(need.mutable_close_time(), tx.now());
    return ScheduleCheck(tx, need);
  }
  for (v1::Clock* clock : Running(need)) {
    if (clock->missing_year() != 0) {
      const char* name = clock == &need.feedback()    ? "callback"
                         : clock == &need.follow_up() ? FollowUpName(need)
                                                      : HandleName(need);
      LJ_RETURN_IF_ERROR(Start(tx, *clock, ToTime(clock->start_time()), name));
    } else if (NextOf(*clock, tx.now()) <= tx.now()) {
      // A warning that was slept through is raised before what is overdue: each once, in order.
      clock->set_alarm(clock->alarm() == v1::Clock::WARNED ? v1::Clock::OVERDUE
                                                           : v1::Clock::WARNED);
    }
  }
  return ScheduleCheck(tx, need);
}

}  // namespace linjuli::needs_intake
