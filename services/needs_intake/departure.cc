// People who have left: their needs find somebody else (E7).
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

// Needs that go back in one transaction.
constexpr int kAtOnce = 50;
// Divisions that one person has left at a time.
constexpr int kMostDepartures = 100;

// Needs of the division that the person handles: CLAIMED, IN_HANDLING, REFERRED, REHANDLING.
absl::StatusOr<std::vector<Need>> HandledBy(Tx& tx, const v1::Departure& departure) {
  std::vector<int64_t> ids;
  {
    StatementScope rows(
        tx.Sql("SELECT id FROM need WHERE owner=?1 AND substr(division,1,length(?2))=?2 AND state "
               "IN (2,3,4,9) ORDER BY id LIMIT ?3"));
    rows->Bind(1, departure.person()).Bind(2, departure.division()).Bind(3, int64_t{kAtOnce});
    while (true) {
      LJ_ASSIGN(bool row, rows->Step());
      if (!row) break;
      ids.push_back(rows->Int(0));
    }
  }
  std::vector<Need> needs;
  for (int64_t id : ids) {
    LJ_ASSIGN(needs.emplace_back(), tx.Get<Need>(absl::StrCat("needs/", EncodeId(id))));
  }
  return needs;
}

}  // namespace

absl::Status CheckPresent(Tx& tx, const std::string& person, const std::string& division) {
  LJ_ASSIGN(auto departures,
            tx.Find<v1::Departure>("person", person, kMostDepartures,
                                   {v1::Departure::RETURNING, v1::Departure::RETURNED}));
  for (const auto& departure : departures) {
    if (!absl::StartsWith(division, departure.division())) continue;
    return Refuse(absl::StatusCode::kFailedPrecondition, "PERSON_LEFT",
                  "they have left; give it to somebody else, or end the departure",
                  {{"person", person}, {"departure", departure.name()}});
  }
  return absl::OkStatus();
}

absl::Status CreateDeparture(Tx& tx, const v1::CreateDepartureRequest&, v1::Departure& departure) {
  LJ_RETURN_IF_ERROR(CheckPresent(tx, departure.person(), departure.division()));
  CheckAt(departure, tx.now());
  return absl::OkStatus();
}

absl::Status EndDeparture(Tx&, const v1::EndDepartureRequest&, v1::Departure& departure) {
  CheckAt(departure, absl::InfiniteFuture());
  return absl::OkStatus();
}

absl::Status OnDue(Tx& tx, v1::Departure& departure) {
  LJ_ASSIGN(std::vector<Need> needs, HandledBy(tx, departure));
  for (Need& need : needs) {
    LJ_RETURN_IF_ERROR(BackToPool(tx, need));
    LJ_RETURN_IF_ERROR(tx.Put(need));
  }
  departure.set_returned_count(departure.returned_count() + static_cast<int>(needs.size()));
  if (needs.size() < kAtOnce) {
    Tx::Move(departure, v1::Departure::RETURNED);
    CheckAt(departure, absl::InfiniteFuture());
  } else {  // the rest at the next look
    CheckAt(departure, tx.now() + absl::Microseconds(1));
  }
  return absl::OkStatus();
}

}  // namespace linjuli::needs_intake
