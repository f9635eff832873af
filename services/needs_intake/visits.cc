// Visits to people of a file (E11): one is open as long as the person is visited.
#include "services/needs_intake/care.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::CareProfile;
using v1::CareVisit;

const WorkSpan& CadenceOf(Tx& tx, const CareProfile& profile) {
  switch (profile.tier()) {
    case CareProfile::HIGH:
      return tx.standard().clock("care_high");
    case CareProfile::KEY:
      return tx.standard().clock("care_key");
    default:
      return tx.standard().clock("care_general");
  }
}

// How long the visit's clock runs, and from when.
const WorkSpan& SpanOf(Tx& tx, const CareProfile& profile, const CareVisit& visit) {
  if (visit.state() == CareVisit::NOT_HOME || visit.trigger() == CareVisit::MAKE_UP) {
    return tx.standard().clock("care_retry");
  }
  return visit.trigger() == CareVisit::LIFE_EVENT ? tx.standard().clock("care_event")
                                                  : CadenceOf(tx, profile);
}

absl::Status Begin(Tx& tx, const CareProfile& profile, CareVisit& visit, absl::Time from) {
  LJ_RETURN_IF_ERROR(StartClock(tx, *visit.mutable_clock(), from, SpanOf(tx, profile, visit)));
  CheckAt(visit, NextOf(visit.clock(), tx.now()));
  return absl::OkStatus();
}

// A visit that is over leaves the file without one.
void Over(CareVisit& visit, CareProfile& profile) {
  CheckAt(visit, absl::InfiniteFuture());
  profile.clear_open_visit();
  profile.clear_visitor();
}

absl::StatusOr<CareProfile> ProfileOf(Tx& tx, const CareVisit& visit) {
  return tx.Get<CareProfile>(Table::ParentOf(visit.name()));
}

}  // namespace

absl::Status OpenVisit(Tx& tx, CareProfile& profile, CareVisit::Trigger trigger) {
  CareVisit visit;
  Tx::Move(visit, CareVisit::DUE);
  visit.set_person(profile.person());
  visit.set_division(profile.division());
  visit.set_trigger(trigger);
  LJ_RETURN_IF_ERROR(Begin(tx, profile, visit, tx.now()));
  LJ_RETURN_IF_ERROR(tx.Create(visit, profile.name()));
  profile.set_open_visit(visit.name());
  return absl::OkStatus();
}

absl::Status Reschedule(Tx& tx, CareProfile& profile) {
  LJ_ASSIGN(CareVisit visit, tx.Get<CareVisit>(profile.open_visit()));
  if (visit.trigger() != CareVisit::CADENCE || visit.state() == CareVisit::NOT_HOME) {
    return absl::OkStatus();
  }
  LJ_RETURN_IF_ERROR(Begin(tx, profile, visit, ToTime(visit.clock().start_time())));
  return tx.Put(visit);
}

absl::Status HastenVisit(Tx& tx, CareProfile& profile) {
  LJ_ASSIGN(CareVisit visit, tx.Get<CareVisit>(profile.open_visit()));
  LJ_ASSIGN(absl::Time soon, tx.standard().After(tx.now(), tx.standard().clock("care_event")));
  if (visit.clock().has_due_time() && ToTime(visit.clock().due_time()) <= soon) {
    return absl::OkStatus();
  }
  visit.set_trigger(CareVisit::LIFE_EVENT);
  LJ_RETURN_IF_ERROR(Begin(tx, profile, visit, tx.now()));
  return tx.Put(visit);
}

absl::Status CancelVisit(Tx& tx, CareProfile& profile) {
  if (profile.open_visit().empty()) return absl::OkStatus();
  LJ_ASSIGN(CareVisit visit, tx.Get<CareVisit>(profile.open_visit()));
  Tx::Move(visit, CareVisit::CANCELLED);
  Over(visit, profile);
  return tx.Put(visit);
}

absl::Status AssignVisit(Tx& tx, const v1::AssignVisitRequest& request, CareVisit& visit) {
  LJ_RETURN_IF_ERROR(CheckPresent(tx, request.visitor(), visit.division()));
  LJ_ASSIGN(CareProfile profile, ProfileOf(tx, visit));
  visit.set_visitor(request.visitor());
  profile.set_visitor(request.visitor());
  return tx.Put(profile);
}

absl::Status RecordVisit(Tx& tx, const v1::RecordVisitRequest& request, CareVisit& visit) {
  const CareVisit::State result = request.result();
  if (result != CareVisit::DONE && result != CareVisit::NOT_HOME && result != CareVisit::REFUSED) {
    return RefuseFields({{"result", "RANGE", "must be DONE, NOT_HOME or REFUSED"}});
  }
  if (result == CareVisit::DONE && request.outcome().empty()) {
    return RefuseFields({{"outcome", "REQUIRED", "must tell what you found"}});
  }
  LJ_ASSIGN(CareProfile profile, ProfileOf(tx, visit));
  Tx::Move(visit, result);
  visit.set_outcome(request.outcome());
  *visit.mutable_evidence_hashes() = request.evidence_hashes();
  if (result == CareVisit::NOT_HOME) {
    visit.set_not_home_count(visit.not_home_count() + 1);
    return Begin(tx, profile, visit, tx.now());
  }
  Stamp(visit.mutable_visit_time(), tx.now());
  if (result == CareVisit::DONE) Stamp(profile.mutable_last_visit_time(), tx.now());
  Over(visit, profile);
  LJ_RETURN_IF_ERROR(OpenVisit(tx, profile, CareVisit::CADENCE));
  return tx.Put(profile);
}

absl::Status OnDue(Tx& tx, CareVisit& visit) {
  LJ_ASSIGN(CareProfile profile, ProfileOf(tx, visit));
  LJ_RETURN_IF_ERROR(TickClock(tx, *visit.mutable_clock(), SpanOf(tx, profile, visit)));
  if (visit.clock().alarm() != v1::Clock::OVERDUE) {
    CheckAt(visit, NextOf(visit.clock(), tx.now()));
    return absl::OkStatus();
  }
  // Nobody came: an alarm, and somebody must at once.
  Tx::Move(visit, CareVisit::MISSED);
  Over(visit, profile);
  LJ_RETURN_IF_ERROR(OpenVisit(tx, profile, CareVisit::MAKE_UP));
  return tx.Put(profile);
}

}  // namespace linjuli::needs_intake
