// The pool: who takes a need, gives it back, refuses it, hands it on (E7–E9).
#include <atomic>
#include <thread>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

TEST_CASE("whoever claims a need owns it", "[pool][E7][E8]") {
  Village village;
  Need need = village.Register();
  CHECK(village.Why<v1::ClaimNeedRequest>(need, village.li) == "ROLE");
  CHECK(village.Why<v1::ClaimNeedRequest>(need, village.stranger) == "NOT_FOUND");
  village.Go("2026-11-23 09:40");
  need = village.Do<v1::ClaimNeedRequest>(need, village.worker);
  CHECK(need.state() == Need::CLAIMED);
  CHECK(need.owner() == "worker/wang");
  CHECK(Shown(need.claim_time()) == "11-23 09:40");
  // The follow-up clock has ended; the handling runs on.
  CHECK(Shown(need.next_check_time()) == "11-27 17:30");
  CHECK(village.Why<v1::ClaimNeedRequest>(need, village.colleague) == "STATE");
}

TEST_CASE("workers, providers and volunteers of the area may claim", "[pool][E8]") {
  Village village;
  for (Role role : {COMMUNITY_WORKER, LEAD_WORKER, PROVIDER, VOLUNTEER}) {
    Caller hand = Person("hand", {role}, {kCommunity});
    CHECK(village.Do<v1::ClaimNeedRequest>(village.Register(), hand).owner() == "hand");
  }
}

TEST_CASE("of 16 who claim at once one wins, and the others are told the state",
          "[pool][E8][race]") {
  Village village;
  for (int round = 0; round < 20; ++round) {
    Need need = village.Register();
    std::atomic<int> won{0}, state{0}, other{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> hands;
    for (int i = 0; i < 16; ++i) {
      hands.emplace_back([&, i] {
        v1::ClaimNeedRequest request;
        request.set_name(need.name());
        Caller hand = Person(absl::StrCat("hand/", i), {COMMUNITY_WORKER}, {kCommunity});
        village.rig.desk.TokenOf(hand);
        while (!go) std::this_thread::yield();
        auto claimed = village.rig.Ask<Need>(request, hand);
        if (claimed.ok()) {
          ++won;
        } else {
          ++(ReasonOf(claimed.status()) == "STATE" ? state : other);
        }
      });
    }
    go = true;
    for (auto& hand : hands) hand.join();
    CHECK(won == 1);
    CHECK(state == 15);
    CHECK(other == 0);
    CHECK_FALSE(village.Get(need).owner().empty());
  }
}

TEST_CASE("who saw an older version is told so, and a refusal of the state names what is allowed",
          "[pool][E8]") {
  Village village;
  Need need = village.Register();
  Need classed = village.Do<v1::ClassifyNeedRequest>(need, village.worker,
                                                     [](auto& q) { q.set_scope(v1::COMMON); });
  auto claim = [&](const std::string& etag) {
    return village.Try<v1::ClaimNeedRequest>(need, village.worker,
                                             [&](auto& q) { q.set_etag(etag); });
  };
  auto late = claim(need.etag());
  CHECK(absl::IsAborted(late.status()));
  CHECK(ReasonOf(late.status()) == "VERSION");
  CHECK(FactOf(late.status(), "current") == classed.etag());
  CHECK(claim(classed.etag()).ok());
  auto again = claim("");
  CHECK(absl::IsFailedPrecondition(again.status()));
  CHECK(FactOf(again.status(), "from") == "CLAIMED");
  CHECK(FactOf(again.status(), "action") == "claim");
  CHECK(FactOf(again.status(), "allowed") ==
        "classify,refuse,return,start,withdraw,merge,release,urge,supervise");
}

TEST_CASE("a lead gives a need to a named person", "[pool][E7]") {
  Village village;
  Need need = village.Register();
  CHECK(village.Why<v1::DispatchNeedRequest>(need, village.worker) == "ROLE");
  need = village.Do<v1::DispatchNeedRequest>(need, village.lead,
                                             [](auto& q) { q.set_owner("worker/zhao"); });
  CHECK(need.state() == Need::CLAIMED);
  CHECK(need.owner() == "worker/zhao");
  CHECK(village.Why<v1::StartNeedRequest>(need, village.worker) == "SCOPE");
  CHECK(village.Why<v1::StartNeedRequest>(need, village.colleague) == "done");
}

TEST_CASE("the owner gives a need back until the sign-off window closes, and not after",
          "[pool][E9]") {
  Village village;
  Need need = village.Claimed();
  auto back = [&](const Caller& who) {
    return village.Try<v1::ReturnNeedRequest>(need, who, [](auto& q) { q.set_reason("不归我管"); });
  };
  CHECK(ReasonOf(back(village.colleague).status()) == "SCOPE");
  // Claimed on Monday: one work day ends on Tuesday at the close of business.
  village.rig.clock.Set(ChinaAt("2026-11-24 17:30") + absl::Microseconds(1));
  auto late = back(village.worker);
  CHECK(absl::IsFailedPrecondition(late.status()));
  CHECK(ReasonOf(late.status()) == "RETURN_WINDOW");
  village.Go("2026-11-24 17:30");
  auto in_time = back(village.worker);
  REQUIRE(in_time.ok());
  CHECK(in_time->state() == Need::RECEIVED);
  CHECK(in_time->owner().empty());
  CHECK(in_time->return_count() == 1);
  // It must be followed up anew, and is still due when it was.
  CHECK(Shown(in_time->follow_up().due_time()) == "11-25 10:30");
  CHECK(Shown(in_time->handle()) == Shown(need.handle()));
}

TEST_CASE("the sign-off window does not run over a weekend", "[pool][E9]") {
  Village village("2026-11-27 16:00");  // a Friday
  Need need = village.Claimed();
  village.Go("2026-11-30 17:30");
  CHECK(village.Why<v1::ReturnNeedRequest>(need, village.worker) == "done");
}

TEST_CASE("a need that was begun is not given back", "[pool][E9]") {
  Village village;
  CHECK(village.Why<v1::ReturnNeedRequest>(village.InHandling(), village.worker) == "STATE");
}

TEST_CASE("after the third return a leader decides who has it", "[pool][E9]") {
  Village village;
  Need need = village.Register();
  for (int returns = 1; returns <= 3; ++returns) {
    need = village.Do<v1::ClaimNeedRequest>(need, village.worker);
    need = village.Do<v1::ReturnNeedRequest>(need, village.worker);
    CHECK(need.return_count() == returns);
  }
  CHECK(village.Why<v1::ClaimNeedRequest>(need, village.worker) == "LEADER_DECIDES");
  CHECK(village.Why<v1::DispatchNeedRequest>(need, village.lead) == "LEADER_DECIDES");
  need = village.Do<v1::DispatchNeedRequest>(need, village.leader,
                                             [](auto& q) { q.set_owner("worker/wang"); });
  CHECK(need.owner() == "worker/wang");
  CHECK(village.Why<v1::StartNeedRequest>(need, village.worker) == "done");
}

TEST_CASE("a refusal carries its reason to the reporter, who may appeal once", "[pool][E9]") {
  Village village;
  Need need = village.Register();
  CHECK(village.Why<v1::RefuseNeedRequest>(need, village.worker) == "ROLE");
  v1::RefuseNeedRequest empty;
  empty.set_name(need.name());
  CHECK(ReasonOf(village.rig.Ask<Need>(empty, village.lead).status()) == "REQUIRED");
  need = village.Do<v1::RefuseNeedRequest>(need, village.lead, [](auto& q) {
    q.set_reason(v1::Refusal::OUT_OF_SCOPE);
    q.set_explanation("请联系物业公司");
  });
  CHECK(need.state() == Need::REFUSED);
  CHECK(need.refusal().reason() == v1::Refusal::OUT_OF_SCOPE);
  CHECK(need.refusal().explanation() == "请联系物业公司");
  CHECK(Shown(need.refusal().refuse_time()) == "11-23 09:00");
  CHECK_FALSE(need.has_next_check_time());
  CHECK(village.Why<v1::AppealNeedRequest>(need, village.chen) == "NOT_FOUND");
  CHECK(village.Why<v1::UpholdNeedRequest>(need, village.leader) == "STATE");
  need = village.Do<v1::AppealNeedRequest>(need, village.li);
  CHECK(need.state() == Need::APPEALED);
  CHECK(village.Why<v1::UpholdNeedRequest>(need, village.lead) == "ROLE");
  need = village.Do<v1::UpholdNeedRequest>(need, village.leader);
  CHECK(need.state() == Need::REFUSED);
  CHECK(village.Why<v1::AppealNeedRequest>(need, village.li) == "APPEAL_LIMIT");
}

TEST_CASE("a leader takes a refused need in after all, and its clocks start anew", "[pool][E9]") {
  Village village;
  Need need = village.Do<v1::RefuseNeedRequest>(village.Claimed(), village.lead);
  CHECK(need.owner().empty());
  need = village.Do<v1::AppealNeedRequest>(need, village.li);
  village.Go("2026-11-30 09:00");
  need = village.Do<v1::ReinstateNeedRequest>(need, village.leader);
  CHECK(need.state() == Need::RECEIVED);
  CHECK(Shown(need.follow_up()) == "11-30 10:00 / 11-30 11:00");
  CHECK(Shown(need.handle()) == "12-04 17:30 / 12-07 17:30");
}

TEST_CASE("a leader has five work days to decide on an appeal, and is warned before",
          "[pool][E9][E10][clocks]") {
  Village village;
  Need refused = village.Do<v1::RefuseNeedRequest>(village.Register(), village.lead);
  village.Go("2026-12-20 09:00");
  village.rig.RunDue();  // nobody waits for anything meanwhile
  CHECK(village.Get(refused).etag() == refused.etag());
  village.Go("2026-12-21 10:00");
  Need need = village.Do<v1::AppealNeedRequest>(refused, village.li);
  CHECK(Shown(need.feedback()) == "12-25 17:30 / 12-28 17:30");
  auto alarm = [&](absl::Time time) {
    village.rig.clock.Set(time);
    village.rig.RunDue();
    return village.Get(need).feedback().alarm();
  };
  CHECK(alarm(ChinaAt("2026-12-25 17:30") - absl::Microseconds(1)) == 0);
  CHECK(alarm(ChinaAt("2026-12-25 17:30")) == v1::Clock::WARNED);
  CHECK(alarm(ChinaAt("2026-12-28 17:30")) == v1::Clock::OVERDUE);
  // Late is late, and can still be decided.
  need = village.Do<v1::ReinstateNeedRequest>(need, village.leader);
  CHECK(need.state() == Need::RECEIVED);
  // Once it is answered the callback has its own time, not the appeal's.
  village.Do<v1::StartNeedRequest>(village.Do<v1::ClaimNeedRequest>(need, village.worker),
                                   village.worker);
  need = village.Do<v1::AnswerNeedRequest>(need, village.worker);
  CHECK(Shown(need.feedback().due_time()) == "12-29 17:30");
}

TEST_CASE("a need is offered with the reporter's consent, or in an emergency that stays on record",
          "[pool][E8][refer]") {
  Village village;
  Need need = village.InHandling();
  auto refer = [&](const Caller& who, auto fill) {
    return village.Try<v1::ReferNeedRequest>(need, who, [&](auto& q) {
      q.set_receiver("worker/zhao");
      fill(q);
    });
  };
  auto plain = refer(village.worker, [](auto&) {});
  CHECK(absl::IsPermissionDenied(plain.status()));
  CHECK(ReasonOf(plain.status()) == "CONSENT");
  CHECK(ReasonOf(refer(village.colleague, [](auto&) {}).status()) == "SCOPE");
  CHECK(ReasonOf(refer(village.worker, [](auto& q) {
                   q.set_receiver("worker/wang");
                   q.set_consent(true);
                 }).status()) == "RANGE");
  auto offered = refer(village.worker, [](auto& q) { q.set_emergency(true); });
  REQUIRE(offered.ok());
  CHECK(offered->state() == Need::REFERRED);
  CHECK(offered->owner() == "worker/wang");  // until somebody else has it
  CHECK(offered->referral().emergency());
  CHECK_FALSE(offered->referral().consent());
  CHECK(Shown(offered->referral().expire_time()) == "11-24 17:30");
  // Only the one it was offered to answers.
  CHECK(village.Why<v1::AcceptReferralRequest>(need, village.worker) == "SCOPE");
  CHECK(village.Why<v1::DeclineReferralRequest>(need, village.worker) == "SCOPE");
  village.Go("2026-11-23 15:00");
  Need taken = village.Do<v1::AcceptReferralRequest>(need, village.colleague);
  CHECK(taken.state() == Need::CLAIMED);
  CHECK(taken.owner() == "worker/zhao");
  CHECK(Shown(taken.claim_time()) == "11-23 15:00");
  CHECK(taken.referral().sender() == "worker/wang");
  CHECK(taken.referral().receiver().empty());  // nobody waits for an answer any more
  CHECK(village.Get(need).referral().emergency());
}

TEST_CASE("a declined offer leaves the need with its sender", "[pool][E8][refer]") {
  Village village;
  Need need = village.Do<v1::ReferNeedRequest>(village.InHandling(), village.worker, [](auto& q) {
    q.set_receiver("worker/zhao");
    q.set_consent(true);
  });
  need = village.Do<v1::DeclineReferralRequest>(need, village.colleague);
  CHECK(need.state() == Need::IN_HANDLING);
  CHECK(need.owner() == "worker/wang");
  CHECK(village.Why<v1::AcceptReferralRequest>(need, village.colleague) == "SCOPE");
}

TEST_CASE("an offer that nobody answers expires by the clock and goes back to its sender",
          "[pool][E8][refer]") {
  Village village;
  Need need = village.Do<v1::ReferNeedRequest>(village.InHandling(), village.worker, [](auto& q) {
    q.set_receiver("worker/zhao");
    q.set_consent(true);
  });
  village.rig.clock.Set(ChinaAt("2026-11-24 17:30") - absl::Microseconds(1));
  CHECK(village.rig.RunDue() == 0);
  village.Go("2026-11-24 17:30");
  CHECK(village.rig.RunDue() == 1);
  need = village.Get(need);
  CHECK(need.state() == Need::IN_HANDLING);
  CHECK(need.owner() == "worker/wang");
  CHECK(village.ChangesAfter(0).back().caller() == "clock");
  CHECK(village.rig.RunDue() == 0);
}

TEST_CASE("a need whose owner has left goes back to the pool", "[pool][E7]") {
  Village village;
  for (Need need :
       {village.Claimed(), village.InHandling(), village.Unsolved(village.Answered())}) {
    CHECK(village.Why<v1::ReleaseNeedRequest>(need, village.worker) == "ROLE");
    village.rig.clock.Advance(absl::Minutes(1));
    need = village.Do<v1::ReleaseNeedRequest>(need, village.lead);
    CHECK(need.state() == Need::RECEIVED);
    CHECK(need.owner().empty());
    CHECK(ToTime(need.follow_up().start_time()) == village.rig.clock.Now());
    CHECK(village.Why<v1::ClaimNeedRequest>(need, village.colleague) == "done");
  }
}

}  // namespace
}  // namespace linjuli::needs_intake
