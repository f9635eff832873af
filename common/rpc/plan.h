// What the runtime does for each method of a service, worked out once from the declarations. A
// service that declares too little, or things that do not fit together, gets no plan, and every
// defect is named.
#ifndef LINJULI_COMMON_RPC_PLAN_H_
#define LINJULI_COMMON_RPC_PLAN_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/rpc/access.h"
#include "common/rpc/priority.h"
#include "common/rpc/registry.h"
#include "common/store/tx.h"
#include "google/api/http.pb.h"

namespace linjuli {

enum class MethodKind {
  kGet,
  kList,
  kSearch,
  kCreate,
  kBatchCreate,
  kUpdate,
  kVerb,
  kRead,
  kWrite
};

struct MethodPlan {
  using Field = const google::protobuf::FieldDescriptor*;

  bool writes() const { return kind >= MethodKind::kCreate && kind != MethodKind::kRead; }

  const google::protobuf::MethodDescriptor* method;
  MethodKind kind;
  const Handler* handler = nullptr;  // null where the runtime does all
  AccessPlan access;
  std::optional<Transition> transition;
  PriorityPlan priority;
  const Table* table = nullptr;  // the resource; null for kRead and kWrite
  std::string verb;              // what `allowed_actions` calls it: "claim"
  const google::protobuf::Message* request;
  const google::protobuf::Message* response;
  // Standard fields of the request; null where it has none.
  Field name = nullptr, parent = nullptr, etag = nullptr, request_id = nullptr;
  Field page_size = nullptr, page_token = nullptr, query = nullptr, update_mask = nullptr;
  Field mandate = nullptr, purpose = nullptr, as_of_time = nullptr;
  Field resource = nullptr;  // of a Create or Update: the resource to be made
  Field rows = nullptr;      // the repeated field: of a page's response, of a batch's request
  Field next_page_token = nullptr;
  std::vector<std::pair<Field, const Column*>> filters;  // of a List or Search
  // The personal fields of what it answers with, all inside resources; null: there are none.
  std::unique_ptr<const PersonalFields> reply_personal;
  // Of a BatchCreate: the Create that each row is, and the response's row.
  const MethodPlan* each = nullptr;
  Field results = nullptr, result_resource = nullptr, result_error = nullptr;
};

struct ServicePlan {
  const google::protobuf::ServiceDescriptor* service;
  std::string name;  // "needs_intake"
  std::vector<Handler> handlers;
  Schema schema;
  std::vector<std::unique_ptr<MethodPlan>> methods;
  absl::flat_hash_map<const google::protobuf::MethodDescriptor*, const MethodPlan*> by_method;
  // Per table: the verbs on its resources, its Get, its OnDue.
  absl::flat_hash_map<const Table*, std::vector<const MethodPlan*>> verbs;
  absl::flat_hash_map<const Table*, const MethodPlan*> gets;
  absl::flat_hash_map<const Table*, const Handler*> dues;
  const Table* mandates = nullptr;  // the resources that are mandates; null: there are none
  // By full name of the resource followed.
  absl::flat_hash_map<std::string, const Handler*> follows;

  // INVALID_ARGUMENT with every defect, one a line, each naming its culprit.
  static absl::StatusOr<std::unique_ptr<ServicePlan>> From(const ServiceSpec& spec);
};

// "needs_intake" of package "linjuli.needs_intake.v1".
std::string ServiceNameOf(const google::protobuf::Descriptor* type);
std::string ServiceNameOf(const google::protobuf::ServiceDescriptor* service);

// One line a method: name, kind, route, access, transition. The golden file and `linjuli describe`.
std::string Describe(const ServicePlan& plan);

// The route of a method, as "POST /v1/{name=needs/*}:claim"; empty where it has none.
std::string RouteOf(const google::protobuf::MethodDescriptor* method);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_PLAN_H_
