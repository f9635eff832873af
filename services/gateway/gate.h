// What a call passes before anything is done for it, whichever door of the gateway it came through:
//
//   how many calls its address makes   before anything of it is read
//   its token                          UNAUTHENTICATED here already, so that nobody can spend
//                                      another one's calls with a forged one
//   how many calls its person makes    and how many writes
//   how long the gateway's queue is    the least important are refused first
//   (common/rpc/priority.h)
//
// Refusals are RESOURCE_EXHAUSTED, reason RATE or OVERLOADED, and tell when to come again.
#ifndef LINJULI_SERVICES_GATEWAY_GATE_H_
#define LINJULI_SERVICES_GATEWAY_GATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/auth/verifier.h"
#include "common/clock.h"
#include "common/queue_wait.h"
#include "common/rpc/call.h"
#include "common/rpc/rate_limit.h"
#include "google/protobuf/descriptor.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "services/gateway/client_address.h"
#include "services/gateway/http_message.h"

namespace linjuli {

struct GateOptions {
  // Null: tokens are left to the services, and persons are not told apart.
  Verifier* verifier = nullptr;
  CallRates person;
  double address_rate = 0;  // calls a second, 0 is no limit
  // Whose X-Forwarded-For is believed; see ClientAddress.
  std::vector<std::string> trusted_proxies;
  // False: nobody is refused because others wait too long.
  bool shed = true;
  Clock* clock = Clock::Real();
  prometheus::Registry* metrics = nullptr;
};

// Thread-safe.
class Gate {
 public:
  // INVALID_ARGUMENT where a proxy is no address.
  static absl::StatusOr<std::unique_ptr<Gate>> From(GateOptions options);

  // Whether the address may make one more request.
  absl::Status AdmitAddress(const HttpRequest& request);

  // A backend that lets through to `behind` what may pass. The gate and `behind` outlive it.
  // INVALID_ARGUMENT where a priority of the service is wrong.
  absl::StatusOr<std::unique_ptr<Backend>> Guard(const google::protobuf::ServiceDescriptor* service,
                                                 Backend* behind);

  // Where the server tells how long its connections wait.
  QueueWait& wait() { return wait_; }

 private:
  class Guarded;
  Gate(GateOptions options, ClientAddress addresses);
  absl::Status Counted(absl::Status status, prometheus::Counter* counter) const;

  Verifier* const verifier_;
  const bool shed_;
  Clock* const clock_;
  const ClientAddress addresses_;
  RateLimit by_address_;
  RateLimit by_person_;
  QueueWait wait_;
  // Null without a registry.
  prometheus::Counter* rate_ = nullptr;
  prometheus::Counter* overloaded_ = nullptr;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_GATE_H_
