#include "services/gateway/gate.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/rpc/priority.h"
#include "common/status.h"
#include "google/api/annotations.pb.h"

namespace linjuli {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

namespace {

// A call waits for its connection's thread twice: when it comes, and when its answer does.
constexpr int kPasses = 2;

}  // namespace

class Gate::Guarded : public Backend {
 public:
  Guarded(Gate* gate, Backend* behind) : gate_(*gate), behind_(behind) {}

  absl::Status Add(const MethodDescriptor* method) {
    Passage& passage = passages_[method];
    LJ_ASSIGN(passage.priority, PriorityPlan::From(*method));
    passage.writes = !method->options().GetExtension(google::api::http).has_get();
    return absl::OkStatus();
  }

  void Start(Call call, Done done) override {
    if (absl::Status status = Admit(call); !status.ok()) return done(std::move(status));
    behind_->Start(std::move(call), std::move(done));
  }

 private:
  struct Passage {
    PriorityPlan priority;
    bool writes = true;
  };

  absl::Status Admit(const Call& call) const {
    auto found = passages_.find(call.method);
    LJ_CHECK(found != passages_.end(), call.method->full_name());
    const Passage& passage = found->second;
    // Nobody in particular: each call draws its own lot.
    absl::string_view person = call.trace;
    std::shared_ptr<const Caller> caller;
    if (gate_.verifier_ != nullptr && !call.token.empty()) {
      LJ_ASSIGN(caller, gate_.verifier_->Verify(call.token));
      person = caller->subject;
      LJ_RETURN_IF_ERROR(gate_.Counted(gate_.by_person_.Take(person, passage.writes), gate_.rate_));
    }
    if (!gate_.shed_) return absl::OkStatus();
    return gate_.Counted(
        linjuli::Admit(kPasses * gate_.wait_.Smoothed(), passage.priority.Of(*call.request), person,
                       gate_.clock_->Elapsed()),
        gate_.overloaded_);
  }

  Gate& gate_;
  Backend* const behind_;
  absl::flat_hash_map<const MethodDescriptor*, Passage> passages_;
};

absl::StatusOr<std::unique_ptr<Gate>> Gate::From(GateOptions options) {
  LJ_ASSIGN(ClientAddress addresses, ClientAddress::From(options.trusted_proxies));
  return std::unique_ptr<Gate>(new Gate(std::move(options), std::move(addresses)));
}

Gate::Gate(GateOptions options, ClientAddress addresses)
    : verifier_(options.verifier),
      shed_(options.shed),
      clock_(options.clock),
      addresses_(std::move(addresses)),
      by_address_({options.address_rate, 0}, options.clock),
      by_person_(options.person, options.clock),
      wait_(options.clock) {
  if (options.metrics == nullptr) return;
  auto& refusals = prometheus::BuildCounter()
                       .Name("linjuli_gate_refusals_total")
                       .Help("Calls refused before anything was done for them, by reason.")
                       .Register(*options.metrics);
  rate_ = &refusals.Add({{"reason", "RATE"}});
  overloaded_ = &refusals.Add({{"reason", "OVERLOADED"}});
}

absl::Status Gate::Counted(absl::Status status, prometheus::Counter* counter) const {
  if (!status.ok() && counter != nullptr) counter->Increment();
  return status;
}

absl::Status Gate::AdmitAddress(const HttpRequest& request) {
  if (!by_address_.limits()) return absl::OkStatus();
  return Counted(by_address_.Take(addresses_.Of(request), false), rate_);
}

absl::StatusOr<std::unique_ptr<Backend>> Gate::Guard(const ServiceDescriptor* service,
                                                     Backend* behind) {
  auto guarded = std::make_unique<Guarded>(this, behind);
  for (int i = 0; i < service->method_count(); ++i) {
    LJ_RETURN_IF_ERROR(guarded->Add(service->method(i)));
  }
  return guarded;
}

}  // namespace linjuli
