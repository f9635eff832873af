#include "services/gateway/route.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "catch2/catch.hpp"
#include "common/status.h"
#include "google/api/annotations.pb.h"
#include "google/protobuf/descriptor.pb.h"

namespace linjuli {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptorProto;

// A table of methods M0, M1, … made of rules "GET /v1/a body".
class Rules {
 public:
  explicit Rules(const std::vector<std::string>& rules) {
    google::protobuf::FileDescriptorProto file;
    file.set_name("rules.proto");
    file.set_syntax("proto3");
    auto* message = file.add_message_type();
    message->set_name("Request");
    AddField(*message, "name", FieldDescriptorProto::TYPE_STRING);
    AddField(*message, "other", FieldDescriptorProto::TYPE_STRING);
    AddField(*message, "inner", FieldDescriptorProto::TYPE_MESSAGE);
    AddField(*message, "many", FieldDescriptorProto::TYPE_STRING)
        ->set_label(FieldDescriptorProto::LABEL_REPEATED);
    auto* service = file.add_service();
    service->set_name("Service");
    for (const std::string& rule : rules) {
      auto* method = service->add_method();
      method->set_name(absl::StrCat("M", service->method_size() - 1));
      method->set_input_type(".Request");
      method->set_output_type(".Request");
      Fill(rule, *method);
    }
    const auto* built = pool_.BuildFile(file);
    REQUIRE(built != nullptr);
    service_ = built->service(0);
  }

  absl::StatusOr<RouteTable> Build() const { return RouteTable::Build({service_}); }

 private:
  static FieldDescriptorProto* AddField(google::protobuf::DescriptorProto& message,
                                        const std::string& name, FieldDescriptorProto::Type type) {
    auto* field = message.add_field();
    field->set_name(name);
    field->set_number(message.field_size());
    field->set_type(type);
    field->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    if (type == FieldDescriptorProto::TYPE_MESSAGE) field->set_type_name(".Request");
    return field;
  }

  static void Fill(const std::string& rule, google::protobuf::MethodDescriptorProto& method) {
    std::vector<std::string> words = absl::StrSplit(rule, ' ');
    auto* http = method.mutable_options()->MutableExtension(google::api::http);
    if (words[0] == "GET") http->set_get(words[1]);
    if (words[0] == "POST") http->set_post(words[1]);
    if (words[0] == "PATCH") http->set_patch(words[1]);
    if (words[0] == "DELETE") http->set_delete_(words[1]);
    if (words[0] == "PUT") http->set_put(words[1]);
    if (words[0] == "CUSTOM") http->mutable_custom()->set_path(words[1]);
    if (words.size() > 2 && words[2] == "+") http->add_additional_bindings()->set_get("/v2");
    if (words.size() > 2 && words[2] == "response") http->set_response_body("name");
    if (words.size() > 2 && words[2] == "stream") method.set_server_streaming(true);
    if (words.size() > 2 && words[2] == "body") http->set_body(words[3]);
  }

  DescriptorPool pool_{DescriptorPool::generated_pool()};
  const google::protobuf::ServiceDescriptor* service_ = nullptr;
};

// "M0 name=a/b", or the reason of the error.
std::string MatchText(const RouteTable& table, Verb verb, absl::string_view path) {
  auto match = table.Match(verb, path);
  if (!match.ok()) {
    std::string allow = FactOf(match.status(), "allow");
    return absl::StrCat(ReasonOf(match.status()), allow.empty() ? "" : " ", allow);
  }
  std::string text = match->route->method->name();
  for (const auto& [field, value] : match->captures) absl::StrAppend(&text, " ", field, "=", value);
  return text;
}

std::string BuildError(const std::vector<std::string>& rules) {
  auto table = Rules(rules).Build();
  return table.ok() ? "" : std::string(table.status().message());
}

TEST_CASE("templates fit the paths that they describe, and give their variables", "[gateway]") {
  struct Line {
    const char* rule;
    const char* path;
    const char* wanted;
  };
  const Line lines[] = {
      {"GET /v1/needs", "/v1/needs", "M0"},
      {"GET /v1/needs", "/v1/needs/", "NO_ROUTE"},
      {"GET /v1/needs", "//v1/needs", "NO_ROUTE"},
      {"GET /v1/needs", "/v1//needs", "NO_ROUTE"},
      {"GET /v1/needs", "/v1/Needs", "NO_ROUTE"},
      {"GET /v1/needs", "/v1/need%73", "NO_ROUTE"},
      {"GET /v1/needs", "/", "NO_ROUTE"},
      {"GET /v1/*", "/v1/a", "M0"},
      {"GET /v1/*", "/v1/a/b", "NO_ROUTE"},
      {"GET /v1/*", "/v1/", "NO_ROUTE"},
      {"GET /v1/**", "/v1", "M0"},
      {"GET /v1/**", "/v1/a/b/c", "M0"},
      {"GET /v1/**", "/v1/a//c", "NO_ROUTE"},
      {"GET /v1/**/end", "/v1/end", "M0"},
      {"GET /v1/**/end", "/v1/a/b/end", "M0"},
      {"GET /v1/**/end", "/v1/a/b", "NO_ROUTE"},
      {"GET /v1/{name}", "/v1/a", "M0 name=a"},
      {"GET /v1/{name=*}", "/v1/a", "M0 name=a"},
      {"GET /v1/{name=needs/*}", "/v1/needs/a", "M0 name=needs/a"},
      {"GET /v1/{name=needs/*}", "/v1/calls/a", "NO_ROUTE"},
      {"GET /v1/{name=calls/*/bids/*}", "/v1/calls/a/bids/b", "M0 name=calls/a/bids/b"},
      {"GET /v1/{name=calls/*}/bids", "/v1/calls/a/bids", "M0 name=calls/a"},
      {"GET /v1/{name}/x/{other}", "/v1/a/x/b", "M0 name=a other=b"},
      {"GET /v1/{inner.name=needs/*}", "/v1/needs/a", "M0 inner.name=needs/a"},
      {"GET /v1/{inner.inner.name}", "/v1/a", "M0 inner.inner.name=a"},
      {"GET /v1/{name=**}", "/v1/a/b", "M0 name=a/b"},
      {"GET /v1/{name=**}", "/v1", "M0 name="},
      {"GET /v1/{name=a/**}/end", "/v1/a/b/c/end", "M0 name=a/b/c"},
      {"GET /v1/{name=**/x}", "/v1/a/b/x", "M0 name=a/b/x"},
      {"GET /v1/needs:search", "/v1/needs:search", "M0"},
      {"GET /v1/needs:search", "/v1/needs", "NO_ROUTE"},
      {"GET /v1/needs:search", "/v1/needs:find", "NO_ROUTE"},
      {"GET /v1/needs:search", "/v1/needs%3Asearch", "NO_ROUTE"},
      {"GET /v1/{name=needs/*}:claim", "/v1/needs/a:claim", "M0 name=needs/a"},
      {"GET /v1/{name=needs/*}:claim", "/v1/needs/a:b:claim", "M0 name=needs/a:b"},
      {"GET /v1/{name=needs/*}:claim", "/v1/needs/:claim", "NO_ROUTE"},
      {"GET /v1/{name=**}:claim", "/v1/a/b:claim", "M0 name=a/b"},
      {"GET /v1/{name}", "/v1/a:b", "M0 name=a:b"},
      {"GET /v1/{name}", "/v1/a%2Fb%20c%E9%82%BB", "M0 name=a/b c邻"},
      {"GET /v1/{name=needs/*}", "/v1/needs/a%2Fb%20c", "M0 name=needs/a%2Fb c"},
      {"GET /v1/{name=**}", "/v1/a%2fb/%3F%41", "M0 name=a%2fb/%3FA"},
      {"GET /v1/{name}", "/v1/a+b", "M0 name=a+b"},
      {"GET /v1/{name}", "/v1/%", "PATH"},
      {"GET /v1/{name}", "/v1/%4", "PATH"},
      {"GET /v1/{name}", "/v1/%4g", "PATH"},
      {"GET /v1/{name}", "/v1/%00", "PATH"},
      {"GET /v1/{name}", "/v1/%ff", "PATH"},
      {"GET /v1/{name}", "/v1/%C0%AF", "PATH"},
      {"GET /v1/{name}", "/v1/%ED%A0%80", "PATH"},
  };
  for (const Line& line : lines) {
    INFO(line.rule << "  " << line.path);
    Rules rules({line.rule});
    auto table = rules.Build();
    REQUIRE(table.ok());
    CHECK(MatchText(*table, Verb::kGet, line.path) == line.wanted);
  }
}

TEST_CASE("the narrower template counts, in whatever order they are declared", "[gateway]") {
  std::vector<std::string> lines = {
      "GET /v1/{name=**}",          "GET /v1/{name=needs/**}", "GET /v1/{name=needs/*}",
      "GET /v1/needs/special",      "GET /v1/needs",           "GET /v1/{name=needs/*}:claim",
      "GET /v1/{name=calls/**}/end"};
  for (int turn = 0; turn < 2; ++turn) {
    Rules rules(lines);
    auto table = rules.Build();
    REQUIRE(table.ok());
    auto template_of = [&](absl::string_view path) {
      auto match = table->Match(Verb::kGet, path);
      REQUIRE(match.ok());
      return match->route->path.text;
    };
    CHECK(template_of("/v1/needs/special") == "/v1/needs/special");
    CHECK(template_of("/v1/needs/a") == "/v1/{name=needs/*}");
    CHECK(template_of("/v1/needs/a:claim") == "/v1/{name=needs/*}:claim");
    CHECK(template_of("/v1/needs/a:other") == "/v1/{name=needs/*}");
    CHECK(template_of("/v1/needs/a/b") == "/v1/{name=needs/**}");
    CHECK(template_of("/v1/calls/a/end") == "/v1/{name=calls/**}/end");
    CHECK(template_of("/v1/needs") == "/v1/needs");
    CHECK(template_of("/v1/calls/a") == "/v1/{name=**}");
    std::reverse(lines.begin(), lines.end());
  }
}

TEST_CASE("a path that other verbs have is not allowed, and says which are", "[gateway]") {
  Rules rules({"GET /v1/{name=needs/*}", "DELETE /v1/{name=needs/*}", "POST /v1/needs body *",
               "POST /v1/{name=needs/*}:claim body *", "PATCH /v1/{other=*/a} body inner"});
  auto table = rules.Build();
  REQUIRE(table.ok());
  CHECK(MatchText(*table, Verb::kPatch, "/v1/needs/b") ==
        "METHOD_NOT_ALLOWED DELETE, GET, HEAD, OPTIONS");
  CHECK(MatchText(*table, Verb::kGet, "/v1/needs") == "METHOD_NOT_ALLOWED OPTIONS, POST");
  CHECK(MatchText(*table, Verb::kHead, "/v1/needs/a") == "M0 name=needs/a");
  // A known verb is no part of a name: this is not the need "a:claim".
  CHECK(MatchText(*table, Verb::kGet, "/v1/needs/a:claim") == "METHOD_NOT_ALLOWED OPTIONS, POST");
  CHECK(MatchText(*table, Verb::kPatch, "/v1/needs/a") == "M4 other=needs/a");
  CHECK(MatchText(*table, Verb::kGet, "/v1/calls") == "NO_ROUTE");
}

TEST_CASE("templates that fit the same paths equally well are refused, both named", "[gateway]") {
  const std::vector<std::vector<std::string>> conflicts = {
      {"GET /v1/needs", "GET /v1/needs"},
      {"GET /v1/{name=needs/*}", "GET /v1/needs/{other}"},
      {"GET /v1/*/b", "GET /v1/a/*"},
      {"GET /v1/{name=**}", "GET /v1/**"},
      {"GET /v1/**/b", "GET /v1/a/**"},
      {"GET /v1/**/b", "GET /v1/a/*"},
      {"GET /v1/*:claim", "GET /v1/{name}:claim"},
  };
  for (const auto& rules : conflicts) {
    INFO(absl::StrJoin(rules, "  "));
    std::string error = BuildError(rules);
    CHECK(absl::StrContains(error, "Service.M0"));
    CHECK(absl::StrContains(error, "Service.M1"));
  }
  const std::vector<std::vector<std::string>> fine = {
      {"GET /v1/needs", "POST /v1/needs"},
      {"GET /v1/{name=needs/*}", "GET /v1/{name=calls/*}"},
      {"GET /v1/{name=needs/*}", "GET /v1/{name=needs/*}:claim"},
      {"GET /v1/{name=needs/*}", "GET /v1/{name=needs/*/bids/*}"},
      {"GET /v1/**/b", "GET /v1/**/c"},
      {"GET /v1/a/**", "GET /v1/b/**"},
      {"GET /v1/**/b/c", "GET /v1/**/c"},
  };
  for (const auto& rules : fine) {
    INFO(absl::StrJoin(rules, "  "));
    CHECK(BuildError(rules) == "");
  }
}

TEST_CASE("a wrong rule is refused and names its method", "[gateway]") {
  struct Line {
    const char* rule;
    const char* said;
  };
  const Line lines[] = {
      {"PUT /v1/a", "get, post, patch and delete"},
      {"CUSTOM /v1/a", "get, post, patch and delete"},
      {"GET /v1/a +", "additional_bindings"},
      {"GET /v1/a response", "response_body"},
      {"GET /v1/a stream", "stream"},
      {"GET v1/a", "begins with '/'"},
      {"GET /", "a segment was expected"},
      {"GET /v1/", "a segment was expected"},
      {"GET /v1//a", "a segment was expected"},
      {"GET /v1/a:", "a verb follows"},
      {"GET /v1/a:b:c", "nothing more"},
      {"GET /v1/***", "nothing more"},
      {"GET /v1/**/*", "only literals"},
      {"GET /v1/**/**", "only literals"},
      {"GET /v1/{name=**}/{other}", "only literals"},
      {"GET /v1/{name", "'}' was expected"},
      {"GET /v1/{=a}", "names a field"},
      {"GET /v1/{name=}", "a segment was expected"},
      {"GET /v1/{name={other}}", "may not hold another"},
      {"GET /v1/{name}/{name}", "stands twice"},
      {"GET /v1/{nobody}", "{nobody} is no field"},
      {"GET /v1/{name.deeper}", "{name.deeper} is not one plain value"},
      {"GET /v1/{inner}", "{inner} is not one plain value"},
      {"GET /v1/{many}", "{many} is not one plain value"},
      {"GET /v1/a body *", "GET has no body"},
      {"DELETE /v1/a body inner", "DELETE has no body"},
      {"POST /v1/a body nobody", "\"nobody\" is no field"},
      {"POST /v1/a body name", "is not one message"},
      {"POST /v1/a body many", "is not one message"},
  };
  for (const Line& line : lines) {
    INFO(line.rule);
    std::string error = BuildError({line.rule});
    CHECK(absl::StrContains(error, "Service.M0"));
    CHECK_THAT(error, Catch::Contains(line.said));
  }
}

}  // namespace
}  // namespace linjuli
