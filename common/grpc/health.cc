#include "common/grpc/health.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/grpc/wire.h"
#include "common/status.h"
#include "grpc/health/v1/health.pb.h"

namespace linjuli {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class Health::WatchFeed : public Feed {
 public:
  WatchFeed(Health* health, bool known) : health_(health), known_(known) {}

  absl::StatusOr<std::optional<grpc::ByteBuffer>> Next() override {
    auto now = !known_              ? HealthCheckResponse::SERVICE_UNKNOWN
               : health_->serving() ? HealthCheckResponse::SERVING
                                    : HealthCheckResponse::NOT_SERVING;
    if (sent_ == now) return std::nullopt;
    sent_ = now;
    HealthCheckResponse response;
    response.set_status(now);
    return ToBytes(response);
  }

  void Wait(std::shared_ptr<Waker> waker) override {
    health_->waiting_.Add(waker);
    // It may have changed before the waker was there.
    bool serving = health_->serving();
    if (known_ && serving != (sent_ == HealthCheckResponse::SERVING)) waker->Wake();
  }

 private:
  Health* health_;
  bool known_;
  std::optional<HealthCheckResponse::ServingStatus> sent_;
};

Health::Health(absl::flat_hash_set<std::string> services) : services_(std::move(services)) {}

bool Health::Knows(absl::string_view service) const {
  return service.empty() || services_.contains(service);
}

bool Health::serving() const {
  absl::MutexLock lock(&mutex_);
  return serving_;
}

void Health::SetServing(bool serving) {
  {
    absl::MutexLock lock(&mutex_);
    serving_ = serving;
  }
  waiting_.WakeAll();
}

void Health::Start(Call call, Done done) {
  const auto& request = static_cast<const HealthCheckRequest&>(*call.request);
  if (!Knows(request.service())) {
    done(Refuse(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN",
                absl::StrCat("No service ", request.service(), " here.")));
    return;
  }
  auto response = std::make_unique<HealthCheckResponse>();
  response->set_status(serving() ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
  done(std::move(response));
}

absl::StatusOr<std::unique_ptr<Feed>> Health::Watch(Call call) {
  const auto& request = static_cast<const HealthCheckRequest&>(*call.request);
  return std::make_unique<WatchFeed>(this, Knows(request.service()));
}

}  // namespace linjuli
