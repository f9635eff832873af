// Handling a need: more time, reminders, the project list, the answer (E7, E9, E12).
#include "absl/strings/str_cat.h"
#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

constexpr int kMostNotices = 100;

absl::Status CheckAsked(const Need& need) {
  if (need.has_extension() && need.extension().decision() == 0) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, "EXTENSION_NONE",
                "nobody waits for more time");
}

absl::Status AddNotice(Tx& tx, Need& need, v1::Notice::Kind kind, const std::string& text) {
  if (need.notices_size() >= kMostNotices) {
    return Refuse(absl::StatusCode::kResourceExhausted, "RATE",
                  absl::StrCat("it was urged ", kMostNotices, " times; speak to a leader"));
  }
  v1::Notice& notice = *need.add_notices();
  notice.set_number(need.notices_size());
  notice.set_kind(kind);
  notice.set_sender(tx.caller().subject);
  notice.set_text(text);
  Stamp(notice.mutable_send_time(), tx.now());
  return absl::OkStatus();
}

}  // namespace

bool WantsEvidence(const Need& need) {
  return need.level() == v1::REMEDIAL || need.scope() == v1::SPECIAL;
}

absl::Status RequestExtension(Tx& tx, const v1::RequestExtensionRequest& request, Need& need) {
  if (need.extension().granted_count() >= tx.standard().Limit("extensions")) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "EXTENSION_LIMIT",
                  "more time was given already; it is given only so often",
                  {{"granted", absl::StrCat(need.extension().granted_count())}});
  }
  if (!need.handle().has_due_time() || tx.now() >= ToTime(need.handle().due_time())) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "WINDOW",
                  "more time must be asked for before the handling is due");
  }
  int most = tx.standard().clock("extension").value;
  if (request.work_days() > most) {
    return RefuseFields({{"work_days", "RANGE", absl::StrCat("must be at most ", most)}});
  }
  v1::Extension& extension = *need.mutable_extension();
  extension.set_requester(tx.caller().subject);
  extension.set_reason(request.reason());
  extension.set_work_days(request.work_days());
  Stamp(extension.mutable_request_time(), tx.now());
  extension.clear_approver();
  extension.clear_decision();
  return absl::OkStatus();
}

absl::Status ApproveExtension(Tx& tx, const v1::ApproveExtensionRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckAsked(need));
  v1::Extension& extension = *need.mutable_extension();
  extension.set_approver(tx.caller().subject);
  extension.set_decision(v1::Extension::GRANTED);
  extension.set_granted_count(extension.granted_count() + 1);
  return ExtendHandle(tx, need, extension.work_days());
}

absl::Status DeclineExtension(Tx& tx, const v1::DeclineExtensionRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckAsked(need));
  need.mutable_extension()->set_approver(tx.caller().subject);
  need.mutable_extension()->set_decision(v1::Extension::DECLINED);
  return absl::OkStatus();
}

absl::Status EnlistNeed(Tx& tx, const v1::EnlistNeedRequest& request, Need& need) {
  need.set_list_entry(request.list_entry());
  return ScheduleCheck(tx, need);
}

absl::Status AnswerNeed(Tx& tx, const v1::AnswerNeedRequest& request, Need& need) {
  if (WantsEvidence(need) && request.answer().evidence_hashes().empty()) {
    return RefuseFields({{"answer.evidence_hashes", "EVIDENCE",
                          "must show what was done, for a remedial or special need"}});
  }
  *need.mutable_answer() = request.answer();
  need.mutable_answer()->set_answerer(tx.caller().subject);
  Stamp(need.mutable_answer()->mutable_answer_time(), tx.now());
  need.clear_contact_attempt_times();
  // The leader who answers what nobody else solved follows it from here on.
  if (need.owner().empty()) need.set_owner(tx.caller().subject);
  LJ_RETURN_IF_ERROR(AnswerJoined(tx, need));
  return StartFeedback(tx, need);
}

absl::Status UrgeNeed(Tx& tx, const v1::UrgeNeedRequest& request, Need& need) {
  return AddNotice(tx, need, v1::Notice::URGED, request.text());
}

absl::Status SuperviseNeed(Tx& tx, const v1::SuperviseNeedRequest& request, Need& need) {
  return AddNotice(tx, need, v1::Notice::SUPERVISED, request.text());
}

}  // namespace linjuli::needs_intake
