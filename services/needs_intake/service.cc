#include "services/needs_intake/service.h"

#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {

ServiceSpec NeedsIntake() {
  ServiceSpec spec = Implement(
      "linjuli.needs_intake.v1.NeedsIntake", CreateNeed, CreateJoinedNeed, ClassifyNeed, ClaimNeed,
      DispatchNeed, RefuseNeed, AppealNeed, ReinstateNeed, ReturnNeed, ReleaseNeed, ReferNeed,
      AcceptReferral, DeclineReferral, UpholdNeed, RequestExtension, ApproveExtension,
      DeclineExtension, EnlistNeed, AnswerNeed, UrgeNeed, SuperviseNeed, RecordCallback,
      RecordContactAttempt, CloseNeed, ReopenNeed, WithdrawNeed, MergeNeed, UnmergeNeed,
      SuggestDuplicates, CreateDeparture, EndDeparture, CreateCampaign, AnnounceCampaign,
      OpenCampaign, CloseCampaign, ReportCampaign, CancelCampaign, CreateRawItem, DistilRawItem,
      SetAsideRawItem, CreateBrief, AddBriefNeeds, RemoveBriefNeeds, WithdrawBrief,
      CreateCareProfile, RecordConsent, RenewConsent, WithdrawConsent, ActivateCareProfile,
      ProposeTier, ApproveTier, DeclineTier, RecordLifeEvent, ReviewCareProfile, ExitCareProfile,
      ReadmitCareProfile, AssignVisit, RecordVisit, CreateMandate, ActivateMandate, RevokeMandate,
      CreateProxyCase, CompleteMaterials, SubmitProxyCase, ReturnProxyCase, RecordResult,
      HandOverProxyCase, WithdrawProxyCase, CreatePathway, AdvancePathway, EscalatePathway,
      StepDownPathway, AbandonPathway, CreatePlan, ApprovePlan, DeclinePlan, EndPlan,
      FillResourceGap, DropResourceGap, GetNeedStatistics, Due<Need>(OnDue),
      Due<v1::Departure>(OnDue), Due<v1::CareProfile>(OnDue), Due<v1::CareVisit>(OnDue),
      Due<v1::Mandate>(OnDue), Due<v1::ProxyCase>(OnDue), Due<v1::Pathway>(OnDue));
  // N2: whoever is handled has an owner. CLAIMED, IN_HANDLING, REFERRED, REHANDLING.
  spec.invariants = {{"handled_without_owner",
                      "SELECT count(*) FROM need WHERE state IN (2,3,4,9) AND owner IS NULL"}};
  return spec;
}

StandardNeeds Needs() {
  return {
      {"follow_up",        "follow_up_urgent", "sign",         "handle_consult",  "handle_help",
       "handle_complaint", "extension",        "warning",      "referral",        "callback",
       "contact_spread",   "reopen",           "unmerge",      "appeal",          "hearing_notice",
       "care_high",        "care_key",         "care_general", "care_event",      "care_retry",
       "care_review",      "care_consent",     "mandate",      "proxy_materials", "proxy_submit",
       "proxy_result",     "proxy_hand_over"},
      {"extensions", "returns", "rehandlings", "contact_tries", "contact_records", "joined"},
      {}};
}

}  // namespace linjuli::needs_intake
