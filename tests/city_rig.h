// For tests: a service under the city's standard, with a clock of the test's own, people with
// signed tokens, and calls that wait for their answers. What a test does not care about is filled
// in for it. (service_rig.h is for services without a standard.)
#ifndef LINJULI_TESTS_CITY_RIG_H_
#define LINJULI_TESTS_CITY_RIG_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/auth/issuer.h"
#include "common/auth/signing_key.h"
#include "common/auth/verifier.h"
#include "common/caller.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rpc/service.h"
#include "common/standard/standard.h"
#include "common/status.h"
#include "tests/source_dir.h"

namespace linjuli {

// "2026-11-23 09:00" in China.
inline absl::Time ChinaAt(const std::string& text) {
  absl::Time time;
  std::string error;
  LJ_CHECK(absl::ParseTime("%Y-%m-%d %H:%M", text, ChinaTime(), &time, &error), text + error);
  return time;
}

// A folder that goes with the test; in memory where the machine has such a place, for what these
// tests show does not hang on a disk.
class MemoryDir {
 public:
  MemoryDir() {
    std::error_code error;
    std::string base = std::filesystem::is_directory("/dev/shm", error)
                           ? "/dev/shm"
                           : std::filesystem::temp_directory_path().string();
    path_ = base + "/linjuli-XXXXXX";
    LJ_CHECK(mkdtemp(path_.data()) != nullptr, path_);
  }
  ~MemoryDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MemoryDir(const MemoryDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline Caller Person(std::string subject, std::vector<Role> roles,
                     std::vector<std::string> areas = {}) {
  Caller caller;
  caller.subject = std::move(subject);
  for (Role role : roles) caller.roles |= 1u << role;
  caller.areas = std::move(areas);
  return caller;
}

// Signs tokens that outlast any test, whatever its clock does. Thread-safe.
class TokenDesk {
 public:
  explicit TokenDesk(const std::string& data_dir) {
    auto issuer = Issuer::LoadOrCreate(data_dir + "/issuer.jwk");
    LJ_CHECK(issuer.ok(), std::string(issuer.status().message()));
    issuer_ = std::make_unique<Issuer>(*std::move(issuer));
  }
  KeySet keys() const { return issuer_->keys(); }
  // Empty for nobody.
  std::string TokenOf(const Caller& caller) {
    if (caller.anonymous()) return "";
    absl::MutexLock lock(&mutex_);
    std::string& token =
        tokens_[absl::StrCat(caller.subject, " ", caller.roles, " ",
                             absl::StrJoin(caller.areas, ","), " ", caller.organization)];
    if (token.empty()) {
      token = issuer_->Sign(caller, absl::Hours(24 * 365 * 30), absl::FromUnixSeconds(1577836800));
    }
    return token;
  }

 private:
  std::unique_ptr<Issuer> issuer_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> tokens_ ABSL_GUARDED_BY(mutex_);
};

inline std::string LinhaiFolder() { return SourceDir() + "/deploy/standards/linhai"; }

// A text that a field's rule takes.
inline std::string AnyText(const Check& check) {
  if (check.code() == Check::DIVISION) return "331082001001";
  if (absl::StrContains(check.pattern(), "{64}")) return std::string(64, 'a');
  return absl::StartsWith(check.pattern(), "[A-Z") ? "X" : "x";
}

// Sets what a request must have and the test left out. Names of resources are the test's to give.
inline void FillRequired(google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const Check& check = field->options().GetExtension(linjuli::check);
    if (!check.required() || !check.reference().empty()) continue;
    const bool many = field->is_repeated();
    if (many && reflection->FieldSize(message, field) > 0) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      FillRequired(many ? *reflection->AddMessage(&message, field)
                        : *reflection->MutableMessage(&message, field));
    } else if (many || !reflection->HasField(message, field)) {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
          many ? reflection->AddString(&message, field, AnyText(check))
               : reflection->SetString(&message, field, AnyText(check));
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          many ? reflection->AddEnumValue(&message, field, 1)
               : reflection->SetEnumValue(&message, field, 1);
          break;
        case FieldDescriptor::CPPTYPE_INT32:
          if (!many) reflection->SetInt32(&message, field, 1);
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          if (!many) reflection->SetInt64(&message, field, 1);
          break;
        default:
          break;
      }
    }
  }
}

class CityRig {
 public:
  CityRig(ServiceSpec (*spec)(), const StandardNeeds& needs, absl::Time start,
          const std::string& standard_dir = LinhaiFolder())
      : clock(start), desk(folder.path()), spec_(spec), needs_(needs) {
    QuietLog();
    auto key = SigningKey::LoadOrCreate(folder.path() + "/heads.jwk");
    LJ_CHECK(key.ok(), std::string(key.status().message()));
    head_key_ = std::make_unique<SigningKey>(*std::move(key));
    verifier_ = std::make_unique<Verifier>(desk.keys(), Issuer::kName, Issuer::kName, &clock);
    Restart(standard_dir);
  }

  // Ends the service and starts it again on the same store, perhaps under another standard.
  void Restart(const std::string& standard_dir = "") {
    service_.reset();
    if (!standard_dir.empty()) {
      auto loaded = Standard::Load(standard_dir, needs_);
      LJ_CHECK(loaded.ok(), std::string(loaded.status().message()));
      standard_ = *std::move(loaded);
    }
    ServiceOptions options;
    options.data_dir = folder.path();
    options.clock = &clock;
    options.verifier = verifier_.get();
    options.standard = standard_.get();
    options.head_key = head_key_.get();
    options.due_thread = false;
    auto started = Service::Start(spec_(), options);
    LJ_CHECK(started.ok(), std::string(started.status().message()));
    service_ = *std::move(started);
  }

  // The call as it is given, through the whole pipeline.
  Reply Send(const google::protobuf::MethodDescriptor* method,
             const google::protobuf::Message& request, const Caller& caller) {
    Call call;
    call.method = method;
    call.request.reset(request.New());
    call.request->CopyFrom(request);
    call.token = desk.TokenOf(caller);
    return CallAndWait(*service_, std::move(call));
  }

  // The method is the one that takes such a request; R is what it answers.
  template <typename R, typename Q>
  absl::StatusOr<R> Ask(const Q& request, const Caller& caller) {
    const auto* service = service_->plan().service;
    for (int i = 0; i < service->method_count(); ++i) {
      if (service->method(i)->input_type() != Q::descriptor()) continue;
      Reply reply = Send(service->method(i), request, caller);
      if (!reply.ok()) return reply.status();
      return static_cast<const R&>(**reply);
    }
    FailStop(__FILE__, __LINE__, "a method takes it", Q::descriptor()->full_name());
  }

  // Until nothing is due any more; returns how much was.
  int RunDue() {
    int all = 0;
    for (int done = 1; done > 0; all += done) done = service_->RunDue();
    return all;
  }

  Service& service() { return *service_; }
  const Standard& standard() const { return *standard_; }

  MemoryDir folder;
  FakeClock clock;
  TokenDesk desk;

 private:
  ServiceSpec (*const spec_)();
  const StandardNeeds needs_;
  std::unique_ptr<SigningKey> head_key_;
  std::unique_ptr<Verifier> verifier_;
  std::shared_ptr<const Standard> standard_;  // as Load gives it
  std::unique_ptr<Service> service_;
};

}  // namespace linjuli

#endif  // LINJULI_TESTS_CITY_RIG_H_
