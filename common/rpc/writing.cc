// The pipeline's way of a call that writes: begin → replay? → load, etag, transition → handler →
// changes and reply → commit.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/rpc/mandate.h"
#include "common/rpc/running.h"
#include "common/rpc/update.h"

namespace linjuli {

using google::protobuf::Message;
using MessageOr = absl::StatusOr<std::unique_ptr<Message>>;

namespace {

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

}  // namespace

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
  LJ_RETURN_IF_ERROR(ActUnder(tx, *plan_, plan, request));
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
  // Before the handler where the request alone tells, so that nobody learns from its refusals; and
  // after it, which sets whom the new resource belongs to.
  bool fits = !plan.access.Decides(tx.caller(), *resource) ||
              plan.access.Find(tx.caller(), *resource) != nullptr;
  if (fits && plan.handler != nullptr) {
    LJ_RETURN_IF_ERROR(plan.handler->verb(tx, request, *resource));
  }
  if (!fits || plan.access.Find(tx.caller(), *resource) == nullptr) {
    return NoWay(plan.access, tx.caller(), *resource,
                 Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
                        "this lies outside the area or organisation you work for"));
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
    if (!may_know) return NoWay(plan.access, tx.caller(), *resource, NotFound(name));
    return NoWay(
        plan.access, tx.caller(), *resource,
        Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
               absl::StrCat("you may read ", name, ", but ", plan.verb, " is not yours to do")));
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
    // Each row under its own mandate, or none.
    if (plan.each->mandate != nullptr) tx.Act(std::nullopt);
    if (status.ok()) status = ActUnder(tx, *plan_, *plan.each, row);
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

}  // namespace linjuli
