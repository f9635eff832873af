// For tests: a service that runs in a folder of its own by a clock which the test moves, called
// with tokens of an issuer of its own.
#ifndef LINJULI_TESTS_SERVICE_RIG_H_
#define LINJULI_TESTS_SERVICE_RIG_H_

#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/auth/issuer.h"
#include "common/auth/signing_key.h"
#include "common/auth/verifier.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rpc/service.h"
#include "common/status.h"
#include "tests/temp_dir.h"

namespace linjuli {

// Somebody who calls. `areas` are division codes.
inline Caller Person(absl::string_view subject, Role role, std::vector<std::string> areas = {},
                     absl::string_view organization = "") {
  Caller caller;
  caller.subject = std::string(subject);
  caller.roles = 1u << role;
  caller.areas = std::move(areas);
  caller.organization = std::string(organization);
  return caller;
}

// The method of that full name; its code must be linked in.
inline const google::protobuf::MethodDescriptor* MethodNamed(absl::string_view full_name) {
  const auto* method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(std::string(full_name));
  LJ_CHECK(method != nullptr, std::string(full_name));
  return method;
}

// Monday, 2 March 2026, 9:00 in China.
inline absl::Time RigTime() { return absl::FromCivil(absl::CivilHour(2026, 3, 2, 9), ChinaTime()); }

class Rig {
 public:
  explicit Rig(ServiceSpec spec, const Standard* standard = nullptr)
      : spec_(std::move(spec)),
        standard_(standard),
        issuer_(MakeIssuer(dir.File("issuer.jwk"))),
        head_key_(MakeHeadKey(dir.File("heads.jwk"))),
        verifier_(issuer_.keys(), Issuer::kName, "linjuli", &clock) {
    QuietLog();
    Restart();
  }

  // Stops the service and starts it again on the same store.
  void Restart() {
    absl::Status started = TryRestart();
    LJ_CHECK(started.ok(), std::string(started.message()));
  }
  // The same where it may be refused; then nothing runs.
  absl::Status TryRestart() {
    service_.reset();
    ServiceOptions options;
    options.data_dir = dir.path();
    options.clock = &clock;
    options.verifier = &verifier_;
    options.standard = standard_;
    options.metrics = &metrics;
    options.head_key = &head_key_;
    options.due_thread = false;
    options.crypto = crypto;
    auto started = Service::Start(spec_, options);
    if (started.ok()) service_ = *std::move(started);
    return started.status();
  }
  const SigningKey& head_key() const { return head_key_; }
  // Signs with another key from the next start on.
  void TakeAnotherHeadKey() { head_key_ = MakeHeadKey(dir.File("other_heads.jwk")); }

  // Ends the service; its file stays until the rig goes.
  void Stop() { service_.reset(); }

  Service& operator*() { return *service_; }
  Service* operator->() { return service_.get(); }

  std::string Token(const Caller& caller) {
    return caller.anonymous() ? "" : issuer_.Sign(caller, absl::Minutes(10), clock.Now());
  }

  Call MakeCall(const Caller& caller, absl::string_view method,
                const google::protobuf::Message& request) {
    Call call;
    call.method = MethodNamed(method);
    call.request.reset(request.New());
    call.request->CopyFrom(request);
    call.token = Token(caller);
    return call;
  }

  // Calls `method`, by its full name, and waits for the answer.
  template <typename R>
  absl::StatusOr<R> Ask(const Caller& caller, absl::string_view method,
                        const google::protobuf::Message& request) {
    Reply reply = CallAndWait(*service_, MakeCall(caller, method, request));
    if (!reply.ok()) return reply.status();
    return static_cast<const R&>(**reply);
  }

  // The gauge or counter of that name with a label of that value; nothing where there is none.
  std::optional<double> Metric(absl::string_view name, absl::string_view label) {
    for (const auto& family : metrics.Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        for (const auto& [key, value] : metric.label) {
          if (value == label) return metric.gauge.value + metric.counter.value;
        }
      }
    }
    return std::nullopt;
  }

  Profile crypto = Profile::kIntl;  // of the next start
  FakeClock clock{RigTime()};
  TempDir dir;
  prometheus::Registry metrics;

 private:
  static Issuer MakeIssuer(const std::string& path) {
    auto issuer = Issuer::LoadOrCreate(path);
    LJ_CHECK(issuer.ok(), std::string(issuer.status().message()));
    return *std::move(issuer);
  }

  static SigningKey MakeHeadKey(const std::string& path) {
    auto key = SigningKey::LoadOrCreate(path);
    LJ_CHECK(key.ok(), std::string(key.status().message()));
    return *std::move(key);
  }

  ServiceSpec spec_;
  const Standard* standard_;
  Issuer issuer_;
  SigningKey head_key_;
  Verifier verifier_;
  std::unique_ptr<Service> service_;
};

}  // namespace linjuli

#endif  // LINJULI_TESTS_SERVICE_RIG_H_
