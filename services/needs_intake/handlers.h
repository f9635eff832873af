// The handlers of needs intake, each named as its rpc, where its rule is told.
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_HANDLERS_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_HANDLERS_H_

#include "absl/status/status.h"
#include "common/store/tx.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"

namespace linjuli::needs_intake {

absl::Status CreateNeed(Tx&, const v1::CreateNeedRequest&, v1::Need&);
absl::Status ClassifyNeed(Tx&, const v1::ClassifyNeedRequest&, v1::Need&);
absl::Status ClaimNeed(Tx&, const v1::ClaimNeedRequest&, v1::Need&);
absl::Status DispatchNeed(Tx&, const v1::DispatchNeedRequest&, v1::Need&);
absl::Status RefuseNeed(Tx&, const v1::RefuseNeedRequest&, v1::Need&);
absl::Status AppealNeed(Tx&, const v1::AppealNeedRequest&, v1::Need&);
absl::Status ReinstateNeed(Tx&, const v1::ReinstateNeedRequest&, v1::Need&);
absl::Status ReturnNeed(Tx&, const v1::ReturnNeedRequest&, v1::Need&);
absl::Status ReleaseNeed(Tx&, const v1::ReleaseNeedRequest&, v1::Need&);
absl::Status ReferNeed(Tx&, const v1::ReferNeedRequest&, v1::Need&);
absl::Status AcceptReferral(Tx&, const v1::AcceptReferralRequest&, v1::Need&);
absl::Status RequestExtension(Tx&, const v1::RequestExtensionRequest&, v1::Need&);
absl::Status ApproveExtension(Tx&, const v1::ApproveExtensionRequest&, v1::Need&);
absl::Status DeclineExtension(Tx&, const v1::DeclineExtensionRequest&, v1::Need&);
absl::Status EnlistNeed(Tx&, const v1::EnlistNeedRequest&, v1::Need&);
absl::Status AnswerNeed(Tx&, const v1::AnswerNeedRequest&, v1::Need&);
absl::Status UrgeNeed(Tx&, const v1::UrgeNeedRequest&, v1::Need&);
absl::Status SuperviseNeed(Tx&, const v1::SuperviseNeedRequest&, v1::Need&);
absl::Status RecordCallback(Tx&, const v1::RecordCallbackRequest&, v1::Need&);
absl::Status RecordContactAttempt(Tx&, const v1::RecordContactAttemptRequest&, v1::Need&);
absl::Status CloseNeed(Tx&, const v1::CloseNeedRequest&, v1::Need&);
absl::Status ReopenNeed(Tx&, const v1::ReopenNeedRequest&, v1::Need&);
absl::Status MergeNeed(Tx&, const v1::MergeNeedRequest&, v1::Need&);
absl::Status UnmergeNeed(Tx&, const v1::UnmergeNeedRequest&, v1::Need&);

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_HANDLERS_H_
