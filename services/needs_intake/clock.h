// One clock of the city's standard (Clock): it warns, and it is overdue, each once.
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_CLOCK_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_CLOCK_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/standard/standard.h"
#include "common/store/tx.h"
#include "common/timestamp.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"

namespace linjuli::needs_intake {

// What waits for a calendar is looked at this often.
inline constexpr absl::Duration kLookForCalendar = absl::Hours(24);

// Starts a clock anew. A year without a calendar leaves the due time open, so that nothing is
// refused for it: the clock is set when the calendar is there.
absl::Status StartClock(Tx& tx, v1::Clock& clock, absl::Time from, const WorkSpan& span);

// When it is to be looked at next; InfiniteFuture: never.
absl::Time NextOf(const v1::Clock& clock, absl::Time now);

// Raises what is due now. `span`: what it was started with.
absl::Status TickClock(Tx& tx, v1::Clock& clock, const WorkSpan& span);

// Writes when a resource is to be looked at next; InfiniteFuture: never.
template <typename M>
void CheckAt(M& resource, absl::Time next) {
  if (next == absl::InfiniteFuture()) {
    resource.clear_next_check_time();
  } else {
    Stamp(resource.mutable_next_check_time(), next);
  }
}

// Refuses what comes after the window that a clock of the standard opens at `from`:
// FAILED_PRECONDITION, `reason`, with the time at which it closed.
absl::Status CheckWindow(Tx& tx, const google::protobuf::Timestamp& from, const char* clock,
                         const char* reason, const char* sentence);

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_CLOCK_H_
