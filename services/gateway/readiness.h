// grpc.health.v1.Health on the HTTP port: what /readyz says, for clients that ask by Connect or
// gRPC-Web.
#ifndef LINJULI_SERVICES_GATEWAY_READINESS_H_
#define LINJULI_SERVICES_GATEWAY_READINESS_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "common/rpc/call.h"
#include "google/protobuf/descriptor.h"

namespace linjuli {

// Check, and nothing else. Thread-safe where `ready` is.
class ReadinessBackend : public Backend {
 public:
  static const google::protobuf::ServiceDescriptor* Service();

  // The full names of the services, beside "" for all of them. `ready` may be null: always.
  ReadinessBackend(absl::flat_hash_set<std::string> services, std::function<absl::Status()> ready)
      : services_(std::move(services)), ready_(std::move(ready)) {}

  // NOT_FOUND, reason SERVICE_UNKNOWN: no such service here.
  void Start(Call call, Done done) override;

 private:
  const absl::flat_hash_set<std::string> services_;
  const std::function<absl::Status()> ready_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_READINESS_H_
