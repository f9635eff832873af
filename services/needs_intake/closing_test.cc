// The end of a need: the reporter's word, closing, opening again, merging (E5, E10).
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

TEST_CASE("the reporter's word that it is solved leads to the end", "[closing][E10]") {
  Village village;
  Need need = village.Answered();
  village.Go("2026-11-24 10:00");
  need = village.Do<v1::RecordCallbackRequest>(need, village.li, [](auto& q) {
    q.mutable_callback()->set_solved(true);
    q.mutable_callback()->set_satisfied(true);
    q.mutable_callback()->set_comment("很快");
  });
  CHECK(need.state() == Need::CONFIRMED);
  REQUIRE(need.callbacks_size() == 1);
  CHECK(need.callbacks(0).recorder() == "resident/li");
  CHECK(need.callbacks(0).comment() == "很快");
  CHECK(Shown(need.callbacks(0).record_time()) == "11-24 10:00");
  CHECK_FALSE(need.has_next_check_time());
  CHECK(village.Why<v1::CloseNeedRequest>(need, village.li) == "ROLE");
  village.Go("2026-11-24 11:00");
  need = village.Do<v1::CloseNeedRequest>(need, village.worker);
  CHECK(need.state() == Need::CLOSED);
  CHECK(need.outcome() == Need::SOLVED);
  CHECK(Shown(need.close_time()) == "11-24 11:00");
}

TEST_CASE("the owner does not say in the reporter's place that it is solved",
          "[closing][E10][four-eyes]") {
  Village village;
  Need need = village.Answered();
  auto self = village.Try<v1::RecordCallbackRequest>(need, village.worker, [](auto&) {});
  CHECK(absl::IsPermissionDenied(self.status()));
  CHECK(ReasonOf(self.status()) == "SELF_APPROVE");
  CHECK(village.Why<v1::RecordCallbackRequest>(need, village.chen) == "NOT_FOUND");
  CHECK(village.Why<v1::RecordCallbackRequest>(need, village.leader) == "ROLE");
  CHECK(village.Why<v1::RecordCallbackRequest>(need, village.colleague) == "done");
  CHECK(village.Why<v1::RecordCallbackRequest>(village.Answered(), village.federation) == "done");
  CHECK(village.Why<v1::CloseNeedRequest>(village.Answered(), village.worker) == "STATE");
}

TEST_CASE("what is not solved is handled again, and a leader has it after the third time",
          "[closing][E10]") {
  Village village;
  Need need = village.Answered();
  for (int times = 1; times <= 2; ++times) {
    village.rig.clock.Advance(absl::Hours(24));
    need = village.Unsolved(need);
    CHECK(need.state() == Need::REHANDLING);
    CHECK(need.rehandle_count() == times);
    CHECK(need.owner() == "worker/wang");
    CHECK(ToTime(need.handle().start_time()) == village.rig.clock.Now());
    need = village.Do<v1::AnswerNeedRequest>(need, village.worker);
  }
  need = village.Unsolved(need);
  CHECK(need.state() == Need::SUPERVISED);
  CHECK(need.owner().empty());
  CHECK(need.callbacks_size() == 3);
  CHECK(need.has_next_check_time());
  CHECK(village.Why<v1::AnswerNeedRequest>(need, village.worker) == "SCOPE");
  need = village.Do<v1::AnswerNeedRequest>(need, village.leader);
  CHECK(need.state() == Need::ANSWERED);
  CHECK(need.owner() == "leader/wu");
  CHECK(village.Unsolved(need).state() == Need::SUPERVISED);
}

TEST_CASE("a need that a leader solved and the reporter opens again has an owner",
          "[closing][E10]") {
  Village village;
  Need need = village.Answered();
  for (int i = 0; i < 2; ++i) {
    need = village.Do<v1::AnswerNeedRequest>(village.Unsolved(need), village.worker);
  }
  need = village.Do<v1::AnswerNeedRequest>(village.Unsolved(need), village.leader);
  need = village.Do<v1::CloseNeedRequest>(village.Solved(need), village.worker);
  need = village.Do<v1::ReopenNeedRequest>(need, village.li);
  CHECK(need.state() == Need::REHANDLING);
  CHECK(need.owner() == "leader/wu");
  CHECK(village.Why<v1::AnswerNeedRequest>(need, village.leader) == "done");
}

TEST_CASE("a reporter out of reach: three tries, three work days, and the clock closes it",
          "[closing][E10][clocks]") {
  Village village;
  Need need = village.Answered();  // on a Monday
  CHECK(village.Why<v1::RecordContactAttemptRequest>(need, village.li) == "ROLE");
  for (const char* day : {"2026-11-23 10:00", "2026-11-24 10:00", "2026-11-25 10:00"}) {
    village.Go(day);
    village.rig.RunDue();
    need = village.Do<v1::RecordContactAttemptRequest>(need, village.worker);
    CHECK(need.state() == Need::ANSWERED);
  }
  village.rig.clock.Set(ChinaAt("2026-11-26 17:30") - absl::Microseconds(1));
  village.rig.RunDue();
  CHECK(village.Get(need).state() == Need::ANSWERED);
  village.Go("2026-11-26 17:30");
  village.rig.RunDue();
  need = village.Get(need);
  CHECK(need.state() == Need::CLOSED);
  CHECK(need.outcome() == Need::UNREACHED);
  CHECK(Shown(need.close_time()) == "11-26 17:30");
  CHECK(need.callbacks_size() == 0);
  // The reporter comes back.
  CHECK(village.Why<v1::ReopenNeedRequest>(need, village.li) == "done");
}

TEST_CASE("two tries do not close a need, however long they are past", "[closing][E10][clocks]") {
  Village village;
  Need need = village.Answered();
  for (int i = 0; i < 2; ++i) {
    village.Do<v1::RecordContactAttemptRequest>(need, village.worker);
    village.rig.clock.Advance(absl::Hours(24 * 10));
    village.rig.RunDue();
  }
  CHECK(village.Get(need).state() == Need::ANSWERED);
  // A third one counts with the first, which is long past.
  village.Do<v1::RecordContactAttemptRequest>(need, village.worker);
  village.rig.RunDue();
  CHECK(village.Get(need).state() == Need::CLOSED);
}

TEST_CASE("a new answer begins the tries anew", "[closing][E10]") {
  Village village;
  Need need = village.Answered();
  for (int i = 0; i < 2; ++i) village.Do<v1::RecordContactAttemptRequest>(need, village.worker);
  village.Unsolved(need);
  need = village.Do<v1::AnswerNeedRequest>(need, village.worker);
  CHECK(need.contact_attempt_times_size() == 0);
  CHECK(village.Why<v1::RecordContactAttemptRequest>(village.Claimed(), village.worker) == "STATE");
}

TEST_CASE("no more than 20 tries are noted for one answer", "[closing][E10]") {
  Village village;
  Need need = village.Answered();
  for (int i = 0; i < 20; ++i)
    need = village.Do<v1::RecordContactAttemptRequest>(need, village.worker);
  auto refused = village.Try<v1::RecordContactAttemptRequest>(need, village.worker, [](auto&) {});
  CHECK(absl::IsResourceExhausted(refused.status()));
  CHECK(ReasonOf(refused.status()) == "CONTACT_LIMIT");
  CHECK(village.Get(need).contact_attempt_times_size() == 20);
  // It closes by itself all the same.
  village.Go("2026-11-26 17:30");
  village.rig.RunDue();
  CHECK(village.Get(need).outcome() == Need::UNREACHED);
}

TEST_CASE("a closed need is opened again within 30 days of the stored close time, and not later",
          "[closing][E10]") {
  Village village;
  Need need = village.Closed();  // 23 November, 09:00
  CHECK(village.Why<v1::ReopenNeedRequest>(need, village.chen) == "NOT_FOUND");
  CHECK(village.Why<v1::ReopenNeedRequest>(need, village.lead) == "ROLE");
  // The 30th day counts whole. What the service did in between does not move the window.
  village.Go("2026-12-20 09:00");
  village.rig.RunDue();
  village.rig.Restart();
  village.rig.clock.Set(ChinaAt("2026-12-24 00:00") + absl::Microseconds(1));
  auto late = village.Try<v1::ReopenNeedRequest>(need, village.li, [](auto&) {});
  CHECK(absl::IsFailedPrecondition(late.status()));
  CHECK(ReasonOf(late.status()) == "REOPEN_WINDOW");
  CHECK(village.Why<v1::ReopenNeedRequest>(need, village.leader) == "REOPEN_WINDOW");
  village.Go("2026-12-24 00:00");
  need = village.Do<v1::ReopenNeedRequest>(need, village.li);
  CHECK(need.state() == Need::REHANDLING);
  CHECK(need.outcome() == Need::OUTCOME_UNSPECIFIED);
  CHECK_FALSE(need.has_close_time());
  CHECK(need.owner() == "worker/wang");
  CHECK(Shown(need.handle().due_time()) == "12-31 17:30");
  // It stands in its history.
  CHECK(village.ChangesAfter(0).back().method() ==
        "linjuli.needs_intake.v1.NeedsIntake.ReopenNeed");
}

TEST_CASE("the reporter takes a need back while it is open", "[closing][E10]") {
  Village village;
  Need need = village.InHandling();
  CHECK(village.Why<v1::WithdrawNeedRequest>(need, village.chen) == "NOT_FOUND");
  CHECK(village.Why<v1::WithdrawNeedRequest>(need, village.worker) == "ROLE");
  need = village.Do<v1::WithdrawNeedRequest>(need, village.li);
  CHECK(need.state() == Need::WITHDRAWN);
  CHECK(village.Why<v1::WithdrawNeedRequest>(need, village.li) == "STATE");
  CHECK(village.Why<v1::WithdrawNeedRequest>(village.Closed(), village.li) == "STATE");
  // Its clocks raise nothing any more.
  village.Go("2026-12-20 09:00");
  village.rig.RunDue();
  CHECK(village.Get(need).handle().alarm() == v1::Clock::ALARM_UNSPECIFIED);
}

TEST_CASE("a need is laid to another open one of the area, and to no other", "[closing][E5]") {
  Village village;
  Need need = village.Register(), open = village.Register();
  Need far = village.Register(village.li, [](Need& n) { n.set_division("331082106001"); });
  auto merge = [&](const std::string& survivor) {
    return village.Why<v1::MergeNeedRequest>(need, village.worker,
                                             [&](auto& q) { q.set_survivor(survivor); });
  };
  CHECK(merge(need.name()) == "SURVIVOR");
  CHECK(merge("needs/0000000000000") == "SURVIVOR");
  CHECK(merge(far.name()) == "SURVIVOR");
  CHECK(merge(village.Closed().name()) == "SURVIVOR");
  CHECK(merge("articles/1") == "REFERENCE");
  CHECK(village.Why<v1::MergeNeedRequest>(
            need, village.stranger, [&](auto& q) { q.set_survivor(far.name()); }) == "NOT_FOUND");
  REQUIRE(merge(open.name()) == "done");
  need = village.Get(need);
  CHECK(need.state() == Need::MERGED);
  CHECK(need.merge().survivor() == open.name());
  CHECK(need.merge().state_before() == Need::RECEIVED);
  // Its reporter still waits: the handling clock runs on.
  CHECK(Shown(need.next_check_time()) == "11-27 17:30");
  CHECK(merge(open.name()) == "STATE");
  // Who reads the survivor's history is told.
  CHECK(village.ChangesAfter(0).back().references(0) == open.name());
}

TEST_CASE("a merge is undone for 30 days, and the need stands where it stood", "[closing][E5]") {
  Village village;
  Need open = village.Register();
  auto merge = [&](const Need& need) {
    return village.Do<v1::MergeNeedRequest>(need, village.worker,
                                            [&](auto& q) { q.set_survivor(open.name()); });
  };
  for (Need need : {village.Register(), village.Claimed(), village.InHandling(), village.Answered(),
                    village.Unsolved(village.Answered())}) {
    Need back = village.Do<v1::UnmergeNeedRequest>(merge(need), village.worker);
    CHECK(back.state() == need.state());
    CHECK(back.owner() == need.owner());
    CHECK_FALSE(back.has_merge());
    CHECK(Shown(back.next_check_time()) == Shown(need.next_check_time()));
  }
  Need early = merge(village.Register()), late = merge(village.Register());
  village.Go("2026-12-24 00:00");
  CHECK(village.Why<v1::UnmergeNeedRequest>(early, village.worker) == "done");
  village.rig.clock.Advance(absl::Microseconds(1));
  CHECK(village.Why<v1::UnmergeNeedRequest>(late, village.worker) == "UNMERGE_WINDOW");
  CHECK(village.Why<v1::UnmergeNeedRequest>(early, village.worker) == "STATE");
}

}  // namespace
}  // namespace linjuli::needs_intake
