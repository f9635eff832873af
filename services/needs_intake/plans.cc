// Plans (服务计划, H2): what a person is to get, and what nobody offers.
#include "absl/strings/str_cat.h"
#include "services/needs_intake/clock.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::Pathway;
using v1::Plan;
using v1::ResourceGap;

constexpr int kMostLines = 50;

absl::StatusOr<Pathway> OpenPathway(Tx& tx, const std::string& name) {
  auto pathway = tx.Get<Pathway>(name);
  if (pathway.ok() && pathway->state() == Pathway::OPEN &&
      tx.caller().Covers(pathway->division())) {
    return pathway;
  }
  return RefuseFields({{"plan.pathway", "REFERENCE", "is no open pathway"}});
}

// What nobody offers stands as a gap, for others to follow.
absl::Status RaiseGap(Tx& tx, const Plan& plan, const std::string& category, v1::PlanLine& line) {
  ResourceGap gap;
  Tx::Move(gap, ResourceGap::OPEN);
  gap.set_plan(plan.name());
  gap.set_division(plan.division());
  gap.set_item_code(line.item_code());
  const Item* item = tx.standard().FindItem(line.item_code());
  gap.set_category(item != nullptr && !item->category.empty() ? item->category : category);
  gap.set_text(line.text());
  gap.set_quantity(line.quantity());
  gap.set_cadence(line.cadence());
  LJ_RETURN_IF_ERROR(tx.Create(gap));
  line.set_resource_gap(gap.name());
  return absl::OkStatus();
}

}  // namespace

absl::Status CreatePlan(Tx& tx, const v1::CreatePlanRequest&, Plan& plan) {
  LJ_ASSIGN(Pathway pathway, OpenPathway(tx, plan.pathway()));
  plan.set_need(pathway.need());
  plan.set_person(pathway.person());
  plan.set_division(pathway.division());
  plan.set_author(tx.caller().subject);
  return absl::OkStatus();
}

absl::Status ApprovePlan(Tx& tx, const v1::ApprovePlanRequest&, Plan& plan) {
  LJ_ASSIGN(Pathway pathway, OpenPathway(tx, plan.pathway()));
  if (!pathway.plan().empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "PLAN_STANDS",
                  "the pathway has a plan in force; end that one first",
                  {{"plan", pathway.plan()}});
  }
  LJ_ASSIGN(Need need, tx.Get<Need>(plan.need()));
  for (v1::PlanLine& line : *plan.mutable_lines()) {
    const Item* item = tx.standard().FindItem(line.item_code());
    if (item != nullptr && item->offered) continue;
    LJ_RETURN_IF_ERROR(RaiseGap(tx, plan, need.category(), line));
  }
  plan.set_decider(tx.caller().subject);
  pathway.set_plan(plan.name());
  return tx.Put(pathway);
}

absl::Status DeclinePlan(Tx& tx, const v1::DeclinePlanRequest& request, Plan& plan) {
  plan.set_decider(tx.caller().subject);
  plan.set_decision_reason(request.reason());
  return absl::OkStatus();
}

absl::Status EndPlan(Tx& tx, const v1::EndPlanRequest& request, Plan& plan) {
  plan.set_decision_reason(request.reason());
  LJ_ASSIGN(auto gaps, tx.Find<ResourceGap>("plan", plan.name(), kMostLines, {ResourceGap::OPEN}));
  for (ResourceGap& gap : gaps) {
    Tx::Move(gap, ResourceGap::DROPPED);
    gap.set_drop_reason("the plan has ended");
    LJ_RETURN_IF_ERROR(tx.Put(gap));
  }
  LJ_ASSIGN(Pathway pathway, tx.Get<Pathway>(plan.pathway()));
  if (pathway.plan() != plan.name()) return absl::OkStatus();
  pathway.clear_plan();
  return tx.Put(pathway);
}

absl::Status FillResourceGap(Tx&, const v1::FillResourceGapRequest& request, ResourceGap& gap) {
  gap.set_filling(request.filling());
  return absl::OkStatus();
}

absl::Status DropResourceGap(Tx&, const v1::DropResourceGapRequest& request, ResourceGap& gap) {
  gap.set_drop_reason(request.reason());
  return absl::OkStatus();
}

}  // namespace linjuli::needs_intake
