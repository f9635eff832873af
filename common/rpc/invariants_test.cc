// What must never be is looked for, counted and shown.
#include <catch2/catch.hpp>

#include "tests/tickets.h"

namespace linjuli {
namespace {

constexpr char kViolations[] = "linjuli_invariant_violations";

ServiceSpec Watched() {
  ServiceSpec spec = TicketsSpec();
  spec.invariants = {
      {"far_away", absl::StrCat("SELECT count(*) FROM ticket WHERE division='", kFarVillage, "'")},
      {"nowhere", "SELECT count(*) FROM ticket WHERE division=''"},
  };
  return spec;
}

TEST_CASE("a broken invariant is counted and shown, one that holds shows 0", "[rpc][invariants]") {
  Rig rig(Watched());
  auto create = [&](const char* division) {
    return rig.Ask<Ticket>(Resident(), absl::StrCat(kTickets, "CreateTicket"),
                           CreateOf(TicketOf("灯", division)));
  };
  REQUIRE(create(kVillage).ok());
  CHECK(rig->CheckInvariants() == 0);
  CHECK(rig.Metric(kViolations, "far_away") == 0);
  REQUIRE(create(kFarVillage).ok());
  REQUIRE(create(kFarVillage).ok());
  CHECK(rig->CheckInvariants() == 2);
  CHECK(rig.Metric(kViolations, "far_away") == 2);
  CHECK(rig.Metric(kViolations, "nowhere") == 0);
}

}  // namespace
}  // namespace linjuli
