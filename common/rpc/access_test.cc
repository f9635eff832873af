#include "common/rpc/access.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"
#include "common/rpc/mask.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

std::string Actions(const Ticket& ticket) { return absl::StrJoin(ticket.allowed_actions(), " "); }

Caller Provider() { return Person("u/provider", PROVIDER); }

Ticket WithPhone(absl::string_view text, absl::string_view division = kVillage) {
  Ticket ticket = TicketOf(text, division);
  ticket.set_phone("13800138000");
  return ticket;
}

TEST_CASE("who sends no token, or a false one, is asked for one", "[rpc][access]") {
  TicketRig rig;
  CHECK(Told(rig.List(Caller()).status()) == "UNAUTHENTICATED TOKEN");
  Call call = rig.MakeCall(Resident(), absl::StrCat(kTickets, "ListTickets"),
                           testing::v1::ListTicketsRequest());
  call.token += "x";
  CHECK(Told(CallAndWait(*rig, std::move(call)).status()) == "UNAUTHENTICATED TOKEN");
  Call late = rig.MakeCall(Resident(), absl::StrCat(kTickets, "ListTickets"),
                           testing::v1::ListTicketsRequest());
  rig.clock.Advance(absl::Hours(1));
  CHECK(Told(CallAndWait(*rig, std::move(late)).status()) == "UNAUTHENTICATED TOKEN");
}

TEST_CASE("a role that a method does not name is refused, with those it does", "[rpc][access]") {
  TicketRig rig;
  auto refused = rig.Create(Provider(), TicketOf("路灯"));
  CHECK(Told(refused.status()) == "PERMISSION_DENIED ROLE");
  CHECK(FactOf(refused.status(), "allowed") == "RESIDENT,COMMUNITY_WORKER");
}

TEST_CASE("a resident reads his own and never another's", "[rpc][access]") {
  TicketRig rig;
  Ticket mine = rig.Made(Resident("u/wang"), TicketOf("路灯"));
  Ticket others = rig.Made(Resident("u/li"), TicketOf("路灯"));
  CHECK(rig.Get(Resident("u/wang"), mine.name()).ok());

  auto hidden = rig.Get(Resident("u/wang"), others.name());
  auto missing = rig.Get(Resident("u/wang"), "tickets/0000000000001");
  CHECK(Told(hidden.status()) == "NOT_FOUND NOT_FOUND");
  CHECK(Told(missing.status()) == "NOT_FOUND NOT_FOUND");
  CHECK(rig.List(Resident("u/wang"))->tickets_size() == 1);
  CHECK(rig.List(Resident("u/wang"))->tickets(0).name() == mine.name());
  CHECK(rig.Search(Resident("u/wang"), "路灯")->tickets_size() == 1);
  CHECK(rig.List(Resident("u/zhao"))->tickets_size() == 0);
  CHECK(rig.Search(Resident("u/zhao"), "路灯")->tickets_size() == 0);
}

TEST_CASE("a filter does not widen what a caller sees", "[rpc][access]") {
  TicketRig rig;
  rig.Made(Resident("u/wang"), TicketOf("路灯"));
  rig.Made(Resident("u/li"), TicketOf("路灯", kFarVillage));
  testing::v1::ListTicketsRequest request;
  request.set_division(kVillage);
  CHECK(rig.List(Resident("u/li"), request)->tickets_size() == 0);
  CHECK(rig.List(Worker("331082100"), request)->tickets_size() == 0);
  request.set_division("33");
  CHECK(rig.List(Resident("u/li"), request)->tickets_size() == 1);
  CHECK(rig.List(Worker("331082100"), request)->tickets_size() == 1);
}

TEST_CASE("a worker reaches what lies in her area, and it is not there for others",
          "[rpc][access]") {
  TicketRig rig;
  Ticket here = rig.Made(Resident(), TicketOf("路灯"));
  Ticket there = rig.Made(Resident(), TicketOf("路灯", kFarVillage));
  for (const char* area : {"331082001001", "331082001", "331082", "3310", "33"}) {
    CAPTURE(area);
    CHECK(rig.Get(Worker(area), here.name()).ok());
    int in_area = absl::StartsWith(kFarVillage, area) ? 2 : 1;
    CHECK(rig.List(Worker(area))->tickets_size() == in_area);
    CHECK(rig.Search(Worker(area), "路灯")->tickets_size() == in_area);
  }
  CHECK(Told(rig.Get(Worker(kTown), there.name()).status()) == "NOT_FOUND NOT_FOUND");
  CHECK(Told(rig.Take(Worker(kTown), there.name()).status()) == "NOT_FOUND NOT_FOUND");
  CHECK(Told(rig.Get(Worker(kNeighbour), here.name()).status()) == "NOT_FOUND NOT_FOUND");
  CHECK(rig.List(Worker(kNeighbour))->tickets_size() == 0);
}

TEST_CASE("a worker with several areas reaches all of them", "[rpc][access]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("路灯"));
  rig.Made(Resident(), TicketOf("路灯", kNeighbour));
  rig.Made(Resident(), TicketOf("路灯", kFarVillage));
  Caller worker = Person("u/worker", COMMUNITY_WORKER, {kVillage, "331082100"});
  CHECK(rig.List(worker)->tickets_size() == 2);
  Caller nowhere = Person("u/worker", COMMUNITY_WORKER);
  CHECK(rig.List(nowhere)->tickets_size() == 0);
}

TEST_CASE("a caller with two roles has the ways of both", "[rpc][access]") {
  TicketRig rig;
  Ticket own = rig.Made(Resident("u/both"), TicketOf("路灯", kFarVillage));
  Ticket area = rig.Made(Resident("u/wang"), TicketOf("路灯"));
  Caller both = Worker(kTown, "u/both");
  both.roles |= 1u << RESIDENT;
  CHECK(rig.List(both)->tickets_size() == 2);
  CHECK(rig.Get(both, own.name()).ok());
  CHECK(rig.Get(both, area.name()).ok());
}

TEST_CASE("nothing is made outside the area one works for", "[rpc][access]") {
  TicketRig rig;
  auto refused = rig.Create(Worker(kTown), TicketOf("路灯", kFarVillage));
  CHECK(Told(refused.status()) == "PERMISSION_DENIED SCOPE");
  CHECK(rig.Create(Worker(kTown), TicketOf("路灯")).ok());
  CHECK(rig.List(Provider())->tickets_size() == 1);
}

TEST_CASE("who may see a resource but not use a verb is told so", "[rpc][access]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident("u/both"), TicketOf("路灯", kFarVillage));
  Caller both = Worker(kTown, "u/both");
  both.roles |= 1u << RESIDENT;
  CHECK(Told(rig.Take(both, ticket.name()).status()) == "PERMISSION_DENIED SCOPE");
}

TEST_CASE("a masked way shows everything but what is personal", "[rpc][access][X10]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), WithPhone("路灯"));
  CHECK(ticket.phone() == "13800138000");
  auto masked = rig.Get(Provider(), ticket.name());
  REQUIRE(masked.ok());
  CHECK(masked->phone() == "1********00");
  CHECK(masked->text() == "路灯");
  CHECK(rig.List(Provider())->tickets(0).phone() == "1********00");
  CHECK(rig.List(Worker())->tickets(0).phone() == "13800138000");
  // The better way wins where there are two.
  Caller two = Worker();
  two.roles |= 1u << PROVIDER;
  CHECK(rig.Get(two, ticket.name())->phone() == "13800138000");
  CHECK(rig.Get(Person("u/x", PROVIDER, {kTown}), ticket.name())->phone() == "1********00");
}

TEST_CASE("the way without a mask is found, wherever it stands among them", "[rpc][access][X10]") {
  for (bool masked_first : {true, false}) {
    Access access;
    for (bool masked : {masked_first, !masked_first}) {
      Allow* allow = access.add_allow();
      allow->add_role(masked ? PROVIDER : LEADER);
      allow->set_scope(Allow::ANY);
      allow->set_masked(masked);
    }
    auto plan = AccessPlan::From(access, Ticket::descriptor(), nullptr);
    REQUIRE(plan.ok());
    Caller both = Provider();
    both.roles |= 1u << LEADER;
    REQUIRE(plan->Find(both, Ticket()) != nullptr);
    CHECK_FALSE(plan->Find(both, Ticket())->masked);
    CHECK(plan->Find(Provider(), Ticket())->masked);
    CHECK(plan->Find(Worker(), Ticket()) == nullptr);
  }
}

TEST_CASE("masking shows the first character, of long texts also the last two",
          "[rpc][access][X10]") {
  CHECK(MaskText("") == "");
  CHECK(MaskText("王") == "*");
  CHECK(MaskText("王小明") == "王**");
  CHECK(MaskText("13800138000") == "1********00");
  CHECK(MaskText("123456") == "1*****");
  CHECK(MaskText("临海市古城街道") == "临****街道");
}

TEST_CASE("the second pair of eyes is another's", "[rpc][access]") {
  TicketRig rig;
  Ticket own = rig.Made(Worker(kTown, "u/worker"), TicketOf("路灯"));
  REQUIRE(rig.Take(Worker(kTown, "u/worker"), own.name()).ok());
  auto refused = rig.Judge(Worker(kTown, "u/worker"), own.name(), true);
  CHECK(Told(refused.status()) == "PERMISSION_DENIED SELF_APPROVE");
  CHECK(FactOf(refused.status(), "person") == "u/worker");
  CHECK(rig.Judge(Worker(kTown, "u/colleague"), own.name(), true).ok());
}

TEST_CASE("each caller is told what he may do now, and what he is told works",
          "[rpc][access][X2]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Worker(kTown, "u/worker"), TicketOf("路灯"));
  CHECK(Actions(ticket) == "take note");
  CHECK(Actions(*rig.Get(Worker(kVillage), ticket.name())) == "take note");
  CHECK(Actions(*rig.Get(Provider(), ticket.name())) == "");
  auto taken = rig.Take(Worker(kTown, "u/worker"), ticket.name());
  REQUIRE(taken.ok());
  // Who reported it does not judge it.
  CHECK(Actions(*taken) == "note");
  CHECK(Actions(*rig.Get(Worker(kTown, "u/colleague"), ticket.name())) == "judge note");
  CHECK(Actions(rig.List(Worker(kTown, "u/colleague"))->tickets(0)) == "judge note");
  auto done = rig.Judge(Worker(kTown, "u/colleague"), ticket.name(), true);
  REQUIRE(done.ok());
  CHECK(Actions(*done) == "");
}

}  // namespace
}  // namespace linjuli
