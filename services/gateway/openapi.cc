#include "services/gateway/openapi.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status.h"
#include "google/protobuf/descriptor.pb.h"
#include "linjuli/options.pb.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/openapi_schema.h"
#include "services/gateway/route.h"

namespace linjuli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr absl::string_view kTitle = "邻距里 linjuli";
constexpr absl::string_view kAbout =
    "An open backend for community services. Send `Authorization: Bearer` with a token, JSON in "
    "UTF-8, and `Idempotency-Key` with every write that you may have to repeat. Errors carry a "
    "`reason` in capitals; programs decide by it, never by the sentence. The same methods answer at "
    "`/package.Service/Method` to clients of Connect and gRPC-Web; `/v1/history/…` and "
    "`/v1/changes/…` go on live for `Accept: text/event-stream`.";

// The error of AIP-193.
constexpr absl::string_view kErrorSchema =
    R"({"type":"object","required":["error"],)"
    R"("properties":{"error":{"type":"object","required":["code","status","message","details"],)"
    R"("properties":{"code":{"type":"integer","description":"The HTTP code."},)"
    R"("status":{"type":"string","description":"The canonical code, as FAILED_PRECONDITION."},)"
    R"("message":{"type":"string","description":"What is wrong and what to do, in English."},)"
    R"("details":{"type":"array","description":"google.rpc.ErrorInfo with the reason and facts, )"
    R"(google.rpc.BadRequest with refused fields, google.rpc.LocalizedMessage with a text for )"
    R"(people.","items":{"type":"object","required":["@type"],)"
    R"("properties":{"@type":{"type":"string"}}}}}}}})";

// Dotted name, as a client writes it, and the field it ends at.
using Parameter = std::pair<std::string, const FieldDescriptor*>;

// The fields that a query may set: plain values, also inside of messages, and lists of plain ones.
void CollectQuery(const Descriptor& message, const std::string& prefix, const Route& route,
                  int depth, std::vector<Parameter>& out) {
  constexpr int kMaxDepth = 3;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (prefix.empty() && &field == route.body_field) continue;
    std::string declared = absl::StrCat(prefix, field.name());
    bool in_path = std::any_of(route.path.variables.begin(), route.path.variables.end(),
                               [&](const PathVariable& v) { return v.field == declared; });
    if (in_path || IsOutputOnly(field)) continue;
    const Descriptor* type = field.message_type();
    bool plain = type == nullptr || type->full_name() == "google.protobuf.Timestamp" ||
                 type->full_name() == "google.protobuf.Duration" ||
                 type->full_name() == "google.protobuf.FieldMask";
    if (plain) {
      out.emplace_back(declared, &field);
    } else if (!field.is_repeated() && depth < kMaxDepth) {
      CollectQuery(*type, absl::StrCat(declared, "."), route, depth + 1, out);
    }
  }
}

const FieldDescriptor* FieldAt(const Descriptor& message, absl::string_view dotted) {
  const Descriptor* at = &message;
  const FieldDescriptor* field = nullptr;
  for (absl::string_view name : absl::StrSplit(dotted, '.')) {
    field = at->FindFieldByName(std::string(name));
    at = field->message_type();
  }
  return field;
}

// "RESIDENT (own), COMMUNITY_WORKER (in their area, personal data masked)".
std::string Describe(const Access& access) {
  if (access.public_()) return "Everybody, without a token.";
  if (access.as_get()) return "Whoever may get the resource that is named.";
  std::vector<std::string> lines;
  for (const Allow& allow : access.allow()) {
    std::vector<std::string> roles;
    for (int role : allow.role()) roles.push_back(Role_Name(static_cast<Role>(role)));
    lines.push_back(absl::StrCat(absl::StrJoin(roles, ", "), ": ", Allow::Scope_Name(allow.scope()),
                                 allow.masked() ? ", personal data masked" : ""));
  }
  std::string text = absl::StrJoin(lines, "; ");
  if (!access.distinct_from().empty()) {
    absl::StrAppend(&text, "; another person than `", access.distinct_from(), "`");
  }
  return text;
}

class DocumentWriter {
 public:
  std::string Write(const std::vector<const ServiceDescriptor*>& services,
                    const std::vector<Route>& routes) {
    json_.BeginObject().Field("openapi", "3.1.0").Key("info").BeginObject();
    json_.Field("title", kTitle).Field("version", "v1").Field("description", kAbout);
    json_.Key("license").BeginObject().Field("name", "Apache-2.0");
    json_.Field("identifier", "Apache-2.0").EndObject().EndObject();
    json_.Key("servers").BeginArray().BeginObject().Field("url", "/").EndObject().EndArray();
    json_.Key("tags").BeginArray();
    for (const ServiceDescriptor* service : services) {
      json_.BeginObject().Field("name", service->full_name());
      json_.Field("description", CommentOf(*service)).EndObject();
    }
    json_.EndArray();
    WritePaths(routes);
    json_.Key("components").BeginObject().Key("schemas").BeginObject();
    json_.Key("Error").Raw(kErrorSchema);
    schemas_.WriteAll(json_);
    json_.EndObject().Key("securitySchemes").BeginObject().Key("bearer").BeginObject();
    json_.Field("type", "http").Field("scheme", "bearer").Field("bearerFormat", "JWT");
    json_.EndObject().EndObject().EndObject().EndObject();
    return json_.Take();
  }

 private:
  // One template as OpenAPI has it, and the routes that share it.
  static std::string PathOf(const Route& route) {
    std::string path;
    std::vector<std::string> segments;
    for (std::size_t i = 0; i < route.path.segments.size(); ++i) {
      const Segment& segment = route.path.segments[i];
      segments.push_back(segment.kind == Segment::kLiteral
                             ? segment.literal
                             : absl::StrCat("{", NameOf(route, i), "}"));
    }
    return absl::StrCat("/", absl::StrJoin(segments, "/"), route.path.verb.empty() ? "" : ":",
                        route.path.verb);
  }

  // {name=needs/*/calls/*} has no counterpart: each wildcard is a parameter, named for the literal
  // before it ("need" of "needs/*"), else for the field.
  static std::string NameOf(const Route& route, std::size_t segment) {
    const auto& segments = route.path.segments;
    for (const PathVariable& variable : route.path.variables) {
      if (segment < variable.begin || segment >= variable.end) continue;
      if (segment > variable.begin && segments[segment - 1].kind == Segment::kLiteral) {
        absl::string_view literal = segments[segment - 1].literal;
        return std::string(absl::StripSuffix(literal, "s"));
      }
      return absl::StrReplaceAll(variable.field, {{".", "_"}});
    }
    return absl::StrCat("segment", segment);
  }

  void WritePaths(const std::vector<Route>& routes) {
    std::map<std::string, std::vector<const Route*>> paths;
    for (const Route& route : routes) paths[PathOf(route)].push_back(&route);
    json_.Key("paths").BeginObject();
    for (const auto& [path, operations] : paths) {
      json_.Key(path).BeginObject();
      for (const Route* route : operations) {
        json_.Key(absl::AsciiStrToLower(VerbName(route->verb)));
        WriteOperation(*route);
      }
      json_.EndObject();
    }
    json_.EndObject();
  }

  void WriteOperation(const Route& route) {
    const MethodDescriptor& method = *route.method;
    std::string comment = CommentOf(method);
    const Access& access = method.options().GetExtension(linjuli::access);
    const std::string& transition = method.options().GetExtension(linjuli::transition);
    std::string description = comment;
    absl::StrAppend(&description, description.empty() ? "" : "\n\n", "Who: ", Describe(access));
    if (!transition.empty()) absl::StrAppend(&description, "\n\nState: `", transition, "`");
    json_.BeginObject().Field("operationId", OperationId(method));
    std::pair<std::string, std::string> first = absl::StrSplit(comment, absl::MaxSplits('.', 1));
    json_.Field("summary", first.first).Field("description", description);
    json_.Key("tags").BeginArray().String(method.service()->full_name()).EndArray();
    WriteAccess(access);
    if (!transition.empty()) json_.Field("x-linjuli-transition", transition);
    WriteParameters(route);
    if (route.body_is_request || route.body_field != nullptr) WriteBody(route);
    json_.Key("responses").BeginObject();
    json_.Key("200").BeginObject().Field("description", "Done.");
    WriteContent(*method.output_type());
    json_.EndObject().Key("default").BeginObject().Field("description", "Refused, or failed.");
    json_.Key("content").BeginObject().Key("application/json").BeginObject();
    json_.Key("schema").BeginObject().Field("$ref", "#/components/schemas/Error").EndObject();
    json_.EndObject().EndObject().EndObject().EndObject();
    json_.EndObject();
  }

  static std::string OperationId(const MethodDescriptor& method) {
    return absl::StrCat(method.service()->name(), "_", method.name());
  }

  void WriteAccess(const Access& access) {
    json_.Key("security").BeginArray();
    if (!access.public_()) json_.BeginObject().Key("bearer").BeginArray().EndArray().EndObject();
    json_.EndArray().Key("x-linjuli-access").BeginObject();
    if (access.public_()) json_.Field("public", true);
    if (access.as_get()) json_.Field("as_get", true);
    if (!access.distinct_from().empty()) json_.Field("distinct_from", access.distinct_from());
    json_.Key("allow").BeginArray();
    for (const Allow& allow : access.allow()) {
      json_.BeginObject().Key("role").BeginArray();
      for (int role : allow.role()) json_.String(Role_Name(static_cast<Role>(role)));
      json_.EndArray().Field("scope", Allow::Scope_Name(allow.scope()));
      if (allow.masked()) json_.Field("masked", true);
      json_.EndObject();
    }
    json_.EndArray().EndObject();
  }

  void WriteParameters(const Route& route) {
    const Descriptor& request = *route.method->input_type();
    json_.Key("parameters").BeginArray();
    for (const PathVariable& variable : route.path.variables) {
      for (std::size_t i = variable.begin; i < variable.end; ++i) {
        if (route.path.segments[i].kind == Segment::kLiteral) continue;
        const FieldDescriptor& field = *FieldAt(request, variable.field);
        json_.BeginObject().Field("name", NameOf(route, i)).Field("in", "path");
        json_.Field("required", true);
        std::string comment = CommentOf(field);
        if (!comment.empty()) json_.Field("description", comment);
        json_.Key("schema").BeginObject().Field("type", "string").EndObject().EndObject();
      }
    }
    if (!route.body_is_request) {
      std::vector<Parameter> query;
      CollectQuery(request, "", route, 1, query);
      for (const auto& [name, field] : query) {
        json_.BeginObject().Field("name", name).Field("in", "query");
        if (IsRequired(*field)) json_.Field("required", true);
        std::string comment = CommentOf(*field);
        if (!comment.empty()) json_.Field("description", comment);
        json_.Key("schema");
        schemas_.WriteField(*field, json_);
        json_.EndObject();
      }
    }
    if (request.FindFieldByName("request_id") != nullptr) {
      WriteHeader("Idempotency-Key",
                  "Names the request, so that sending it again does it once; the same as "
                  "request_id.");
    }
    if (TakesEtag(route)) {
      WriteHeader("If-Match", "The version that the caller saw, in quotes; the same as etag.");
    }
    json_.EndArray();
  }

  static bool TakesEtag(const Route& route) {
    if (route.method->input_type()->FindFieldByName("etag") != nullptr) return true;
    return route.body_field != nullptr &&
           route.body_field->message_type()->FindFieldByName("etag") != nullptr;
  }

  void WriteHeader(absl::string_view name, absl::string_view description) {
    json_.BeginObject().Field("name", name).Field("in", "header");
    json_.Field("description", description);
    json_.Key("schema").BeginObject().Field("type", "string").Field("maxLength", 128).EndObject();
    json_.EndObject();
  }

  void WriteBody(const Route& route) {
    json_.Key("requestBody").BeginObject();
    WriteContent(route.body_field != nullptr ? *route.body_field->message_type()
                                             : *route.method->input_type());
    json_.EndObject();
  }

  void WriteContent(const Descriptor& message) {
    json_.Key("content").BeginObject().Key("application/json").BeginObject().Key("schema");
    schemas_.WriteReference(message, json_);
    json_.EndObject().EndObject();
  }

  JsonWriter json_;
  SchemaWriter schemas_;
};

absl::Status Load(absl::string_view descriptor_set, DescriptorPool& pool) {
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    return Refuse(absl::StatusCode::kInvalidArgument, "DESCRIPTORS",
                  "the descriptor set cannot be read");
  }
  for (const auto& file : files.file()) {
    if (pool.BuildFile(file) == nullptr) {
      return Refuse(absl::StatusCode::kInvalidArgument, "DESCRIPTORS",
                    absl::StrCat(file.name(), " of the descriptor set does not fit the others"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> OpenApiDocument(absl::Span<const ServiceDescriptor* const> services,
                                            absl::string_view descriptor_set) {
  DescriptorPool pool;
  LJ_RETURN_IF_ERROR(Load(descriptor_set, pool));
  std::vector<const ServiceDescriptor*> described;
  for (const ServiceDescriptor* service : services) {
    const ServiceDescriptor* commented = pool.FindServiceByName(service->full_name());
    described.push_back(commented == nullptr ? service : commented);
  }
  LJ_ASSIGN(RouteTable table, RouteTable::Build(described));
  return DocumentWriter().Write(described, table.routes());
}

}  // namespace linjuli
