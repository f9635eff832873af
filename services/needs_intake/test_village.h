// A village with its people and the service that hears their needs, for tests.
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_TEST_VILLAGE_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_TEST_VILLAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "catch2/catch.hpp"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/service.h"
#include "tests/city_rig.h"

namespace linjuli::needs_intake {

inline constexpr char kCommunity[] = "331082001001";  // 文化社区, urban
inline constexpr char kVillage[] = "331082001201";    // 谢里王村, rural, of the same town
inline constexpr char kElsewhere[] = "331082106";     // another town

// A clock as people read it: "11-23 10:00 / 11-23 11:00", warning and due time in China.
inline std::string Shown(const google::protobuf::Timestamp& stamp) {
  return absl::FormatTime("%m-%d %H:%M", ToTime(stamp), ChinaTime());
}
inline std::string Shown(const v1::Clock& clock) {
  return Shown(clock.warn_time()) + " / " + Shown(clock.due_time());
}

struct Village {
  // A Monday in the middle of four ordinary weeks.
  explicit Village(const std::string& now = "2026-11-23 09:00",
                   const std::string& standard = LinhaiFolder())
      : rig(NeedsIntake, Needs(), ChinaAt(now), standard) {}

  const Caller li = Person("resident/li", {RESIDENT});
  const Caller chen = Person("resident/chen", {RESIDENT});
  const Caller agent = Person("agent/gu", {AGENT});
  const Caller worker = Person("worker/wang", {COMMUNITY_WORKER}, {kCommunity});
  const Caller colleague = Person("worker/zhao", {COMMUNITY_WORKER}, {"331082001"});
  const Caller stranger = Person("worker/far", {COMMUNITY_WORKER}, {kElsewhere});
  const Caller lead = Person("lead/sun", {LEAD_WORKER}, {"331082001"});
  const Caller other_lead = Person("lead/zhou", {LEAD_WORKER}, {"331082001"});
  const Caller leader = Person("leader/wu", {LEADER}, {"331082"});
  const Caller provider = Person("provider/qian", {PROVIDER}, {"331082001"});
  const Caller federation = Person("federation/he", {FEDERATION}, {"331082001"});
  const Caller program = Person("service/bidding", {SERVICE});
  const Caller auditor = Person("auditor/jin", {AUDITOR});
  CityRig rig;

  static v1::CreateNeedRequest Request(const std::string& text = "楼道灯坏了",
                                       const std::string& division = kCommunity) {
    v1::CreateNeedRequest request;
    request.mutable_need()->set_text(text);
    request.mutable_need()->set_division(division);
    request.mutable_need()->set_channel(v1::ONLINE);
    return request;
  }

  // `fill` changes the need before it is sent; so do the other functions with a `fill`.
  template <typename F>
  Need Register(const Caller& who, F fill) {
    v1::CreateNeedRequest request = Request();
    fill(*request.mutable_need());
    auto need = rig.Ask<Need>(request, who);
    INFO(need.status());
    REQUIRE(need.ok());
    return *std::move(need);
  }
  Need Register() {
    return Register(li, [](Need&) {});
  }

  // A mandate of the resident's for everything, in force.
  v1::Mandate Mandated(const Caller& principal) {
    v1::CreateMandateRequest request;
    v1::Mandate& mandate = *request.mutable_mandate();
    mandate.set_principal(principal.subject);
    mandate.set_agent(agent.subject);
    mandate.set_relation(v1::Mandate::VILLAGE_AGENT);
    mandate.set_division(kCommunity);
    mandate.set_all_items(true);
    Stamp(mandate.mutable_end_time(), rig.clock.Now() + absl::Hours(24 * 20));
    return Do<v1::ActivateMandateRequest>(Make<v1::Mandate>(request, principal), principal);
  }

  // Asks for something that must be granted.
  template <typename M, typename Q>
  M Make(const Q& request, const Caller& who) {
    auto made = rig.Ask<M>(request, who);
    INFO(made.status());
    REQUIRE(made.ok());
    return *std::move(made);
  }

  // A verb on a resource; what it must carry and `fill` leaves out is filled in.
  template <typename Q, typename M, typename F>
  absl::StatusOr<M> Try(const M& resource, const Caller& who, F fill) {
    Q request;
    request.set_name(resource.name());
    fill(request);
    FillRequired(request);
    return rig.Ask<M>(request, who);
  }
  template <typename Q, typename M, typename F>
  M Do(const M& resource, const Caller& who, F fill) {
    auto changed = Try<Q>(resource, who, fill);
    INFO(changed.status());
    REQUIRE(changed.ok());
    return *std::move(changed);
  }
  template <typename Q, typename M>
  M Do(const M& resource, const Caller& who) {
    return Do<Q>(resource, who, [](Q&) {});
  }
  // The reason of the refusal; "done" where there was none.
  template <typename Q, typename M, typename F>
  std::string Why(const M& resource, const Caller& who, F fill) {
    auto changed = Try<Q>(resource, who, fill);
    return changed.ok() ? "done" : ReasonOf(changed.status());
  }
  template <typename Q, typename M>
  std::string Why(const M& resource, const Caller& who) {
    return Why<Q>(resource, who, [](Q&) {});
  }

  Need Get(const Need& need) {
    v1::GetNeedRequest request;
    request.set_name(need.name());
    auto got = rig.Ask<Need>(request, auditor);
    INFO(got.status());
    REQUIRE(got.ok());
    return *std::move(got);
  }

  // Ways to a state.
  Need Claimed() { return Do<v1::ClaimNeedRequest>(Register(), worker); }
  Need InHandling() { return Do<v1::StartNeedRequest>(Claimed(), worker); }
  Need Answered() { return Do<v1::AnswerNeedRequest>(InHandling(), worker); }
  Need Solved(const Need& need) {
    return Do<v1::RecordCallbackRequest>(need, li,
                                         [](auto& q) { q.mutable_callback()->set_solved(true); });
  }
  Need Unsolved(const Need& need) { return Do<v1::RecordCallbackRequest>(need, li); }
  Need Closed() { return Do<v1::CloseNeedRequest>(Solved(Answered()), worker); }

  void Go(const std::string& time) { rig.clock.Set(ChinaAt(time)); }

  // All changes of the log after a place.
  std::vector<changes::v1::Change> ChangesAfter(int64_t sequence) {
    std::vector<changes::v1::Change> all;
    while (true) {
      auto batch = rig.service().store().Read("", sequence, 1000);
      LJ_CHECK(batch.ok(), std::string(batch.status().message()));
      if (batch->changes.empty()) return all;
      sequence = batch->changes.back().sequence();
      for (auto& change : batch->changes) all.push_back(std::move(change));
    }
  }
};

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_TEST_VILLAGE_H_
