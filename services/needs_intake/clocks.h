// The three clocks of a need (E7): follow_up until somebody has it, handle until it is answered,
// feedback until the reporter was asked, or a leader has decided on an appeal. Which of them run
// follows from the state alone.
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_CLOCKS_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_CLOCKS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/store/tx.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"
#include "services/needs_intake/clock.h"

namespace linjuli::needs_intake {

using v1::Need;

// Start a clock anew, from now. A year without a calendar leaves the due time open: a need is heard
// all the same, and the clock is set when the calendar is there.
absl::Status StartFollowUp(Tx& tx, Need& need);
absl::Status StartHandle(Tx& tx, Need& need);
absl::Status StartFeedback(Tx& tx, Need& need);

// Moves the handling's due time by work days.
absl::Status ExtendHandle(Tx& tx, Need& need, int work_days);

// Says when the need is to be looked at next. To be called after a move that no clock started.
absl::Status ScheduleCheck(Tx& tx, Need& need);

// Raises what is due and closes or returns what has waited long enough.
absl::Status OnDue(Tx& tx, Need& need);

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_CLOCKS_H_
