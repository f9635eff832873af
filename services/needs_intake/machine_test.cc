// The need as a machine: whatever anybody does in whatever order, what must hold holds
// (reliability, invariants N1–N4). The test knows the declared moves from the descriptors alone.
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_split.h"
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using google::protobuf::MethodDescriptor;

constexpr unsigned kSeed = 4326;
constexpr int kNeeds = 200;
constexpr int kVerbs = 20000;
constexpr char kClock[] = "linjuli.needs_intake.v1.Need.OnDue";

// "A | B -> C" as pairs of names; "-> C" begins with nothing, "A" stays.
using Edges = std::set<std::pair<std::string, std::string>>;

void AddEdges(const std::string& text, Edges& edges) {
  std::vector<std::string> sides = absl::StrSplit(text, "->");
  auto names = [](const std::string& side) {
    std::vector<std::string> found;
    for (auto part : absl::StrSplit(side, '|')) {
      std::string name(absl::StripAsciiWhitespace(part));
      if (!name.empty()) found.push_back(name);
    }
    return found;
  };
  std::vector<std::string> from = names(sides[0]);
  if (from.empty()) from = {""};
  for (const auto& before : from) {
    if (sides.size() == 1) edges.insert({before, before});
    for (const auto& after : sides.size() == 1 ? std::vector<std::string>() : names(sides[1])) {
      edges.insert({before, after});
    }
  }
}

bool Open(Need::State state) { return state < Need::CONFIRMED; }

class Walk {
 public:
  Walk() : village_("2026-01-05 09:00"), random_(kSeed) {
    const auto* service = village_.rig.service().plan().service;
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor* method = service->method(i);
      AddEdges(method->options().GetExtension(linjuli::transition), edges_[method->full_name()]);
      if (method->output_type() == Need::descriptor() &&
          method->input_type()->FindFieldByName("etag")) {
        verbs_.push_back(method);
      }
    }
    Edges& clock = edges_[kClock];
    const auto& stored = Need::descriptor()->options().GetExtension(linjuli::stored);
    for (const auto& move : stored.transition()) AddEdges(move, clock);
    for (int state = 1; Need::State_IsValid(state); ++state) {
      const std::string& name = Need::State_Name(static_cast<Need::State>(state));
      clock.insert({name, name});  // raises an alarm
    }
    people_ = {village_.li,       village_.chen,       village_.worker,     village_.colleague,
               village_.stranger, village_.lead,       village_.other_lead, village_.leader,
               village_.provider, village_.federation, village_.program,    village_.auditor};
  }

  void Run() {
    for (int i = 0; i < kNeeds; ++i) Register();
    for (step_ = 0; step_ < kVerbs; ++step_) {
      if (Below(12) == 0) MoveTime();
      if (Below(500) == 0) {
        village_.rig.Restart();
        CheckAll();
      }
      if (Below(60) == 0) Register();
      TryVerb();
      Follow();
    }
    village_.rig.RunDue();
    Follow();
    CheckAll();
  }

  std::map<std::string, int> done, refused;  // by verb
  int registered() const { return static_cast<int>(known_.size()); }
  int changes() const { return static_cast<int>(sequence_); }

 private:
  int Below(int n) { return static_cast<int>(random_() % n); }

  // Under a request id, and perhaps again: N3, a retry makes no second need.
  void Register() {
    auto request = Village::Request(absl::StrCat("诉求", known_.size()));
    Need& need = *request.mutable_need();
    need.set_kind(static_cast<Need::Kind>(Below(4)));
    need.set_scope(static_cast<v1::NeedClass>(Below(4)));
    need.set_level(static_cast<v1::ServiceLevel>(Below(5)));
    need.set_urgent(Below(5) == 0);
    request.set_request_id(absl::StrCat("walk-", known_.size()));
    auto made = village_.rig.Ask<Need>(request, village_.li);
    INFO("step " << step_ << " " << made.status());
    REQUIRE(made.ok());
    names_.push_back(made->name());
    Follow();
    for (int again = Below(3); again > 0; --again) {
      CHECK(village_.rig.Ask<Need>(request, village_.li)->name() == made->name());
      Follow();
    }
    REQUIRE(known_.size() == names_.size());
  }

  void MoveTime() {
    village_.rig.clock.Advance(Below(8) == 0 ? -absl::Minutes(Below(300))
                                             : absl::Minutes(Below(600)));
    if (Below(3) == 0) return;
    village_.rig.RunDue();
    Follow();
    // N2: whatever is past its time has been raised.
    absl::Time now = village_.rig.clock.Now();
    for (const auto& [name, need] : known_) {
      INFO("step " << step_ << " " << name);
      REQUIRE((!need.has_next_check_time() || ToTime(need.next_check_time()) > now));
    }
  }

  // Mostly something that is allowed, often something that is not.
  void TryVerb() {
    const std::string name =
        names_[names_.size() - 1 - Below(std::min<int>(kNeeds, names_.size()))];
    const Need& need = known_.at(name);
    const MethodDescriptor* method = verbs_[Below(verbs_.size())];
    if (Below(4) != 0) {
      // Rare are the verbs after which nothing more happens.
      for (int tries = 0; tries < 40; ++tries) {
        method = verbs_[Below(verbs_.size())];
        bool ends = method->name() == "WithdrawNeed" || method->name() == "MergeNeed" ||
                    method->name() == "RefuseNeed";
        if (ends && Below(10) != 0) continue;
        bool fits = false;
        for (const auto& edge : edges_[method->full_name()]) {
          fits |= edge.first == Need::State_Name(need.state());
        }
        if (fits) break;
      }
    }
    std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(method->input_type())
            ->New());
    const auto* in = method->input_type();
    auto set = [&](const char* field, const std::string& value) {
      if (const auto* f = in->FindFieldByName(field)) {
        request->GetReflection()->SetString(request.get(), f, value);
      }
    };
    set("name", name);
    if (Below(4) == 0) set("etag", Below(2) == 0 ? need.etag() : "stale");
    set("survivor", names_[Below(names_.size())]);
    set("receiver", people_[Below(people_.size())].subject);  // a resident, too
    if (method->name() == "DispatchNeed") set("owner", people_[2 + Below(4)].subject);
    for (const char* flag : {"consent", "emergency"}) {
      if (const auto* f = in->FindFieldByName(flag)) {
        request->GetReflection()->SetBool(request.get(), f, Below(2) == 0);
      }
    }
    if (auto* answer = dynamic_cast<v1::AnswerNeedRequest*>(request.get()); answer && Below(2)) {
      answer->mutable_answer()->add_evidence_hashes(std::string(64, 'a'));
    }
    if (auto* back = dynamic_cast<v1::RecordCallbackRequest*>(request.get())) {
      back->mutable_callback()->set_solved(Below(3) == 0);
    }
    if (auto* classify = dynamic_cast<v1::ClassifyNeedRequest*>(request.get())) {
      classify->set_kind(static_cast<Need::Kind>(Below(4)));
      if (Below(2)) classify->set_urgent(Below(2));
      if (Below(2)) classify->set_reason("重新分类");
    }
    FillRequired(*request);
    const Caller& who = Below(4) == 0 ? people_[Below(people_.size())] : Fitting(*method, need);
    const std::string etag = need.etag();
    const int64_t before = sequence_;
    Reply reply = village_.rig.Send(method, *request, who);
    Follow();
    INFO("step " << step_ << " " << method->name() << " by " << who.subject << ": "
                 << reply.status());
    if (reply.ok()) {
      ++done[method->name()];
      REQUIRE(sequence_ > before);  // one verb, one change, or more where needs are joined
      REQUIRE(last_.resource() == name);
      REQUIRE(last_.method() == method->full_name());
      REQUIRE(last_.caller() == who.subject);
      const Need& answered = static_cast<const Need&>(**reply);
      REQUIRE(answered.etag() == known_.at(name).etag());
      REQUIRE(answered.state() == known_.at(name).state());
    } else {
      ++refused[method->name()];
      REQUIRE_FALSE(ReasonOf(reply.status()).empty());
      REQUIRE(sequence_ == before);  // a refusal leaves nothing
      REQUIRE(known_.at(name).etag() == etag);
    }
  }

  // Somebody whom the method is for, as far as the declaration tells.
  const Caller& Fitting(const MethodDescriptor& method, const Need& need) {
    std::vector<const Caller*> fit;
    for (const Allow& allow : method.options().GetExtension(access).allow()) {
      std::string named = allow.field().empty()      ? need.reporter()
                          : allow.field() == "owner" ? need.owner()
                                                     : need.referral().receiver();
      if (allow.scope() == Allow::MANDATE) continue;
      for (const Caller& person : people_) {
        bool has_role = false;
        for (int role : allow.role()) has_role |= person.Has(static_cast<Role>(role));
        bool reaches = allow.scope() == Allow::OWNER  ? person.subject == named
                       : allow.scope() == Allow::AREA ? person.Covers(need.division())
                                                      : true;
        if (has_role && reaches) fit.push_back(&person);
      }
    }
    return fit.empty() ? people_[Below(people_.size())] : *fit[Below(fit.size())];
  }

  // Reads what has been written since, and judges every change of it.
  void Follow() {
    for (const auto& change : village_.ChangesAfter(sequence_)) {
      INFO("step " << step_ << " " << change.ShortDebugString());
      REQUIRE(change.sequence() == sequence_ + 1);
      sequence_ = change.sequence();
      Need need;
      REQUIRE(need.ParseFromString(change.snapshot().value()));
      Need& before = known_[need.name()];
      REQUIRE(change.state_before() ==
              (before.name().empty() ? "" : Need::State_Name(before.state())));
      REQUIRE(change.state_after() == Need::State_Name(need.state()));
      // What else a verb moves (needs that are joined) moves as the clock may.
      const std::pair<std::string, std::string> edge(change.state_before(), change.state_after());
      REQUIRE(edges_[change.method()].count(edge) + edges_[kClock].count(edge) > 0);
      CheckNeed(before, need, change.method());
      before = need;
      last_ = change;
    }
  }

  void CheckNeed(const Need& before, const Need& need, const std::string& method) {
    // N2: an open need has an owner, or lies in the pool or with a leader, and a clock that is
    // running or has raised its alarm, or says which calendar it waits for.
    bool pool = need.state() == Need::RECEIVED || need.state() == Need::SUPERVISED;
    if (Open(need.state())) REQUIRE(need.owner().empty() == pool);
    auto watched = [](const v1::Clock& clock) {
      return clock.alarm() == v1::Clock::OVERDUE || clock.missing_year() != 0 ||
             clock.has_due_time();
    };
    bool by_project = need.state() == Need::LISTED || need.state() == Need::FUNDED ||
                      need.state() == Need::BEING_SERVED;
    if (Open(need.state()) && !by_project) {
      const v1::Clock& clock = need.state() == Need::ANSWERED ? need.feedback() : need.handle();
      REQUIRE(watched(clock));
      REQUIRE((clock.alarm() == v1::Clock::OVERDUE || need.has_next_check_time()));
    }
    if (need.state() == Need::RECEIVED) {
      REQUIRE(watched(need.follow_up()));
      REQUIRE((need.follow_up().alarm() == v1::Clock::OVERDUE || need.has_next_check_time()));
    }
    // An answer that must show what was done, does; it stands unless the need is classified anew.
    if (need.state() == Need::ANSWERED && before.state() != Need::ANSWERED &&
        method.find("AnswerNeed") != std::string::npos &&
        (need.level() == v1::REMEDIAL || need.scope() == v1::SPECIAL)) {
      REQUIRE(need.answer().evidence_hashes_size() > 0);
    }
    // N3: a merged need names the one that stands for it.
    if (need.state() == Need::MERGED) {
      REQUIRE(known_.count(need.merge().survivor()) == 1);
      REQUIRE(need.merge().survivor() != need.name());
    }
    // N4: what is over stays over, but for a recorded opening, an appeal, an unmerge.
    if (before.state() == Need::CLOSED) REQUIRE(method.find("ReopenNeed") != std::string::npos);
    if (before.state() == Need::WITHDRAWN) REQUIRE(method == kClock);
    // Alarms go up one by one while the clock is the same one.
    auto climbs = [](const v1::Clock& was, const v1::Clock& is) {
      bool same = was.start_time().SerializeAsString() == is.start_time().SerializeAsString() &&
                  was.due_time().SerializeAsString() == is.due_time().SerializeAsString();
      return !same || is.alarm() == was.alarm() || is.alarm() == was.alarm() + 1;
    };
    if (method == kClock) {
      REQUIRE(climbs(before.follow_up(), need.follow_up()));
      REQUIRE(climbs(before.handle(), need.handle()));
      REQUIRE(climbs(before.feedback(), need.feedback()));
    }
    // What was written once stays.
    if (!before.name().empty()) {
      REQUIRE(need.text() == before.text());
      REQUIRE(need.receipt_number() == before.receipt_number());
      REQUIRE(need.callbacks_size() >= before.callbacks_size());
      REQUIRE(need.notices_size() >= before.notices_size());
    }
  }

  // N1: what was acknowledged is there, in the state that the log tells, and the reporter sees it.
  void CheckAll() {
    std::set<std::string> receipts;
    for (const auto& [name, need] : known_) {
      v1::GetNeedRequest request;
      request.set_name(name);
      auto seen = village_.rig.Ask<Need>(request, village_.li);
      INFO("step " << step_ << " " << name << " " << seen.status());
      REQUIRE(seen.ok());
      REQUIRE(seen->state() == need.state());
      REQUIRE(seen->etag() == need.etag());
      REQUIRE(receipts.insert(seen->receipt_number()).second);
    }
  }

  Village village_;
  std::mt19937 random_;
  std::vector<Caller> people_;
  std::vector<const MethodDescriptor*> verbs_;
  std::map<std::string, Edges> edges_;  // by method
  std::vector<std::string> names_;      // in the order of registration
  std::map<std::string, Need> known_;   // as the log tells
  changes::v1::Change last_;
  int64_t sequence_ = 0;
  int step_ = 0;
};

TEST_CASE("20,000 random verbs by random people leave every need where the declarations allow",
          "[machine][N1][N2][N3][N4]") {
  INFO("seed " << kSeed);
  Walk walk;
  walk.Run();
  int done = 0, refused = 0;
  for (const auto& [verb, times] : walk.done) done += times;
  for (const auto& [verb, times] : walk.refused) refused += times;
  WARN("seed " << kSeed << ": " << walk.registered() << " needs, " << done << " verbs done, "
               << refused << " refused, " << walk.changes() << " changes");
  CHECK(done + refused == kVerbs);
  // The walk goes everywhere: every verb was done and refused.
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "linjuli.needs_intake.v1.NeedsIntake");
  for (int i = 0; i < service->method_count(); ++i) {
    const auto* method = service->method(i);
    if (method->output_type() != Need::descriptor() ||
        method->input_type()->FindFieldByName("etag") == nullptr) {
      continue;
    }
    INFO(method->name());
    CHECK(walk.done[method->name()] > 0);
    CHECK(walk.refused[method->name()] > 0);
  }
}

}  // namespace
}  // namespace linjuli::needs_intake
