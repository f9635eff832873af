#include "services/gateway/rest_request.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/json/codec.h"
#include "common/status.h"
#include "services/gateway/call_fields.h"
#include "services/gateway/percent.h"

namespace linjuli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr std::size_t kMaxEtag = 128;

const FieldDescriptor* FindField(const Descriptor& message, absl::string_view name) {
  const FieldDescriptor* field = message.FindFieldByName(std::string(name));
  if (field != nullptr) return field;
  field = message.FindFieldByCamelcaseName(std::string(name));
  return field != nullptr && field->json_name() == name ? field : nullptr;
}

// The declared path of a dotted one in either spelling, empty where there is no such field.
std::string DeclaredPath(const Descriptor& message, absl::string_view dotted) {
  std::vector<absl::string_view> declared;
  const Descriptor* at = &message;
  for (absl::string_view name : absl::StrSplit(dotted, '.')) {
    const FieldDescriptor* field = at == nullptr ? nullptr : FindField(*at, name);
    if (field == nullptr) return "";
    declared.push_back(field->name());
    at = field->message_type();
  }
  return absl::StrJoin(declared, ".");
}

absl::Status DecodeBody(const HttpRequest& http, const Route& route, Message& request) {
  if (http.body.empty()) return absl::OkStatus();
  if (!route.body_is_request && route.body_field == nullptr) {
    return Wrong("BODY", "this method takes no body");
  }
  if (MediaTypeOf(http) != "application/json" || IsCompressed(http)) {
    return Wrong("MEDIA_TYPE", "a body must be Content-Type: application/json, not compressed");
  }
  Message* target = &request;
  if (route.body_field != nullptr) {
    target = request.GetReflection()->MutableMessage(&request, route.body_field);
  }
  return ParseJson(http.body, *target);
}

absl::Status DecodeQuery(const HttpRequest& http, const RouteMatch& match, Message& request) {
  if (http.query.empty()) return absl::OkStatus();
  const Route& route = *match.route;
  const Descriptor& type = *route.method->input_type();
  if (route.body_is_request) {
    return Wrong("QUERY", "this method takes everything in its body, and no query parameters");
  }
  std::set<std::string> seen;
  for (absl::string_view part : absl::StrSplit(http.query, '&')) {
    std::pair<absl::string_view, absl::string_view> raw =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    auto name = PercentDecode(raw.first, Escapes::kForm);
    auto value = PercentDecode(raw.second, Escapes::kForm);
    if (!name.has_value() || !value.has_value()) {
      return Wrong("QUERY", "the query holds an escape that is no UTF-8 text");
    }
    std::string path = DeclaredPath(type, *name);
    if (path.empty()) {
      return Wrong("UNKNOWN_FIELD", absl::StrCat("there is no parameter \"", *name, "\""), *name);
    }
    bool in_path = std::any_of(match.captures.begin(), match.captures.end(),
                               [&](const auto& capture) { return capture.first == path; });
    if (in_path) return Wrong("QUERY", absl::StrCat("\"", path, "\" is part of the path"), path);
    if (route.body_field != nullptr &&
        (path == route.body_field->name() ||
         absl::StartsWith(path, absl::StrCat(route.body_field->name(), ".")))) {
      return Wrong("QUERY", absl::StrCat("\"", path, "\" belongs into the body"), path);
    }
    const FieldDescriptor* top = type.FindFieldByName(path);
    bool list = top != nullptr && top->is_repeated();
    if (!seen.insert(path).second && !list) {
      return Wrong("QUERY", absl::StrCat("\"", path, "\" is given twice"), path);
    }
    LJ_RETURN_IF_ERROR(SetField(request, path, *value));
  }
  return absl::OkStatus();
}

absl::Status DecodeIfMatch(const HttpRequest& http, const Route& route, Message& request) {
  auto match = http.Find("If-Match");
  if (!match.has_value()) return absl::OkStatus();
  absl::string_view etag = *match;
  if (!absl::ConsumePrefix(&etag, "\"") || !absl::ConsumeSuffix(&etag, "\"") || etag.empty() ||
      etag.size() > kMaxEtag || !IsVisible(etag) || absl::StrContains(etag, '"')) {
    return Wrong("HEADER", "If-Match must be one strong etag in quotes", "If-Match");
  }
  const Descriptor& type = *request.GetDescriptor();
  if (type.FindFieldByName("etag") != nullptr) {
    return SetOrAgree(request, "etag", std::string(etag));
  }
  if (route.body_field != nullptr &&
      route.body_field->message_type()->FindFieldByName("etag") != nullptr) {
    return SetOrAgree(request, absl::StrCat(route.body_field->name(), ".etag"), std::string(etag));
  }
  // To go on would change what the client asked to leave alone.
  return Wrong("HEADER", "this method does not compare versions; leave If-Match away", "If-Match");
}

absl::StatusOr<absl::Duration> DecodeTimeout(const HttpRequest& http) {
  auto text = http.Find("X-Request-Timeout");
  if (!text.has_value()) return kUsualTimeout;
  double seconds = 0;
  bool decimal = !text->empty() && text->size() <= 8 &&
                 std::all_of(text->begin(), text->end(),
                             [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  if (!decimal || !absl::SimpleAtod(*text, &seconds) || seconds <= 0 ||
      absl::Seconds(seconds) > kLongestTimeout) {
    return Wrong("HEADER", "X-Request-Timeout must be seconds, above 0 and at most 60, as 2.5",
                 "X-Request-Timeout");
  }
  return absl::Seconds(seconds);
}

}  // namespace

absl::StatusOr<Call> DecodeCall(const HttpRequest& http, const RouteMatch& match, absl::Time now) {
  const Route& route = *match.route;
  Call call;
  call.method = route.method;
  call.request.reset(
      MessageFactory::generated_factory()->GetPrototype(route.method->input_type())->New());
  LJ_RETURN_IF_ERROR(DecodeBody(http, route, *call.request));
  for (const auto& [field, value] : match.captures) {
    LJ_RETURN_IF_ERROR(SetOrAgree(*call.request, std::string(field), value));
  }
  LJ_RETURN_IF_ERROR(DecodeQuery(http, match, *call.request));
  LJ_RETURN_IF_ERROR(DecodeIfMatch(http, route, *call.request));
  LJ_ASSIGN(absl::Duration timeout, DecodeTimeout(http));
  call.deadline = now + timeout;
  LJ_RETURN_IF_ERROR(ReadCallFields(http, call));
  return call;
}

}  // namespace linjuli
