// The table of routes: which method a verb and a path call, built from google.api.http.
//
// Where several templates fit a path, the narrower one counts: a literal before `*`, `*` before
// `**`. Where neither is narrower, the table is not built.
#ifndef LINJULI_SERVICES_GATEWAY_ROUTE_H_
#define LINJULI_SERVICES_GATEWAY_ROUTE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "services/gateway/http_message.h"
#include "services/gateway/route_template.h"

namespace linjuli {

struct Route {
  const google::protobuf::MethodDescriptor* method = nullptr;
  Verb verb = Verb::kGet;
  RouteTemplate path;
  // What the body is: a field of the request, all of it, or nothing.
  const google::protobuf::FieldDescriptor* body_field = nullptr;
  bool body_is_request = false;
};

struct RouteMatch {
  const Route* route = nullptr;
  // Field path and decoded value.
  std::vector<std::pair<absl::string_view, std::string>> captures;
};

// Immutable, so thread-safe. The descriptors must live as long.
class RouteTable {
 public:
  // Routes of every method that has google.api.http; the others have none. INVALID_ARGUMENT,
  // reason ROUTE, naming the method or methods, where a rule is wrong or two contradict each other.
  static absl::StatusOr<RouteTable> Build(
      absl::Span<const google::protobuf::ServiceDescriptor* const> services);

  // NOT_FOUND, reason NO_ROUTE; UNIMPLEMENTED, reason METHOD_NOT_ALLOWED, with the verbs that are
  // allowed as the fact `allow`; INVALID_ARGUMENT, reason PATH, for a malformed escape.
  // HEAD is matched as GET.
  absl::StatusOr<RouteMatch> Match(Verb verb, absl::string_view path) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  // Narrower first.
  std::vector<Route> routes_;
  // Into routes_, in their order, by verb (":claim") and the first literals of the template, as
  // far as they reach: what is left to compare is short.
  using Bucket = std::vector<std::size_t>;
  absl::flat_hash_map<std::string, Bucket> buckets_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_ROUTE_H_
