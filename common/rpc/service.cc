#include "common/rpc/service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "common/log.h"
#include "common/rpc/mask.h"
#include "common/rpc/meter.h"
#include "common/rpc/pages.h"
#include "common/rpc/update.h"
#include "common/rpc/wire_field.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using MessageOr = absl::StatusOr<std::unique_ptr<Message>>;

namespace {

// A search, or a page of more than so many, may take milliseconds.
constexpr int kLongPage = 200;
constexpr int kLongReaders = 2;
constexpr size_t kMostLongReads = 256;
constexpr char kChanges[] = "linjuli.changes.v1.Changes";

std::string StringIn(const Message& message, const FieldDescriptor* field) {
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

absl::Status WrongState(const Table& table, const Message& resource, const MethodPlan& plan,
                        const std::vector<const MethodPlan*>& verbs) {
  int state = table.StateIn(resource);
  std::vector<std::string> allowed;
  for (const MethodPlan* verb : verbs) {
    if (verb->transition && verb->transition->From(state)) allowed.push_back(verb->verb);
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "STATE",
                absl::StrCat(table.NameIn(resource), " is ", table.StateName(state),
                             "; then one may: ", absl::StrJoin(allowed, ", ")),
                {{"from", table.StateName(state)},
                 {"action", plan.verb},
                 {"allowed", absl::StrJoin(allowed, ",")}});
}

absl::Status CheckEtag(const Table& table, const Message& resource, const std::string& etag) {
  std::string current = StringIn(resource, table.etag_field);
  if (etag.empty() || etag == current) return absl::OkStatus();
  return Refuse(absl::StatusCode::kAborted, "VERSION",
                absl::StrCat(table.NameIn(resource),
                             " was changed since you read it; read it again and decide anew"),
                {{"current", current}});
}

bool IsLong(const MethodPlan& plan, const Message& request) {
  return plan.kind == MethodKind::kSearch || plan.kind == MethodKind::kRead ||
         (plan.page_size != nullptr &&
          request.GetReflection()->GetInt32(request, plan.page_size) > kLongPage);
}

}  // namespace

absl::Status Service::SignHead() { return heads_ ? heads_->Sign() : absl::OkStatus(); }

// A call on its way. The store's job owns it, so that its address stays.
struct Service::Running {
  Call call;
  Done done;
  const MethodPlan* plan = nullptr;
  std::shared_ptr<const Caller> caller;  // shared with the verifier's cache
  absl::Time begun;
  Answer reply;
};

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

void Service::StartRead(const MethodPlan& plan, std::unique_ptr<Running> running) {
  if (!IsLong(plan, *running->call.request)) return Read(plan, std::move(running));
  Running* kept = running.get();
  absl::AnyInvocable<void()> work = [this, &plan, owned = std::move(running)]() mutable {
    absl::Status status = CheckDeadline(*owned);
    status.ok() ? Read(plan, std::move(owned)) : Finish(*owned, std::move(status));
  };
  if (long_reads_->Run(std::move(work))) return;
  // `work` was not taken and still owns the call.
  Finish(*kept, Overloaded("too many searches wait; try again in a second"));
}

void Service::Read(const MethodPlan& plan, std::unique_ptr<Running> running) {
  Reply reply = absl::UnknownError("");
  std::vector<std::string> shown;
  bool snapshot = plan.kind == MethodKind::kRead;
  absl::Status read = store_->Read(*running->caller, snapshot, [&](Rx& rx) {
    reply = RunRead(rx, plan, *running->call.request, shown);
    return absl::OkStatus();
  });
  if (!read.ok()) return Finish(*running, read);
  if (shown.empty() || !reply.ok()) return Finish(*running, std::move(reply));
  FinishRead(std::move(running), *std::move(reply), std::move(shown), [this](Message& m) {
    absl::Status hidden = plan_->schema.EachResource(m, [](const Table& table, Message& resource) {
      if (table.personal != nullptr) MaskPersonal(*table.personal, resource);
      return absl::OkStatus();
    });
    LJ_CHECK(hidden.ok());
  });
}

void Service::FinishRead(std::unique_ptr<Running> running, Answer reply,
                         std::vector<std::string> shown, absl::AnyInvocable<void(Message&)> hide) {
  Running* r = running.get();
  r->reply = std::move(reply);
  Origin origin{r->caller.get(), r->call.method->full_name(), ""};
  store_->Write(
      std::move(origin), r->call.deadline,
      [names = std::move(shown)](Tx& tx) { return tx.RecordAccess(names); },
      [this, owned = std::move(running), hide = std::move(hide)](absl::Status status) mutable {
        if (!status.ok()) {
          LogError("an access could not be recorded; the answer was masked",
                   {{"method", owned->call.method->full_name()}, {"reason", ReasonOf(status)}});
          hide(*owned->reply);
        }
        Finish(*owned, std::move(owned->reply));
      });
}

Reply Service::RunRead(Rx& rx, const MethodPlan& plan, const Message& request,
                       std::vector<std::string>& shown) {
  if (plan.kind == MethodKind::kGet) return ReadOne(rx, plan, request, shown);
  if (plan.kind != MethodKind::kRead) return ReadSome(rx, plan, request, shown);
  if (!plan.access.is_public() && plan.access.Find(rx.caller(), request) == nullptr) {
    return Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
                  "this lies outside the area you work for");
  }
  LJ_ASSIGN(std::unique_ptr<Message> reply, plan.handler->read(rx, request));
  for (const Shown& one : Dress(rx.caller(), plan, request, *reply)) {
    shown.push_back(one.table->NameIn(*one.resource));
  }
  return reply;
}

Reply Service::ReadOne(Rx& rx, const MethodPlan& plan, const Message& request,
                       std::vector<std::string>& shown) {
  std::string name = StringIn(request, plan.name);
  std::string resource;
  Reading reading(views_.at(plan.table), rx, plan.access);
  LJ_RETURN_IF_ERROR(rx.WithBody(*plan.table, name, [&](absl::string_view body) -> absl::Status {
    LJ_ASSIGN(bool visible, reading.Show(body, resource));
    // Whoever may not see it is not told that it is there.
    return visible ? absl::OkStatus() : NotFound(name);
  }));
  shown = reading.shown();
  return Answer(*plan.response, std::move(resource));
}

Reply Service::ReadSome(Rx& rx, const MethodPlan& plan, const Message& request,
                        std::vector<std::string>& shown) {
  Reading reading(views_.at(plan.table), rx, plan.access);
  std::string page, row;
  auto show = [&](absl::string_view body) -> absl::StatusOr<bool> {
    row.clear();
    LJ_ASSIGN(bool visible, reading.Show(body, row));
    if (visible) AppendField(plan.rows, row, page);
    return visible;
  };
  LJ_ASSIGN(std::string next, ReadPage(rx, plan, request, show));
  if (!next.empty()) AppendField(plan.next_page_token, next, page);
  shown = reading.shown();
  return Answer(*plan.response, std::move(page));
}

void Service::StartWrite(const MethodPlan& plan, std::unique_ptr<Running> running) {
  Running* r = running.get();
  Origin origin{r->caller.get(), plan.method->full_name(),
                StringIn(*r->call.request, plan.request_id)};
  store_->Write(
      std::move(origin), r->call.deadline,
      [this, &plan, r](Tx& tx) { return RunWrite(tx, plan, *r); },
      [this, owned = std::move(running)](absl::Status status) {
        if (!status.ok()) return Finish(*owned, std::move(status));
        Finish(*owned, std::move(owned->reply));
      });
}

absl::Status Service::RunWrite(Tx& tx, const MethodPlan& plan, Running& running) {
  const Message& request = *running.call.request;
  const int64_t before = tx.log().sequence();
  LJ_ASSIGN(running.reply, Once(tx, plan, request));
  std::vector<std::string> names;
  for (const Shown& shown : Dress(tx.caller(), plan, request, *running.reply)) {
    // What this call wrote has its record in that change.
    auto written = DecodeId(StringIn(*shown.resource, shown.table->etag_field));
    if (written.value_or(0) <= before) names.push_back(shown.table->NameIn(*shown.resource));
  }
  return names.empty() ? absl::OkStatus() : tx.RecordAccess(names);
}

MessageOr Service::Once(Tx& tx, const MethodPlan& plan, const Message& request) {
  std::string request_id = StringIn(request, plan.request_id);
  if (request_id.empty()) return Apply(tx, plan, request);
  int64_t key = ReplyKey(tx.caller().subject, plan.method->full_name(), request_id);
  // Keyed where it may have personal data in it, which a plain hash would let one guess.
  std::string bytes = request.SerializeAsString();
  std::string hash =
      (store_->keys() != nullptr ? store_->keys()->RequestHash(bytes) : Sha256(bytes))
          .substr(0, 16);
  LJ_ASSIGN(std::optional<StoredReply> stored, tx.log().FindReply(key));
  if (stored.has_value()) {
    if (stored->body_hash != hash) {
      return Refuse(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_CONFLICT",
                    "this request id was used for another request; use a new one",
                    {{"request_id", request_id}});
    }
    if (stored->reply.has_value()) {
      bytes = *stored->reply;
    } else {
      LJ_ASSIGN(auto changes, ReadChanges(tx.db(), stored->sequence - 1, 1));
      LJ_CHECK(changes.size() == 1);
      bytes = changes[0].snapshot().value();
    }
    std::unique_ptr<Message> reply(plan.response->New());
    LJ_CHECK(reply->ParseFromString(bytes));
    if (plan.reply_personal != nullptr) LJ_RETURN_IF_ERROR(tx.OpenAll(*reply));
    return reply;
  }
  int64_t before = tx.log().sequence();
  int64_t writes_before = tx.writes();
  LJ_ASSIGN(std::unique_ptr<Message> reply, Apply(tx, plan, request));
  // A call without an effect may be made again.
  if (tx.writes() == writes_before) return reply;
  bool is_snapshot = plan.table != nullptr && reply->GetDescriptor() == plan.table->type &&
                     plan.kind != MethodKind::kWrite && tx.log().sequence() == before + 1;
  std::optional<std::string> kept;
  if (!is_snapshot && plan.reply_personal != nullptr && plan.reply_personal->Holds(*reply)) {
    std::unique_ptr<Message> sealed(reply->New());
    sealed->CopyFrom(*reply);
    LJ_RETURN_IF_ERROR(tx.SealAll(*sealed));
    kept = sealed->SerializeAsString();
  } else if (!is_snapshot) {
    kept = reply->SerializeAsString();
  }
  LJ_RETURN_IF_ERROR(tx.log().SaveReply(key, hash, kept));
  return reply;
}

MessageOr Service::Apply(Tx& tx, const MethodPlan& plan, const Message& request) {
  switch (plan.kind) {
    case MethodKind::kCreate:
      return Make(tx, plan, request);
    case MethodKind::kBatchCreate:
      return MakeMany(tx, plan, request);
    case MethodKind::kVerb:
    case MethodKind::kUpdate:
      return Change(tx, plan, request);
    default:
      if (plan.access.Find(tx.caller(), request) == nullptr) {
        return Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
                      "this lies outside the area you work for");
      }
      return plan.handler->write(tx, request);
  }
}

MessageOr Service::Make(Tx& tx, const MethodPlan& plan, const Message& request) {
  const Table& table = *plan.table;
  std::unique_ptr<Message> resource(plan.response->New());
  resource->CopyFrom(request.GetReflection()->GetMessage(request, plan.resource));
  if (!table.NameIn(*resource).empty()) {
    return RefuseFields({{plan.resource->name() + ".name", "OUTPUT_ONLY",
                          "is given by the service; leave it out"}});
  }
  std::string parent = StringIn(request, plan.parent);
  if (table.nested) {
    const Table* above = tx.schema().FindByName(parent);
    if (above == nullptr) return NotFound(parent);
    std::unique_ptr<Message> standing(above->prototype->New());
    LJ_RETURN_IF_ERROR(tx.Load(*above, parent, *standing));
  }
  tx.Name(table, *resource, parent);
  // The parent is there, but of another kind.
  if (!table.IdOf(table.NameIn(*resource)).has_value()) return NotFound(parent);
  SetTime(*resource, table.create_time_field, tx.now());
  if (plan.transition.has_value()) {
    resource->GetReflection()->SetEnumValue(resource.get(), table.state_field,
                                            plan.transition->to[0]);
    tx.Declare(table.type, &*plan.transition);
  }
  if (plan.handler != nullptr) {
    LJ_RETURN_IF_ERROR(plan.handler->verb(tx, request, *resource));
  }
  // After the handler, which sets whom the new resource belongs to.
  if (plan.access.Find(tx.caller(), *resource) == nullptr) {
    return Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
                  "this lies outside the area or organisation you work for");
  }
  LJ_RETURN_IF_ERROR(tx.Insert(table, *resource, parent));
  return resource;
}

MessageOr Service::Change(Tx& tx, const MethodPlan& plan, const Message& request) {
  const Table& table = *plan.table;
  std::unique_ptr<Message> resource(plan.response->New());
  const Message* sent = plan.kind == MethodKind::kUpdate
                            ? &request.GetReflection()->GetMessage(request, plan.resource)
                            : nullptr;
  std::string name = sent ? table.NameIn(*sent) : StringIn(request, plan.name);
  LJ_RETURN_IF_ERROR(tx.Load(table, name, *resource));
  if (plan.access.Find(tx.caller(), *resource) == nullptr) {
    auto get = plan_->gets.find(&table);
    bool may_know =
        get != plan_->gets.end() && (get->second->access.is_public() ||
                                     get->second->access.Find(tx.caller(), *resource) != nullptr);
    if (!may_know) return NotFound(name);
    return Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
                  absl::StrCat("you may read ", name, ", but ", plan.verb, " is not yours to do"));
  }
  LJ_RETURN_IF_ERROR(CheckEtag(
      table, *resource, sent ? StringIn(*sent, table.etag_field) : StringIn(request, plan.etag)));
  int state = table.StateIn(*resource);
  if (plan.transition.has_value() && !plan.transition->From(state)) {
    auto verbs = plan_->verbs.find(&table);
    return WrongState(
        table, *resource, plan,
        verbs == plan_->verbs.end() ? std::vector<const MethodPlan*>() : verbs->second);
  }
  LJ_RETURN_IF_ERROR(plan.access.CheckFourEyes(tx.caller(), *resource));
  if (sent != nullptr) {
    LJ_RETURN_IF_ERROR(ApplyMask(*sent, request, plan.update_mask, *resource));
  }
  if (plan.transition.has_value()) {
    tx.Declare(table.type, &*plan.transition);
    if (plan.transition->to.size() == 1) {
      resource->GetReflection()->SetEnumValue(resource.get(), table.state_field,
                                              plan.transition->to[0]);
    }
  }
  if (plan.handler != nullptr) {
    LJ_RETURN_IF_ERROR(plan.handler->verb(tx, request, *resource));
  }
  LJ_RETURN_IF_ERROR(tx.Write(table, *resource));
  return resource;
}

MessageOr Service::MakeMany(Tx& tx, const MethodPlan& plan, const Message& request) {
  std::unique_ptr<Message> reply(plan.response->New());
  const auto* reflection = request.GetReflection();
  for (int i = 0; i < reflection->FieldSize(request, plan.rows); ++i) {
    const Message& row = reflection->GetRepeatedMessage(request, plan.rows, i);
    Message* result = reply->GetReflection()->AddMessage(reply.get(), plan.results);
    tx.set_request_id(StringIn(row, plan.each->request_id));
    absl::Status status = validator_.Check(row);
    MessageOr made =
        status.ok() ? tx.Nested([&] { return Once(tx, *plan.each, row); }) : MessageOr(status);
    if (made.ok()) {
      result->GetReflection()->SetAllocatedMessage(result, made->release(), plan.result_resource);
      continue;
    }
    status = made.status();
    if (EndsTransaction(status) || ReasonOf(status) == kHalfDone) return status;
    if (options_.standard != nullptr) {
      Localize(status, "zh-CN", options_.standard->Text(ReasonOf(status), "zh-CN"));
    }
    result->GetReflection()->MutableMessage(result, plan.result_error)->CopyFrom(ToProto(status));
  }
  return reply;
}

std::vector<Service::Shown> Service::Dress(const Caller& caller, const MethodPlan& plan,
                                           const Message& request, Message& reply) const {
  std::vector<Shown> shown;
  const auto* reflection = reply.GetReflection();
  auto dress = [&](const AccessPlan& access, Message& resource) {
    if (views_.at(plan.table).Dress(caller, access, resource)) {
      shown.push_back({plan.table, &resource});
    }
  };
  switch (plan.kind) {
    case MethodKind::kBatchCreate:
      for (int i = 0; i < reflection->FieldSize(reply, plan.results); ++i) {
        Message* row = reflection->MutableRepeatedMessage(&reply, plan.results, i);
        if (!row->GetReflection()->HasField(*row, plan.result_resource)) continue;
        dress(plan.each->access, *row->GetReflection()->MutableMessage(row, plan.result_resource));
      }
      break;
    case MethodKind::kRead:
    case MethodKind::kWrite: {
      if (plan.reply_personal == nullptr) break;
      const Way* way = plan.access.Find(caller, request);
      if (way == nullptr || way->masked) {
        MaskPersonal(*plan.reply_personal, reply);
        break;
      }
      absl::Status seen =
          plan_->schema.EachResource(reply, [&](const Table& table, Message& resource) {
            Show(caller, table, resource, shown);
            return absl::OkStatus();
          });
      LJ_CHECK(seen.ok());
      break;
    }
    default:
      dress(plan.access, reply);
  }
  return shown;
}

void Service::Show(const Caller& caller, const Table& table, Message& resource,
                   std::vector<Shown>& shown) {
  if (table.personal == nullptr || !table.personal->Holds(resource)) return;
  if (TextAt(resource, table.person) != caller.subject) shown.push_back({&table, &resource});
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
