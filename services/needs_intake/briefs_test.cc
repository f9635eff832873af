// Briefs: many needs, one idea for a project, traceable both ways (A13).
#include <functional>
#include <map>
#include <set>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::Brief;

struct Desk : Village {
  using Village::Village;

  absl::StatusOr<Brief> TryDraft(const Caller& who, const std::vector<std::string>& needs,
                                 const std::string& division = kCommunity) {
    v1::CreateBriefRequest request;
    request.mutable_brief()->set_division(division);
    for (const auto& need : needs) request.mutable_brief()->add_needs(need);
    FillRequired(request);
    return rig.Ask<Brief>(request, who);
  }
  Brief Draft(const std::vector<std::string>& needs) {
    auto brief = TryDraft(worker, needs);
    INFO(brief.status());
    REQUIRE(brief.ok());
    return *brief;
  }
  Brief Draft() { return Draft({Register().name()}); }
  Brief Published() { return Do<v1::PublishBriefRequest>(Draft(), lead); }
  Brief Withdrawn() { return Do<v1::WithdrawBriefRequest>(Draft(), lead); }

  std::string Add(const Brief& brief, const std::vector<std::string>& needs, const Caller& who) {
    return Why<v1::AddBriefNeedsRequest>(brief, who, [&](auto& q) {
      for (const auto& need : needs) q.add_needs(need);
    });
  }
  std::string Remove(const Brief& brief, const std::vector<std::string>& needs, const Caller& who) {
    return Why<v1::RemoveBriefNeedsRequest>(brief, who, [&](auto& q) {
      for (const auto& need : needs) q.add_needs(need);
    });
  }
  std::string Update(const Brief& brief, const Caller& who, const std::string& path) {
    v1::UpdateBriefRequest request;
    request.mutable_brief()->set_name(brief.name());
    request.mutable_brief()->set_title("一键叫餐");
    request.mutable_brief()->set_hypothesis("有人送餐就不用下楼");
    request.mutable_update_mask()->add_paths(path);
    auto updated = rig.Ask<Brief>(request, who);
    return updated.ok() ? "done" : ReasonOf(updated.status());
  }
  std::vector<std::string> NeedsOf(const Brief& brief) {
    v1::GetBriefRequest request;
    request.set_name(brief.name());
    auto got = rig.Ask<Brief>(request, auditor);
    REQUIRE(got.ok());
    return {got->needs().begin(), got->needs().end()};
  }
  std::vector<std::string> BriefsOf(const Need& need) {
    Need now = Get(need);
    return {now.briefs().begin(), now.briefs().end()};
  }
};

using Names = std::vector<std::string>;

TEST_CASE("a brief names its needs, and each need names the brief", "[briefs][A13]") {
  Desk village;
  Need first = village.Register(), second = village.Closed();
  Brief brief = village.Draft({first.name(), second.name(), first.name()});
  CHECK(brief.state() == Brief::DRAFT);
  CHECK(brief.author() == "worker/wang");
  CHECK(village.NeedsOf(brief) == Names{first.name(), second.name()});  // each once
  CHECK(village.BriefsOf(first) == Names{brief.name()});
  CHECK(village.BriefsOf(second) == Names{brief.name()});
  Brief other = village.Draft({first.name()});
  CHECK(village.BriefsOf(first) == Names{brief.name(), other.name()});
  // It stands in the need's history, and moves nothing.
  bool told = false;
  for (const auto& change : village.ChangesAfter(0)) {
    told |= change.resource() == second.name() && change.state_before() == "CLOSED" &&
            change.state_after() == "CLOSED" &&
            change.method() == "linjuli.needs_intake.v1.NeedsIntake.CreateBrief";
  }
  CHECK(told);
}

TEST_CASE("those who work for the area and its federation draft; others do not, and read by area",
          "[briefs][A13]") {
  Desk village;
  Need need = village.Register();
  for (const Caller& who : {village.li, village.agent, village.provider, village.leader,
                            village.auditor, village.program}) {
    CHECK(ReasonOf(village.TryDraft(who, {need.name()}).status()) == "ROLE");
  }
  CHECK(village.TryDraft(village.federation, {need.name()}, "331082001").ok());
  Brief brief = village.Draft({need.name()});
  v1::GetBriefRequest get;
  get.set_name(brief.name());
  auto read = [&](const Caller& who) {
    auto seen = village.rig.Ask<Brief>(get, who);
    return seen.ok() ? "done" : ReasonOf(seen.status());
  };
  CHECK(read(village.provider) == "done");  // who draws up a bid
  CHECK(read(village.leader) == "done");
  CHECK(read(village.program) == "done");
  CHECK(read(village.li) == "ROLE");
  CHECK(read(village.stranger) == "NOT_FOUND");
  CHECK(village.Add(brief, {need.name()}, village.stranger) == "NOT_FOUND");
  CHECK(village.Add(brief, {need.name()}, village.provider) == "ROLE");
  CHECK(village.Remove(brief, {need.name()}, village.leader) == "ROLE");
}

TEST_CASE("a need of another division is answered like one that is not there", "[briefs][A13]") {
  Desk village;
  Need here = village.Register();
  Need near = village.Register(village.li, [](Need& n) { n.set_division(kVillage); });
  Need far = village.Register(village.li, [](Need& n) { n.set_division("331082106001"); });
  const std::string none = "needs/0000000000001";
  for (const std::string& name : {near.name(), far.name(), none}) {
    CHECK(ReasonOf(village.TryDraft(village.worker, {here.name(), name}).status()) == "REFERENCE");
    CHECK(village.Add(village.Draft({here.name()}), {name}, village.worker) == "REFERENCE");
  }
  // Nor does a brief for a division that is not one's own tell what lies there.
  Need given_up = village.Do<v1::WithdrawNeedRequest>(
      village.Register(village.li, [](Need& n) { n.set_division("331082106001"); }), village.li);
  for (const std::string& name : {far.name(), given_up.name(), none}) {
    CHECK(ReasonOf(village.TryDraft(village.worker, {name}, kElsewhere).status()) == "SCOPE");
  }
  // A refused draft leaves no mark: those of the three that stand, and no more.
  CHECK(village.BriefsOf(here).size() == 3);
  // A town's brief takes the needs of all its villages.
  CHECK(village.TryDraft(village.lead, {here.name(), near.name()}, "331082001").ok());
  CHECK(ReasonOf(village.TryDraft(village.worker, {here.name()}, "331082001").status()) == "SCOPE");
}

TEST_CASE("what was refused or taken back is no reason for a project", "[briefs][A13]") {
  Desk village;
  Need refused = village.Do<v1::RefuseNeedRequest>(village.Register(), village.lead);
  Need withdrawn = village.Do<v1::WithdrawNeedRequest>(village.Register(), village.li);
  CHECK(ReasonOf(village.TryDraft(village.worker, {refused.name()}).status()) == "RANGE");
  CHECK(village.Add(village.Draft(), {withdrawn.name()}, village.worker) == "RANGE");
  CHECK(ReasonOf(village.TryDraft(village.worker, {}).status()) == "REQUIRED");
}

TEST_CASE("needs are taken into a draft and out of it, and one remains", "[briefs][A13]") {
  Desk village;
  Need first = village.Register(), second = village.Register(), third = village.Register();
  Brief brief = village.Draft({first.name()});
  CHECK(village.Add(brief, {second.name(), first.name(), second.name()}, village.worker) == "done");
  CHECK(village.NeedsOf(brief) == Names{first.name(), second.name()});
  CHECK(village.BriefsOf(first) == Names{brief.name()});
  CHECK(village.Remove(brief, {third.name()}, village.worker) == "REFERENCE");
  CHECK(village.Remove(brief, {second.name(), second.name()}, village.worker) == "REFERENCE");
  CHECK(village.Remove(brief, {first.name(), second.name()}, village.worker) == "RANGE");
  CHECK(village.NeedsOf(brief).size() == 2);
  CHECK(village.Remove(brief, {first.name()}, village.federation) == "done");
  CHECK(village.NeedsOf(brief) == Names{second.name()});
  CHECK(village.BriefsOf(first).empty());
  CHECK(village.BriefsOf(second) == Names{brief.name()});
}

TEST_CASE("a brief holds 200 needs and a need 100 briefs, and not one more", "[briefs][A13]") {
  Desk village;
  Names needs;
  for (int i = 0; i < 201; ++i) needs.push_back(village.Register().name());
  Need last = village.Register();
  Names most(needs.begin(), needs.begin() + 200);
  CHECK(ReasonOf(village.TryDraft(village.worker, needs).status()) == "TOO_MANY");
  Brief full = village.Draft(most);
  CHECK(village.Add(full, {last.name()}, village.worker) == "RANGE");
  CHECK(village.BriefsOf(last).empty());  // as if nothing had been asked
  CHECK(village.Add(full, {most[0]}, village.worker) == "done");
  for (int i = 0; i < 100; ++i) village.Draft({last.name()});
  CHECK(ReasonOf(village.TryDraft(village.worker, {last.name()}).status()) == "RANGE");
  CHECK(village.BriefsOf(last).size() == 100);
}

TEST_CASE("a brief's verbs go where its states allow, and nowhere else", "[briefs][A13]") {
  Desk village;
  Need need = village.Register();
  const std::map<std::string, std::function<Brief()>> states = {
      {"DRAFT", [&] { return village.Draft(); }},
      {"PUBLISHED", [&] { return village.Published(); }},
      {"WITHDRAWN", [&] { return village.Withdrawn(); }}};
  const std::map<std::string, std::function<std::string(const Brief&)>> verbs = {
      {"update", [&](auto& b) { return village.Update(b, village.worker, "title"); }},
      {"addNeeds", [&](auto& b) { return village.Add(b, {need.name()}, village.worker); }},
      {"publish", [&](auto& b) { return village.Why<v1::PublishBriefRequest>(b, village.lead); }},
      {"withdraw",
       [&](auto& b) { return village.Why<v1::WithdrawBriefRequest>(b, village.federation); }}};
  const std::set<std::string> allowed = {"DRAFT update", "DRAFT addNeeds", "DRAFT publish",
                                         "DRAFT withdraw", "PUBLISHED withdraw"};
  for (const auto& [state, reach] : states) {
    for (const auto& [verb, use] : verbs) {
      Brief brief = reach();
      REQUIRE(Brief::State_Name(brief.state()) == state);
      INFO(state << " " << verb);
      CHECK(use(brief) == (allowed.count(state + " " + verb) ? "done" : "STATE"));
    }
    Brief brief = reach();
    CHECK(village.Remove(brief, {brief.needs(0)}, village.worker) ==
          (state == "DRAFT" ? "RANGE" : "STATE"));
  }
}

TEST_CASE("publishing and giving up is for a lead or the federation", "[briefs][A13]") {
  Desk village;
  Brief brief = village.Draft();
  CHECK(village.Why<v1::PublishBriefRequest>(brief, village.worker) == "ROLE");
  CHECK(village.Why<v1::WithdrawBriefRequest>(brief, village.worker) == "ROLE");
  CHECK(village.Why<v1::PublishBriefRequest>(
            brief, Person("lead/far", {LEAD_WORKER}, {kElsewhere})) == "NOT_FOUND");
  CHECK(village.Do<v1::PublishBriefRequest>(brief, village.federation).state() == Brief::PUBLISHED);
}

TEST_CASE("a brief that is given up keeps its list and lets its needs go", "[briefs][A13]") {
  Desk village;
  Need need = village.Register();
  Brief brief = village.Draft({need.name()}), other = village.Draft({need.name()});
  v1::WithdrawBriefRequest empty;
  empty.set_name(brief.name());
  CHECK(ReasonOf(village.rig.Ask<Brief>(empty, village.lead).status()) == "REQUIRED");
  village.Do<v1::PublishBriefRequest>(brief, village.lead);
  brief = village.Do<v1::WithdrawBriefRequest>(brief, village.lead,
                                               [](auto& q) { q.set_reason("已有项目"); });
  CHECK(brief.withdraw_reason() == "已有项目");
  CHECK(village.NeedsOf(brief) == Names{need.name()});
  CHECK(village.BriefsOf(need) == Names{other.name()});
}

TEST_CASE("a draft's words change, its needs by their own verbs only", "[briefs][A13]") {
  Desk village;
  Brief brief = village.Draft();
  CHECK(village.Update(brief, village.worker, "title") == "done");
  CHECK(village.Update(brief, village.worker, "hypothesis") == "done");
  for (const char* path : {"needs", "division"}) {
    CHECK(village.Update(brief, village.worker, path) != "done");
  }
  for (const char* path : {"author", "state", "withdraw_reason"}) {
    CHECK(village.Update(brief, village.worker, path) == "OUTPUT_ONLY");
  }
  CHECK(village.Update(brief, village.li, "title") == "ROLE");
  CHECK(village.Update(brief, village.stranger, "title") == "NOT_FOUND");
  v1::GetBriefRequest get;
  get.set_name(brief.name());
  CHECK(village.rig.Ask<Brief>(get, village.worker)->title() == "一键叫餐");
}

TEST_CASE("briefs are found by division and state", "[briefs][A13]") {
  Desk village;
  village.Draft();
  village.Published();
  auto count = [&](const Caller& who, const std::string& division, Brief::State state) {
    v1::ListBriefsRequest list;
    list.set_division(division);
    list.set_state(state);
    return village.rig.Ask<v1::ListBriefsResponse>(list, who)->briefs_size();
  };
  CHECK(count(village.provider, "", Brief::STATE_UNSPECIFIED) == 2);
  CHECK(count(village.provider, kCommunity, Brief::PUBLISHED) == 1);
  CHECK(count(village.provider, kVillage, Brief::STATE_UNSPECIFIED) == 0);
  CHECK(count(village.stranger, "", Brief::STATE_UNSPECIFIED) == 0);
}

}  // namespace
}  // namespace linjuli::needs_intake
