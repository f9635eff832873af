// Needs that tell of the same: one is followed for all, and each reporter keeps a receipt, a clock
// and a callback of their own (E5).
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_replace.h"
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

const std::string kHash(64, 'a');
constexpr char kNowhere[] = "needs/0000000000001";

struct Street : Village {
  using Village::Village;

  Need Common(const Caller& who) {
    return Register(who, [](Need& n) { n.set_scope(v1::COMMON); });
  }
  Need Common() { return Common(li); }

  template <typename F>
  absl::StatusOr<Need> TryJoin(const Caller& who, const std::string& survivor, F fill) {
    v1::CreateJoinedNeedRequest request;
    *request.mutable_need() = Request("灯也不亮").need();
    request.set_survivor(survivor);
    fill(request);
    return rig.Ask<Need>(request, who);
  }
  absl::StatusOr<Need> TryJoin(const Caller& who, const std::string& survivor) {
    return TryJoin(who, survivor, [](auto&) {});
  }
  Need Joined(const Caller& who, const Need& survivor) {
    auto need = TryJoin(who, survivor.name());
    INFO(need.status());
    REQUIRE(need.ok());
    return *need;
  }

  std::string TryMerge(const Need& need, const Need& survivor, const Caller& who) {
    return Why<v1::MergeNeedRequest>(need, who, [&](auto& q) { q.set_survivor(survivor.name()); });
  }
  Need Merged(const Need& need, const Need& survivor) {
    REQUIRE(TryMerge(need, survivor, worker) == "done");
    return Get(need);
  }

  Need Taken(const Need& need) {
    return Do<v1::StartNeedRequest>(Do<v1::ClaimNeedRequest>(need, worker), worker);
  }
  Need Answer(const Need& need) {
    return Do<v1::AnswerNeedRequest>(need, worker,
                                     [](auto& q) { q.mutable_answer()->set_text("已换灯"); });
  }
  int CountOf(const Need& need) { return Get(need).joined_count(); }
};

// Linhai's standard with another most of needs that may be laid to one.
class FewJoined {
 public:
  explicit FewJoined(int most) {
    std::filesystem::copy(LinhaiFolder(), path());
    std::stringstream text;
    text << std::ifstream(path() + "/clocks.toml").rdbuf();
    std::string changed = absl::StrReplaceAll(
        text.str(),
        {{"[limit.joined]\nvalue = 500", absl::StrCat("[limit.joined]\nvalue = ", most)}});
    REQUIRE(changed != text.str());
    std::ofstream(path() + "/clocks.toml") << changed;
  }
  std::string path() const { return folder_.path() + "/linhai"; }

 private:
  MemoryDir folder_;
};

TEST_CASE("whoever joins a need that many share has a receipt and a clock of their own",
          "[joining][E5]") {
  Street village;
  Need lamp = village.Common();
  village.Go("2026-11-24 09:00");
  Need joined = village.Joined(village.chen, lamp);
  CHECK(joined.state() == Need::MERGED);
  CHECK(joined.reporter() == "resident/chen");
  CHECK(joined.merge().survivor() == lamp.name());
  CHECK(joined.merge().state_before() == Need::RECEIVED);
  CHECK(joined.receipt_number() != lamp.receipt_number());
  CHECK(Shown(joined.handle()) == "11-30 17:30 / 12-01 17:30");
  CHECK(Shown(joined.next_check_time()) == "11-30 17:30");
  CHECK(village.CountOf(lamp) == 1);
  // Their own wait is counted, whatever becomes of the other's clock.
  village.Go("2026-12-01 17:30");
  village.rig.RunDue();
  CHECK(village.Get(joined).handle().alarm() == v1::Clock::OVERDUE);
  CHECK(village.Get(joined).state() == Need::MERGED);
}

TEST_CASE("a resident who joins does not learn what is there and not for all",
          "[joining][E5][attack]") {
  Street village;
  Need special = village.Register(village.li, [](Need& n) { n.set_scope(v1::SPECIAL); });
  Need unclassed = village.Register();
  Need elsewhere = village.Register(village.li, [](Need& n) {
    n.set_scope(v1::COMMON);
    n.set_division(kVillage);
  });
  Need answered = village.Answer(village.Taken(special = village.Register()));
  auto told = [&](const Caller& who, const std::string& name) {
    absl::Status status = village.TryJoin(who, name).status();
    return absl::StrReplaceAll(absl::StrCat(ReasonOf(status), ": ", status.message()),
                               {{name, "X"}});
  };
  const std::string nothing = told(village.chen, kNowhere);
  CHECK(ReasonOf(village.TryJoin(village.chen, kNowhere).status()) == "NOT_FOUND");
  for (const Need& need : {special, unclassed, elsewhere, answered}) {
    CHECK(told(village.chen, need.name()) == nothing);
    CHECK(told(village.li, need.name()) == nothing);  // their own is nothing to join, either
    // A worker's area is where they learn more, and it ends at its border.
    CHECK(told(village.stranger, need.name()) == told(village.stranger, kNowhere));
    CHECK(village.CountOf(need) == 0);
  }
}

TEST_CASE("a worker lays a new need to any open one of the own area", "[joining][E5]") {
  Street village;
  Need special = village.Register(village.li, [](Need& n) { n.set_scope(v1::SPECIAL); });
  auto joined = village.TryJoin(village.worker, special.name(),
                                [](auto& q) { q.mutable_need()->set_reporter("resident/chen"); });
  REQUIRE(joined.ok());
  CHECK(joined->reporter() == "resident/chen");
  Need near = village.Register(village.li, [](Need& n) { n.set_division(kVillage); });
  CHECK(ReasonOf(village.TryJoin(village.worker, near.name()).status()) == "NOT_FOUND");
  CHECK(village.TryJoin(village.lead, near.name()).ok());  // whose area has both
  // The new need is of the worker's area, too.
  CHECK(ReasonOf(village
                     .TryJoin(village.worker, special.name(),
                              [](auto& q) { q.mutable_need()->set_division(kVillage); })
                     .status()) == "SCOPE");
  CHECK(ReasonOf(village.TryJoin(village.provider, special.name()).status()) == "ROLE");
  CHECK(ReasonOf(village.TryJoin(village.leader, special.name()).status()) == "ROLE");
}

TEST_CASE("an agent joins for the one who gave the mandate, and not without",
          "[joining][E5][A10]") {
  Street village;
  Need lamp = village.Common();
  CHECK_FALSE(village.TryJoin(village.agent, lamp.name()).ok());
  v1::Mandate mandate = village.Mandated(village.chen);
  auto joined =
      village.TryJoin(village.agent, lamp.name(), [&](auto& q) { q.set_mandate(mandate.name()); });
  INFO(joined.status());
  REQUIRE(joined.ok());
  CHECK(joined->reporter() == "resident/chen");
  CHECK(village.ChangesAfter(0).back().on_behalf_of() == "resident/chen");
}

TEST_CASE("what is answered or over is joined by nobody", "[joining][E5]") {
  Street village;
  auto why = [&](const Need& need) {
    return ReasonOf(village.TryJoin(village.chen, need.name()).status());
  };
  Need answered = village.Answer(village.Taken(village.Common()));
  CHECK(why(answered) == "SURVIVOR");
  Need solved = village.Solved(answered);
  CHECK(why(solved) == "SURVIVOR");
  CHECK(why(village.Do<v1::CloseNeedRequest>(solved, village.worker)) == "SURVIVOR");
  CHECK(why(village.Do<v1::WithdrawNeedRequest>(village.Common(), village.li)) == "SURVIVOR");
  Need refused = village.Do<v1::RefuseNeedRequest>(village.Common(), village.lead);
  CHECK(why(refused) == "SURVIVOR");
  CHECK(why(village.Do<v1::AppealNeedRequest>(refused, village.li)) == "SURVIVOR");
  CHECK(why(village.Merged(village.Common(), village.Common())) == "SURVIVOR");
  // What is handled again is open again.
  CHECK(why(village.Unsolved(village.Answer(village.Taken(village.Common())))).empty());
  CHECK(why(village.Taken(village.Common())).empty());
}

TEST_CASE("one answer reaches everybody, and each is called back by themselves",
          "[joining][E5][E10]") {
  Street village;
  Need lamp = village.Taken(village.Common());
  Need chen = village.Joined(village.chen, lamp), li = village.Joined(village.li, lamp);
  village.Go("2026-11-24 10:00");
  lamp = village.Answer(lamp);
  CHECK(lamp.joined_count() == 0);
  for (const Need& need : {chen, li}) {
    Need now = village.Get(need);
    CHECK(now.state() == Need::ANSWERED);
    CHECK(now.answer().text() == "已换灯");
    CHECK(now.answer().answerer() == "worker/wang");
    CHECK(now.owner() == "worker/wang");
    CHECK(now.merge().survivor() == lamp.name());  // what it was answered with
    CHECK(Shown(now.feedback().due_time()) == "11-25 17:30");
  }
  // Nobody speaks for the other, and the owner for none.
  CHECK(village.Why<v1::RecordCallbackRequest>(chen, village.li) == "NOT_FOUND");
  CHECK(village.Why<v1::RecordCallbackRequest>(chen, village.worker) == "SELF_APPROVE");
  village.Solved(lamp);
  Need unsolved = village.Do<v1::RecordCallbackRequest>(chen, village.chen);
  CHECK(unsolved.state() == Need::REHANDLING);
  CHECK(unsolved.owner() == "worker/wang");
  CHECK(village.Get(lamp).state() == Need::CONFIRMED);
  CHECK(village.Get(li).state() == Need::ANSWERED);
  CHECK(village.Answer(unsolved).state() == Need::ANSWERED);
  CHECK(village.Get(lamp).state() == Need::CONFIRMED);
  // The third cannot be reached, by tries of their own.
  for (int i = 0; i < 3; ++i) village.Do<v1::RecordContactAttemptRequest>(li, village.colleague);
  village.Go("2026-11-27 17:30");
  village.rig.RunDue();
  CHECK(village.Get(li).state() == Need::CLOSED);
  CHECK(village.Get(li).outcome() == Need::UNREACHED);
  CHECK(village.Get(chen).state() == Need::ANSWERED);
}

TEST_CASE("the callback of each who joined is overdue at its own time", "[joining][E5][clocks]") {
  Street village;
  Need lamp = village.Taken(village.Common());
  Need chen = village.Joined(village.chen, lamp);
  lamp = village.Answer(lamp);
  village.Solved(lamp);
  village.Go("2026-11-24 17:30");
  village.rig.RunDue();
  CHECK(village.Get(chen).feedback().alarm() == v1::Clock::OVERDUE);
  CHECK(village.Get(lamp).feedback().alarm() == v1::Clock::ALARM_UNSPECIFIED);
}

TEST_CASE("an answer shows what was done where one of those laid to it asks for that",
          "[joining][E5]") {
  Street village;
  Need lamp = village.Taken(village.Common());
  Need hurt = *village.TryJoin(village.chen, lamp.name(),
                               [](auto& q) { q.mutable_need()->set_level(v1::REMEDIAL); });
  CHECK(village.Why<v1::AnswerNeedRequest>(lamp, village.worker) == "EVIDENCE");
  CHECK(village.Get(lamp).state() == Need::IN_HANDLING);
  CHECK(village.Get(hurt).state() == Need::MERGED);
  village.Do<v1::AnswerNeedRequest>(
      lamp, village.worker, [](auto& q) { q.mutable_answer()->add_evidence_hashes(kHash); });
  CHECK(village.Get(hurt).answer().evidence_hashes(0) == kHash);
}

TEST_CASE("no more needs are laid to one than the standard allows", "[joining][E5]") {
  FewJoined few(2);
  Street village("2026-11-23 09:00", few.path());
  Need lamp = village.Common(), other = village.Common();
  Need first = village.Joined(village.chen, lamp);
  village.Joined(village.chen, other);
  // The other would come with the one that is laid to it.
  CHECK(village.TryMerge(other, lamp, village.worker) == "JOIN_LIMIT");
  CHECK(village.CountOf(other) == 1);
  CHECK(village.CountOf(lamp) == 1);
  village.Joined(village.chen, lamp);
  auto third = village.TryJoin(village.chen, lamp.name());
  CHECK(absl::IsResourceExhausted(third.status()));
  CHECK(ReasonOf(third.status()) == "JOIN_LIMIT");
  CHECK(village.TryMerge(village.Register(), lamp, village.worker) == "JOIN_LIMIT");
  // One leaves, and there is room for one.
  village.Do<v1::WithdrawNeedRequest>(first, village.chen);
  CHECK(village.TryJoin(village.chen, lamp.name()).ok());
  CHECK(ReasonOf(village.TryJoin(village.chen, lamp.name()).status()) == "JOIN_LIMIT");
  // After the answer it may be joined anew, once it is handled again.
  Need again = village.Unsolved(village.Answer(village.Taken(lamp)));
  village.Joined(village.chen, again);
  village.Joined(village.chen, again);
  CHECK(ReasonOf(village.TryJoin(village.chen, again.name()).status()) == "JOIN_LIMIT");
}

TEST_CASE("a chain of merges ends at one survivor, which answers for all", "[joining][E5]") {
  Street village;
  Need a = village.Common(village.chen), b = village.Common(), c = village.Common();
  Need joined = village.Joined(village.chen, a);
  village.Merged(a, b);
  CHECK(village.CountOf(a) == 0);
  CHECK(village.CountOf(b) == 2);
  CHECK(village.Get(joined).merge().survivor() == b.name());
  village.Merged(b, c);
  CHECK(village.CountOf(b) == 0);
  CHECK(village.CountOf(c) == 3);
  for (const Need& need : {a, b, joined}) {
    CHECK(village.Get(need).merge().survivor() == c.name());
  }
  // No circle: what is laid to another stands for nothing.
  CHECK(village.TryMerge(c, a, village.worker) == "SURVIVOR");
  CHECK(village.TryMerge(c, c, village.worker) == "SURVIVOR");
  village.Answer(village.Taken(c));
  for (const Need& need : {a, b, c, joined}) {
    CHECK(village.Get(need).state() == Need::ANSWERED);
  }
}

TEST_CASE("a link of a chain that is unmerged stands alone; the others stay where they are",
          "[joining][E5]") {
  Street village;
  Need a = village.Common(village.chen), b = village.Common(), c = village.Common();
  village.Merged(a, b);
  village.Merged(b, c);
  Need back = village.Do<v1::UnmergeNeedRequest>(b, village.worker);
  CHECK(back.state() == Need::RECEIVED);
  CHECK(back.joined_count() == 0);
  CHECK(village.CountOf(c) == 1);
  CHECK(village.Get(a).merge().survivor() == c.name());
  // The first leaves the one that it was laid to in the end.
  CHECK(village.Do<v1::UnmergeNeedRequest>(a, village.worker).state() == Need::RECEIVED);
  CHECK(village.CountOf(c) == 0);
  village.Answer(village.Taken(c));
  CHECK(village.Get(a).state() == Need::RECEIVED);
  CHECK(village.Get(b).state() == Need::RECEIVED);
}

TEST_CASE("when the survivor ends without an answer, all go back into the pool", "[joining][E5]") {
  Street village;
  for (bool refused : {false, true}) {
    Need lamp = village.Common();
    Need joined = village.Joined(village.chen, lamp);
    Need handled = village.Merged(village.Taken(village.Common(village.chen)), lamp);
    REQUIRE(handled.owner() == "worker/wang");
    village.rig.clock.Advance(absl::Minutes(30));
    const absl::Time now = village.rig.clock.Now();
    if (refused) {
      village.Do<v1::RefuseNeedRequest>(lamp, village.lead);
    } else {
      village.Do<v1::WithdrawNeedRequest>(lamp, village.li);
    }
    CHECK(village.CountOf(lamp) == 0);
    for (const Need& need : {joined, handled}) {
      Need free = village.Get(need);
      CHECK(free.state() == Need::RECEIVED);
      CHECK(free.owner().empty());
      CHECK_FALSE(free.has_merge());
      CHECK(ToTime(free.follow_up().start_time()) == now);
      CHECK(Shown(free.handle()) == Shown(need.handle()));  // their wait goes on
      CHECK(village.Why<v1::ClaimNeedRequest>(free, village.worker) == "done");
    }
  }
}

TEST_CASE("what was answered and is taken back frees what is laid to itself, and nobody else's",
          "[joining][E5]") {
  Street village;
  Need lamp = village.Taken(village.Common());
  Need first = village.Joined(village.chen, lamp);
  lamp = village.Answer(lamp);
  // Both are handled again, each on its own; each has somebody laid to it.
  lamp = village.Unsolved(lamp);
  first = village.Do<v1::RecordCallbackRequest>(first, village.chen);
  Need with_lamp = village.Joined(village.chen, lamp);
  Need with_first = village.Merged(village.Register(), first);
  village.Do<v1::WithdrawNeedRequest>(first, village.chen);
  CHECK(village.Get(with_first).state() == Need::RECEIVED);
  CHECK(village.CountOf(lamp) == 1);
  village.Answer(lamp);
  CHECK(village.Get(with_lamp).state() == Need::ANSWERED);
}

TEST_CASE("whoever joined takes it back by themselves", "[joining][E5]") {
  Street village;
  Need lamp = village.Taken(village.Common());
  Need joined = village.Joined(village.chen, lamp);
  CHECK(village.Why<v1::WithdrawNeedRequest>(joined, village.li) == "NOT_FOUND");
  CHECK(village.Do<v1::WithdrawNeedRequest>(joined, village.chen).state() == Need::WITHDRAWN);
  CHECK(village.CountOf(lamp) == 0);
  village.Answer(lamp);
  CHECK(village.Get(joined).state() == Need::WITHDRAWN);
}

TEST_CASE("a joined need is unmerged by workers of the area, for 30 days", "[joining][E5]") {
  Street village;
  Need lamp = village.Common();
  Need joined = village.Joined(village.chen, lamp), late = village.Joined(village.chen, lamp);
  CHECK(village.Why<v1::UnmergeNeedRequest>(joined, village.chen) == "ROLE");
  CHECK(village.Why<v1::UnmergeNeedRequest>(joined, village.stranger) == "NOT_FOUND");
  CHECK(village.Why<v1::UnmergeNeedRequest>(lamp, village.worker) == "STATE");
  village.Go("2026-12-24 00:00");
  Need back = village.Do<v1::UnmergeNeedRequest>(joined, village.worker);
  CHECK(back.state() == Need::RECEIVED);
  CHECK_FALSE(back.has_merge());
  village.rig.clock.Advance(absl::Microseconds(1));
  auto refused = village.Try<v1::UnmergeNeedRequest>(late, village.worker, [](auto&) {});
  CHECK(ReasonOf(refused.status()) == "UNMERGE_WINDOW");
  CHECK(FactOf(refused.status(), "closes") == "2026-12-24T00:00:00+08:00");
  CHECK(village.CountOf(lamp) == 1);
}

TEST_CASE("an offer that was open when its need was merged is open again, or over",
          "[joining][E5][E8]") {
  Street village;
  auto offered = [&] {
    Need need = village.Taken(village.Register());
    return village.Do<v1::ReferNeedRequest>(need, village.worker, [](auto& q) {
      q.set_receiver("worker/far");
      q.set_consent(true);
    });
  };
  auto reads = [&](const Need& need) {
    v1::GetNeedRequest get;
    get.set_name(need.name());
    return village.rig.Ask<Need>(get, village.stranger).ok();
  };
  Need lamp = village.Taken(village.Common());
  Need back = village.Do<v1::UnmergeNeedRequest>(village.Merged(offered(), lamp), village.worker);
  CHECK(back.state() == Need::REFERRED);
  CHECK(reads(back));
  CHECK(village.Why<v1::AcceptReferralRequest>(back, village.stranger) == "done");
  Need answered = village.Merged(offered(), lamp);
  village.Answer(lamp);
  CHECK(village.Get(answered).state() == Need::ANSWERED);
  CHECK_FALSE(reads(answered));
  Need freed = village.Merged(offered(), lamp = village.Common());
  village.Do<v1::WithdrawNeedRequest>(lamp, village.li);
  CHECK_FALSE(reads(freed));
}

// The change of the need that is joined still names whom it was caused by.
TEST_CASE("neighbours are told that somebody joined, and see nothing of their need",
          "[joining][E5][attack]") {
  Street village;
  Need lamp = village.Common();
  Need joined = village.Joined(village.chen, lamp);
  const auto* method = changes::v1::ListHistoryRequest::descriptor()
                           ->file()
                           ->FindServiceByName("Changes")
                           ->FindMethodByName("ListHistory");
  changes::v1::ListHistoryRequest request;
  request.set_name(lamp.name());
  for (const Caller& who : {village.li, village.provider}) {
    INFO(who.subject);
    Reply reply = village.rig.Send(method, request, who);
    REQUIRE(reply.ok());
    const std::string said = reply.value()->ShortDebugString();
    CHECK(said.find(joined.name()) != std::string::npos);  // that somebody did
  }
  v1::GetNeedRequest get;
  get.set_name(joined.name());
  CHECK(ReasonOf(village.rig.Ask<Need>(get, village.li).status()) == "NOT_FOUND");
}

TEST_CASE("a repeated request joins once", "[joining][E5]") {
  Street village;
  Need lamp = village.Common();
  auto join = [&] {
    return village.TryJoin(village.chen, lamp.name(), [](auto& q) { q.set_request_id("once"); });
  };
  CHECK(join()->name() == join()->name());
  CHECK(village.CountOf(lamp) == 1);
}

}  // namespace
}  // namespace linjuli::needs_intake
