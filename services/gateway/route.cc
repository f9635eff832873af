#include "services/gateway/route.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "google/api/annotations.pb.h"
#include "services/gateway/percent.h"

namespace linjuli {
namespace {

using google::api::HttpRule;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// Leading literals that make a bucket's key: "/v1/needs".
constexpr std::size_t kKeyed = 2;

absl::Status Wrong(const MethodDescriptor& method, absl::string_view what) {
  return Refuse(absl::StatusCode::kInvalidArgument, "ROUTE",
                absl::StrCat(method.full_name(), ": ", what), {{"method", method.full_name()}});
}

absl::Status CheckVariable(const MethodDescriptor& method, const std::string& path) {
  const Descriptor* message = method.input_type();
  std::vector<std::string> names = absl::StrSplit(path, '.');
  for (std::size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field =
        message == nullptr ? nullptr : message->FindFieldByName(names[i]);
    if (field == nullptr) {
      return Wrong(method, absl::StrCat("the path's {", path, "} is no field of ",
                                        method.input_type()->full_name()));
    }
    bool last = i + 1 == names.size();
    if (field->is_repeated() || last == (field->message_type() != nullptr)) {
      return Wrong(method, absl::StrCat("the path's {", path, "} is not one plain value"));
    }
    message = field->message_type();
  }
  return absl::OkStatus();
}

absl::Status SetBody(const HttpRule& rule, Route& route) {
  const MethodDescriptor& method = *route.method;
  if (rule.body().empty()) return absl::OkStatus();
  if (route.verb == Verb::kGet || route.verb == Verb::kDelete) {
    return Wrong(method, absl::StrCat(std::string(VerbName(route.verb)), " has no body"));
  }
  if (rule.body() == "*") {
    route.body_is_request = true;
    return absl::OkStatus();
  }
  route.body_field = method.input_type()->FindFieldByName(rule.body());
  if (route.body_field == nullptr) {
    return Wrong(method, absl::StrCat("the body \"", rule.body(), "\" is no field of ",
                                      method.input_type()->full_name()));
  }
  if (route.body_field->is_repeated() || route.body_field->message_type() == nullptr) {
    return Wrong(method, absl::StrCat("the body \"", rule.body(), "\" is not one message"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Route> MakeRoute(const MethodDescriptor& method, const HttpRule& rule) {
  Route route;
  route.method = &method;
  std::string path;
  switch (rule.pattern_case()) {
    case HttpRule::kGet:
      route.verb = Verb::kGet;
      path = rule.get();
      break;
    case HttpRule::kPost:
      route.verb = Verb::kPost;
      path = rule.post();
      break;
    case HttpRule::kPatch:
      route.verb = Verb::kPatch;
      path = rule.patch();
      break;
    case HttpRule::kDelete:
      route.verb = Verb::kDelete;
      path = rule.delete_();
      break;
    default:
      return Wrong(method, "the verb must be one of get, post, patch and delete");
  }
  if (rule.additional_bindings_size() > 0) return Wrong(method, "additional_bindings are not used");
  if (!rule.response_body().empty()) return Wrong(method, "response_body is not used");
  if (method.client_streaming() || method.server_streaming()) {
    return Wrong(method, "a stream has no route");
  }
  auto parsed = RouteTemplate::Parse(path);
  if (!parsed.ok()) return Wrong(method, parsed.status().message());
  route.path = *std::move(parsed);
  for (const PathVariable& variable : route.path.variables) {
    LJ_RETURN_IF_ERROR(CheckVariable(method, variable.field));
  }
  LJ_RETURN_IF_ERROR(SetBody(rule, route));
  return route;
}

absl::Status CheckConflicts(const Route& route, const std::vector<Route>& others) {
  for (const Route& other : others) {
    if (other.verb != route.verb || other.path.verb != route.path.verb) continue;
    if (!route.path.Overlaps(other.path)) continue;
    if (route.path.Within(other.path) != other.path.Within(route.path)) continue;
    return Wrong(*route.method, absl::StrCat("\"", route.path.text, "\" and \"", other.path.text,
                                             "\" of ", other.method->full_name(),
                                             " fit the same paths, and neither is narrower"));
  }
  return absl::OkStatus();
}

std::string BucketKey(absl::string_view verb, absl::Span<const absl::string_view> literals) {
  return absl::StrCat(verb, ":", absl::StrJoin(literals, "/"));
}

std::string BucketKey(const RouteTemplate& path) {
  std::vector<absl::string_view> literals;
  for (const Segment& segment : path.segments) {
    if (segment.kind != Segment::kLiteral || literals.size() == kKeyed) break;
    literals.push_back(segment.literal);
  }
  return BucketKey(path.verb, literals);
}

absl::Status NoRoute() {
  return Refuse(absl::StatusCode::kNotFound, "NO_ROUTE",
                "nothing is served at this path; /openapi.json lists what is");
}

}  // namespace

absl::StatusOr<RouteTable> RouteTable::Build(absl::Span<const ServiceDescriptor* const> services) {
  RouteTable table;
  for (const ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      if (!method.options().HasExtension(google::api::http)) continue;
      LJ_ASSIGN(Route route, MakeRoute(method, method.options().GetExtension(google::api::http)));
      LJ_RETURN_IF_ERROR(CheckConflicts(route, table.routes_));
      auto wider = std::find_if(table.routes_.begin(), table.routes_.end(),
                                [&](const Route& other) { return route.path.Within(other.path); });
      table.routes_.insert(wider, std::move(route));
    }
  }
  for (std::size_t i = 0; i < table.routes_.size(); ++i) {
    table.buckets_[BucketKey(table.routes_[i].path)].push_back(i);
  }
  return table;
}

absl::StatusOr<RouteMatch> RouteTable::Match(Verb verb, absl::string_view path) const {
  if (verb == Verb::kHead) verb = Verb::kGet;
  if (path.empty() || path[0] != '/') return NoRoute();
  std::vector<absl::string_view> parts = absl::StrSplit(path.substr(1), '/');
  if (std::find(parts.begin(), parts.end(), "") != parts.end()) return NoRoute();

  const Route* found = nullptr;
  std::set<absl::string_view> allowed;
  auto look = [&](absl::string_view custom_verb) {
    for (std::size_t keyed = std::min(kKeyed, parts.size()) + 1; keyed-- > 0;) {
      auto bucket = buckets_.find(BucketKey(custom_verb, absl::MakeSpan(parts).first(keyed)));
      if (bucket == buckets_.end()) continue;
      for (std::size_t i : bucket->second) {
        const Route& route = routes_[i];
        if (!route.path.Fits(parts)) continue;
        if (route.verb == verb) {
          found = &route;
          return;
        }
        allowed.insert(VerbName(route.verb));
      }
    }
  };
  std::size_t colon = parts.back().rfind(':');
  if (colon != absl::string_view::npos && colon > 0) {
    absl::string_view whole = parts.back();
    parts.back() = whole.substr(0, colon);
    look(whole.substr(colon + 1));
    // A verb that is known here is never part of a name.
    if (found == nullptr && allowed.empty()) parts.back() = whole;
  }
  if (found == nullptr && allowed.empty()) look("");
  if (found == nullptr && allowed.empty()) return NoRoute();
  if (found == nullptr) {
    if (allowed.count("GET") > 0) allowed.insert("HEAD");
    allowed.insert("OPTIONS");
    std::string allow = absl::StrJoin(allowed, ", ");
    return Refuse(absl::StatusCode::kUnimplemented, "METHOD_NOT_ALLOWED",
                  absl::StrCat("this path allows ", allow), {{"allow", allow}});
  }
  RouteMatch match;
  match.route = found;
  for (const PathVariable& variable : found->path.variables) {
    auto value =
        PercentDecode(found->path.Raw(variable, parts),
                      found->path.IsOneSegment(variable) ? Escapes::kAll : Escapes::kKeepReserved);
    if (!value.has_value()) {
      return Refuse(absl::StatusCode::kInvalidArgument, "PATH",
                    "the path holds an escape that is no UTF-8 text");
    }
    match.captures.emplace_back(variable.field, *std::move(value));
  }
  return match;
}

}  // namespace linjuli
