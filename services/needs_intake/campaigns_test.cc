// Campaigns that collect needs, and what becomes of what was said in them (E1).
#include <atomic>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::Campaign;
using v1::RawItem;

constexpr char kTown[] = "331082001";
const std::string kHash(64, 'a');

struct Gathering : Village {
  using Village::Village;

  absl::StatusOr<Campaign> TryPlan(const Caller& who, v1::CollectionMethod method,
                                   const std::string& division = kCommunity) {
    v1::CreateCampaignRequest request;
    request.mutable_campaign()->set_method(method);
    request.mutable_campaign()->set_division(division);
    FillRequired(request);
    return rig.Ask<Campaign>(request, who);
  }
  Campaign Planned(v1::CollectionMethod method = v1::SURVEY,
                   const std::string& division = kCommunity) {
    auto planned = TryPlan(division == kCommunity ? worker : lead, method, division);
    INFO(planned.status());
    REQUIRE(planned.ok());
    return *planned;
  }
  Campaign Opened(v1::CollectionMethod method = v1::SURVEY,
                  const std::string& division = kCommunity) {
    return Do<v1::OpenCampaignRequest>(Planned(method, division), lead);
  }
  Campaign Closed() { return Do<v1::CloseCampaignRequest>(Opened(), worker); }
  Campaign Reported() { return Do<v1::ReportCampaignRequest>(Closed(), worker); }
  Campaign Cancelled() { return Do<v1::CancelCampaignRequest>(Planned(), worker); }

  absl::StatusOr<RawItem> TryNote(const Campaign& campaign, const Caller& who,
                                  const std::string& division = "") {
    v1::CreateRawItemRequest request;
    request.set_parent(campaign.name());
    request.mutable_item()->set_text("电梯常坏");
    request.mutable_item()->set_speaker_name("王小明");
    request.mutable_item()->set_division(division);
    return rig.Ask<RawItem>(request, who);
  }
  RawItem Noted(const Campaign& campaign) {
    auto item = TryNote(campaign, worker);
    INFO(item.status());
    REQUIRE(item.ok());
    return *item;
  }

  // Distils into a new need, which `fill` may change before it is sent.
  template <typename F>
  absl::StatusOr<RawItem> TryDistil(const RawItem& item, const Caller& who, F fill) {
    return Try<v1::DistilRawItemRequest>(item, who, [&](auto& q) {
      *q.mutable_need() = Request("电梯常坏").need();
      fill(*q.mutable_need());
    });
  }
  RawItem Distilled(const RawItem& item) {
    auto distilled = TryDistil(item, worker, [](Need&) {});
    INFO(distilled.status());
    REQUIRE(distilled.ok());
    return *distilled;
  }
  absl::StatusOr<RawItem> TryDistilInto(const RawItem& item, const std::string& need) {
    return Try<v1::DistilRawItemRequest>(item, worker, [&](auto& q) { q.set_existing_need(need); });
  }

  absl::StatusOr<Campaign> Read(const Campaign& campaign, const Caller& who) {
    v1::GetCampaignRequest request;
    request.set_name(campaign.name());
    return rig.Ask<Campaign>(request, who);
  }
  // "raw distilled set_aside".
  std::string Counts(const Campaign& campaign) {
    auto now = Read(campaign, auditor);
    REQUIRE(now.ok());
    return absl::StrCat(now->raw_count(), " ", now->distilled_count(), " ", now->set_aside_count());
  }
};

TEST_CASE("those who work for the area and its federation plan a campaign", "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Planned();
  CHECK(campaign.state() == Campaign::PLANNED);
  CHECK(campaign.organizer() == "worker/wang");
  CHECK_FALSE(campaign.standard_version().empty());
  CHECK_FALSE(campaign.has_notice_time());
  auto why = [&](const Caller& who) { return ReasonOf(village.TryPlan(who, v1::SURVEY).status()); };
  for (const Caller& who : {village.li, village.agent, village.provider, village.leader,
                            village.program, village.auditor}) {
    INFO(who.subject);
    CHECK(why(who) == "ROLE");
  }
  CHECK(why(village.stranger) == "SCOPE");
  CHECK(village.TryPlan(village.lead, v1::SURVEY, kTown).ok());
  CHECK(village.TryPlan(village.federation, v1::SURVEY, kTown).ok());
  // A worker of one community does not ask the whole town.
  CHECK(ReasonOf(village.TryPlan(village.worker, v1::SURVEY, kTown).status()) == "SCOPE");
  CHECK(ReasonOf(village.TryPlan(village.leader, v1::SURVEY, "331082").status()) == "ROLE");
  CHECK(ReasonOf(village.TryPlan(village.lead, v1::SURVEY, "3310820010").status()) ==
        "DIVISION_CODE_FORMAT");
}

TEST_CASE("a campaign asks by one of the four methods; the other channels are no campaign",
          "[campaigns][E1]") {
  Gathering village;
  for (auto method : {v1::SYMPOSIUM, v1::HEARING, v1::SURVEY, v1::HOME_VISIT}) {
    CHECK(village.Planned(method).method() == method);
  }
  for (auto method : {v1::ONLINE, v1::COUNTER, v1::HOTLINE}) {
    CHECK(ReasonOf(village.TryPlan(village.worker, method).status()) == "RANGE");
  }
}

TEST_CASE("a hearing opens once its notice has hung ten whole days, and not before",
          "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Planned(v1::HEARING);
  auto open = [&] {
    return village.Try<v1::OpenCampaignRequest>(campaign, village.worker, [](auto&) {});
  };
  // However long it is planned: it was never announced.
  village.Go("2026-11-22 09:00");
  CHECK(ReasonOf(open().status()) == "WINDOW");
  CHECK(FactOf(open().status(), "opens").empty());
  village.Go("2026-11-23 09:00");
  campaign = village.Do<v1::AnnounceCampaignRequest>(campaign, village.worker);
  CHECK(campaign.state() == Campaign::PLANNED);
  CHECK(Shown(campaign.notice_time()) == "11-23 09:00");
  // Announced again, the notice does not begin anew.
  village.Go("2026-11-25 09:00");
  campaign = village.Do<v1::AnnounceCampaignRequest>(campaign, village.worker);
  CHECK(Shown(campaign.notice_time()) == "11-23 09:00");
  // Days of the calendar, the weekend among them: 24 November to 3 December.
  village.rig.clock.Set(ChinaAt("2026-12-04 00:00") - absl::Microseconds(1));
  auto early = open();
  CHECK(absl::IsFailedPrecondition(early.status()));
  CHECK(ReasonOf(early.status()) == "WINDOW");
  CHECK(FactOf(early.status(), "opens") == "2026-12-04T00:00:00+08:00");
  village.Go("2026-12-04 00:00");
  REQUIRE(open().ok());
  CHECK(ReasonOf(open().status()) == "STATE");
}

TEST_CASE("the other three methods open without a notice", "[campaigns][E1]") {
  Gathering village;
  for (auto method : {v1::SYMPOSIUM, v1::SURVEY, v1::HOME_VISIT}) {
    CHECK(village.Opened(method).state() == Campaign::OPEN);
  }
}

TEST_CASE("a meeting is closed with who came and what was minuted; a survey with a number",
          "[campaigns][E1]") {
  Gathering village;
  Campaign meeting = village.Opened(v1::SYMPOSIUM);
  auto close = [&](const Campaign& campaign, std::vector<std::string> names,
                   const std::string& hash, int attendance) {
    return village.Try<v1::CloseCampaignRequest>(campaign, village.worker, [&](auto& q) {
      for (auto& name : names) q.add_attendee_names(name);
      q.set_minutes_hash(hash);
      q.set_attendance(attendance);
    });
  };
  auto bare = close(meeting, {}, "", 30);
  CHECK(absl::IsInvalidArgument(bare.status()));
  CHECK(ReasonOf(bare.status()) == "EVIDENCE");
  // Both at once.
  CHECK(ToProto(bare.status()).ShortDebugString().find("minutes_hash") != std::string::npos);
  CHECK(ToProto(bare.status()).ShortDebugString().find("attendee_names") != std::string::npos);
  CHECK(ReasonOf(close(meeting, {"王小明"}, "", 0).status()) == "EVIDENCE");
  CHECK(ReasonOf(close(meeting, {}, kHash, 0).status()) == "EVIDENCE");
  CHECK(ReasonOf(close(meeting, {"王小明"}, "abc", 0).status()) == "PATTERN");
  CHECK(ReasonOf(close(meeting, {"王小明", "李四"}, kHash, 1).status()) == "RANGE");
  auto closed = close(meeting, {"王小明", "李四"}, kHash, 0);
  REQUIRE(closed.ok());
  CHECK(closed->attendance() == 2);
  CHECK(closed->minutes_hash() == kHash);
  // More came than wrote their names down.
  CHECK(close(village.Opened(v1::SYMPOSIUM), {"王小明"}, kHash, 40)->attendance() == 40);
  CHECK(close(village.Opened(v1::SURVEY), {}, "", 77)->attendance() == 77);
  CHECK(close(village.Opened(v1::HOME_VISIT), {}, "", 0)->attendance() == 0);
}

TEST_CASE("a campaign is public, who came to it is not", "[campaigns][E1][X10]") {
  Gathering village;
  Campaign meeting = village.Do<v1::CloseCampaignRequest>(village.Opened(v1::SYMPOSIUM),
                                                          village.worker, [&](auto& q) {
                                                            q.add_attendee_names("王小明");
                                                            q.set_minutes_hash(kHash);
                                                          });
  for (const Caller& who :
       {village.li, village.agent, village.provider, village.stranger, village.auditor,
        village.program, Person("leader/far", {LEADER}, {kElsewhere})}) {
    INFO(who.subject);
    auto seen = village.Read(meeting, who);
    REQUIRE(seen.ok());
    CHECK(seen->title() == meeting.title());
    CHECK(seen->attendee_names(0) == "王**");
  }
  for (const Caller& who : {village.worker, village.leader, village.federation}) {
    INFO(who.subject);
    CHECK(village.Read(meeting, who)->attendee_names(0) == "王小明");
    CHECK(village.ChangesAfter(0).back().access());
  }
  CHECK(ReasonOf(village.Read(meeting, Person("admin", {SYSTEM_ADMIN})).status()) == "ROLE");
  // Elsewhere it is read, and left alone.
  CHECK(village.Why<v1::ReportCampaignRequest>(meeting, village.stranger) == "SCOPE");
}

TEST_CASE("a campaign's verbs go where its states allow, and nowhere else", "[campaigns][E1]") {
  Gathering village;
  const std::map<std::string, std::function<Campaign()>> states = {
      {"PLANNED", [&] { return village.Planned(); }},
      {"OPEN", [&] { return village.Opened(); }},
      {"CLOSED", [&] { return village.Closed(); }},
      {"REPORTED", [&] { return village.Reported(); }},
      {"CANCELLED", [&] { return village.Cancelled(); }}};
  const std::map<std::string, std::function<std::string(const Campaign&, const Caller&)>> verbs = {
      {"announce",
       [&](auto& c, auto& who) { return village.Why<v1::AnnounceCampaignRequest>(c, who); }},
      {"open", [&](auto& c, auto& who) { return village.Why<v1::OpenCampaignRequest>(c, who); }},
      {"close", [&](auto& c, auto& who) { return village.Why<v1::CloseCampaignRequest>(c, who); }},
      {"report",
       [&](auto& c, auto& who) { return village.Why<v1::ReportCampaignRequest>(c, who); }},
      {"cancel",
       [&](auto& c, auto& who) { return village.Why<v1::CancelCampaignRequest>(c, who); }}};
  const std::set<std::string> allowed = {"PLANNED announce", "PLANNED open", "PLANNED cancel",
                                         "OPEN close",       "OPEN cancel",  "CLOSED report"};
  for (const auto& [state, reach] : states) {
    for (const auto& [verb, use] : verbs) {
      Campaign campaign = reach();
      REQUIRE(Campaign::State_Name(campaign.state()) == state);
      INFO(state << " " << verb);
      CHECK(use(campaign, village.li) == "ROLE");
      CHECK(use(campaign, village.provider) == "ROLE");
      const std::string right = allowed.count(state + " " + verb) ? "done" : "STATE";
      CHECK(use(campaign, village.federation) == right);
    }
  }
}

TEST_CASE("what is said is noted while a campaign is open, or closed and not yet reported",
          "[campaigns][E1]") {
  Gathering village;
  Campaign open = village.Opened(), closed = village.Closed();
  RawItem item = village.Noted(open);
  CHECK(item.state() == RawItem::RAW);
  CHECK(item.division() == kCommunity);  // the campaign's
  CHECK(absl::StartsWith(item.name(), open.name() + "/items/"));
  CHECK(village.TryNote(closed, village.federation).ok());
  CHECK(village.Counts(open) == "1 0 0");
  for (const Campaign& other : {village.Planned(), village.Reported(), village.Cancelled()}) {
    auto refused = village.TryNote(other, village.worker);
    CHECK(ReasonOf(refused.status()) == "STATE");
    CHECK(FactOf(refused.status(), "from") == Campaign::State_Name(other.state()));
    CHECK(village.Counts(other) == "0 0 0");
  }
  for (const Caller& who : {village.li, village.provider, village.leader, village.auditor}) {
    CHECK(ReasonOf(village.TryNote(open, who).status()) == "ROLE");
  }
  CHECK(ReasonOf(village.TryNote(open, village.stranger).status()) == "SCOPE");
  Campaign none;
  none.set_name("campaigns/0000000000000");
  CHECK(ReasonOf(village.TryNote(none, village.worker).status()) == "NOT_FOUND");
}

TEST_CASE("a town's campaign is noted and distilled by each village for itself",
          "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Opened(v1::HOME_VISIT, kTown);
  CHECK(ReasonOf(village.TryNote(campaign, village.worker).status()) == "SCOPE");
  CHECK(ReasonOf(village.TryNote(campaign, village.worker, kVillage).status()) == "SCOPE");
  CHECK(ReasonOf(village.TryNote(campaign, village.lead, "331082106001").status()) == "SCOPE");
  auto item = village.TryNote(campaign, village.worker, kCommunity);
  REQUIRE(item.ok());
  CHECK(village.Distilled(*item).state() == RawItem::DISTILLED);
  auto other = village.TryNote(campaign, village.lead, kVillage);
  REQUIRE(other.ok());
  CHECK(ReasonOf(village.TryDistil(*other, village.worker, [](Need&) {}).status()) == "NOT_FOUND");
  CHECK(village.Counts(campaign) == "1 1 0");
}

TEST_CASE("a speaker's name is for those who work with it", "[campaigns][E1][X10]") {
  Gathering village;
  RawItem item = village.Noted(village.Opened());
  v1::GetRawItemRequest get;
  get.set_name(item.name());
  CHECK(village.rig.Ask<RawItem>(get, village.leader)->speaker_name() == "王小明");
  CHECK(village.rig.Ask<RawItem>(get, village.auditor)->speaker_name() == "王**");
  CHECK(ReasonOf(village.rig.Ask<RawItem>(get, village.li).status()) == "ROLE");
  CHECK(ReasonOf(village.rig.Ask<RawItem>(get, village.stranger).status()) == "NOT_FOUND");
}

TEST_CASE("an item becomes a need that names the campaign it came out of", "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Opened(v1::HOME_VISIT);
  RawItem item = village.Noted(campaign);
  auto distilled = village.TryDistil(item, village.worker, [](Need& n) {
    n.set_channel(v1::ONLINE);  // it came by the campaign's method, whatever is said
    n.set_reporter("resident/li");
    n.set_kind(Need::CONSULT);
  });
  REQUIRE(distilled.ok());
  CHECK(distilled->state() == RawItem::DISTILLED);
  CHECK(distilled->decider() == "worker/wang");
  Need need;
  need.set_name(distilled->need());
  need = village.Get(need);
  CHECK(need.state() == Need::RECEIVED);
  CHECK(need.origin() == campaign.name());
  CHECK(need.channel() == v1::HOME_VISIT);
  CHECK_FALSE(need.receipt_number().empty());
  CHECK(Shown(need.follow_up()) == "11-23 10:00 / 11-23 11:00");
  CHECK(Shown(need.handle().due_time()) == "11-26 17:30");
  CHECK(village.Counts(campaign) == "0 1 0");
  // The person it is for finds it among their own.
  v1::GetNeedRequest get;
  get.set_name(need.name());
  CHECK(village.rig.Ask<Need>(get, village.li).ok());
  CHECK(village.Why<v1::ClaimNeedRequest>(need, village.worker) == "done");
}

TEST_CASE("an item is not distilled into what is elsewhere, not there, or given up",
          "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Opened(v1::SURVEY, kTown);
  RawItem item = *village.TryNote(campaign, village.lead, kCommunity);
  auto distil = [&](const Caller& who, auto fill) {
    return ReasonOf(village.TryDistil(item, who, fill).status());
  };
  CHECK(distil(village.worker, [](Need& n) { n.set_division(kVillage); }) == "SCOPE");
  const Caller wide = Person("worker/wide", {COMMUNITY_WORKER}, {"331082"});
  CHECK(distil(wide, [](Need& n) { n.set_division("331082106001"); }) == "RANGE");
  CHECK(distil(village.worker, [](Need& n) { n.set_name("needs/0000000000001"); }) ==
        "OUTPUT_ONLY");
  CHECK(distil(village.worker, [](Need& n) { n.set_owner("worker/wang"); }) == "OUTPUT_ONLY");
  CHECK(distil(village.worker, [](Need& n) { n.set_category("AGRI"); }) == "RANGE");
  CHECK(distil(village.federation, [](Need&) {}) == "ROLE");
  CHECK(distil(village.stranger, [](Need&) {}) == "NOT_FOUND");

  Need far = village.Register(village.li, [](Need& n) { n.set_division("331082106001"); });
  Need withdrawn = village.Do<v1::WithdrawNeedRequest>(village.Register(), village.li);
  Need refused = village.Do<v1::RefuseNeedRequest>(village.Register(), village.lead);
  auto into = [&](const std::string& need) {
    return ReasonOf(village.TryDistilInto(item, need).status());
  };
  CHECK(into("") == "REFERENCE");
  CHECK(into("needs/0000000000001") == "REFERENCE");
  CHECK(into(far.name()) == "REFERENCE");  // as what is not there
  CHECK(into(campaign.name()) == "REFERENCE");
  CHECK(into(withdrawn.name()) == "RANGE");
  CHECK(into(refused.name()) == "RANGE");
  // Nothing of it left a trace.
  CHECK(village.Counts(campaign) == "1 0 0");
  Need open = village.Register();
  auto distilled = village.TryDistilInto(item, open.name());
  REQUIRE(distilled.ok());
  CHECK(distilled->need() == open.name());
  CHECK(village.Get(open).origin().empty());  // it was there before
  CHECK(village.Counts(campaign) == "0 1 0");
}

TEST_CASE("of those who distil one item at once one makes a need", "[campaigns][E1][race]") {
  Gathering village;
  Campaign campaign = village.Opened();
  for (int round = 0; round < 10; ++round) {
    RawItem item = village.Noted(campaign);
    std::atomic<int> won{0}, version{0}, state{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> hands;
    for (int i = 0; i < 8; ++i) {
      hands.emplace_back([&, i] {
        v1::DistilRawItemRequest request;
        request.set_name(item.name());
        if (i % 2 == 0) request.set_etag(item.etag());
        *request.mutable_need() = Village::Request().need();
        while (!go) std::this_thread::yield();
        auto distilled = village.rig.Ask<RawItem>(request, village.worker);
        const std::string reason = distilled.ok() ? "" : ReasonOf(distilled.status());
        won += distilled.ok();
        version += reason == "VERSION";
        state += reason == "STATE";
      });
    }
    go = true;
    for (auto& hand : hands) hand.join();
    CHECK(won == 1);
    CHECK(won + version + state == 8);
    CHECK(village.Counts(campaign) == absl::StrCat("0 ", round + 1, " 0"));
  }
  v1::ListNeedsRequest list;
  CHECK(village.rig.Ask<v1::ListNeedsResponse>(list, village.auditor)->needs_size() == 10);
}

TEST_CASE("an item is set aside with a reason, and stays so", "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Opened();
  RawItem item = village.Noted(campaign);
  CHECK(village.Why<v1::SetAsideRawItemRequest>(item, village.li) == "ROLE");
  CHECK(village.Why<v1::SetAsideRawItemRequest>(item, village.stranger) == "NOT_FOUND");
  v1::SetAsideRawItemRequest empty;
  empty.set_name(item.name());
  CHECK(ReasonOf(village.rig.Ask<RawItem>(empty, village.worker).status()) == "REQUIRED");
  item = village.Do<v1::SetAsideRawItemRequest>(item, village.federation,
                                                [](auto& q) { q.set_reason("听不清"); });
  CHECK(item.state() == RawItem::SET_ASIDE);
  CHECK(item.set_aside_reason() == "听不清");
  CHECK(item.decider() == "federation/he");
  CHECK(village.Counts(campaign) == "0 0 1");
  CHECK(village.Why<v1::SetAsideRawItemRequest>(item, village.worker) == "STATE");
  CHECK(ReasonOf(village.TryDistil(item, village.worker, [](Need&) {}).status()) == "STATE");
  CHECK(village.Why<v1::SetAsideRawItemRequest>(village.Distilled(village.Noted(campaign)),
                                                village.worker) == "STATE");
  CHECK(village.Counts(campaign) == "0 1 1");
}

TEST_CASE("neither a report nor a cancellation leaves an item that nobody decided on",
          "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Opened();
  RawItem first = village.Noted(campaign), second = village.Noted(campaign);
  auto cancelled = village.Try<v1::CancelCampaignRequest>(campaign, village.worker, [](auto&) {});
  CHECK(ReasonOf(cancelled.status()) == "UNDISTILLED");
  village.Do<v1::CloseCampaignRequest>(campaign, village.worker);
  auto report = [&] {
    return village.Try<v1::ReportCampaignRequest>(campaign, village.worker,
                                                  [](auto& q) { q.set_report("两条诉求"); });
  };
  CHECK(FactOf(report().status(), "items") == "2");
  village.Distilled(first);
  auto one_left = report();
  CHECK(absl::IsFailedPrecondition(one_left.status()));
  CHECK(ReasonOf(one_left.status()) == "UNDISTILLED");
  CHECK(FactOf(one_left.status(), "items") == "1");
  village.Do<v1::SetAsideRawItemRequest>(second, village.worker);
  auto reported = report();
  REQUIRE(reported.ok());
  CHECK(reported->state() == Campaign::REPORTED);
  CHECK(reported->report() == "两条诉求");
  CHECK(ReasonOf(village.TryNote(campaign, village.worker).status()) == "STATE");

  Campaign off = village.Opened();
  village.Do<v1::SetAsideRawItemRequest>(village.Noted(off), village.worker);
  off = village.Do<v1::CancelCampaignRequest>(off, village.worker,
                                              [](auto& q) { q.set_reason("台风"); });
  CHECK(off.state() == Campaign::CANCELLED);
  CHECK(off.cancel_reason() == "台风");
}

TEST_CASE("the counts of a campaign are those of its items, whatever order they come in",
          "[campaigns][E1]") {
  Gathering village;
  Campaign campaign = village.Opened();
  std::mt19937 random(7);
  std::vector<RawItem> raw;
  for (int step = 0; step < 120; ++step) {
    if (raw.empty() || random() % 2 == 0) {
      raw.push_back(village.Noted(campaign));
      continue;
    }
    RawItem item = raw[random() % raw.size()];
    if (random() % 3 == 0) {
      village.Why<v1::SetAsideRawItemRequest>(item, village.worker);  // perhaps done already
    } else {
      (void)village.TryDistil(item, village.worker, [](Need&) {});
    }
  }
  auto listed = [&](RawItem::State state) {
    v1::ListRawItemsRequest list;
    list.set_parent(campaign.name());
    list.set_state(state);
    list.set_page_size(1000);
    return village.rig.Ask<v1::ListRawItemsResponse>(list, village.worker)->items_size();
  };
  CHECK(village.Counts(campaign) == absl::StrCat(listed(RawItem::RAW), " ",
                                                 listed(RawItem::DISTILLED), " ",
                                                 listed(RawItem::SET_ASIDE)));
  CHECK(listed(RawItem::RAW) + listed(RawItem::DISTILLED) + listed(RawItem::SET_ASIDE) ==
        static_cast<int>(raw.size()));
  v1::ListNeedsRequest needs;
  needs.set_page_size(1000);
  CHECK(village.rig.Ask<v1::ListNeedsResponse>(needs, village.worker)->needs_size() ==
        listed(RawItem::DISTILLED));
}

TEST_CASE("a resident's need may name the campaign that asked them", "[campaigns][E1][E2]") {
  Gathering village;
  auto register_from = [&](const Campaign& campaign, const std::string& division = kCommunity) {
    auto request = Village::Request("楼道灯坏了", division);
    request.mutable_need()->set_origin(campaign.name());
    auto need = village.rig.Ask<Need>(request, village.li);
    return need.ok() ? "done" : ReasonOf(need.status());
  };
  CHECK(register_from(village.Opened()) == "done");
  CHECK(register_from(village.Closed()) == "done");
  CHECK(register_from(village.Planned()) == "RANGE");
  CHECK(register_from(village.Reported()) == "RANGE");
  CHECK(register_from(village.Cancelled()) == "RANGE");
  CHECK(register_from(village.Opened(), kVillage) == "RANGE");
  CHECK(register_from(village.Opened(v1::SURVEY, kTown), kVillage) == "done");
  Campaign none;
  none.set_name("campaigns/0000000000000");
  CHECK(register_from(none) == "RANGE");
}

TEST_CASE("campaigns are found by division and state", "[campaigns][E1]") {
  Gathering village;
  village.Planned();
  village.Opened();
  village.Opened(v1::SURVEY, kTown);
  auto count = [&](const std::string& division, Campaign::State state) {
    v1::ListCampaignsRequest list;
    list.set_division(division);
    list.set_state(state);
    return village.rig.Ask<v1::ListCampaignsResponse>(list, village.li)->campaigns_size();
  };
  CHECK(count("", Campaign::STATE_UNSPECIFIED) == 3);
  CHECK(count(kTown, Campaign::STATE_UNSPECIFIED) == 3);
  CHECK(count(kCommunity, Campaign::STATE_UNSPECIFIED) == 2);
  CHECK(count(kTown, Campaign::OPEN) == 2);
  CHECK(count(kElsewhere, Campaign::STATE_UNSPECIFIED) == 0);
}

}  // namespace
}  // namespace linjuli::needs_intake
