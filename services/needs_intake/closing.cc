// The end of a need: the reporter's word, closing, opening again (E10).
#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {

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
    return StartHandle(tx, need);
  }
  LJ_RETURN_IF_ERROR(StartHandle(tx, need));
  return BackTo(tx, need, Need::REHANDLING);
}

absl::Status RecordContactAttempt(Tx& tx, const v1::RecordContactAttemptRequest&, Need& need) {
  if (need.contact_attempt_times_size() >= tx.standard().Limit("contact_records")) {
    return Refuse(absl::StatusCode::kResourceExhausted, "CONTACT_LIMIT",
                  "enough tries are on record; it closes by itself, or ask a leader");
  }
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
  LJ_RETURN_IF_ERROR(StartHandle(tx, need));
  return BackTo(tx, need, Need::REHANDLING);
}

absl::Status WithdrawNeed(Tx& tx, const v1::WithdrawNeedRequest&, Need& need) {
  // What was answered with its survivor names it still, and is laid to it no more.
  LJ_ASSIGN(Need before, tx.Get<Need>(need.name()));
  LJ_RETURN_IF_ERROR(before.state() == Need::MERGED ? Leave(tx, need) : FreeJoined(tx, need));
  EndOffer(need);
  return ScheduleCheck(tx, need);
}

}  // namespace linjuli::needs_intake
