// What the HTTP server counts.
#ifndef LINJULI_SERVICES_GATEWAY_HTTP_METRICS_H_
#define LINJULI_SERVICES_GATEWAY_HTTP_METRICS_H_

#include <array>
#include <atomic>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace linjuli {

// Thread-safe. Does nothing without a registry.
class HttpMetrics {
 public:
  explicit HttpMetrics(prometheus::Registry* registry);

  void Answered(int code);
  void Opened(int connections);

 private:
  prometheus::Family<prometheus::Counter>* answers_ = nullptr;
  prometheus::Gauge* connections_ = nullptr;
  // By code: a family's own look-up takes a lock.
  std::array<std::atomic<prometheus::Counter*>, 600> by_code_{};
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HTTP_METRICS_H_
