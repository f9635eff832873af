// People who have left: their needs find somebody else (E7).
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

// Needs that go back in one transaction.
constexpr int kAtOnce = 50;
}  // namespace

absl::Status CheckPresent(Tx& tx, const std::string& person) {
  LJ_ASSIGN(auto departures,
            tx.Find<v1::Departure>("person", person, 1,
                                   {v1::Departure::RETURNING, v1::Departure::RETURNED}));
  if (departures.empty()) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, "PERSON_LEFT",
                "they have left; give it to somebody else, or end the departure",
                {{"person", person}, {"departure", departures[0].name()}});
}

absl::Status CreateDeparture(Tx& tx, const v1::CreateDepartureRequest&, v1::Departure& departure) {
  LJ_RETURN_IF_ERROR(CheckPresent(tx, departure.person()));
  CheckAt(departure, tx.now());
  return absl::OkStatus();
}

absl::Status EndDeparture(Tx&, const v1::EndDepartureRequest&, v1::Departure& departure) {
  CheckAt(departure, absl::InfiniteFuture());
  return absl::OkStatus();
}

absl::Status OnDue(Tx& tx, v1::Departure& departure) {
  LJ_ASSIGN(auto needs,
            tx.Find<Need>("owner", departure.person(), kAtOnce,
                          {Need::CLAIMED, Need::IN_HANDLING, Need::REFERRED, Need::REHANDLING}));
  for (Need& need : needs) {
    Tx::Move(need, Need::RECEIVED);
    need.clear_owner();
    if (need.has_referral()) need.mutable_referral()->clear_receiver();
    LJ_RETURN_IF_ERROR(StartFollowUp(tx, need));
    LJ_RETURN_IF_ERROR(tx.Put(need));
  }
  departure.set_returned_count(departure.returned_count() + static_cast<int>(needs.size()));
  if (needs.empty()) Tx::Move(departure, v1::Departure::RETURNED);
  // The rest at the next look.
  CheckAt(departure, needs.empty() ? absl::InfiniteFuture() : tx.now() + absl::Microseconds(1));
  return absl::OkStatus();
}

}  // namespace linjuli::needs_intake
