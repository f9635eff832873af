#include "services/needs_intake/service.h"

#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {

ServiceSpec NeedsIntake() {
  ServiceSpec spec =
      Implement("linjuli.needs_intake.v1.NeedsIntake", CreateNeed, ClassifyNeed, ClaimNeed,
                DispatchNeed, RefuseNeed, AppealNeed, ReinstateNeed, ReturnNeed, ReleaseNeed,
                ReferNeed, AcceptReferral, RequestExtension, ApproveExtension, DeclineExtension,
                EnlistNeed, AnswerNeed, UrgeNeed, SuperviseNeed, RecordCallback,
                RecordContactAttempt, CloseNeed, ReopenNeed, MergeNeed, UnmergeNeed, OnDue);
  // N2: whoever is handled has an owner. CLAIMED, IN_HANDLING, REFERRED, REHANDLING.
  spec.invariants = {{"handled_without_owner",
                      "SELECT count(*) FROM need WHERE state IN (2,3,4,9) AND owner IS NULL"}};
  return spec;
}

StandardNeeds Needs() {
  return {
      {"follow_up", "follow_up_urgent", "sign", "handle_consult", "handle_help", "handle_complaint",
       "extension", "warning", "referral", "callback", "contact_spread", "reopen", "unmerge"},
      {"extensions", "returns", "rehandlings", "contact_tries"},
      {}};
}

}  // namespace linjuli::needs_intake
