#include "services/gateway/http_metrics.h"

#include <string>

namespace linjuli {

HttpMetrics::HttpMetrics(prometheus::Registry* registry) {
  if (registry == nullptr) return;
  answers_ = &prometheus::BuildCounter()
                  .Name("linjuli_http_answers_total")
                  .Help("HTTP requests answered, by HTTP code")
                  .Register(*registry);
  connections_ = &prometheus::BuildGauge()
                      .Name("linjuli_http_connections")
                      .Help("HTTP connections that are open")
                      .Register(*registry)
                      .Add({});
}

void HttpMetrics::Answered(int code) {
  if (answers_ == nullptr || code < 0 || code >= static_cast<int>(by_code_.size())) return;
  auto& slot = by_code_[code];
  prometheus::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    // The family gives the same counter to all who ask at once.
    counter = &answers_->Add({{"code", std::to_string(code)}});
    slot.store(counter, std::memory_order_release);
  }
  counter->Increment();
}

void HttpMetrics::Opened(int connections) {
  if (connections_ != nullptr) connections_->Set(connections);
}

}  // namespace linjuli
