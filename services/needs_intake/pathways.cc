// The four delivery lines (递送流程, H1): a need is served step by step, as the standard lays down.
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "services/needs_intake/clock.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::Pathway;

constexpr int kMostMoves = 200;

const Level* LineOf(Tx& tx, v1::ServiceLevel level) {
  return tx.standard().FindLevel(v1::ServiceLevel_Name(level));
}

// The step that the pathway is in; null where the standard that runs now has no such step.
const LevelStep* StepOf(Tx& tx, const Pathway& pathway) {
  const Level* line = LineOf(tx, pathway.level());
  if (line == nullptr) return nullptr;
  for (const LevelStep& step : line->steps) {
    if (step.code == pathway.step()) return &step;
  }
  return nullptr;
}

absl::Status NoStep(const Pathway& pathway) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "STEP",
                absl::StrCat("the standard has no step ", pathway.step(),
                             " any more; escalate, step down or abandon"),
                {{"step", pathway.step()}, {"standard", pathway.standard_version()}});
}

// From one step to another, with its clock. A null step is the end.
absl::Status Go(Tx& tx, Pathway& pathway, v1::ServiceLevel level, const LevelStep* step,
                const std::string& note) {
  if (pathway.moves_size() >= kMostMoves) {
    return Refuse(absl::StatusCode::kResourceExhausted, "RATE",
                  "it was moved 200 times; abandon it and begin another");
  }
  v1::PathwayMove& move = *pathway.add_moves();
  if (!pathway.step().empty()) move.set_level_before(pathway.level());
  move.set_step_before(pathway.step());
  move.set_level_after(level);
  if (step != nullptr) move.set_step_after(step->code);
  move.set_note(note);
  move.set_mover(tx.caller().subject);
  Stamp(move.mutable_move_time(), tx.now());
  pathway.set_level(level);
  pathway.set_step(step == nullptr ? "" : step->code);
  Stamp(pathway.mutable_step_time(), tx.now());
  pathway.clear_step_clock();
  absl::Time next = absl::InfiniteFuture();
  if (step != nullptr && step->most.has_value()) {
    LJ_RETURN_IF_ERROR(StartClock(tx, *pathway.mutable_step_clock(), tx.now(), *step->most));
    next = NextOf(pathway.step_clock(), tx.now());
  }
  CheckAt(pathway, next);
  return absl::OkStatus();
}

// To the first step of another line.
absl::Status Change(Tx& tx, Pathway& pathway, v1::ServiceLevel level, const std::string& reason) {
  const Level* line = LineOf(tx, level);
  if (line == nullptr) return RefuseFields({{"level", "RANGE", "is no line of the standard"}});
  return Go(tx, pathway, level, &line->steps.front(), reason);
}

}  // namespace

absl::Status CreatePathway(Tx& tx, const v1::CreatePathwayRequest&, Pathway& pathway) {
  auto need = tx.Get<Need>(pathway.need());
  if (!need.ok() || !tx.caller().Covers(need->division())) {
    return RefuseFields({{"pathway.need", "REFERENCE", "is no need of your area"}});
  }
  if (need->state() > Need::CONFIRMED) {
    return RefuseFields({{"pathway.need", "RANGE", "is no open need any more"}});
  }
  pathway.set_person(need->reporter());
  pathway.set_division(need->division());
  pathway.set_worker(tx.caller().subject);
  pathway.set_standard_version(tx.standard().version());
  if (pathway.level() == 0) pathway.set_level(need->level());
  if (pathway.level() == 0) {
    return RefuseFields({{"pathway.level", "REQUIRED", "say which line; the need has no level"}});
  }
  return Change(tx, pathway, pathway.level(), "");
}

absl::Status AdvancePathway(Tx& tx, const v1::AdvancePathwayRequest& request, Pathway& pathway) {
  const LevelStep* step = StepOf(tx, pathway);
  if (step == nullptr) return NoStep(pathway);
  if (step->needs_plan && pathway.plan().empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "PLAN_MISSING",
                  "the step ends with an approved plan; have one approved first",
                  {{"step", step->code}});
  }
  if (step->least.has_value()) {
    LJ_ASSIGN(absl::Time opens, tx.standard().After(ToTime(pathway.step_time()), *step->least));
    if (tx.now() < opens) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "WINDOW",
                    "the step is not long enough yet",
                    {{"opens", absl::FormatTime(opens, ChinaTime())}});
    }
  }
  const bool last = step == &LineOf(tx, pathway.level())->steps.back();
  if (last) Tx::Move(pathway, Pathway::CLOSED);
  return Go(tx, pathway, pathway.level(), last ? nullptr : step + 1, request.note());
}

absl::Status EscalatePathway(Tx& tx, const v1::EscalatePathwayRequest& request, Pathway& pathway) {
  if (request.level() >= pathway.level()) {
    return RefuseFields({{"level", "RANGE", "must be a more urgent line"}});
  }
  return Change(tx, pathway, request.level(), request.reason());
}

absl::Status StepDownPathway(Tx& tx, const v1::StepDownPathwayRequest& request, Pathway& pathway) {
  if (request.level() <= pathway.level()) {
    return RefuseFields({{"level", "RANGE", "must be a less urgent line"}});
  }
  return Change(tx, pathway, request.level(), request.reason());
}

absl::Status AbandonPathway(Tx& tx, const v1::AbandonPathwayRequest& request, Pathway& pathway) {
  return Go(tx, pathway, pathway.level(), nullptr, request.reason());
}

absl::Status OnDue(Tx& tx, Pathway& pathway) {
  const LevelStep* step = StepOf(tx, pathway);
  absl::Time next = absl::InfiniteFuture();
  if (step != nullptr && step->most.has_value()) {
    LJ_RETURN_IF_ERROR(TickClock(tx, *pathway.mutable_step_clock(), *step->most));
    next = NextOf(pathway.step_clock(), tx.now());
  }
  CheckAt(pathway, next);
  return absl::OkStatus();
}

}  // namespace linjuli::needs_intake
