#include "common/rpc/plan.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/rpc/erase.h"
#include "google/api/annotations.pb.h"
#include "google/protobuf/field_mask.pb.h"

namespace linjuli {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;

namespace {

std::string PackagePart(const std::string& package) {
  std::vector<std::string> parts = absl::StrSplit(package, '.');
  return parts.size() < 2 ? package : parts[parts.size() - 2];
}

bool IsStored(const Descriptor* type) { return type->options().HasExtension(stored); }

const FieldDescriptor* RepeatedResource(const Descriptor* type) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->is_repeated() && field->message_type() && IsStored(field->message_type())) {
      return field;
    }
  }
  return nullptr;
}

// Works out one method; every defect goes to `defects`.
class Planner {
 public:
  Planner(ServicePlan& plan, std::vector<std::string>& defects) : plan_(plan), defects_(defects) {}

  void Add(const MethodDescriptor* method) {
    auto made = std::make_unique<MethodPlan>();
    method_ = method;
    p_ = made.get();
    p_->method = method;
    p_->request = Prototype(method->input_type());
    p_->response = Prototype(method->output_type());
    if (p_->request == nullptr || p_->response == nullptr)
      return Wrong("its code is not linked in");
    for (const Handler& handler : plan_.handlers) {
      if (handler.type == method->input_type()) p_->handler = &handler;
    }
    FindStandardFields();
    if (!FindKind()) return;
    CheckKind();
    FindAccess();
    FindPersonal();
    FindPriority();
    plan_.by_method[method] = p_;
    if (p_->kind == MethodKind::kVerb) plan_.verbs[p_->table].push_back(p_);
    if (p_->kind == MethodKind::kGet) plan_.gets[p_->table] = p_;
    plan_.methods.push_back(std::move(made));
  }

  // Once all methods are there: batches find their Create.
  void Join() {
    for (auto& made : plan_.methods) {
      if (made->kind != MethodKind::kBatchCreate) continue;
      method_ = made->method;
      for (auto& other : plan_.methods) {
        if (other->method->input_type() == made->rows->message_type()) made->each = other.get();
      }
      if (made->each == nullptr || made->each->kind != MethodKind::kCreate) {
        Wrong("its `requests` are not those of a Create of this service");
      }
    }
  }

 private:
  void Wrong(absl::string_view what) {
    defects_.push_back(absl::StrCat(method_->full_name(), ": ", what));
  }

  static const google::protobuf::Message* Prototype(const Descriptor* type) {
    return MessageFactory::generated_factory()->GetPrototype(type);
  }

  void FindStandardFields() {
    const Descriptor* in = method_->input_type();
    p_->name = in->FindFieldByName("name");
    p_->parent = in->FindFieldByName("parent");
    p_->etag = in->FindFieldByName("etag");
    p_->request_id = in->FindFieldByName("request_id");
    p_->page_size = in->FindFieldByName("page_size");
    p_->page_token = in->FindFieldByName("page_token");
    p_->query = in->FindFieldByName("query");
    p_->mandate = in->FindFieldByName("mandate");
    p_->purpose = in->FindFieldByName("purpose");
    p_->as_of_time = in->FindFieldByName("as_of_time");
    p_->update_mask = in->FindFieldByName("update_mask");
    if (p_->update_mask != nullptr &&
        (p_->update_mask->is_repeated() ||
         p_->update_mask->message_type() != google::protobuf::FieldMask::descriptor())) {
      p_->update_mask = nullptr;
    }
    p_->next_page_token = method_->output_type()->FindFieldByName("next_page_token");
    std::string route = RouteOf(method_);
    size_t colon = route.rfind(':');
    p_->verb = colon != std::string::npos && route.find('}', colon) == std::string::npos
                   ? route.substr(colon + 1)
                   : method_->name();
  }

  bool FindKind() {
    const Descriptor* out = method_->output_type();
    const std::string& name = method_->name();
    const std::string& transition = method_->options().GetExtension(linjuli::transition);
    const Handler* handler = p_->handler;
    if (IsStored(out)) {
      p_->table = plan_.schema.Find(out);
      for (int i = 0; i < method_->input_type()->field_count(); ++i) {
        const FieldDescriptor* field = method_->input_type()->field(i);
        if (field->message_type() == out && !field->is_repeated()) p_->resource = field;
      }
    }
    if (absl::StartsWith(name, "BatchCreate")) {
      p_->kind = MethodKind::kBatchCreate;
      return FindBatch();
    }
    if (p_->table != nullptr && absl::StartsWith(name, "Create")) {
      p_->kind = MethodKind::kCreate;
    } else if (p_->table != nullptr && absl::StartsWith(name, "Update")) {
      p_->kind = MethodKind::kUpdate;
    } else if (p_->table != nullptr && absl::StartsWith(name, "Get") && handler == nullptr) {
      p_->kind = MethodKind::kGet;
    } else if (p_->table != nullptr &&
               (!transition.empty() || (handler != nullptr && handler->verb))) {
      p_->kind = MethodKind::kVerb;
    } else if (handler != nullptr && (handler->read || handler->write)) {
      p_->kind = handler->read ? MethodKind::kRead : MethodKind::kWrite;
      p_->table = nullptr;  // what it answers with may be a resource; it is called on none
    } else if (p_->rows = RepeatedResource(out);
               p_->rows != nullptr && handler == nullptr && absl::StartsWith(name, "Search")) {
      p_->kind = MethodKind::kSearch;
    } else if (p_->rows != nullptr && handler == nullptr && absl::StartsWith(name, "List")) {
      p_->kind = MethodKind::kList;
    } else {
      Wrong(absl::StrCat("nothing carries it out: give Implement a function that takes ",
                         method_->input_type()->name()));
      return false;
    }
    if (p_->rows != nullptr) {
      p_->table = plan_.schema.Find(p_->rows->message_type());
      if (p_->table == nullptr) {
        Wrong(absl::StrCat(p_->rows->message_type()->full_name(), " is stored by another service"));
        return false;
      }
    }
    return true;
  }

  bool FindBatch() {
    const Descriptor* out = method_->output_type();
    p_->rows = method_->input_type()->FindFieldByName("requests");
    p_->results = out->FindFieldByName("results");
    if (p_->rows == nullptr || !p_->rows->is_repeated() || p_->results == nullptr ||
        !p_->results->is_repeated() || p_->results->message_type() == nullptr) {
      Wrong("a BatchCreate has `repeated requests` and answers with `repeated results`");
      return false;
    }
    const Descriptor* row = p_->results->message_type();
    p_->result_error = row->FindFieldByName("error");
    for (int i = 0; i < row->field_count(); ++i) {
      if (row->field(i)->message_type() && IsStored(row->field(i)->message_type())) {
        p_->result_resource = row->field(i);
      }
    }
    if (p_->result_error == nullptr || p_->result_resource == nullptr) {
      Wrong("a result is either the resource or `google.rpc.Status error`");
      return false;
    }
    p_->table = plan_.schema.Find(p_->result_resource->message_type());
    return true;
  }

  void CheckKind() {
    const std::string& transition = method_->options().GetExtension(linjuli::transition);
    std::string route = RouteOf(method_);
    if (absl::StartsWith(route, "GET ") && p_->writes()) Wrong("a GET must not write");
    // Generated clients go by it: what has no side effects may be asked by GET, and asked again.
    bool harmless =
        method_->options().idempotency_level() == google::protobuf::MethodOptions::NO_SIDE_EFFECTS;
    if (harmless && p_->writes()) Wrong("it writes, so it has no NO_SIDE_EFFECTS");
    if (!harmless && !p_->writes()) {
      Wrong("it only reads: say so with idempotency_level = NO_SIDE_EFFECTS");
    }
    if (!route.empty() && !absl::StartsWith(route, "GET ") && !p_->writes()) {
      Wrong("it only reads, so its route is a GET");
    }
    bool verb_handler = p_->handler != nullptr && p_->handler->verb;
    switch (p_->kind) {
      case MethodKind::kCreate:
        if (p_->resource == nullptr) Wrong("a Create carries the resource to be made");
        break;
      case MethodKind::kUpdate:
        if (p_->resource == nullptr || p_->update_mask == nullptr) {
          Wrong("an Update carries the resource and `update_mask`");
        }
        break;
      case MethodKind::kVerb:
      case MethodKind::kGet:
        if (p_->name == nullptr) Wrong("needs `string name` of the resource");
        break;
      case MethodKind::kSearch:
        if (p_->query == nullptr) Wrong("needs `string query`");
        if (p_->table->texts.empty()) Wrong("(linjuli.stored) declares no text to search");
        [[fallthrough]];
      case MethodKind::kList:
        if (!p_->page_size || !p_->page_token || !p_->next_page_token) {
          Wrong("a list has pages: page_size, page_token, next_page_token");
        }
        FindFilters();
        break;
      default:
        break;
    }
    bool resource_write = p_->kind == MethodKind::kCreate || p_->kind == MethodKind::kVerb ||
                          p_->kind == MethodKind::kUpdate;
    if (p_->writes() && p_->kind != MethodKind::kBatchCreate && p_->request_id == nullptr) {
      Wrong("a call that writes has `string request_id`");
    }
    if (p_->kind == MethodKind::kVerb && p_->etag == nullptr) Wrong("a verb has `string etag`");
    if (resource_write && p_->handler != nullptr && !verb_handler) {
      Wrong("its function takes the resource: (Tx&, const Request&, Resource&)");
    }
    if (verb_handler && p_->handler->result != method_->output_type()) {
      Wrong("its function takes another resource than it answers with");
    }
    if (transition.empty()) {
      if (resource_write && p_->kind != MethodKind::kUpdate && p_->table->state_field) {
        Wrong("(linjuli.transition) is missing: say in which states it is allowed");
      }
      return;
    }
    if (!resource_write || p_->table->state_field == nullptr) {
      return Wrong("(linjuli.transition) is for verbs on a resource with a `state`");
    }
    auto parsed = Transition::Parse(transition, p_->table->state_field->enum_type());
    if (!parsed.ok()) return Wrong(parsed.status().message());
    bool begins = parsed->from == 1 && !parsed->to.empty();
    if ((p_->kind == MethodKind::kCreate) != begins) {
      return Wrong("a Create's transition has nothing before the arrow, a verb's has");
    }
    if (parsed->to.size() > 1 && p_->handler == nullptr) {
      return Wrong("a transition with several targets needs a function that chooses");
    }
    if (p_->kind == MethodKind::kVerb && parsed->to.empty() && p_->handler == nullptr) {
      return Wrong("a verb that keeps the state needs a function that does something");
    }
    p_->transition = *std::move(parsed);
  }

  void FindFilters() {
    const Descriptor* in = method_->input_type();
    for (int i = 0; i < in->field_count(); ++i) {
      const FieldDescriptor* field = in->field(i);
      if (field == p_->page_size || field == p_->page_token ||
          (field == p_->query && p_->kind == MethodKind::kSearch) || field == p_->as_of_time ||
          (field == p_->mandate && p_->table->FindColumn("mandate") == nullptr)) {
        continue;
      }
      if (field == p_->parent && p_->table->nested) {
        p_->filters.emplace_back(field, nullptr);
        continue;
      }
      const Column* column = p_->table->FindColumn(field->name());
      if (column == nullptr) {
        Wrong(absl::StrCat("filters by \"", field->name(), "\", which (linjuli.stored) has no ",
                           "index for"));
      } else {
        p_->filters.emplace_back(field, column);
      }
    }
  }

  void FindAccess() {
    if (!method_->options().HasExtension(linjuli::access)) {
      return Wrong("(linjuli.access) is missing: say who may call it");
    }
    const Access& access = method_->options().GetExtension(linjuli::access);
    bool on_resource = p_->table != nullptr;
    auto plan = AccessPlan::From(access, on_resource ? p_->table->type : method_->input_type(),
                                 on_resource ? &p_->table->stored : nullptr);
    if (!plan.ok()) return Wrong(plan.status().message());
    if (plan->is_public() && p_->writes()) Wrong("nobody writes without a token");
    if (plan->as_get())
      Wrong("`as_get` is for the history of a resource, which the runtime serves");
    for (int i = 0; p_->rows != nullptr && !p_->writes() && i < access.allow_size(); ++i) {
      const FieldPath& path = plan->ways()[i].field;
      std::string dotted = absl::StrJoin(
          path, ".", [](std::string* out, const auto* field) { *out += field->name(); });
      if (path.empty() || p_->table->FindColumn(dotted) != nullptr) continue;
      Wrong(absl::StrCat("scope ", Allow::Scope_Name(access.allow(i).scope()), " compares \"",
                         dotted, "\", which (linjuli.stored) has no index for"));
    }
    bool by_mandate = false, otherwise = false;
    for (const Way& way : plan->ways()) {
      (way.scope == Allow::MANDATE ? by_mandate : otherwise) = true;
    }
    if (by_mandate && plan_.mandates == nullptr) {
      return Wrong("scope MANDATE, but no message of the service has (linjuli.stored).mandate");
    }
    // A batch's rows carry it, each its own.
    if (by_mandate && p_->mandate == nullptr && p_->kind != MethodKind::kBatchCreate) {
      return Wrong("scope MANDATE needs `string mandate` in the request");
    }
    if (p_->mandate != nullptr && !by_mandate) p_->mandate = nullptr;
    FindPurpose();
    p_->access = *std::move(plan);
  }

  void FindPurpose() {
    if (p_->kind != MethodKind::kGet || !p_->table->consent.has_value()) {
      p_->purpose = nullptr;
      return;
    }
    if (p_->purpose == nullptr ||
        p_->purpose->enum_type() != p_->table->consent->purposes->enum_type()) {
      Wrong("what it reads is read for purposes: its request needs `purpose` of the same enum");
    }
  }

  // Outside a resource nobody knows whose data it is, who may see it, and by which key it is
  // sealed.
  const FieldDescriptor* StrayPersonal(const Descriptor* type, std::set<const Descriptor*>& seen) {
    if (plan_.schema.Find(type) != nullptr || !seen.insert(type).second) return nullptr;
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (IsPersonal(field)) return field;
      if (field->message_type() == nullptr) continue;
      if (const auto* stray = StrayPersonal(field->message_type(), seen)) return stray;
    }
    return nullptr;
  }

  void FindPersonal() {
    if (p_->kind == MethodKind::kBatchCreate && p_->table == nullptr) return;  // Join says more
    std::set<const Descriptor*> seen;
    if (const auto* stray = StrayPersonal(method_->output_type(), seen)) {
      return Wrong(absl::StrCat("answers with ", stray->full_name(),
                                ", which is personal and in no resource of this service"));
    }
    auto fields = PersonalFields::Of(method_->output_type());
    if (!fields.ok()) return Wrong(fields.status().message());
    p_->reply_personal = *std::move(fields);
  }

  void FindPriority() {
    auto plan = PriorityPlan::From(*method_);
    if (!plan.ok()) return Wrong(plan.status().message());
    p_->priority = *std::move(plan);
  }

  ServicePlan& plan_;
  std::vector<std::string>& defects_;
  const MethodDescriptor* method_ = nullptr;
  MethodPlan* p_ = nullptr;
};

// Every state must be reachable from where resources begin.
void CheckGraph(const ServicePlan& plan, const Table& table, std::vector<std::string>& defects) {
  if (table.state_field == nullptr) return;
  std::vector<Transition> moves = table.transitions;
  for (const auto& method : plan.methods) {
    if (method->table == &table && method->transition) moves.push_back(*method->transition);
  }
  uint64_t reached = 1;
  for (bool grown = true; grown;) {
    grown = false;
    for (const Transition& move : moves) {
      if ((move.from & reached) == 0) continue;
      for (int to : move.to) {
        grown |= !(reached >> to & 1);
        reached |= uint64_t{1} << to;
      }
    }
  }
  const auto* states = table.state_field->enum_type();
  for (int i = 0; i < states->value_count(); ++i) {
    int state = states->value(i)->number();
    if (state != 0 && !(reached >> state & 1)) {
      defects.push_back(absl::StrCat(table.type->full_name(), ": no verb leads to state ",
                                     states->value(i)->name()));
    }
  }
}

}  // namespace

std::string ServiceNameOf(const Descriptor* type) { return PackagePart(type->file()->package()); }
std::string ServiceNameOf(const google::protobuf::ServiceDescriptor* service) {
  return PackagePart(service->file()->package());
}

absl::StatusOr<std::unique_ptr<ServicePlan>> ServicePlan::From(const ServiceSpec& spec) {
  auto plan = std::make_unique<ServicePlan>();
  std::vector<std::string> defects;
  plan->service = DescriptorPool::generated_pool()->FindServiceByName(spec.service);
  if (plan->service == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(spec.service, ": no such service"));
  }
  plan->name = ServiceNameOf(plan->service);
  plan->handlers = spec.handlers;
  // The nouns stand in the service's own file, or in those of its package that this one imports.
  std::vector<const google::protobuf::FileDescriptor*> files = {plan->service->file()};
  for (int i = 0; i < files[0]->dependency_count(); ++i) {
    if (files[0]->dependency(i)->package() == files[0]->package()) {
      files.push_back(files[0]->dependency(i));
    }
  }
  for (const auto* file : files) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      if (!IsStored(file->message_type(i))) continue;
      if (auto status = plan->schema.Add(file->message_type(i)); !status.ok()) {
        defects.emplace_back(status.message());
      }
    }
  }
  for (const auto& table : plan->schema.tables()) {
    if (!table->mandate.has_value()) continue;
    if (plan->mandates != nullptr) {
      defects.push_back(absl::StrCat(table->type->full_name(), ": ", plan->mandates->type->name(),
                                     " is a mandate already; a service has one kind"));
    }
    plan->mandates = table.get();
  }
  for (const auto& table : plan->schema.tables()) {
    if (table->personal == nullptr) continue;
    plan->handlers.push_back(MakeHandler(EraseApproved));
    break;
  }
  for (size_t i = 0; i < plan->handlers.size(); ++i) {
    const Handler& handler = plan->handlers[i];
    const Table* table = plan->schema.Find(handler.type);
    if (handler.due) {
      if (table == nullptr || table->due.empty()) {
        defects.push_back(
            absl::StrCat(handler.type->full_name(), ": OnDue needs (linjuli.stored).due"));
      }
      if (!plan->dues.emplace(table, &handler).second) {
        defects.push_back(absl::StrCat(handler.type->full_name(), ": has two OnDue functions"));
      }
      continue;
    }
    if (handler.follow) {
      if (!plan->follows.emplace(handler.type->full_name(), &handler).second) {
        defects.push_back(absl::StrCat(handler.type->full_name(), ": two functions follow it"));
      }
      continue;
    }
    int uses = 0;
    for (int m = 0; m < plan->service->method_count(); ++m) {
      uses += plan->service->method(m)->input_type() == handler.type;
    }
    for (size_t j = 0; j < i; ++j) uses += plan->handlers[j].type == handler.type;
    if (uses != 1) {
      defects.push_back(absl::StrCat(handler.type->full_name(),
                                     ": a function takes it, but not exactly one method does"));
    }
  }
  for (const auto& table : plan->schema.tables()) {
    if (!table->due.empty() && !plan->dues.contains(table.get())) {
      defects.push_back(
          absl::StrCat(table->type->full_name(), ": (linjuli.stored).due needs an OnDue function"));
    }
  }
  if (!defects.empty()) return absl::InvalidArgumentError(absl::StrJoin(defects, "\n"));
  Planner planner(*plan, defects);
  for (int i = 0; i < plan->service->method_count(); ++i) planner.Add(plan->service->method(i));
  planner.Join();
  for (const auto& table : plan->schema.tables()) CheckGraph(*plan, *table, defects);
  if (!defects.empty()) return absl::InvalidArgumentError(absl::StrJoin(defects, "\n"));
  return plan;
}

std::string RouteOf(const MethodDescriptor* method) {
  const auto& rule = method->options().GetExtension(google::api::http);
  if (!rule.get().empty()) return absl::StrCat("GET ", rule.get());
  if (!rule.post().empty()) return absl::StrCat("POST ", rule.post());
  if (!rule.patch().empty()) return absl::StrCat("PATCH ", rule.patch());
  if (!rule.delete_().empty()) return absl::StrCat("DELETE ", rule.delete_());
  return "";
}

std::string Describe(const ServicePlan& plan) {
  std::string text;
  for (const auto& method : plan.methods) {
    const auto& options = method->method->options();
    absl::StrAppend(&text, method->method->name(), "\n  ", RouteOf(method->method), "\n  ",
                    Describe(options.GetExtension(linjuli::access)), "\n");
    const std::string& transition = options.GetExtension(linjuli::transition);
    if (!transition.empty()) absl::StrAppend(&text, "  ", transition, "\n");
    std::string priority = Describe(options.GetExtension(linjuli::priority));
    if (!priority.empty()) absl::StrAppend(&text, "  ", priority, "\n");
  }
  for (const auto& table : plan.schema.tables()) {
    for (const auto& transition : table->stored.transition()) {
      absl::StrAppend(&text, table->type->name(), " by itself\n  ", transition, "\n");
    }
  }
  return text;
}

}  // namespace linjuli
