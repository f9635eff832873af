#include "common/rpc/service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "common/log.h"
#include "common/rpc/mask.h"
#include "common/rpc/meter.h"
#include "common/rpc/running.h"
#include "common/rpc/update.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

namespace {

constexpr int kLongReaders = 2;
constexpr size_t kMostLongReads = 256;
constexpr char kChanges[] = "linjuli.changes.v1.Changes";

}  // namespace

absl::Status Service::SignHead() { return heads_ ? heads_->Sign() : absl::OkStatus(); }

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const ServiceSpec& spec,
                                                        ServiceOptions options) {
  LJ_ASSIGN(std::unique_ptr<ServicePlan> plan, ServicePlan::From(spec));
  std::unique_ptr<Service> service(
      new Service(std::move(plan), std::move(options), spec.invariants));
  for (const auto& method : service->plan_->methods) {
    LJ_RETURN_IF_ERROR(service->validator_.Add(method->method->input_type()));
  }
  for (const auto& table : service->plan_->schema.tables()) {
    LJ_RETURN_IF_ERROR(service->validator_.Add(table->type));
  }
  const auto* changes = changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
  for (int i = 0; i < changes->method_count(); ++i) {
    LJ_RETURN_IF_ERROR(service->validator_.Add(changes->method(i)->input_type()));
  }
  StoreOptions store;
  store.path = absl::StrCat(service->options_.data_dir, "/", service->name(), ".db");
  store.service = service->name();
  store.clock = service->options_.clock;
  store.standard = service->options_.standard;
  store.metrics = service->options_.metrics;
  store.migrations = spec.migrations;
  store.master_key = service->options_.master_key;
  store.crypto = service->options_.crypto;
  Schema schema;
  for (const auto& table : service->plan_->schema.tables()) {
    LJ_RETURN_IF_ERROR(schema.Add(table->type));
  }
  LJ_ASSIGN(service->store_, Store::Open(std::move(schema), std::move(store)));
  if (service->options_.head_key != nullptr) {
    HeadSignerOptions signer;
    signer.service = service->name();
    signer.key = service->options_.head_key;
    signer.metrics = service->options_.metrics;
    signer.thread = service->options_.due_thread;
    service->heads_ = std::make_unique<HeadSigner>(service->store_.get(), std::move(signer));
  }
  if (service->options_.due_thread) {
    service->due_thread_ = std::thread([s = service.get()] { s->WatchDue(); });
  }
  return service;
}

Service::Service(std::unique_ptr<ServicePlan> plan, ServiceOptions options,
                 std::vector<Invariant> invariants)
    : plan_(std::move(plan)),
      options_(std::move(options)),
      invariants_(std::move(invariants)),
      validator_(options_.standard),
      meter_(std::make_unique<Meter>(options_.metrics)),
      long_reads_(std::make_unique<ReadPool>(kLongReaders, kMostLongReads, options_.clock)) {
  for (const auto& table : plan_->schema.tables()) {
    views_.emplace(table.get(), View(*plan_, *table));
  }
}

Service::~Service() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (due_thread_.joinable()) due_thread_.join();
  heads_.reset();
  long_reads_.reset();
  store_.reset();  // answers what still waits, through this object
}

absl::StatusOr<std::shared_ptr<const Caller>> Service::Identify(absl::string_view token) const {
  if (token.empty()) {
    static const auto* const nobody = new std::shared_ptr<const Caller>(new Caller);
    return *nobody;
  }
  return options_.verifier->Verify(token);
}

void Service::Start(Call call, Done done) {
  auto running = std::make_unique<Running>();
  running->call = std::move(call);
  running->done = std::move(done);
  running->begun = store_->Now();
  auto caller = Identify(running->call.token);
  if (!caller.ok()) return Finish(*running, caller.status());
  running->caller = *std::move(caller);
  const Message& request = *running->call.request;
  const MethodDescriptor* method = running->call.method;
  if (method->service()->full_name() == kChanges) {
    if (auto valid = validator_.Check(request); !valid.ok()) return Finish(*running, valid);
    if (method->name() != "ListHistory") {
      return Finish(*running, AnswerChanges(*running->caller, *method, request));
    }
    bool shown = false;
    Reply reply = ListHistory(*running->caller, request, shown);
    if (!shown || !reply.ok()) return Finish(*running, std::move(reply));
    std::string name = static_cast<const changes::v1::ListHistoryRequest&>(request).name();
    return FinishRead(std::move(running), *std::move(reply), {std::move(name)}, [this](Message& m) {
      auto& history = static_cast<changes::v1::ListHistoryResponse&>(m);
      for (auto& change : *history.mutable_changes()) MaskSnapshot(change, true);
    });
  }
  auto found = plan_->by_method.find(method);
  if (found == plan_->by_method.end()) {
    return Finish(*running, Refuse(absl::StatusCode::kUnimplemented, "NO_METHOD",
                                   absl::StrCat(method->full_name(), " is not served here")));
  }
  const MethodPlan& plan = *found->second;
  running->plan = &plan;
  if (auto status = Admit(plan, *running); !status.ok()) return Finish(*running, status);
  if (auto status = plan.access.CheckRole(*running->caller); !status.ok()) {
    return Finish(*running, status);
  }
  if (auto valid = Validate(plan, request); !valid.ok()) return Finish(*running, valid);
  if (auto status = CheckDeadline(*running); !status.ok()) return Finish(*running, status);
  plan.writes() ? StartWrite(plan, std::move(running)) : StartRead(plan, std::move(running));
}

absl::Status Service::Admit(const MethodPlan& plan, const Running& running) const {
  if (!options_.shed) return absl::OkStatus();
  const Message& request = *running.call.request;
  absl::Duration wait;
  // Whoever reads personal data may have to wait until that is on record.
  if (plan.writes() || plan.reply_personal != nullptr) wait = store_->QueueWait();
  if (!plan.writes() && IsLong(plan, request)) wait = std::max(wait, long_reads_->Wait());
  const Caller& caller = *running.caller;
  return linjuli::Admit(wait, plan.priority.Of(request),
                        caller.anonymous() ? running.call.trace : caller.subject,
                        options_.clock->Elapsed());
}

absl::Status Service::CheckDeadline(const Running& running) const {
  if (store_->Now() < running.call.deadline) return absl::OkStatus();
  return Refuse(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                "the deadline passed before the call began; nothing was done");
}

absl::Status Service::Validate(const MethodPlan& plan, const Message& request) const {
  switch (plan.kind) {
    case MethodKind::kBatchCreate:
      return validator_.Check(request, plan.rows);
    case MethodKind::kUpdate:
      return validator_.Check(request, plan.resource, &MaskOf(request, plan.update_mask));
    default:
      return validator_.Check(request);
  }
}

void Service::Finish(Running& running, Reply reply) {
  absl::Status status = reply.status();
  if (!status.ok() && options_.standard != nullptr) {
    std::string text = options_.standard->Text(ReasonOf(status), "zh-CN");
    if (!text.empty()) Localize(status, "zh-CN", text);
  }
  absl::Duration took = store_->Now() - running.begun;
  meter_->Count(running.call.method, status.code(), took);
  // A crowd that is refused is told by the metrics, without a line for each.
  bool crowd = status.code() == absl::StatusCode::kResourceExhausted;
  if ((!status.ok() && !crowd) || took > absl::Seconds(1)) {
    LogCall({running.call.trace, running.call.method->full_name(),
             running.caller ? running.caller->subject : "", status, took});
  }
  if (status.ok()) {
    running.done(std::move(reply));
  } else {
    running.done(std::move(status));
  }
}

Reply CallAndWait(Backend& backend, Call call) {
  Reply result = absl::UnknownError("");
  absl::Notification done;
  backend.Start(std::move(call), [&](Reply reply) {
    result = std::move(reply);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

}  // namespace linjuli
