// Mandates, and the cases that agents take through the offices under them (代办, A10).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock.h"
#include "services/needs_intake/clock.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::Mandate;
using v1::ProxyCase;

absl::Status CheckItem(Tx& tx, const std::string& code, const std::string& field) {
  const Item* item = tx.standard().FindItem(code);
  if (item != nullptr && item->agency) return absl::OkStatus();
  return RefuseFields({{field, "ITEM", absl::StrCat(code, " is no item that agents take on")}});
}

// The clock of the step that the case is in; null where nobody waits.
const char* StepClock(const ProxyCase& proxy_case) {
  switch (proxy_case.state()) {
    case ProxyCase::ACCEPTED:
    case ProxyCase::RETURNED:
      return "proxy_materials";
    case ProxyCase::MATERIALS_COMPLETE:
      return "proxy_submit";
    case ProxyCase::SUBMITTED:
      return "proxy_result";
    case ProxyCase::RESULT_IN:
      return "proxy_hand_over";
    default:
      return nullptr;
  }
}

absl::Status BeginStep(Tx& tx, ProxyCase& proxy_case) {
  const char* clock = StepClock(proxy_case);
  proxy_case.clear_step();
  absl::Time next = absl::InfiniteFuture();
  if (clock != nullptr) {
    LJ_RETURN_IF_ERROR(
        StartClock(tx, *proxy_case.mutable_step(), tx.now(), tx.standard().clock(clock)));
    next = NextOf(proxy_case.step(), tx.now());
  }
  CheckAt(proxy_case, next);
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateMandate(Tx& tx, const v1::CreateMandateRequest&, Mandate& mandate) {
  if (mandate.agent() == mandate.principal()) {
    return RefuseFields({{"mandate.agent", "RANGE", "must be another than the principal"}});
  }
  if (mandate.all_items() != mandate.item_codes().empty()) {
    return RefuseFields({{"mandate.item_codes", "MANDATE_SCOPE",
                          "name the items, or say all_items; not both, not neither"}});
  }
  for (const std::string& code : mandate.item_codes()) {
    LJ_RETURN_IF_ERROR(CheckItem(tx, code, "mandate.item_codes"));
  }
  LJ_ASSIGN(absl::Time most, tx.standard().After(tx.now(), tx.standard().clock("mandate")));
  const absl::Time end = ToTime(mandate.end_time());
  if (end <= tx.now() || end > most) {
    return RefuseFields(
        {{"mandate.end_time", "RANGE",
          absl::StrCat("must come, and by ", absl::FormatTime(most, ChinaTime()))}});
  }
  return absl::OkStatus();
}

absl::Status ActivateMandate(Tx& tx, const v1::ActivateMandateRequest&, Mandate& mandate) {
  if (tx.caller().subject != mandate.principal() && mandate.evidence_hash().empty()) {
    return RefuseFields(
        {{"name", "EVIDENCE", "it has no signed paper; then only the principal can activate it"}});
  }
  mandate.set_activator(tx.caller().subject);
  return absl::OkStatus();
}

absl::Status RevokeMandate(Tx&, const v1::RevokeMandateRequest& request, Mandate& mandate) {
  mandate.set_revoke_reason(request.reason());
  return absl::OkStatus();
}

absl::Status OnDue(Tx&, Mandate& mandate) {
  if (mandate.state() == Mandate::DRAFT || mandate.state() == Mandate::ACTIVE) {
    Tx::Move(mandate, Mandate::EXPIRED);
  }
  return absl::OkStatus();
}

absl::Status CreateProxyCase(Tx& tx, const v1::CreateProxyCaseRequest&, ProxyCase& proxy_case) {
  LJ_RETURN_IF_ERROR(CheckItem(tx, proxy_case.item_code(), "proxy_case.item_code"));
  proxy_case.set_mandate(tx.caller().mandate->name);
  proxy_case.set_principal(tx.caller().mandate->principal);
  proxy_case.set_agent(tx.caller().subject);
  proxy_case.set_standard_version(tx.standard().version());
  LJ_ASSIGN(Mandate mandate, tx.Get<Mandate>(proxy_case.mandate()));
  if (proxy_case.division() != mandate.division()) {
    return RefuseFields({{"proxy_case.division", "RANGE", "must be the principal's"}});
  }
  return BeginStep(tx, proxy_case);
}

absl::Status CompleteMaterials(Tx& tx, const v1::CompleteMaterialsRequest& request,
                               ProxyCase& proxy_case) {
  auto& papers = *proxy_case.mutable_documents();
  auto same = [](const v1::ProxyDocument& paper, const std::string& code) {
    return paper.code() == code;
  };
  for (const auto& brought : request.documents()) {
    auto old = std::find_if(papers.begin(), papers.end(),
                            [&](const auto& paper) { return same(paper, brought.code()); });
    (old == papers.end() ? *papers.Add() : *old) = brought;
  }
  std::vector<std::string> missing;
  const Item* item = tx.standard().FindItem(proxy_case.item_code());
  for (const std::string& code : item == nullptr ? std::vector<std::string>() : item->documents) {
    bool there = std::any_of(papers.begin(), papers.end(),
                             [&](const auto& paper) { return same(paper, code); });
    if (!there) missing.push_back(code);
  }
  if (!missing.empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "MATERIALS_MISSING",
                  absl::StrCat("still missing: ", absl::StrJoin(missing, ", ")),
                  {{"missing", absl::StrJoin(missing, ",")}});
  }
  proxy_case.clear_missing();
  return BeginStep(tx, proxy_case);
}

absl::Status SubmitProxyCase(Tx& tx, const v1::SubmitProxyCaseRequest&, ProxyCase& proxy_case) {
  return BeginStep(tx, proxy_case);
}

absl::Status ReturnProxyCase(Tx& tx, const v1::ReturnProxyCaseRequest& request,
                             ProxyCase& proxy_case) {
  *proxy_case.mutable_missing() = request.missing();
  proxy_case.set_return_reason(request.reason());
  proxy_case.set_return_count(proxy_case.return_count() + 1);
  // What is missing must be brought anew.
  auto& papers = *proxy_case.mutable_documents();
  papers.erase(std::remove_if(papers.begin(), papers.end(),
                              [&](const auto& paper) {
                                return std::count(request.missing().begin(),
                                                  request.missing().end(), paper.code()) > 0;
                              }),
               papers.end());
  return BeginStep(tx, proxy_case);
}

absl::Status RecordResult(Tx& tx, const v1::RecordResultRequest& request, ProxyCase& proxy_case) {
  proxy_case.set_result(request.result());
  proxy_case.set_result_hash(request.result_hash());
  return BeginStep(tx, proxy_case);
}

absl::Status HandOverProxyCase(Tx& tx, const v1::HandOverProxyCaseRequest& request,
                               ProxyCase& proxy_case) {
  proxy_case.set_receipt_hash(request.receipt_hash());
  return BeginStep(tx, proxy_case);
}

absl::Status WithdrawProxyCase(Tx& tx, const v1::WithdrawProxyCaseRequest& request,
                               ProxyCase& proxy_case) {
  proxy_case.set_return_reason(request.reason());
  return BeginStep(tx, proxy_case);
}

absl::Status OnDue(Tx& tx, ProxyCase& proxy_case) {
  const char* clock = StepClock(proxy_case);
  absl::Time next = absl::InfiniteFuture();
  if (clock != nullptr) {
    LJ_RETURN_IF_ERROR(TickClock(tx, *proxy_case.mutable_step(), tx.standard().clock(clock)));
    next = NextOf(proxy_case.step(), tx.now());
  }
  CheckAt(proxy_case, next);
  return absl::OkStatus();
}

}  // namespace linjuli::needs_intake
