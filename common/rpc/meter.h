// Rate, errors and duration of every method (RED).
#ifndef LINJULI_COMMON_RPC_METER_H_
#define LINJULI_COMMON_RPC_METER_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/service.h"

namespace linjuli {

// Thread-safe. Without a registry it counts nothing.
class Service::Meter {
 public:
  explicit Meter(prometheus::Registry* registry);
  void SetViolations(const std::string& service, const std::string& invariant, int64_t count);
  void SetStuck(const std::string& service, const std::string& resource, int64_t count);
  void Count(const google::protobuf::MethodDescriptor* method, absl::StatusCode code,
             absl::Duration took);

 private:
  struct Series {
    std::array<prometheus::Counter*, 17> by_code{};
    prometheus::Histogram* seconds = nullptr;
  };
  prometheus::Family<prometheus::Counter>* calls_ = nullptr;
  prometheus::Family<prometheus::Histogram>* seconds_ = nullptr;
  prometheus::Family<prometheus::Gauge>* violations_ = nullptr;
  prometheus::Family<prometheus::Gauge>* stuck_ = nullptr;
  absl::Mutex mutex_;
  absl::flat_hash_map<const google::protobuf::MethodDescriptor*, Series> series_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_METER_H_
