// The files of people who are visited (E11): consent, tiers, life events, review.
#include "services/needs_intake/care.h"

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::CareProfile;

// What the person agreed to, as it is recorded: bounded in time, and on paper unless the person
// themselves says so.
absl::Status Agree(Tx& tx, const v1::Consent& consent, CareProfile& profile) {
  const bool in_person = tx.caller().subject == profile.person();
  if (!in_person && consent.evidence_hash().empty()) {
    return RefuseFields({{"consent.evidence_hash", "EVIDENCE",
                          "must show the signed paper, unless the person says so themselves"}});
  }
  LJ_ASSIGN(absl::Time most, tx.standard().After(tx.now(), tx.standard().clock("care_consent")));
  const absl::Time end = ToTime(consent.end_time());
  if (end <= tx.now() || end > most) {
    return RefuseFields(
        {{"consent.end_time", "RANGE",
          absl::StrCat("must come, and by ", absl::FormatTime(most, ChinaTime()))}});
  }
  *profile.mutable_consent() = consent;
  profile.mutable_consent()->set_recorder(tx.caller().subject);
  Stamp(profile.mutable_consent()->mutable_record_time(), tx.now());
  return absl::OkStatus();
}

absl::Status ReviewLater(Tx& tx, CareProfile& profile) {
  LJ_ASSIGN(absl::Time review, tx.standard().After(tx.now(), tx.standard().clock("care_review")));
  Stamp(profile.mutable_review_time(), review);
  return absl::OkStatus();
}

absl::Status End(Tx& tx, CareProfile& profile, CareProfile::ExitReason reason) {
  profile.set_exit_reason(reason);
  profile.clear_review_time();
  return CancelVisit(tx, profile);
}

absl::Status CheckAsked(const CareProfile& profile) {
  if (profile.has_tier_change() && profile.tier_change().decider().empty()) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, "STATE", "nobody asked for another tier",
                {{"action", "approveTier"}, {"allowed", "proposeTier"}});
}

}  // namespace

absl::Status CreateCareProfile(Tx& tx, const v1::CreateCareProfileRequest&, CareProfile& profile) {
  profile.set_author(tx.caller().subject);
  profile.set_standard_version(tx.standard().version());
  return absl::OkStatus();
}

absl::Status RecordConsent(Tx& tx, const v1::RecordConsentRequest& request, CareProfile& profile) {
  return Agree(tx, request.consent(), profile);
}

absl::Status RenewConsent(Tx& tx, const v1::RenewConsentRequest& request, CareProfile& profile) {
  return Agree(tx, request.consent(), profile);
}

absl::Status WithdrawConsent(Tx& tx, const v1::WithdrawConsentRequest&, CareProfile& profile) {
  profile.clear_consent();
  return End(tx, profile, CareProfile::CONSENT_WITHDRAWN);
}

absl::Status ActivateCareProfile(Tx& tx, const v1::ActivateCareProfileRequest&,
                                 CareProfile& profile) {
  LJ_RETURN_IF_ERROR(OpenVisit(tx, profile, v1::CareVisit::CADENCE));
  return ReviewLater(tx, profile);
}

absl::Status ProposeTier(Tx& tx, const v1::ProposeTierRequest& request, CareProfile& profile) {
  if (request.tier() == profile.tier()) {
    return RefuseFields({{"tier", "RANGE", "is the person's tier already"}});
  }
  v1::TierChange& change = *profile.mutable_tier_change();
  change.Clear();
  change.set_tier(request.tier());
  change.set_reason(request.reason());
  change.set_requester(tx.caller().subject);
  Stamp(change.mutable_request_time(), tx.now());
  return absl::OkStatus();
}

absl::Status ApproveTier(Tx& tx, const v1::ApproveTierRequest&, CareProfile& profile) {
  LJ_RETURN_IF_ERROR(CheckAsked(profile));
  profile.mutable_tier_change()->set_decider(tx.caller().subject);
  profile.mutable_tier_change()->set_approved(true);
  profile.set_tier(profile.tier_change().tier());
  return Reschedule(tx, profile);
}

absl::Status DeclineTier(Tx& tx, const v1::DeclineTierRequest&, CareProfile& profile) {
  LJ_RETURN_IF_ERROR(CheckAsked(profile));
  profile.mutable_tier_change()->set_decider(tx.caller().subject);
  return absl::OkStatus();
}

absl::Status RecordLifeEvent(Tx& tx, const v1::RecordLifeEventRequest& request,
                             CareProfile& profile) {
  *profile.mutable_life_event() = request.life_event();
  v1::LifeEvent& event = *profile.mutable_life_event();
  if (!event.has_event_time()) Stamp(event.mutable_event_time(), tx.now());
  if (ToTime(event.event_time()) > tx.now()) {
    return RefuseFields({{"life_event.event_time", "FUTURE", "has not come yet"}});
  }
  event.set_recorder(tx.caller().subject);
  Stamp(event.mutable_record_time(), tx.now());
  return profile.tier() == CareProfile::HIGH ? HastenVisit(tx, profile) : absl::OkStatus();
}

absl::Status ReviewCareProfile(Tx& tx, const v1::ReviewCareProfileRequest&, CareProfile& profile) {
  return ReviewLater(tx, profile);
}

absl::Status ExitCareProfile(Tx& tx, const v1::ExitCareProfileRequest& request,
                             CareProfile& profile) {
  return End(tx, profile, request.reason());
}

absl::Status ReadmitCareProfile(Tx& tx, const v1::ReadmitCareProfileRequest&,
                                CareProfile& profile) {
  profile.set_author(tx.caller().subject);
  profile.clear_exit_reason();
  profile.clear_consent();
  profile.clear_tier_change();
  return absl::OkStatus();
}

absl::Status OnDue(Tx&, CareProfile& profile) {
  if (profile.state() == CareProfile::ACTIVE) Tx::Move(profile, CareProfile::REVIEW);
  profile.clear_review_time();
  return absl::OkStatus();
}

}  // namespace linjuli::needs_intake
