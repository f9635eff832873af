// The visit that a person's file has open, while the person is visited (E11).
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_CARE_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_CARE_H_

#include "absl/status/status.h"
#include "common/store/tx.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"
#include "services/needs_intake/clock.h"

namespace linjuli::needs_intake {

// Each writes the visit; the file itself is the caller's to write.
absl::Status OpenVisit(Tx& tx, v1::CareProfile& profile, v1::CareVisit::Trigger trigger);
// By the person's new tier, counted from when they were last met.
absl::Status Reschedule(Tx& tx, v1::CareProfile& profile);
// After a life event; a visit that is due sooner stays.
absl::Status HastenVisit(Tx& tx, v1::CareProfile& profile);
absl::Status CancelVisit(Tx& tx, v1::CareProfile& profile);

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_CARE_H_
