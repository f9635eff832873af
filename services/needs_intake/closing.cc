// The end of a need: the reporter's word, closing, opening again, merging (E5, E10).
#include "common/clock.h"
#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

absl::Status CheckWindow(Tx& tx, const google::protobuf::Timestamp& from, const char* clock,
                         const char* reason, const char* sentence) {
  LJ_ASSIGN(absl::Time closes, tx.standard().After(ToTime(from), tx.standard().clock(clock)));
  if (tx.now() <= closes) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, reason, sentence,
                {{"closes", absl::FormatTime(closes, ChinaTime())}});
}

}  // namespace

absl::Status RecordCallback(Tx& tx, const v1::RecordCallbackRequest& request, Need& need) {
  v1::Callback& callback = *need.add_callbacks();
  callback = request.callback();
  callback.set_recorder(tx.caller().subject);
  Stamp(callback.mutable_record_time(), tx.now());
  if (callback.solved()) {
    Tx::Move(need, Need::CONFIRMED);
    return ScheduleCheck(tx, need);
  }
  need.set_rehandle_count(need.rehandle_count() + 1);
  if (need.rehandle_count() > tx.standard().Limit("rehandlings")) {
    Tx::Move(need, Need::SUPERVISED);
    need.clear_owner();
  } else {
    Tx::Move(need, Need::REHANDLING);
  }
  return StartHandle(tx, need);
}

absl::Status RecordContactAttempt(Tx& tx, const v1::RecordContactAttemptRequest&, Need& need) {
  Stamp(need.add_contact_attempt_times(), tx.now());
  return ScheduleCheck(tx, need);
}

absl::Status CloseNeed(Tx& tx, const v1::CloseNeedRequest&, Need& need) {
  need.set_outcome(Need::SOLVED);
  Stamp(need.mutable_close_time(), tx.now());
  return ScheduleCheck(tx, need);
}

absl::Status ReopenNeed(Tx& tx, const v1::ReopenNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckWindow(tx, need.close_time(), "reopen", "REOPEN_WINDOW",
                                 "it was closed too long ago; register a new need"));
  need.clear_outcome();
  need.clear_close_time();
  return StartHandle(tx, need);
}

absl::Status MergeNeed(Tx& tx, const v1::MergeNeedRequest& request, Need& need) {
  auto survivor = tx.Get<Need>(request.survivor());
  bool fits = survivor.ok() && survivor->name() != need.name() &&
              tx.caller().Covers(survivor->division()) && survivor->state() < Need::CONFIRMED;
  if (!fits) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "SURVIVOR",
                  "the need that is to remain must be another open one of your area",
                  {{"survivor", request.survivor()}});
  }
  v1::Merge& merge = *need.mutable_merge();
  merge.set_survivor(request.survivor());
  LJ_ASSIGN(Need before, tx.Get<Need>(need.name()));
  merge.set_state_before(before.state());
  Stamp(merge.mutable_merge_time(), tx.now());
  return ScheduleCheck(tx, need);
}

absl::Status UnmergeNeed(Tx& tx, const v1::UnmergeNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckWindow(tx, need.merge().merge_time(), "unmerge", "UNMERGE_WINDOW",
                                 "it was merged too long ago; register a new need"));
  Tx::Move(need, need.merge().state_before());
  need.clear_merge();
  return ScheduleCheck(tx, need);
}

}  // namespace linjuli::needs_intake
