// Handling a need: more time, reminders, the project list, the answer (E7, E9, E12).
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

std::string Hash(char digit) { return std::string(64, digit); }

TEST_CASE("more time is asked for by the owner and granted by another", "[handling][E9]") {
  Village village;
  Need need = village.InHandling();
  auto ask = [&](const Caller& who, int days) {
    return village.Why<v1::RequestExtensionRequest>(need, who, [&](auto& q) {
      q.set_work_days(days);
      q.set_reason("等配件");
    });
  };
  CHECK(village.Why<v1::ApproveExtensionRequest>(need, village.lead) == "EXTENSION_NONE");
  CHECK(village.Why<v1::DeclineExtensionRequest>(need, village.lead) == "EXTENSION_NONE");
  CHECK(ask(village.colleague, 3) == "SCOPE");
  CHECK(ask(village.worker, 8) == "RANGE");
  CHECK(ask(village.worker, -1) == "RANGE");
  REQUIRE(ask(village.worker, 7) == "done");
  CHECK(village.Why<v1::ApproveExtensionRequest>(need, village.colleague) == "ROLE");
  need = village.Do<v1::ApproveExtensionRequest>(need, village.lead);
  CHECK(need.state() == Need::IN_HANDLING);
  CHECK(need.extension().decision() == v1::Extension::GRANTED);
  CHECK(need.extension().requester() == "worker/wang");
  CHECK(need.extension().approver() == "lead/sun");
  // Due on Monday 30 November; seven work days after it is Wednesday 9 December.
  CHECK(Shown(need.handle()) == "12-08 17:30 / 12-09 17:30");
  CHECK(Shown(need.next_check_time()) == "12-08 17:30");
  CHECK(village.Why<v1::ApproveExtensionRequest>(need, village.lead) == "EXTENSION_NONE");
  CHECK(ask(village.worker, 1) == "EXTENSION_LIMIT");
}

TEST_CASE("nobody grants the time that they asked for", "[handling][E9][four-eyes]") {
  Village village;
  Need need = village.Do<v1::ClaimNeedRequest>(village.Register(), village.lead);
  need = village.Do<v1::StartNeedRequest>(need, village.lead);
  village.Do<v1::RequestExtensionRequest>(need, village.lead);
  auto self = village.Try<v1::ApproveExtensionRequest>(need, village.lead, [](auto&) {});
  CHECK(absl::IsPermissionDenied(self.status()));
  CHECK(ReasonOf(self.status()) == "SELF_APPROVE");
  CHECK(village.Why<v1::DeclineExtensionRequest>(need, village.lead) == "SELF_APPROVE");
  CHECK(village.Why<v1::ApproveExtensionRequest>(need, village.other_lead) == "done");
}

TEST_CASE("a declined extension changes no clock and does not count", "[handling][E9]") {
  Village village;
  Need need = village.InHandling();
  Need asked = village.Do<v1::RequestExtensionRequest>(need, village.worker);
  Need declined = village.Do<v1::DeclineExtensionRequest>(asked, village.leader);
  CHECK(declined.extension().decision() == v1::Extension::DECLINED);
  CHECK(Shown(declined.handle()) == Shown(need.handle()));
  CHECK(village.Why<v1::RequestExtensionRequest>(need, village.worker) == "done");
}

TEST_CASE("more time is asked for before the handling is due, and not after", "[handling][E9]") {
  Village village;
  Need need = village.InHandling();
  village.Go("2026-11-30 17:30");
  CHECK(village.Why<v1::RequestExtensionRequest>(need, village.worker) == "WINDOW");
  village.Go("2026-11-30 17:29");
  CHECK(village.Why<v1::RequestExtensionRequest>(need, village.worker) == "done");
  CHECK(village.Why<v1::RequestExtensionRequest>(village.Answered(), village.worker) == "STATE");
}

TEST_CASE("an extension that is granted raises the warning of the new due time",
          "[handling][E9][clocks]") {
  Village village;
  Need need = village.InHandling();
  village.Go("2026-11-27 17:30");
  village.rig.RunDue();
  CHECK(village.Get(need).handle().alarm() == v1::Clock::WARNED);
  village.Do<v1::RequestExtensionRequest>(need, village.worker);
  need = village.Do<v1::ApproveExtensionRequest>(need, village.lead);
  CHECK(need.handle().alarm() == v1::Clock::ALARM_UNSPECIFIED);
  CHECK(Shown(need.handle()) == "11-30 17:30 / 12-01 17:30");
  village.Go("2026-11-30 17:30");
  village.rig.RunDue();
  CHECK(village.Get(need).handle().alarm() == v1::Clock::WARNED);
  village.Go("2026-12-01 17:30");
  village.rig.RunDue();
  CHECK(village.Get(need).handle().alarm() == v1::Clock::OVERDUE);
}

TEST_CASE("an answer is given by the owner and starts the callback", "[handling][E7]") {
  Village village;
  Need need = village.InHandling();
  auto answer = [&](const Caller& who) {
    return village.Try<v1::AnswerNeedRequest>(
        need, who, [](auto& q) { q.mutable_answer()->set_text("已更换灯泡"); });
  };
  CHECK(ReasonOf(answer(village.colleague).status()) == "SCOPE");
  CHECK(ReasonOf(answer(village.li).status()) == "ROLE");
  v1::AnswerNeedRequest empty;
  empty.set_name(need.name());
  CHECK(ReasonOf(village.rig.Ask<Need>(empty, village.worker).status()) == "REQUIRED");
  village.Go("2026-11-25 10:00");
  auto answered = answer(village.worker);
  REQUIRE(answered.ok());
  CHECK(answered->state() == Need::ANSWERED);
  CHECK(answered->answer().text() == "已更换灯泡");
  CHECK(answered->answer().answerer() == "worker/wang");
  CHECK(Shown(answered->answer().answer_time()) == "11-25 10:00");
  CHECK(Shown(answered->feedback().due_time()) == "11-26 17:30");
  CHECK(ReasonOf(answer(village.worker).status()) == "STATE");
}

TEST_CASE("a remedial or special need is answered with evidence only", "[handling][E7]") {
  Village village;
  auto why = [&](v1::ServiceLevel level, v1::NeedClass scope, int evidence) {
    Need need = village.Register(village.li, [&](Need& n) {
      n.set_level(level);
      n.set_scope(scope);
    });
    village.Do<v1::ClaimNeedRequest>(need, village.worker);
    village.Do<v1::StartNeedRequest>(need, village.worker);
    return village.Why<v1::AnswerNeedRequest>(need, village.worker, [&](auto& q) {
      for (int i = 0; i < evidence; ++i) q.mutable_answer()->add_evidence_hashes(Hash('0' + i));
    });
  };
  for (int level = 0; level <= v1::DEVELOPMENTAL; ++level) {
    for (int scope = 0; scope <= v1::SPECIAL; ++scope) {
      bool wants = level == v1::REMEDIAL || scope == v1::SPECIAL;
      auto l = static_cast<v1::ServiceLevel>(level);
      auto s = static_cast<v1::NeedClass>(scope);
      CHECK(why(l, s, 0) == (wants ? "EVIDENCE" : "done"));
      CHECK(why(l, s, 2) == "done");
    }
  }
  CHECK(why(v1::REMEDIAL, v1::COMMON, 21) == "TOO_MANY");
}

TEST_CASE("reminders and supervisions are numbered in one row", "[handling][E9]") {
  Village village;
  Need need = village.Claimed();
  village.Do<v1::UrgeNeedRequest>(need, village.li);
  village.Do<v1::UrgeNeedRequest>(need, village.lead);
  CHECK(village.Why<v1::SuperviseNeedRequest>(need, village.lead) == "ROLE");
  need = village.Do<v1::SuperviseNeedRequest>(need, village.leader,
                                              [](auto& q) { q.set_text("三日内办结"); });
  CHECK(need.state() == Need::CLAIMED);
  REQUIRE(need.notices_size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(need.notices(i).number() == i + 1);
  CHECK(need.notices(0).kind() == v1::Notice::URGED);
  CHECK(need.notices(0).sender() == "resident/li");
  CHECK(need.notices(2).kind() == v1::Notice::SUPERVISED);
  CHECK(need.notices(2).text() == "三日内办结");
  CHECK(village.Why<v1::UrgeNeedRequest>(need, village.chen) == "NOT_FOUND");
  CHECK(village.Why<v1::UrgeNeedRequest>(village.Closed(), village.li) == "STATE");
  CHECK(village.Why<v1::SuperviseNeedRequest>(village.Closed(), village.leader) == "STATE");
}

TEST_CASE("a need is not urged without end", "[handling][E9]") {
  Village village;
  Need need = village.Register();
  for (int i = 0; i < 100; ++i) need = village.Do<v1::UrgeNeedRequest>(need, village.li);
  CHECK(need.notices(99).number() == 100);
  CHECK(village.Why<v1::UrgeNeedRequest>(need, village.li) == "RATE");
}

TEST_CASE("a need goes by the project list to its answer, and keeps its thread",
          "[handling][E12]") {
  Village village;
  Need need = village.InHandling();
  CHECK(village.Why<v1::EnlistNeedRequest>(need, village.worker) == "ROLE");
  CHECK(village.Why<v1::FundNeedRequest>(need, village.program) == "STATE");
  need = village.Do<v1::EnlistNeedRequest>(need, village.lead,
                                           [](auto& q) { q.set_list_entry("entries/7"); });
  CHECK(need.state() == Need::LISTED);
  CHECK(need.list_entry() == "entries/7");
  CHECK_FALSE(need.has_next_check_time());
  CHECK(village.Why<v1::FundNeedRequest>(need, village.lead) == "ROLE");
  CHECK(village.Why<v1::ServeNeedRequest>(need, village.program) == "STATE");
  CHECK(village.Do<v1::FundNeedRequest>(need, village.program).state() == Need::FUNDED);
  need = village.Do<v1::ServeNeedRequest>(need, village.program);
  CHECK(need.state() == Need::BEING_SERVED);
  need = village.Do<v1::AnswerNeedRequest>(need, village.program);
  CHECK(need.state() == Need::ANSWERED);
  CHECK(need.owner() == "worker/wang");
  CHECK(need.answer().answerer() == "service/bidding");
}

TEST_CASE("a refusal carries a text for people in Chinese", "[handling]") {
  Village village;
  auto refused =
      village.Try<v1::ApproveExtensionRequest>(village.InHandling(), village.lead, [](auto&) {});
  CHECK(ToProto(refused.status()).ShortDebugString().find("LocalizedMessage") != std::string::npos);
}

}  // namespace
}  // namespace linjuli::needs_intake
