// The four delivery lines, plans, and the gaps that they show (H1, H2).
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::Pathway;
using v1::Plan;
using v1::ResourceGap;

struct Line : Village {
  Pathway Begun(v1::ServiceLevel level) {
    v1::CreatePathwayRequest request;
    request.mutable_pathway()->set_need(Register().name());
    request.mutable_pathway()->set_level(level);
    return Make<Pathway>(request, worker);
  }
  Plan Drafted(const Pathway& pathway, const std::string& item = "MEAL_AT_HOME") {
    v1::CreatePlanRequest request;
    Plan& plan = *request.mutable_plan();
    plan.set_pathway(pathway.name());
    plan.set_assessment("行动不便");
    plan.add_goals("按时用餐");
    v1::PlanLine& line = *plan.add_lines();
    line.set_item_code(item);
    line.set_text("午餐上门");
    line.set_quantity(1);
    line.set_cadence(v1::PlanLine::DAILY);
    Stamp(line.mutable_start_time(), rig.clock.Now());
    return Make<Plan>(request, worker);
  }
  Plan Approved(const Pathway& pathway, const std::string& item = "MEAL_AT_HOME") {
    return Do<v1::ApprovePlanRequest>(Do<v1::SubmitPlanRequest>(Drafted(pathway, item), worker),
                                      lead);
  }
  Pathway Read(const Pathway& pathway) {
    v1::GetPathwayRequest request;
    request.set_name(pathway.name());
    return Make<Pathway>(request, auditor);
  }
  std::string Advance(const Pathway& pathway) {
    return Why<v1::AdvancePathwayRequest>(pathway, worker);
  }
};

TEST_CASE("each line is walked step by step as the standard lays down", "[pathways][H1]") {
  Line line;
  for (v1::ServiceLevel level : {v1::REMEDIAL, v1::SUPPORTIVE, v1::PREVENTIVE, v1::DEVELOPMENTAL}) {
    Pathway pathway = line.Begun(level);
    const Level& standard = *line.rig.standard().FindLevel(v1::ServiceLevel_Name(level));
    for (const LevelStep& step : standard.steps) {
      INFO(step.code);
      pathway = line.Read(pathway);
      CHECK(pathway.state() == Pathway::OPEN);
      CHECK(pathway.step() == step.code);
      if (step.needs_plan) {
        CHECK(line.Advance(pathway) == "PLAN_MISSING");
        line.Approved(pathway);
      }
      if (step.least.has_value()) {
        CHECK(line.Advance(pathway) == "WINDOW");
        line.rig.clock.Advance(absl::Hours(24 * 91));
      }
      CHECK(line.Advance(pathway) == "done");
    }
    pathway = line.Read(pathway);
    CHECK(pathway.state() == Pathway::CLOSED);
    CHECK(pathway.moves_size() == static_cast<int>(standard.steps.size()) + 1);
    CHECK(line.Advance(pathway) == "STATE");
  }
}

TEST_CASE("a pathway moves to a more or less urgent line, with the reason", "[pathways][H1]") {
  Line line;
  Pathway pathway = line.Begun(v1::SUPPORTIVE);
  CHECK(pathway.step() == "ASSESS");
  auto to = [](v1::ServiceLevel level) { return [=](auto& q) { q.set_level(level); }; };
  CHECK(line.Why<v1::EscalatePathwayRequest>(pathway, line.worker, to(v1::PREVENTIVE)) == "RANGE");
  CHECK(line.Why<v1::StepDownPathwayRequest>(pathway, line.worker, to(v1::SUPPORTIVE)) == "RANGE");
  pathway = line.Do<v1::EscalatePathwayRequest>(pathway, line.worker, to(v1::REMEDIAL));
  CHECK(pathway.level() == v1::REMEDIAL);
  CHECK(pathway.step() == "TRIAGE");
  CHECK(Shown(pathway.step_clock().due_time()) == "11-24 09:00");
  pathway = line.Do<v1::StepDownPathwayRequest>(pathway, line.worker, to(v1::DEVELOPMENTAL));
  CHECK(pathway.step() == "GOAL");
  CHECK(pathway.moves(2).level_before() == v1::REMEDIAL);
  line.Go("2026-12-30 09:00");
  line.rig.RunDue();
  CHECK(line.Read(pathway).step_clock().alarm() == v1::Clock::OVERDUE);
  CHECK(line.Do<v1::AbandonPathwayRequest>(pathway, line.lead).state() == Pathway::ABANDONED);
}

TEST_CASE("a pathway serves an open need of the area", "[pathways][H1]") {
  Line line;
  v1::CreatePathwayRequest request;
  auto why = [&](const std::string& need) {
    request.mutable_pathway()->set_need(need);
    return ReasonOf(line.rig.Ask<Pathway>(request, line.worker).status());
  };
  CHECK(why(line.Register().name()) == "REQUIRED");  // the need has no level, nor the request
  request.mutable_pathway()->set_level(v1::REMEDIAL);
  CHECK(why("needs/0000000000000") == "REFERENCE");
  CHECK(why(line.Register(line.li, [](Need& n) { n.set_division("331082106001"); }).name()) ==
        "REFERENCE");
  CHECK(why(line.Closed().name()) == "RANGE");
}

TEST_CASE("another person than the author approves a plan, and what nobody offers is a gap",
          "[plans][H2]") {
  Line line;
  Pathway pathway = line.Begun(v1::REMEDIAL);
  Plan plan = line.Drafted(pathway, "NIGHT_CARE");
  CHECK(line.Why<v1::ApprovePlanRequest>(plan, line.lead) == "STATE");
  plan = line.Do<v1::SubmitPlanRequest>(plan, line.worker);
  const Caller both = Person(line.worker.subject, {LEAD_WORKER}, {"331082001"});
  CHECK(line.Why<v1::ApprovePlanRequest>(plan, both) == "SELF_APPROVE");
  plan = line.Do<v1::ApprovePlanRequest>(plan, line.lead);
  CHECK(line.Read(pathway).plan() == plan.name());
  v1::ListResourceGapsRequest list;
  list.set_plan(plan.name());
  auto gaps = line.Make<v1::ListResourceGapsResponse>(list, line.federation);
  REQUIRE(gaps.resource_gaps_size() == 1);
  ResourceGap gap = gaps.resource_gaps(0);
  CHECK(gap.state() == ResourceGap::OPEN);
  CHECK(gap.category() == "HEALTH");
  CHECK(plan.lines(0).resource_gap() == gap.name());
  CHECK(line.Approved(line.Begun(v1::REMEDIAL)).lines(0).resource_gap().empty());
  // A second plan stands only when the first has ended, which drops its gaps.
  Plan second = line.Do<v1::SubmitPlanRequest>(line.Drafted(pathway), line.worker);
  CHECK(line.Why<v1::ApprovePlanRequest>(second, line.lead) == "PLAN_STANDS");
  line.Do<v1::EndPlanRequest>(plan, line.worker);
  CHECK(line.Make<v1::ListResourceGapsResponse>(list, line.federation).resource_gaps(0).state() ==
        ResourceGap::DROPPED);
  CHECK(line.Why<v1::FillResourceGapRequest>(gap, line.federation) == "STATE");
  CHECK(line.Why<v1::DeclinePlanRequest>(second, line.lead) == "done");
  CHECK(line.Why<v1::SubmitPlanRequest>(second, line.worker) == "done");
  CHECK(line.Why<v1::ApprovePlanRequest>(second, line.lead) == "done");
}

}  // namespace
}  // namespace linjuli::needs_intake
