// Which hands may take a need, and the class that says so (E4, E8).
#include <functional>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

std::string Claim(Village& village, const std::string& category, Role role) {
  Need need = village.Register(village.li, [&](Need& n) { n.set_category(category); });
  return village.Why<v1::ClaimNeedRequest>(need, Person("hand", {role}, {kCommunity}));
}

TEST_CASE("a need is taken by the hands that the standard gives its category", "[hands][E8]") {
  Village village;
  for (Role role : {COMMUNITY_WORKER, LEAD_WORKER}) {
    for (const char* category :
         {"PARTY_MASS", "BENEFIT", "HEALTH", "EMPLOYMENT", "INCUBATION", "VOLUNTEER", "PERSONAL"}) {
      CHECK(Claim(village, category, role) == "done");
    }
  }
  for (const char* category : {"BENEFIT", "VOLUNTEER", "PERSONAL"}) {
    CHECK(Claim(village, category, VOLUNTEER) == "done");
    CHECK(Claim(village, category, PROVIDER) == "done");
  }
  for (const char* category : {"HEALTH", "EMPLOYMENT", "INCUBATION"}) {
    CHECK(Claim(village, category, VOLUNTEER) == "HANDS");
    CHECK(Claim(village, category, PROVIDER) == "done");
  }
  CHECK(Claim(village, "PARTY_MASS", VOLUNTEER) == "HANDS");
  CHECK(Claim(village, "PARTY_MASS", PROVIDER) == "HANDS");
}

TEST_CASE("a need without a category is for all four kinds of hands", "[hands][E8]") {
  Village village;
  for (Role role : {COMMUNITY_WORKER, LEAD_WORKER, PROVIDER, VOLUNTEER}) {
    CHECK(Claim(village, "", role) == "done");
  }
}

TEST_CASE("whoever has the wrong hands is told so, and the need stays in the pool", "[hands][E8]") {
  Village village;
  Need need = village.Register(village.li, [](Need& n) { n.set_category("HEALTH"); });
  const Caller volunteer = Person("volunteer/fu", {VOLUNTEER}, {kCommunity});
  auto refused = village.Try<v1::ClaimNeedRequest>(need, volunteer, [](auto&) {});
  CHECK(absl::IsPermissionDenied(refused.status()));
  CHECK(ReasonOf(refused.status()) == "HANDS");
  CHECK(FactOf(refused.status(), "category") == "HEALTH");
  CHECK(village.Get(need).state() == Need::RECEIVED);
  // Whoever has two pairs of hands may use either.
  CHECK(village.Why<v1::ClaimNeedRequest>(
            need, Person("volunteer/nurse", {VOLUNTEER, PROVIDER}, {kCommunity})) == "done");
  // The class decides when it is claimed, not when it was registered.
  Need other = village.Register(village.li, [](Need& n) { n.set_category("HEALTH"); });
  village.Do<v1::ClassifyNeedRequest>(other, village.worker,
                                      [](auto& q) { q.set_category("VOLUNTEER"); });
  CHECK(village.Why<v1::ClaimNeedRequest>(other, volunteer) == "done");
}

TEST_CASE("every new class of what somebody has carries its reason, and each stays on record",
          "[hands][E4]") {
  Village village;
  using Fill = std::function<void(v1::ClassifyNeedRequest&)>;
  const std::vector<Fill> axes = {
      [](auto& q) { q.set_category("HEALTH"); }, [](auto& q) { q.set_level(v1::PREVENTIVE); },
      [](auto& q) { q.set_scope(v1::COMMON); }, [](auto& q) { q.set_kind(Need::COMPLAINT); },
      [](auto& q) { q.set_urgent(true); }};
  for (Need need : {village.Register(), village.Claimed(), village.InHandling()}) {
    const bool in_pool = need.state() == Need::RECEIVED;
    int number = 0;
    for (const Fill& fill : axes) {
      CHECK(village.Why<v1::ClassifyNeedRequest>(need, village.worker, fill) ==
            (in_pool ? "done" : "REQUIRED"));
      const std::string reason = absl::StrCat("原因", ++number);
      Need classed = village.Do<v1::ClassifyNeedRequest>(need, village.worker, [&](auto& q) {
        fill(q);
        q.set_reason(reason);
      });
      CHECK(classed.classification_reason() == reason);
      CHECK(classed.state() == need.state());
      CHECK(classed.owner() == need.owner());
    }
    std::vector<std::string> reasons;
    for (const auto& change : village.ChangesAfter(0)) {
      Need then;
      if (change.resource() != need.name()) continue;
      REQUIRE(then.ParseFromString(change.snapshot().value()));
      if (!then.classification_reason().empty()) reasons.push_back(then.classification_reason());
    }
    CHECK(reasons == std::vector<std::string>{"原因1", "原因2", "原因3", "原因4", "原因5"});
  }
  CHECK(village.Why<v1::ClassifyNeedRequest>(village.Register(), village.li) == "ROLE");
  CHECK(village.Why<v1::ClassifyNeedRequest>(village.Register(), village.provider) == "ROLE");
  CHECK(village.Why<v1::ClassifyNeedRequest>(village.Register(), village.stranger) == "NOT_FOUND");
  for (const Need& need : {village.Answered(), village.Closed()}) {
    CHECK(village.Why<v1::ClassifyNeedRequest>(need, village.worker) == "STATE");
  }
}

}  // namespace
}  // namespace linjuli::needs_intake
