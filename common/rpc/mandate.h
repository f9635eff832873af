// Acting under a written mandate: what a call names is looked up in the service's own store at
// every call, so that one that was revoked is worth nothing from that commit on.
#ifndef LINJULI_COMMON_RPC_MANDATE_H_
#define LINJULI_COMMON_RPC_MANDATE_H_

#include "absl/status/status.h"
#include "common/rpc/plan.h"

namespace linjuli {

// Lets the caller act under the mandate that the request names, if it names one.
// PERMISSION_DENIED: reason MANDATE_SCOPE where the caller has no such mandate, MANDATE_EXPIRED
// where it is not in force. INVALID_ARGUMENT where the caller gets in by a mandate only and names
// none.
absl::Status ActUnder(Rx& rx, const ServicePlan& service, const MethodPlan& plan,
                      const google::protobuf::Message& request);
// The same of a mandate by its name. A service without mandates does nothing.
absl::Status ActUnder(Rx& rx, const ServicePlan& service, const std::string& mandate);

// The refusal of a caller for whom no way fits: MANDATE_SCOPE where their mandate does not cover
// what the resource is about; else `otherwise`.
absl::Status NoWay(const AccessPlan& access, const Caller& caller,
                   const google::protobuf::Message& resource, absl::Status otherwise);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_MANDATE_H_
