#include "services/privacy/service.h"

#include "common/store/tx.h"
#include "linjuli/privacy/v1/privacy.pb.h"

namespace linjuli::privacy {
namespace {

using v1::Erasure;

absl::Status CreateErasure(Tx& tx, const v1::CreateErasureRequest&, Erasure& erasure) {
  erasure.set_requester(tx.caller().subject);
  return absl::OkStatus();
}

absl::Status ApproveErasure(Tx& tx, const v1::ApproveErasureRequest&, Erasure& erasure) {
  erasure.set_decider(tx.caller().subject);
  return absl::OkStatus();
}

absl::Status DeclineErasure(Tx& tx, const v1::DeclineErasureRequest& request, Erasure& erasure) {
  erasure.set_decider(tx.caller().subject);
  erasure.set_decline_reason(request.reason());
  return absl::OkStatus();
}

absl::Status HoldErasure(Tx&, const v1::HoldErasureRequest& request, Erasure& erasure) {
  erasure.set_hold_reason(request.reason());
  return absl::OkStatus();
}

}  // namespace

ServiceSpec Privacy() {
  return Implement("linjuli.privacy.v1.Privacy", CreateErasure, ApproveErasure, DeclineErasure,
                   HoldErasure);
}

StandardNeeds Needs() { return {}; }

}  // namespace linjuli::privacy
