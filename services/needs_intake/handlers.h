// The handlers of needs intake, each named as its rpc, where its rule is told.
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_HANDLERS_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_HANDLERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/tx.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"

namespace linjuli::needs_intake {

using v1::Need;

// intake.cc
absl::Status CreateNeed(Tx&, const v1::CreateNeedRequest&, v1::Need&);
absl::Status CreateJoinedNeed(Tx&, const v1::CreateJoinedNeedRequest&, v1::Need&);
absl::Status ClassifyNeed(Tx&, const v1::ClassifyNeedRequest&, v1::Need&);
// A new need, whoever makes it: its receipt, clocks, and the articles that may answer it.
absl::Status HearNeed(Tx& tx, Need& need);

// pool.cc
absl::Status ClaimNeed(Tx&, const v1::ClaimNeedRequest&, v1::Need&);
absl::Status DispatchNeed(Tx&, const v1::DispatchNeedRequest&, v1::Need&);
absl::Status RefuseNeed(Tx&, const v1::RefuseNeedRequest&, v1::Need&);
absl::Status AppealNeed(Tx&, const v1::AppealNeedRequest&, v1::Need&);
absl::Status ReinstateNeed(Tx&, const v1::ReinstateNeedRequest&, v1::Need&);
absl::Status ReturnNeed(Tx&, const v1::ReturnNeedRequest&, v1::Need&);
absl::Status ReleaseNeed(Tx&, const v1::ReleaseNeedRequest&, v1::Need&);
absl::Status ReferNeed(Tx&, const v1::ReferNeedRequest&, v1::Need&);
absl::Status AcceptReferral(Tx&, const v1::AcceptReferralRequest&, v1::Need&);
absl::Status DeclineReferral(Tx&, const v1::DeclineReferralRequest&, v1::Need&);
absl::Status UpholdNeed(Tx&, const v1::UpholdNeedRequest&, v1::Need&);
// Nobody has it any more; it is to be followed up anew.
absl::Status BackToPool(Tx& tx, Need& need);
// Back to where it stood, with its owner; into the pool where the owner was to handle it and has
// left since.
absl::Status BackTo(Tx& tx, Need& need, Need::State state);
// It is offered to nobody any more, and not theirs to read.
void EndOffer(Need& need);

// handling.cc
absl::Status RequestExtension(Tx&, const v1::RequestExtensionRequest&, v1::Need&);
absl::Status ApproveExtension(Tx&, const v1::ApproveExtensionRequest&, v1::Need&);
absl::Status DeclineExtension(Tx&, const v1::DeclineExtensionRequest&, v1::Need&);
absl::Status EnlistNeed(Tx&, const v1::EnlistNeedRequest&, v1::Need&);
absl::Status AnswerNeed(Tx&, const v1::AnswerNeedRequest&, v1::Need&);
absl::Status UrgeNeed(Tx&, const v1::UrgeNeedRequest&, v1::Need&);
absl::Status SuperviseNeed(Tx&, const v1::SuperviseNeedRequest&, v1::Need&);

// Whether its answer must show what was done.
bool WantsEvidence(const Need& need);

// closing.cc
absl::Status RecordCallback(Tx&, const v1::RecordCallbackRequest&, v1::Need&);
absl::Status RecordContactAttempt(Tx&, const v1::RecordContactAttemptRequest&, v1::Need&);
absl::Status CloseNeed(Tx&, const v1::CloseNeedRequest&, v1::Need&);
absl::Status ReopenNeed(Tx&, const v1::ReopenNeedRequest&, v1::Need&);
absl::Status WithdrawNeed(Tx&, const v1::WithdrawNeedRequest&, v1::Need&);

// joining.cc
absl::Status MergeNeed(Tx&, const v1::MergeNeedRequest&, v1::Need&);
absl::Status UnmergeNeed(Tx&, const v1::UnmergeNeedRequest&, v1::Need&);
absl::StatusOr<v1::SuggestDuplicatesResponse> SuggestDuplicates(
    Rx&, const v1::SuggestDuplicatesRequest&);
// Lays a new need to one that tells of the same.
absl::Status Join(Tx& tx, const std::string& survivor, Need& need);
// It is not laid to its survivor any more.
absl::Status Leave(Tx& tx, Need& need);
// Everything that is laid to `need` is answered with it; or, where it ends without an answer, goes
// back into the pool.
absl::Status AnswerJoined(Tx& tx, Need& need);
absl::Status FreeJoined(Tx& tx, Need& need);

// departure.cc
absl::Status CreateDeparture(Tx&, const v1::CreateDepartureRequest&, v1::Departure&);
absl::Status EndDeparture(Tx&, const v1::EndDepartureRequest&, v1::Departure&);
absl::Status OnDue(Tx&, v1::Departure&);
// FAILED_PRECONDITION, reason PERSON_LEFT, where they have left the division.
absl::Status CheckPresent(Tx& tx, const std::string& person, const std::string& division);

// campaigns.cc
absl::Status CreateCampaign(Tx&, const v1::CreateCampaignRequest&, v1::Campaign&);
absl::Status AnnounceCampaign(Tx&, const v1::AnnounceCampaignRequest&, v1::Campaign&);
absl::Status OpenCampaign(Tx&, const v1::OpenCampaignRequest&, v1::Campaign&);
absl::Status CloseCampaign(Tx&, const v1::CloseCampaignRequest&, v1::Campaign&);
absl::Status ReportCampaign(Tx&, const v1::ReportCampaignRequest&, v1::Campaign&);
absl::Status CancelCampaign(Tx&, const v1::CancelCampaignRequest&, v1::Campaign&);
absl::Status CreateRawItem(Tx&, const v1::CreateRawItemRequest&, v1::RawItem&);
absl::Status DistilRawItem(Tx&, const v1::DistilRawItemRequest&, v1::RawItem&);
absl::Status SetAsideRawItem(Tx&, const v1::SetAsideRawItemRequest&, v1::RawItem&);

// briefs.cc
absl::Status CreateBrief(Tx&, const v1::CreateBriefRequest&, v1::Brief&);
absl::Status AddBriefNeeds(Tx&, const v1::AddBriefNeedsRequest&, v1::Brief&);
absl::Status RemoveBriefNeeds(Tx&, const v1::RemoveBriefNeedsRequest&, v1::Brief&);
absl::Status WithdrawBrief(Tx&, const v1::WithdrawBriefRequest&, v1::Brief&);

// care.cc
absl::Status CreateCareProfile(Tx&, const v1::CreateCareProfileRequest&, v1::CareProfile&);
absl::Status RecordConsent(Tx&, const v1::RecordConsentRequest&, v1::CareProfile&);
absl::Status RenewConsent(Tx&, const v1::RenewConsentRequest&, v1::CareProfile&);
absl::Status WithdrawConsent(Tx&, const v1::WithdrawConsentRequest&, v1::CareProfile&);
absl::Status ActivateCareProfile(Tx&, const v1::ActivateCareProfileRequest&, v1::CareProfile&);
absl::Status ProposeTier(Tx&, const v1::ProposeTierRequest&, v1::CareProfile&);
absl::Status ApproveTier(Tx&, const v1::ApproveTierRequest&, v1::CareProfile&);
absl::Status DeclineTier(Tx&, const v1::DeclineTierRequest&, v1::CareProfile&);
absl::Status RecordLifeEvent(Tx&, const v1::RecordLifeEventRequest&, v1::CareProfile&);
absl::Status ReviewCareProfile(Tx&, const v1::ReviewCareProfileRequest&, v1::CareProfile&);
absl::Status ExitCareProfile(Tx&, const v1::ExitCareProfileRequest&, v1::CareProfile&);
absl::Status ReadmitCareProfile(Tx&, const v1::ReadmitCareProfileRequest&, v1::CareProfile&);
absl::Status OnDue(Tx&, v1::CareProfile&);

// visits.cc
absl::Status AssignVisit(Tx&, const v1::AssignVisitRequest&, v1::CareVisit&);
absl::Status RecordVisit(Tx&, const v1::RecordVisitRequest&, v1::CareVisit&);
absl::Status OnDue(Tx&, v1::CareVisit&);

// mandates.cc
absl::Status CreateMandate(Tx&, const v1::CreateMandateRequest&, v1::Mandate&);
absl::Status ActivateMandate(Tx&, const v1::ActivateMandateRequest&, v1::Mandate&);
absl::Status RevokeMandate(Tx&, const v1::RevokeMandateRequest&, v1::Mandate&);
absl::Status CreateProxyCase(Tx&, const v1::CreateProxyCaseRequest&, v1::ProxyCase&);
absl::Status CompleteMaterials(Tx&, const v1::CompleteMaterialsRequest&, v1::ProxyCase&);
absl::Status SubmitProxyCase(Tx&, const v1::SubmitProxyCaseRequest&, v1::ProxyCase&);
absl::Status ReturnProxyCase(Tx&, const v1::ReturnProxyCaseRequest&, v1::ProxyCase&);
absl::Status RecordResult(Tx&, const v1::RecordResultRequest&, v1::ProxyCase&);
absl::Status HandOverProxyCase(Tx&, const v1::HandOverProxyCaseRequest&, v1::ProxyCase&);
absl::Status WithdrawProxyCase(Tx&, const v1::WithdrawProxyCaseRequest&, v1::ProxyCase&);
absl::Status OnDue(Tx&, v1::Mandate&);
absl::Status OnDue(Tx&, v1::ProxyCase&);

// pathways.cc
absl::Status CreatePathway(Tx&, const v1::CreatePathwayRequest&, v1::Pathway&);
absl::Status AdvancePathway(Tx&, const v1::AdvancePathwayRequest&, v1::Pathway&);
absl::Status EscalatePathway(Tx&, const v1::EscalatePathwayRequest&, v1::Pathway&);
absl::Status StepDownPathway(Tx&, const v1::StepDownPathwayRequest&, v1::Pathway&);
absl::Status AbandonPathway(Tx&, const v1::AbandonPathwayRequest&, v1::Pathway&);
absl::Status OnDue(Tx&, v1::Pathway&);

// plans.cc
absl::Status CreatePlan(Tx&, const v1::CreatePlanRequest&, v1::Plan&);
absl::Status ApprovePlan(Tx&, const v1::ApprovePlanRequest&, v1::Plan&);
absl::Status DeclinePlan(Tx&, const v1::DeclinePlanRequest&, v1::Plan&);
absl::Status EndPlan(Tx&, const v1::EndPlanRequest&, v1::Plan&);
absl::Status FillResourceGap(Tx&, const v1::FillResourceGapRequest&, v1::ResourceGap&);
absl::Status DropResourceGap(Tx&, const v1::DropResourceGapRequest&, v1::ResourceGap&);

// statistics.cc
absl::StatusOr<v1::NeedStatistics> GetNeedStatistics(Rx&, const v1::GetNeedStatisticsRequest&);

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_HANDLERS_H_
