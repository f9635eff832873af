// The pool: who takes a need, who gives it back, who refuses it (E7–E9).
#include "absl/strings/str_cat.h"
#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

void TakeOn(Tx& tx, Need& need, const std::string& owner) {
  need.set_owner(owner);
  Stamp(need.mutable_claim_time(), tx.now());
}

// A need that was given back too often is a leader's to give away.
absl::Status CheckReturns(Tx& tx, const Need& need) {
  if (need.return_count() <= tx.standard().Limit("returns") || tx.caller().Has(LEADER)) {
    return absl::OkStatus();
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "LEADER_DECIDES",
                absl::StrCat("it was given back ", need.return_count(),
                             " times; a leader dispatches it now"));
}

// Which of the four kinds of hands may take it up (E8), by the standard.
absl::Status CheckHands(Tx& tx, const Need& need) {
  const Category* category = tx.standard().FindCategory(need.category());
  if (category == nullptr || (category->hands & tx.caller().roles) != 0) return absl::OkStatus();
  return Refuse(absl::StatusCode::kPermissionDenied, "HANDS",
                absl::StrCat("needs of category ", need.category(), " are for other hands"),
                {{"category", need.category()}});
}

// Those whose owner is to do something now; the owner of the others is asked again when they are.
bool IsHandled(Need::State state) {
  return state == Need::CLAIMED || state == Need::IN_HANDLING || state == Need::REFERRED ||
         state == Need::REHANDLING;
}

}  // namespace

absl::Status BackToPool(Tx& tx, Need& need) {
  Tx::Move(need, Need::RECEIVED);
  need.clear_owner();
  EndOffer(need);
  return StartFollowUp(tx, need);
}

absl::Status BackTo(Tx& tx, Need& need, Need::State state) {
  if (IsHandled(state)) {
    absl::Status present = CheckPresent(tx, need.owner(), need.division());
    if (ReasonOf(present) == "PERSON_LEFT") return BackToPool(tx, need);
    LJ_RETURN_IF_ERROR(present);
  }
  Tx::Move(need, state);
  return ScheduleCheck(tx, need);
}

void EndOffer(Need& need) {
  if (need.has_referral()) need.mutable_referral()->clear_receiver();
}

absl::Status ClaimNeed(Tx& tx, const v1::ClaimNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckReturns(tx, need));
  LJ_RETURN_IF_ERROR(CheckHands(tx, need));
  LJ_RETURN_IF_ERROR(CheckPresent(tx, tx.caller().subject, need.division()));
  TakeOn(tx, need, tx.caller().subject);
  return ScheduleCheck(tx, need);
}

absl::Status DispatchNeed(Tx& tx, const v1::DispatchNeedRequest& request, Need& need) {
  LJ_RETURN_IF_ERROR(CheckReturns(tx, need));
  LJ_RETURN_IF_ERROR(CheckPresent(tx, request.owner(), need.division()));
  TakeOn(tx, need, request.owner());
  return ScheduleCheck(tx, need);
}

absl::Status RefuseNeed(Tx& tx, const v1::RefuseNeedRequest& request, Need& need) {
  need.clear_owner();
  v1::Refusal& refusal = *need.mutable_refusal();
  refusal.set_reason(request.reason());
  refusal.set_explanation(request.explanation());
  Stamp(refusal.mutable_refuse_time(), tx.now());
  LJ_RETURN_IF_ERROR(FreeJoined(tx, need));
  return ScheduleCheck(tx, need);
}

absl::Status AppealNeed(Tx& tx, const v1::AppealNeedRequest&, Need& need) {
  if (need.appealed()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "APPEAL_LIMIT",
                  "a leader has decided on this refusal already");
  }
  need.set_appealed(true);
  return StartFeedback(tx, need);
}

absl::Status ReinstateNeed(Tx& tx, const v1::ReinstateNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(StartFollowUp(tx, need));
  return StartHandle(tx, need);
}

absl::Status ReturnNeed(Tx& tx, const v1::ReturnNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckWindow(tx, need.claim_time(), "sign", "RETURN_WINDOW",
                                 "the time to give it back has passed; handle it, or refer it"));
  need.set_return_count(need.return_count() + 1);
  return BackToPool(tx, need);
}

absl::Status ReleaseNeed(Tx& tx, const v1::ReleaseNeedRequest&, Need& need) {
  return BackToPool(tx, need);
}

absl::Status ReferNeed(Tx& tx, const v1::ReferNeedRequest& request, Need& need) {
  if (!request.consent() && !request.emergency()) {
    return Refuse(absl::StatusCode::kPermissionDenied, "CONSENT",
                  "ask the reporter first, or say that it is an emergency");
  }
  if (request.receiver() == need.owner()) {
    return RefuseFields({{"receiver", "RANGE", "has the need already"}});
  }
  LJ_RETURN_IF_ERROR(CheckPresent(tx, request.receiver(), need.division()));
  LJ_ASSIGN(absl::Time expires, tx.standard().After(tx.now(), tx.standard().clock("referral")));
  v1::Referral& referral = *need.mutable_referral();
  referral.set_sender(need.owner());
  referral.set_receiver(request.receiver());
  referral.set_reason(request.reason());
  referral.set_consent(request.consent());
  referral.set_emergency(request.emergency());
  Stamp(referral.mutable_expire_time(), expires);
  return ScheduleCheck(tx, need);
}

absl::Status AcceptReferral(Tx& tx, const v1::AcceptReferralRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckPresent(tx, tx.caller().subject, need.division()));
  EndOffer(need);
  TakeOn(tx, need, tx.caller().subject);
  return ScheduleCheck(tx, need);
}

absl::Status DeclineReferral(Tx& tx, const v1::DeclineReferralRequest&, Need& need) {
  EndOffer(need);
  return ScheduleCheck(tx, need);
}

absl::Status UpholdNeed(Tx& tx, const v1::UpholdNeedRequest&, Need& need) {
  return ScheduleCheck(tx, need);
}

}  // namespace linjuli::needs_intake
