// People who have left: their needs find somebody else (E7).
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::Departure;

struct Office : Village {
  using Village::Village;

  absl::StatusOr<Departure> TryLeave(const Caller& who, const std::string& person = "worker/wang",
                                     const std::string& division = kCommunity) {
    v1::CreateDepartureRequest request;
    request.mutable_departure()->set_person(person);
    request.mutable_departure()->set_division(division);
    request.mutable_departure()->set_reason("休产假");
    return rig.Ask<Departure>(request, who);
  }
  Departure Left(const std::string& person = "worker/wang") {
    auto departure = TryLeave(lead, person);
    INFO(departure.status());
    REQUIRE(departure.ok());
    rig.RunDue();
    return Read(*departure);
  }
  Departure Read(const Departure& departure) {
    v1::GetDepartureRequest request;
    request.set_name(departure.name());
    auto got = rig.Ask<Departure>(request, worker);
    REQUIRE(got.ok());
    return *got;
  }
  Need Offered(const std::string& receiver) {
    return Do<v1::ReferNeedRequest>(InHandling(), worker, [&](auto& q) {
      q.set_receiver(receiver);
      q.set_consent(true);
    });
  }
};

TEST_CASE("a lead says that somebody has left, once", "[departure][E7]") {
  Office village;
  for (const Caller& who : {village.li, village.worker, village.provider, village.federation,
                            village.auditor, village.program}) {
    CHECK(ReasonOf(village.TryLeave(who).status()) == "ROLE");
  }
  CHECK(ReasonOf(village.TryLeave(Person("lead/far", {LEAD_WORKER}, {kElsewhere})).status()) ==
        "SCOPE");
  auto left = village.TryLeave(village.lead);
  REQUIRE(left.ok());
  CHECK(left->state() == Departure::RETURNING);
  auto again = village.TryLeave(village.leader);
  CHECK(absl::IsFailedPrecondition(again.status()));
  CHECK(ReasonOf(again.status()) == "PERSON_LEFT");
  CHECK(FactOf(again.status(), "departure") == left->name());
  // Somebody who has left the community may leave the town as well.
  CHECK(village.TryLeave(village.leader, "worker/wang", "331082").ok());
  CHECK(ReasonOf(village.TryLeave(village.leader, "worker/wang", kVillage).status()) ==
        "PERSON_LEFT");
}

TEST_CASE("what they handle goes back to the pool at the next look, and what is answered stays",
          "[departure][E7]") {
  Office village;
  std::vector<Need> handled = {village.Claimed(), village.InHandling(),
                               village.Offered("worker/zhao"),
                               village.Unsolved(village.Answered())};
  Need answered = village.Answered(), closed = village.Closed();
  Need other = village.Do<v1::ClaimNeedRequest>(village.Register(), village.colleague);
  village.Go("2026-11-24 09:00");
  Departure departure = village.Left();
  CHECK(departure.state() == Departure::RETURNED);
  CHECK(departure.returned_count() == 4);
  CHECK_FALSE(departure.has_next_check_time());
  for (const Need& before : handled) {
    Need need = village.Get(before);
    CHECK(need.state() == Need::RECEIVED);
    CHECK(need.owner().empty());
    CHECK(need.referral().receiver().empty());
    CHECK(Shown(need.follow_up()) == "11-24 10:00 / 11-24 11:00");
    CHECK(Shown(need.handle()) == Shown(before.handle()));
    CHECK(village.Why<v1::ClaimNeedRequest>(need, village.colleague) == "done");
  }
  CHECK(village.Get(answered).state() == Need::ANSWERED);
  CHECK(village.Get(closed).owner() == "worker/wang");
  CHECK(village.Get(other).owner() == "worker/zhao");
}

TEST_CASE("of many needs each goes back once, a handful at a time", "[departure][E7]") {
  Office village;
  std::vector<Need> needs;
  for (int i = 0; i < 120; ++i) needs.push_back(village.Claimed());
  Departure departure = village.Left();
  CHECK(departure.state() == Departure::RETURNING);
  CHECK(departure.returned_count() == 50);
  village.rig.Restart();
  for (int look = 0; look < 5; ++look) {
    village.rig.clock.Advance(absl::Milliseconds(250));
    village.rig.RunDue();
  }
  departure = village.Read(departure);
  CHECK(departure.state() == Departure::RETURNED);
  CHECK(departure.returned_count() == 120);
  int back = 0;
  for (const auto& change : village.ChangesAfter(0)) {
    back += change.state_before() == "CLAIMED" && change.state_after() == "RECEIVED";
  }
  CHECK(back == 120);
}

TEST_CASE("just as many as go back at a time end the departure, too", "[departure][E7]") {
  Office village;
  for (int i = 0; i < 50; ++i) village.Claimed();
  Departure departure = village.Left();
  village.rig.clock.Advance(absl::Milliseconds(250));
  village.rig.RunDue();
  CHECK(village.Read(departure).state() == Departure::RETURNED);
  CHECK(village.Read(departure).returned_count() == 50);
}

TEST_CASE("a lead takes nobody's needs away elsewhere", "[departure][E7][attack]") {
  Office village;
  Need here = village.Claimed();
  Need there = village.Register(village.li, [](Need& n) { n.set_division(kVillage); });
  there = village.Do<v1::DispatchNeedRequest>(there, village.lead,
                                              [](auto& q) { q.set_owner("worker/wang"); });
  const Caller far = Person("lead/far", {LEAD_WORKER}, {kElsewhere});
  REQUIRE(village.TryLeave(far, "worker/wang", kElsewhere).ok());
  village.rig.RunDue();
  CHECK(village.Get(here).owner() == "worker/wang");
  CHECK(village.Why<v1::ClaimNeedRequest>(village.Register(), village.worker) == "done");
  // Having left the community they keep what they have in the village.
  village.Left();
  CHECK(village.Get(here).owner().empty());
  CHECK(village.Get(there).owner() == "worker/wang");
}

TEST_CASE("nothing is given to who has left, nor taken by them", "[departure][E7]") {
  Office village;
  Need offered = village.Do<v1::ReferNeedRequest>(
      village.Do<v1::StartNeedRequest>(
          village.Do<v1::ClaimNeedRequest>(village.Register(), village.colleague),
          village.colleague),
      village.colleague, [](auto& q) {
        q.set_receiver("worker/wang");
        q.set_consent(true);
      });
  village.Left();
  Need need = village.Register();
  CHECK(village.Why<v1::ClaimNeedRequest>(need, village.worker) == "PERSON_LEFT");
  auto given = village.Try<v1::DispatchNeedRequest>(need, village.lead,
                                                    [](auto& q) { q.set_owner("worker/wang"); });
  CHECK(absl::IsFailedPrecondition(given.status()));
  CHECK(ReasonOf(given.status()) == "PERSON_LEFT");
  CHECK(FactOf(given.status(), "person") == "worker/wang");
  CHECK(village.Why<v1::AcceptReferralRequest>(offered, village.worker) == "PERSON_LEFT");
  CHECK(village.Why<v1::DeclineReferralRequest>(offered, village.worker) == "done");
  CHECK(village.Why<v1::ReferNeedRequest>(offered, village.colleague, [](auto& q) {
    q.set_receiver("worker/wang");
    q.set_consent(true);
  }) == "PERSON_LEFT");
  // In another division they may work on.
  Need there = village.Register(village.li, [](Need& n) { n.set_division(kVillage); });
  CHECK(village.Why<v1::DispatchNeedRequest>(
            there, village.lead, [](auto& q) { q.set_owner("worker/wang"); }) == "done");
}

TEST_CASE("what comes back to who has left goes on to the pool", "[departure][E7][E10]") {
  Office village;
  Need answered = village.Answered(), closed = village.Closed();
  Need survivor = village.Register();
  auto merged = [&](const Need& need) {
    return village.Do<v1::MergeNeedRequest>(need, village.worker,
                                            [&](auto& q) { q.set_survivor(survivor.name()); });
  };
  Need handled = merged(village.InHandling()), waits = merged(village.Answered());
  village.Left();
  village.Go("2026-11-24 09:00");
  for (const Need& need :
       {village.Unsolved(answered), village.Do<v1::ReopenNeedRequest>(closed, village.li),
        village.Do<v1::UnmergeNeedRequest>(handled, village.colleague)}) {
    CHECK(need.state() == Need::RECEIVED);
    CHECK(need.owner().empty());
    CHECK(Shown(need.follow_up().start_time()) == "11-24 09:00");
    CHECK(village.Why<v1::ClaimNeedRequest>(need, village.colleague) == "done");
  }
  // Its reporter was answered, and is still to be asked.
  CHECK(village.Do<v1::UnmergeNeedRequest>(waits, village.colleague).state() == Need::ANSWERED);
  CHECK(village.rig.service().CheckInvariants() == 0);
}

TEST_CASE("whoever is back has needs again", "[departure][E7]") {
  Office village;
  Departure departure = village.Left();
  CHECK(village.Why<v1::EndDepartureRequest>(departure, village.worker) == "ROLE");
  CHECK(village.Why<v1::EndDepartureRequest>(
            departure, Person("lead/far", {LEAD_WORKER}, {kElsewhere})) == "NOT_FOUND");
  CHECK(village.Do<v1::EndDepartureRequest>(departure, village.lead).state() == Departure::ENDED);
  CHECK(village.Why<v1::EndDepartureRequest>(departure, village.lead) == "STATE");
  CHECK(village.Why<v1::ClaimNeedRequest>(village.Register(), village.worker) == "done");
  CHECK(village.TryLeave(village.lead).ok());
}

TEST_CASE("a departure that ends before its needs went back leaves them", "[departure][E7]") {
  Office village;
  Need need = village.Claimed();
  auto departure = village.TryLeave(village.lead);
  village.Do<v1::EndDepartureRequest>(*departure, village.lead);
  village.rig.RunDue();
  CHECK(village.Get(need).owner() == "worker/wang");
  CHECK(village.Read(*departure).state() == Departure::ENDED);
}

TEST_CASE("departures are read and found by those who work there", "[departure][E7]") {
  Office village;
  village.Left();
  village.Left("worker/zhao");
  auto count = [&](const Caller& who, const std::string& person, Departure::State state) {
    v1::ListDeparturesRequest list;
    list.set_person(person);
    list.set_state(state);
    auto page = village.rig.Ask<v1::ListDeparturesResponse>(list, who);
    return page.ok() ? page->departures_size() : -1;
  };
  CHECK(count(village.worker, "", Departure::STATE_UNSPECIFIED) == 2);
  CHECK(count(village.worker, "worker/zhao", Departure::RETURNED) == 1);
  CHECK(count(village.worker, "worker/zhao", Departure::ENDED) == 0);
  CHECK(count(village.auditor, "", Departure::STATE_UNSPECIFIED) == 2);
  CHECK(count(village.stranger, "", Departure::STATE_UNSPECIFIED) == 0);
  CHECK(count(village.li, "", Departure::STATE_UNSPECIFIED) == -1);
  CHECK(count(village.provider, "", Departure::STATE_UNSPECIFIED) == -1);
}

}  // namespace
}  // namespace linjuli::needs_intake
