#include "services/gateway/readiness.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "grpc/health/v1/health.pb.h"

namespace linjuli {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

const google::protobuf::ServiceDescriptor* ReadinessBackend::Service() {
  return HealthCheckRequest::descriptor()->file()->FindServiceByName("Health");
}

void ReadinessBackend::Start(Call call, Done done) {
  const auto& request = dynamic_cast<const HealthCheckRequest&>(*call.request);
  if (!request.service().empty() && !services_.contains(request.service())) {
    return done(Refuse(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN",
                       absl::StrCat("no service ", request.service(), " here")));
  }
  bool ready = ready_ == nullptr || ready_().ok();
  auto response = std::make_unique<HealthCheckResponse>();
  response->set_status(ready ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
  done(Reply(std::move(response)));
}

}  // namespace linjuli
