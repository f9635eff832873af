#include "common/rpc/meter.h"

#include <algorithm>

namespace linjuli {

Service::Meter::Meter(prometheus::Registry* registry) {
  if (registry == nullptr) return;
  calls_ = &prometheus::BuildCounter()
                .Name("linjuli_calls_total")
                .Help("Calls by method and status code.")
                .Register(*registry);
  violations_ = &prometheus::BuildGauge()
                     .Name("linjuli_invariant_violations")
                     .Help("Cases of what must never be; anything but 0 wants a person.")
                     .Register(*registry);
  stuck_ = &prometheus::BuildGauge()
                .Name("linjuli_due_stuck")
                .Help("Resources whose due time has passed and cannot be dealt with.")
                .Register(*registry);
  seconds_ = &prometheus::BuildHistogram()
                  .Name("linjuli_call_seconds")
                  .Help("Time from a call's arrival at its service to its answer.")
                  .Register(*registry);
}

void Service::Meter::SetViolations(const std::string& service, const std::string& invariant,
                                   int64_t count) {
  if (violations_ == nullptr) return;
  violations_->Add({{"service", service}, {"invariant", invariant}})
      .Set(static_cast<double>(count));
}

void Service::Meter::SetStuck(const std::string& service, const std::string& resource,
                              int64_t count) {
  if (stuck_ == nullptr) return;
  stuck_->Add({{"service", service}, {"resource", resource}}).Set(static_cast<double>(count));
}

void Service::Meter::Count(const google::protobuf::MethodDescriptor* method, absl::StatusCode code,
                           absl::Duration took) {
  if (calls_ == nullptr) return;
  prometheus::Counter* counter;
  prometheus::Histogram* histogram;
  {
    absl::MutexLock lock(&mutex_);
    Series& series = series_[method];
    if (series.seconds == nullptr) {
      series.seconds = &seconds_->Add(
          {{"service", ServiceNameOf(method->service())}, {"method", method->name()}},
          prometheus::Histogram::BucketBoundaries{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1,
                                                  0.3, 1, 3, 10});
    }
    prometheus::Counter*& by_code = series.by_code[std::min<size_t>(static_cast<size_t>(code), 16)];
    if (by_code == nullptr) {
      by_code = &calls_->Add({{"service", ServiceNameOf(method->service())},
                              {"method", method->name()},
                              {"code", absl::StatusCodeToString(code)}});
    }
    counter = by_code;
    histogram = series.seconds;
  }
  counter->Increment();
  histogram->Observe(absl::ToDoubleSeconds(took));
}

}  // namespace linjuli
