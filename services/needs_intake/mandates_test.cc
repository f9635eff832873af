// Agency for residents: mandates, and the cases that agents take through the offices (A10).
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::Mandate;
using v1::ProxyCase;

struct Office : Village {
  v1::CreateMandateRequest Written(const Caller& principal) {
    v1::CreateMandateRequest request;
    Mandate& mandate = *request.mutable_mandate();
    mandate.set_principal(principal.subject);
    mandate.set_agent(agent.subject);
    mandate.set_relation(Mandate::VILLAGE_AGENT);
    mandate.set_division(kCommunity);
    mandate.add_item_codes("ELDER_ALLOWANCE");
    Stamp(mandate.mutable_end_time(), rig.clock.Now() + absl::Hours(24 * 30));
    return request;
  }
  Mandate InForce(const Caller& principal) {
    return Do<v1::ActivateMandateRequest>(Make<Mandate>(Written(principal), principal), principal);
  }
  absl::StatusOr<ProxyCase> Accept(const Mandate& mandate, const std::string& item,
                                   const std::string& request_id = "") {
    v1::CreateProxyCaseRequest request;
    request.set_mandate(mandate.name());
    request.set_request_id(request_id);
    request.mutable_proxy_case()->set_item_code(item);
    request.mutable_proxy_case()->set_division(kCommunity);
    return rig.Ask<ProxyCase>(request, agent);
  }
  template <typename Q, typename F>
  std::string Act(const ProxyCase& proxy_case, F fill) {
    return Why<Q>(proxy_case, agent, [&](Q& q) {
      q.set_mandate(proxy_case.mandate());
      fill(q);
    });
  }
  template <typename Q>
  std::string Act(const ProxyCase& proxy_case) {
    return Act<Q>(proxy_case, [](Q&) {});
  }
};

TEST_CASE("an agent acts within the mandate's items, and no further", "[mandates][A10]") {
  Office office;
  Mandate mandate = office.InForce(office.chen);
  auto made = office.Accept(mandate, "ELDER_ALLOWANCE");
  REQUIRE(made.ok());
  CHECK(made->principal() == office.chen.subject);
  CHECK(made->agent() == office.agent.subject);
  auto change = office.ChangesAfter(0).back();
  CHECK(change.on_behalf_of() == office.chen.subject);
  CHECK(change.mandate() == mandate.name());
  CHECK(ReasonOf(office.Accept(mandate, "MEDICAL_INSURANCE").status()) == "MANDATE_SCOPE");
  CHECK(ReasonOf(office.Accept(Mandate(), "ELDER_ALLOWANCE").status()) == "REQUIRED");
  // A need that names no item is not covered by a list of items.
  auto request = Village::Request();
  request.set_mandate(mandate.name());
  CHECK(ReasonOf(office.rig.Ask<Need>(request, office.agent).status()) == "MANDATE_SCOPE");
  // Another's mandate is none of theirs, nor told of.
  const Caller other = Person("agent/other", {AGENT});
  CHECK(ReasonOf(office.rig.Ask<Need>(request, other).status()) == "MANDATE_SCOPE");
  request.set_mandate("mandates/0000000000000");
  CHECK(ReasonOf(office.rig.Ask<Need>(request, other).status()) == "MANDATE_SCOPE");
}

TEST_CASE("a mandate that is revoked or over is worth nothing from then on", "[mandates][A10]") {
  Office office;
  Mandate mandate = office.InForce(office.chen);
  auto made = office.Accept(mandate, "ELDER_ALLOWANCE", "again");
  REQUIRE(made.ok());
  CHECK(office.Why<v1::RevokeMandateRequest>(mandate, office.li) == "NOT_FOUND");
  office.Do<v1::RevokeMandateRequest>(mandate, office.chen);
  CHECK(ReasonOf(office.Accept(mandate, "ELDER_ALLOWANCE").status()) == "MANDATE_EXPIRED");
  // Nor is what was done answered again.
  CHECK(ReasonOf(office.Accept(mandate, "ELDER_ALLOWANCE", "again").status()) == "MANDATE_EXPIRED");
  CHECK(office.Act<v1::CompleteMaterialsRequest>(*made) == "MANDATE_EXPIRED");
  v1::GetProxyCaseRequest get;
  get.set_name(made->name());
  get.set_mandate(mandate.name());
  CHECK(ReasonOf(office.rig.Ask<ProxyCase>(get, office.agent).status()) == "MANDATE_EXPIRED");
  CHECK(office.Why<v1::WithdrawProxyCaseRequest>(*made, office.lead) == "done");
  // The clock's end holds before the clock was asked.
  Mandate later = office.InForce(office.li);
  office.rig.clock.Advance(absl::Hours(24 * 30));
  CHECK(ReasonOf(office.Accept(later, "ELDER_ALLOWANCE").status()) == "MANDATE_EXPIRED");
  office.rig.RunDue();
  v1::GetMandateRequest read;
  read.set_name(later.name());
  CHECK(office.Make<Mandate>(read, office.li).state() == Mandate::EXPIRED);
}

TEST_CASE("a mandate has a scope, an end, and never its agent's own word", "[mandates][A10]") {
  Office office;
  auto why = [&](auto change) {
    auto request = office.Written(office.chen);
    change(*request.mutable_mandate());
    return ReasonOf(office.rig.Ask<Mandate>(request, office.worker).status());
  };
  CHECK(why([](Mandate& m) { m.clear_item_codes(); }) == "MANDATE_SCOPE");
  CHECK(why([](Mandate& m) { m.set_all_items(true); }) == "MANDATE_SCOPE");
  CHECK(why([](Mandate& m) { m.add_item_codes("MEAL_AT_HOME"); }) == "ITEM");
  CHECK(why([](Mandate& m) { m.set_agent(m.principal()); }) == "RANGE");
  CHECK(why([&](Mandate& m) {
          Stamp(m.mutable_end_time(), office.rig.clock.Now() + absl::Hours(24 * 400));
        }) == "RANGE");
  Mandate mandate = office.Make<Mandate>(office.Written(office.chen), office.worker);
  const Caller both = Person(office.agent.subject, {AGENT, LEAD_WORKER}, {"331082001"});
  CHECK(office.Why<v1::ActivateMandateRequest>(mandate, both) == "SELF_APPROVE");
  CHECK(office.Why<v1::ActivateMandateRequest>(mandate, office.lead) == "EVIDENCE");
  CHECK(office.Why<v1::ActivateMandateRequest>(mandate, office.chen) == "done");
}

TEST_CASE("a case goes through the office, and comes back with what is missing",
          "[mandates][A10]") {
  Office office;
  ProxyCase made = office.Accept(office.InForce(office.chen), "ELDER_ALLOWANCE").value();
  CHECK(Shown(made.step()) == "11-25 17:30 / 11-26 17:30");
  auto bring = [](auto&... codes) {
    return [=](v1::CompleteMaterialsRequest& q) {
      for (const char* code : {codes...}) {
        auto& paper = *q.add_documents();
        paper.set_code(code);
        paper.set_hash(std::string(64, 'b'));
      }
    };
  };
  CHECK(office.Act<v1::CompleteMaterialsRequest>(made, bring("ID_CARD")) == "MATERIALS_MISSING");
  CHECK(office.Act<v1::SubmitProxyCaseRequest>(made) == "STATE");
  CHECK(office.Act<v1::CompleteMaterialsRequest>(
            made, bring("ID_CARD", "HOUSEHOLD_REGISTER", "BANK_CARD")) == "done");
  CHECK(office.Act<v1::SubmitProxyCaseRequest>(made) == "done");
  CHECK(office.Why<v1::ReturnProxyCaseRequest>(
            made, office.worker, [](auto& q) { q.add_missing("BANK_CARD"); }) == "done");
  // What was missing must be brought anew.
  CHECK(office.Act<v1::CompleteMaterialsRequest>(made) == "MATERIALS_MISSING");
  CHECK(office.Act<v1::CompleteMaterialsRequest>(made, bring("BANK_CARD")) == "done");
  CHECK(office.Act<v1::SubmitProxyCaseRequest>(made) == "done");
  // Each step is warned of and overdue, once.
  office.Go("2026-12-30 09:00");
  office.rig.RunDue();
  v1::GetProxyCaseRequest get;
  get.set_name(made.name());
  CHECK(office.Make<ProxyCase>(get, office.chen).step().alarm() == v1::Clock::OVERDUE);
  CHECK(office.Why<v1::RecordResultRequest>(made, office.worker) == "done");
  CHECK(office.Why<v1::HandOverProxyCaseRequest>(made, office.worker, [](auto& q) {
    q.set_receipt_hash(std::string(64, 'c'));
  }) == "done");
  CHECK(office.Make<ProxyCase>(get, office.chen).state() == ProxyCase::HANDED_OVER);
}

}  // namespace
}  // namespace linjuli::needs_intake
