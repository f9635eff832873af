// The files of people who are visited, and the visits (E11).
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::CareProfile;
using v1::CareVisit;

struct Ward : Village {
  CareProfile Draft(CareProfile::Tier tier = CareProfile::HIGH) {
    v1::CreateCareProfileRequest request;
    CareProfile& profile = *request.mutable_care_profile();
    profile.set_person("resident/li");
    profile.set_person_name("李建国");
    profile.set_phone("13800000000");
    profile.set_division(kCommunity);
    profile.add_flags(v1::LIVES_ALONE);
    profile.set_tier(tier);
    return Make<CareProfile>(request, worker);
  }
  static void Agreed(v1::Consent& consent, absl::Time end) {
    consent.add_purposes(v1::VISIT);
    consent.set_evidence_hash(std::string(64, 'a'));
    Stamp(consent.mutable_end_time(), end);
  }
  CareProfile Consented(CareProfile::Tier tier = CareProfile::HIGH) {
    return Do<v1::RecordConsentRequest>(Draft(tier), worker, [&](auto& q) {
      Agreed(*q.mutable_consent(), rig.clock.Now() + absl::Hours(24 * 300));
    });
  }
  CareProfile Active(CareProfile::Tier tier = CareProfile::HIGH) {
    return Do<v1::ActivateCareProfileRequest>(Consented(tier), lead);
  }
  CareVisit Visit(const std::string& name) {
    v1::GetCareVisitRequest request;
    request.set_name(name);
    return Make<CareVisit>(request, worker);
  }
  absl::StatusOr<CareProfile> Read(const CareProfile& profile, const Caller& who,
                                   v1::Purpose purpose) {
    v1::GetCareProfileRequest request;
    request.set_name(profile.name());
    request.set_purpose(purpose);
    return rig.Ask<CareProfile>(request, who);
  }
  CareVisit Assigned(const CareProfile& profile) {
    return Do<v1::AssignVisitRequest>(Visit(profile.open_visit()), worker,
                                      [&](auto& q) { q.set_visitor(worker.subject); });
  }
  CareVisit Record(const CareVisit& visit, CareVisit::State result) {
    return Do<v1::RecordVisitRequest>(visit, worker, [&](auto& q) {
      q.set_result(result);
      if (result == CareVisit::DONE) q.set_outcome("一切安好");
    });
  }
};

TEST_CASE("a file is read in clear for a purpose the person agreed to, and each reading stays",
          "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Consented();
  CHECK(ReasonOf(ward.Read(profile, ward.worker, v1::PURPOSE_UNSPECIFIED).status()) == "PURPOSE");
  CHECK(ReasonOf(ward.Read(profile, ward.worker, v1::REVIEW).status()) == "CONSENT");
  auto read = ward.Read(profile, ward.worker, v1::VISIT);
  REQUIRE(read.ok());
  CHECK(read->person_name() == "李建国");
  auto record = ward.ChangesAfter(0).back();
  CHECK(record.access());
  CHECK(record.purpose() == "VISIT");
  CHECK(record.caller() == ward.worker.subject);
  // The person themselves needs to say nothing; a stranger is not told that there is a file.
  CHECK(ward.Read(profile, ward.li, v1::PURPOSE_UNSPECIFIED)->person_name() == "李建国");
  CHECK(ReasonOf(ward.Read(profile, ward.chen, v1::VISIT).status()) == "NOT_FOUND");
  CHECK(ReasonOf(ward.Read(profile, ward.stranger, v1::VISIT).status()) == "NOT_FOUND");
  // A list shows nothing in clear, whoever asks; nor does the answer of a verb.
  v1::ListCareProfilesRequest list;
  CHECK(ward.Make<v1::ListCareProfilesResponse>(list, ward.worker).care_profiles(0).person_name() ==
        "李**");
  CHECK(profile.person_name() == "李**");
  // What was agreed to ends.
  ward.rig.clock.Advance(absl::Hours(24 * 300));
  CHECK(ReasonOf(ward.Read(profile, ward.worker, v1::VISIT).status()) == "CONSENT");
}

TEST_CASE("consent is bounded in time, and on paper unless the person gives it", "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Draft();
  auto why = [&](const Caller& who, absl::Duration runs, bool paper) {
    return ward.Why<v1::RecordConsentRequest>(profile, who, [&](auto& q) {
      Ward::Agreed(*q.mutable_consent(), ward.rig.clock.Now() + runs);
      if (!paper) q.mutable_consent()->clear_evidence_hash();
    });
  };
  CHECK(why(ward.worker, absl::Hours(24), false) == "EVIDENCE");
  CHECK(why(ward.worker, absl::Hours(24 * 400), true) == "RANGE");
  CHECK(why(ward.worker, -absl::Hours(1), true) == "RANGE");
  CHECK(why(ward.li, absl::Hours(24), false) == "done");
}

TEST_CASE("a person has one file, which another than its author activates", "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Consented();
  v1::CreateCareProfileRequest again;
  *again.mutable_care_profile() = ward.Read(profile, ward.li, v1::VISIT).value();
  auto& sent = *again.mutable_care_profile();
  CareProfile fresh;
  fresh.set_person(sent.person());
  fresh.set_person_name("李");
  fresh.set_division(kCommunity);
  fresh.add_flags(v1::DISABILITY);
  fresh.set_tier(CareProfile::KEY);
  sent = fresh;
  CHECK(ReasonOf(ward.rig.Ask<CareProfile>(again, ward.worker).status()) == "UNIQUE");
  CHECK(ward.Why<v1::ActivateCareProfileRequest>(profile, ward.worker) == "ROLE");
  CHECK(ward.Why<v1::ActivateCareProfileRequest>(profile, ward.lead) == "done");
}

TEST_CASE("the tier decides when the next visit is due, and takes two persons to change",
          "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Active(CareProfile::GENERAL);
  const auto due = [&] { return Shown(ward.Visit(profile.open_visit()).clock().due_time()); };
  CHECK(due() == "02-24 00:00");  // 92 days from 23 November, the last one whole
  profile = ward.Do<v1::ProposeTierRequest>(profile, ward.lead,
                                            [](auto& q) { q.set_tier(CareProfile::HIGH); });
  CHECK(ward.Why<v1::ApproveTierRequest>(profile, ward.lead) == "SELF_APPROVE");
  profile = ward.Do<v1::ApproveTierRequest>(profile, ward.other_lead);
  CHECK(profile.tier() == CareProfile::HIGH);
  CHECK(due() == "12-01 00:00");
  CHECK(ward.Why<v1::ApproveTierRequest>(profile, ward.other_lead) == "STATE");
}

TEST_CASE("one of high risk is visited within 24 hours of a life event, others in their turn",
          "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Active(CareProfile::HIGH);
  auto event = [](auto& q) { q.mutable_life_event()->set_text("摔倒"); };
  profile = ward.Do<v1::RecordLifeEventRequest>(profile, ward.worker, event);
  CareVisit visit = ward.Visit(profile.open_visit());
  CHECK(visit.trigger() == CareVisit::LIFE_EVENT);
  CHECK(Shown(visit.clock().due_time()) == "11-24 09:00");
}

TEST_CASE("nobody at home is tried again, a missed visit raises an alarm and another is due",
          "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Active();
  CareVisit visit = ward.Assigned(profile);
  CHECK(ward.Why<v1::RecordVisitRequest>(
            visit, ward.colleague, [](auto& q) { q.set_result(CareVisit::NOT_HOME); }) == "SCOPE");
  visit = ward.Record(visit, CareVisit::NOT_HOME);
  CHECK(Shown(visit.clock().due_time()) == "11-25 09:00");
  ward.Go("2026-11-25 09:00");
  ward.rig.RunDue();
  CHECK(ward.Visit(visit.name()).state() == CareVisit::MISSED);
  CHECK(ward.Visit(visit.name()).clock().alarm() == v1::Clock::OVERDUE);
  profile = ward.Read(profile, ward.worker, v1::VISIT).value();
  CHECK(profile.open_visit() != visit.name());
  CareVisit next = ward.Visit(profile.open_visit());
  CHECK(next.trigger() == CareVisit::MAKE_UP);
  // Met at last: the next one is due by the cadence.
  ward.Record(ward.Assigned(profile), CareVisit::DONE);
  profile = ward.Read(profile, ward.worker, v1::VISIT).value();
  CHECK(profile.has_last_visit_time());
  CHECK(ward.Visit(profile.open_visit()).trigger() == CareVisit::CADENCE);
}

TEST_CASE("a file is looked through after half a year, and ended with its visit", "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Active(CareProfile::GENERAL);
  ward.Go("2027-06-10 09:00");
  ward.rig.RunDue();
  auto now = ward.Read(profile, ward.li, v1::VISIT);
  REQUIRE(now.ok());
  CHECK(now->state() == CareProfile::REVIEW);
  CHECK(ward.Why<v1::ReviewCareProfileRequest>(profile, ward.worker) == "done");
  profile = ward.Do<v1::ExitCareProfileRequest>(profile, ward.lead,
                                                [](auto& q) { q.set_reason(CareProfile::MOVED); });
  CHECK(profile.open_visit().empty());
  CHECK(ward.Visit(now->open_visit()).state() == CareVisit::CANCELLED);
  profile = ward.Do<v1::ReadmitCareProfileRequest>(profile, ward.worker);
  CHECK(profile.state() == CareProfile::DRAFT);
  CHECK_FALSE(profile.has_consent());
}

TEST_CASE("who does not agree any more is neither read of nor visited", "[care][E11]") {
  Ward ward;
  CareProfile profile = ward.Active();
  profile = ward.Do<v1::WithdrawConsentRequest>(profile, ward.li);
  CHECK(profile.exit_reason() == CareProfile::CONSENT_WITHDRAWN);
  CHECK(ReasonOf(ward.Read(profile, ward.worker, v1::VISIT).status()) == "CONSENT");
}

}  // namespace
}  // namespace linjuli::needs_intake
