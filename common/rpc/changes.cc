// The readings of a service's change log: pages, history, heads and proofs, and who may follow.
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/changes/heads.h"
#include "common/rpc/mandate.h"
#include "common/rpc/mask.h"
#include "common/rpc/page_token.h"
#include "common/rpc/service.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

namespace {

constexpr int kDefaultChanges = 100;

AccessPlan AccessOf(const char* method) {
  const auto* descriptor = changes::v1::ListChangesRequest::descriptor()
                               ->file()
                               ->FindServiceByName("Changes")
                               ->FindMethodByName(method);
  auto plan = AccessPlan::From(descriptor->options().GetExtension(access), descriptor->input_type(),
                               nullptr);
  LJ_CHECK(plan.ok(), std::string(plan.status().message()));
  return *std::move(plan);
}

// The snapshot of a change when it has personal data in it, with its table; else nothing.
std::pair<const Table*, std::unique_ptr<Message>> PersonalSnapshot(
    const Schema& schema, const changes::v1::Change& change) {
  const Table* table = change.has_snapshot() ? schema.FindByName(change.resource()) : nullptr;
  if (table == nullptr || table->personal == nullptr) return {};
  std::unique_ptr<Message> resource(table->prototype->New());
  if (!resource->ParseFromString(change.snapshot().value())) return {};
  if (!table->personal->Holds(*resource)) return {};
  return {table, std::move(resource)};
}

}  // namespace

void Service::MaskSnapshot(changes::v1::Change& change, bool opened) {
  auto [table, resource] = PersonalSnapshot(plan_->schema, change);
  if (resource == nullptr) return;
  // What does not open is not shown either.
  if (opened ||
      OpenPersonal(*table->personal, *store_->keys(), change.resource(), *resource).ok()) {
    MaskPersonal(*table->personal, *resource);
  } else {
    DropPersonal(*table->personal, *resource);
  }
  resource->SerializeToString(change.mutable_snapshot()->mutable_value());
}

void Service::Unname(const Table& table, changes::v1::Change& change) {
  change.clear_on_behalf_of();
  std::unique_ptr<Message> resource(table.prototype->New());
  if (table.person.empty() || !change.has_snapshot() ||
      !resource->ParseFromString(change.snapshot().value())) {
    return;
  }
  if (change.caller() == TextAt(*resource, table.person)) change.clear_caller();
  HidePerson(table, *resource);
  resource->SerializeToString(change.mutable_snapshot()->mutable_value());
}

absl::StatusOr<bool> Service::OpenSnapshot(const Caller& caller, changes::v1::Change& change) {
  auto [table, resource] = PersonalSnapshot(plan_->schema, change);
  if (resource == nullptr) return false;
  LJ_RETURN_IF_ERROR(OpenPersonal(*table->personal, *store_->keys(), change.resource(), *resource));
  resource->SerializeToString(change.mutable_snapshot()->mutable_value());
  std::vector<Shown> shown;
  Show(caller, *table, *resource, shown);
  return !shown.empty();
}

absl::StatusOr<ChangeSource*> Service::Follow(absl::string_view token) {
  static const AccessPlan* const access = new AccessPlan(AccessOf("FollowChanges"));
  LJ_ASSIGN(std::shared_ptr<const Caller> caller, Identify(token));
  LJ_RETURN_IF_ERROR(access->CheckRole(*caller));
  return this;
}

absl::StatusOr<ChangeBatch> Service::Read(absl::string_view epoch, int64_t after, int limit) {
  LJ_ASSIGN(ChangeBatch batch, store_->Read(epoch, after, limit));
  for (auto& change : batch.changes) MaskSnapshot(change, false);
  return batch;
}

void Service::Notify(int64_t after, absl::AnyInvocable<void()> wake) {
  store_->Notify(after, std::move(wake));
}

Reply Service::AnswerChanges(const Caller& caller, const MethodDescriptor& method,
                             const Message& request) {
  // All are of one service's log, and ask for a role alone.
  using Reading = Reply (Service::*)(const Message&);
  static const auto* const answers = new std::map<std::string, std::pair<AccessPlan, Reading>>{
      {"ListChanges", {AccessOf("ListChanges"), &Service::ListChanges}},
      {"GetHead", {AccessOf("GetHead"), &Service::GetHead}},
      {"ListHeads", {AccessOf("ListHeads"), &Service::ListHeads}},
      {"GetConsistencyProof", {AccessOf("GetConsistencyProof"), &Service::GetConsistencyProof}},
      {"GetChangeProof", {AccessOf("GetChangeProof"), &Service::GetChangeProof}},
  };
  if (method.name() == "ListFeed") {
    static const AccessPlan* const access = new AccessPlan(AccessOf("ListFeed"));
    LJ_RETURN_IF_ERROR(access->CheckRole(caller));
    return ListFeed(caller, request);
  }
  auto found = answers->find(method.name());
  if (found == answers->end()) {
    return Refuse(absl::StatusCode::kUnimplemented, "NO_METHOD",
                  absl::StrCat(method.full_name(), " is not served here"));
  }
  LJ_RETURN_IF_ERROR(found->second.first.CheckRole(caller));
  std::string service = request.GetReflection()->GetString(
      request, request.GetDescriptor()->FindFieldByName("service"));
  if (service != name()) return NotFound(service);
  return (this->*found->second.second)(request);
}

Reply Service::ListChanges(const Message& message) {
  const auto& request = static_cast<const changes::v1::ListChangesRequest&>(message);
  int size = request.page_size() == 0 ? kDefaultChanges : request.page_size();
  LJ_ASSIGN(ChangeBatch batch, Read(request.epoch(), request.after_sequence(), size));
  auto reply = std::make_unique<changes::v1::ListChangesResponse>();
  reply->set_epoch(batch.epoch);
  reply->set_next_sequence(batch.changes.empty() ? request.after_sequence()
                                                 : batch.changes.back().sequence());
  reply->set_last_sequence(batch.end);
  for (auto& change : batch.changes) *reply->add_changes() = std::move(change);
  return reply;
}

Reply Service::ListFeed(const Caller& caller, const Message& message) {
  const auto& request = static_cast<const changes::v1::ListFeedRequest&>(message);
  const MethodPlan* list = nullptr;
  for (const auto& method : plan_->methods) {
    if (method->kind == MethodKind::kList && method->table->collection == request.collection()) {
      list = method.get();
    }
  }
  if (request.service() != name() || list == nullptr) {
    return NotFound(absl::StrCat(request.service(), "/", request.collection()));
  }
  LJ_RETURN_IF_ERROR(list->access.CheckRole(caller));
  const Table& table = *list->table;
  int size = request.page_size() == 0 ? kDefaultChanges : request.page_size();
  LJ_ASSIGN(ChangeBatch batch, Read(request.epoch(), request.after_sequence(), size));
  auto reply = std::make_unique<changes::v1::ListChangesResponse>();
  reply->set_epoch(batch.epoch);
  reply->set_next_sequence(batch.changes.empty() ? request.after_sequence()
                                                 : batch.changes.back().sequence());
  reply->set_last_sequence(batch.end);
  std::unique_ptr<Message> resource(table.prototype->New());
  for (auto& change : batch.changes) {
    if (!change.has_snapshot() || !table.IdOf(change.resource()).has_value()) continue;
    if (!resource->ParseFromString(change.snapshot().value())) continue;
    const Way* way = list->access.Find(caller, *resource);
    if (way == nullptr && !list->access.is_public()) continue;
    if (!absl::StartsWith(TextAt(*resource, table.area), request.division())) continue;
    if (way != nullptr && way->nameless) Unname(table, change);
    *reply->add_changes() = std::move(change);
  }
  return reply;
}

Reply Service::GetHead(const Message&) {
  LJ_ASSIGN(changes::v1::Head head, ReadHead());
  return std::make_unique<changes::v1::Head>(std::move(head));
}

Reply Service::ListHeads(const Message& message) {
  const auto& request = static_cast<const changes::v1::ListHeadsRequest&>(message);
  int size = request.page_size() == 0 ? kDefaultChanges : request.page_size();
  auto reply = std::make_unique<changes::v1::ListHeadsResponse>();
  LJ_RETURN_IF_ERROR(store_->Read(Caller(), false, [&](Rx& rx) -> absl::Status {
    LJ_ASSIGN(auto heads, ReadHeads(rx.db(), request.after_sequence(), size));
    for (auto& head : heads) *reply->add_heads() = std::move(head);
    return absl::OkStatus();
  }));
  return reply;
}

Reply Service::GetConsistencyProof(const Message& message) {
  const auto& request = static_cast<const changes::v1::GetConsistencyProofRequest&>(message);
  LJ_ASSIGN(auto path, ProveConsistency(request.first_sequence(), request.second_sequence()));
  auto reply = std::make_unique<changes::v1::ConsistencyProof>();
  for (const Digest& hash : path) reply->add_hashes(std::string(BytesOf(hash)));
  return reply;
}

Reply Service::GetChangeProof(const Message& message) {
  const auto& request = static_cast<const changes::v1::GetChangeProofRequest&>(message);
  auto reply = std::make_unique<changes::v1::ChangeProof>();
  LJ_RETURN_IF_ERROR(store_->Read(Caller(), true, [&](Rx& rx) -> absl::Status {
    LJ_RETURN_IF_ERROR(CheckSigned(rx.db(), request.sequence(), request.head_sequence(), "sequence",
                                   "head_sequence"));
    StoredTree tree(rx.db());
    LJ_ASSIGN(Digest leaf, tree(0, request.sequence() - 1));
    LJ_ASSIGN(auto path, InclusionPath(tree, request.sequence() - 1, request.head_sequence()));
    reply->set_leaf_hash(std::string(BytesOf(leaf)));
    for (const Digest& hash : path) reply->add_hashes(std::string(BytesOf(hash)));
    return absl::OkStatus();
  }));
  return reply;
}

Reply Service::ListHistory(const Caller& caller, const Message& message, bool& shown) {
  static const AccessPlan* const access = new AccessPlan(AccessOf("ListHistory"));
  static const AccessPlan* const all = new AccessPlan(AccessOf("ListChanges"));
  LJ_RETURN_IF_ERROR(access->CheckRole(caller));
  const auto& request = static_cast<const changes::v1::ListHistoryRequest&>(message);
  int size = request.page_size() == 0 ? kDefaultChanges : request.page_size();
  auto reply = std::make_unique<changes::v1::ListHistoryResponse>();
  absl::Status status = store_->Read(caller, true, [&](Rx& rx) -> absl::Status {
    const Table* table = rx.schema().FindByName(request.name());
    bool masked = true, nameless = false;
    const bool sees_all = all->CheckRole(caller).ok();
    if (!sees_all) {
      // Another service's resource is that service's to show.
      auto get =
          table == nullptr ? plan_->gets.end() : plan_->gets.find(plan_->schema.Find(table->type));
      if (get == plan_->gets.end()) return NotFound(request.name());
      std::unique_ptr<Message> resource(table->prototype->New());
      LJ_RETURN_IF_ERROR(rx.Load(*table, request.name(), *resource));
      const AccessPlan& access = get->second->access;
      if (!request.mandate().empty()) {
        LJ_RETURN_IF_ERROR(ActUnder(rx, *plan_, request.mandate()));
      }
      const Way* way = access.Find(rx.caller(), *resource);
      if (way == nullptr && !access.is_public()) return NotFound(request.name());
      masked = way == nullptr || way->masked;
      nameless = way != nullptr && way->nameless;
      // What is read for purposes only is read by itself.
      masked |= table->consent.has_value() && TextAt(*resource, table->person) != caller.subject;
    }
    std::string binding =
        PageBinding(message.GetDescriptor()->file()->FindServiceByName("Changes")->FindMethodByName(
                        "ListHistory"),
                    caller, message);
    // A restored log has other changes at the same places.
    LJ_ASSIGN(std::vector<Life> lives, ReadLives(rx.db()));
    binding = Sha256(binding + lives.back().epoch).substr(0, binding.size());
    int64_t after = 0;
    if (!request.page_token().empty()) {
      LJ_ASSIGN(after, DecodePageToken(request.page_token(), binding));
    }
    LJ_ASSIGN(auto changes, ReadHistory(rx.db(), request.name(), after, size));
    if (after == 0 && changes.empty()) return NotFound(request.name());
    if (request.tail() || static_cast<int>(changes.size()) == size) {
      reply->set_next_page_token(
          EncodePageToken(changes.empty() ? after : changes.back().sequence(), binding));
    }
    for (auto& change : changes) {
      // Other resources' contents follow their own rules; here they are only told of, and those
      // that were shown in the same answer not even that.
      if (change.access() && !sees_all) {
        change.set_resource(request.name());
        change.clear_references();
      } else if (change.resource() != request.name() && !sees_all) {
        // Who came with it is its own affair: a neighbour may have joined the need.
        if (const Table* other = rx.schema().FindByName(change.resource())) Unname(*other, change);
        change.clear_snapshot();
      } else if (masked) {
        MaskSnapshot(change, false);
      } else {
        LJ_ASSIGN(bool others, OpenSnapshot(caller, change));
        shown |= others;
      }
      if (nameless) Unname(*table, change);
      *reply->add_changes() = std::move(change);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return reply;
}

}  // namespace linjuli
