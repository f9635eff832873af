#include "services/needs_intake/clocks.h"

#include <algorithm>

#include "common/standard/standard.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

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
    case Need::MERGED:  // its reporter still waits for an answer
      return {need.mutable_handle()};
    case Need::ANSWERED:
    case Need::APPEALED:
      return {need.mutable_feedback()};
    default:
      return {};
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

const WorkSpan& SpanOf(Tx& tx, const Need& need, const v1::Clock& clock) {
  if (&clock == &need.feedback()) {
    return tx.standard().clock(need.state() == Need::APPEALED ? "appeal" : "callback");
  }
  return tx.standard().clock(&clock == &need.follow_up() ? FollowUpName(need) : HandleName(need));
}

}  // namespace

absl::Status StartFollowUp(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(
      StartClock(tx, *need.mutable_follow_up(), tx.now(), tx.standard().clock(FollowUpName(need))));
  return ScheduleCheck(tx, need);
}

absl::Status StartHandle(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(
      StartClock(tx, *need.mutable_handle(), tx.now(), tx.standard().clock(HandleName(need))));
  return ScheduleCheck(tx, need);
}

absl::Status StartFeedback(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(
      StartClock(tx, *need.mutable_feedback(), tx.now(), SpanOf(tx, need, need.feedback())));
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
  CheckAt(need, next);
  return absl::OkStatus();
}

absl::Status OnDue(Tx& tx, Need& need) {
  // What else is due at the same moment is raised below.
  if (ExpiryOf(need) <= tx.now()) {
    Tx::Move(need, Need::IN_HANDLING);
    EndOffer(need);
  }
  if (UnreachedAt(tx, need) <= tx.now()) {
    Tx::Move(need, Need::CLOSED);
    need.set_outcome(Need::UNREACHED);
    Stamp(need.mutable_close_time(), tx.now());
    return ScheduleCheck(tx, need);
  }
  for (v1::Clock* clock : Running(need)) {
    LJ_RETURN_IF_ERROR(TickClock(tx, *clock, SpanOf(tx, need, *clock)));
  }
  return ScheduleCheck(tx, need);
}

}  // namespace linjuli::needs_intake
