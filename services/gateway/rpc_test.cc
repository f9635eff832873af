// Connect and gRPC-Web, by tests/gateway/rpc.txt.
#include <atomic>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "catch2/catch.hpp"
#include "common/status.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/error_details.pb.h"
#include "linjuli/testing/v1/conformance.pb.h"
#include "services/gateway/gateway.h"
#include "services/gateway/rpc_methods.h"
#include "services/gateway/test_client.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

using google::protobuf::TextFormat;
using testing::conformance::v1::RequestSeen;
using testing::conformance::v1::UnaryRequest;
using testing::conformance::v1::UnaryResponse;

constexpr char kPath[] = "/linjuli.testing.conformance.v1.Conformance/";

// Answers as the request dictates, and heeds deadlines as a service does.
class DictatedBackend : public Backend {
 public:
  explicit DictatedBackend(FakeClock* clock) : clock_(clock) {}

  void Start(Call call, Done done) override {
    const auto& request = dynamic_cast<const UnaryRequest&>(*call.request);
    RequestSeen seen;
    seen.set_method(call.method->name());
    seen.set_timeout_ms(absl::ToInt64Milliseconds(call.deadline - clock_->Now()));
    seen.set_token(call.token);
    seen.set_trace(call.trace);
    seen.set_request_id(request.request_id());
    clock_->Advance(absl::Milliseconds(request.delay_ms()));
    auto error = static_cast<absl::StatusCode>(request.error().code());
    if (call.method->name() == "Unimplemented") {
      return done(Refuse(absl::StatusCode::kUnimplemented, "NO_METHOD", "not here"));
    }
    if (clock_->Now() >= call.deadline) {
      return done(Refuse(absl::StatusCode::kDeadlineExceeded, "DEADLINE", "too late"));
    }
    if (error != absl::StatusCode::kOk) {
      absl::Status status = Refuse(error, "DICTATED", request.error().message());
      status.SetPayload("type.googleapis.com/" + seen.GetDescriptor()->full_name(),
                        absl::Cord(seen.SerializeAsString()));
      return done(status);
    }
    auto response = std::make_unique<UnaryResponse>();
    response->set_data(request.response_data());
    *response->mutable_seen() = seen;
    done(Reply(std::move(response)));
  }

 private:
  FakeClock* const clock_;
};

struct RpcCase {
  std::string name, ask, raw, body, time, want;
  std::vector<std::string> over, head, have;
  int fill = -1;  // bytes above the limit, less than 0: not filled
};

std::vector<RpcCase> RpcCases() {
  std::ifstream file(SourceDir() + "/tests/gateway/rpc.txt");
  REQUIRE(file);
  std::vector<RpcCase> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::pair<std::string, std::string> part = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    if (part.first == "case") cases.emplace_back().name = part.second;
    REQUIRE_FALSE(cases.empty());
    RpcCase& c = cases.back();
    if (part.first == "over") c.over = absl::StrSplit(part.second, ' ');
    if (part.first == "ask") c.ask = part.second;
    if (part.first == "raw") c.raw = part.second;
    if (part.first == "body") REQUIRE(absl::CUnescape(part.second, &c.body));
    if (part.first == "time") c.time = part.second;
    if (part.first == "want") c.want = part.second;
    if (part.first == "head") c.head.push_back(part.second);
    if (part.first == "have") c.have.push_back(part.second);
    if (part.first == "fill") REQUIRE(absl::SimpleAtoi(part.second, &c.fill));
  }
  return cases;
}

// --- a client, as the protocols' own ones read ---------------------------------------------------

bool IsGrpcWeb(absl::string_view wire) { return absl::StartsWith(wire, "grpc-web"); }
bool IsText(absl::string_view wire) { return absl::StartsWith(wire, "grpc-web-text"); }

std::string Frame(const std::string& message) {
  std::string frame(5, '\0');
  for (int i = 0; i < 4; ++i) frame[4 - i] = static_cast<char>(message.size() >> (8 * i));
  return frame + message;
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  REQUIRE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

std::string PercentEncode(absl::string_view bytes) {
  std::string text;
  for (unsigned char c : bytes) absl::StrAppend(&text, "%", absl::Hex(c, absl::kZeroPad2));
  return text;
}

std::string RequestOf(const RpcCase& c, const std::string& wire) {
  std::string line = c.raw, body = c.body;
  std::vector<std::string> head = c.head;
  if (c.raw.empty()) {
    std::pair<std::string, std::string> ask = absl::StrSplit(c.ask, absl::MaxSplits(' ', 1));
    UnaryRequest request;
    REQUIRE(TextFormat::ParseFromString(ask.second, &request));
    if (c.fill >= 0) {
      std::size_t size = kMaxBinaryBytes + static_cast<std::size_t>(c.fill);
      request.set_padding("x");  // Its tag and length are 4 bytes once it is long.
      request.set_padding(std::string(size - (request.ByteSizeLong() - 3) - 4, 'x'));
      REQUIRE(request.ByteSizeLong() == size);
    }
    std::string binary = request.SerializeAsString();
    line = absl::StrCat("POST ", kPath, ask.first);
    if (wire == "connect+proto") {
      head.push_back("Content-Type: application/proto");
      body = binary;
    } else if (wire == "connect+json") {
      head.push_back("Content-Type: application/json");
      body = ToJson(request);
    } else if (wire == "get+proto") {
      line = absl::StrCat("GET ", kPath, ask.first, "?connect=v1&encoding=proto&base64=1&message=",
                          absl::WebSafeBase64Escape(binary));
    } else if (wire == "get+json") {
      line = absl::StrCat("GET ", kPath, ask.first,
                          "?connect=v1&encoding=json&message=", PercentEncode(ToJson(request)));
    } else {
      head.push_back("Content-Type: application/" + wire);
      body = IsText(wire) ? absl::Base64Escape(Frame(binary)) : Frame(binary);
    }
    if (!c.time.empty()) {
      head.push_back(IsGrpcWeb(wire) ? absl::StrCat("Grpc-Timeout: ", c.time, "m")
                                     : absl::StrCat("Connect-Timeout-Ms: ", c.time));
    }
  }
  std::string fields;
  for (const std::string& field : head) absl::StrAppend(&fields, field, "\r\n");
  return absl::StrCat(line, " HTTP/1.1\r\nHost: a\r\n", fields, "Content-Length: ", body.size(),
                      "\r\n\r\n", body);
}

// What a client makes of an answer.
struct Seen {
  std::string code = "ok";
  std::string message;
  UnaryResponse response;
  std::set<std::string> details;  // types
};

// For answers that are not the protocol's: what proxies and other servers give.
std::string CodeOfHttp(int http) {
  switch (http) {
    case 400:
      return "internal";
    case 401:
      return "unauthenticated";
    case 403:
      return "permission_denied";
    case 404:
      return "unimplemented";
    case 429:
    case 502:
    case 503:
    case 504:
      return "unavailable";
    default:
      return "unknown";
  }
}

std::string JsonText(const std::string& json, absl::string_view key) {
  // Of the object itself, before its details.
  absl::string_view rest = absl::string_view(json).substr(0, json.find("\"details\""));
  std::size_t at = rest.find(absl::StrCat("\"", key, "\":\""));
  if (at == absl::string_view::npos) return "";
  rest.remove_prefix(at + key.size() + 4);
  std::size_t end = 0;
  while (rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  std::string text;
  REQUIRE(absl::CUnescape(rest.substr(0, end), &text));
  return text;
}

Seen ReadConnect(const ClientResponse& answer) {
  Seen seen;
  if (answer.code == 200) {
    if (answer.Field("Content-Type") == "application/proto") {
      REQUIRE(seen.response.ParseFromString(answer.body));
    } else {
      REQUIRE(answer.Field("Content-Type") == "application/json");
      REQUIRE(google::protobuf::util::JsonStringToMessage(answer.body, &seen.response).ok());
    }
    return seen;
  }
  REQUIRE(answer.Field("Content-Type") == (answer.code == 204 ? "" : "application/json"));
  if (absl::StartsWith(answer.body, "{\"code\":\"")) {
    seen.code = JsonText(answer.body, "code");
    seen.message = JsonText(answer.body, "message");
    for (absl::string_view part : absl::StrSplit(answer.body, "{\"type\":\"")) {
      std::vector<absl::string_view> strings = absl::StrSplit(part, '"');
      if (strings.size() < 5 || strings[2] != "value") continue;
      std::string bytes, padded(strings[4]);
      CHECK_FALSE(absl::StrContains(padded, "="));
      REQUIRE(absl::Base64Unescape(padded, &bytes));
      CHECK(absl::StrContains(part, "\"debug\":{"));
      seen.details.insert(std::string(strings[0]));
      if (strings[0] == RequestSeen::descriptor()->full_name()) {
        REQUIRE(seen.response.mutable_seen()->ParseFromString(bytes));
      }
    }
  } else {
    seen.code = CodeOfHttp(answer.code);
  }
  return seen;
}

Seen ReadGrpcWeb(const ClientResponse& answer) {
  static const char* const kCodes[] = {"ok",
                                       "canceled",
                                       "unknown",
                                       "invalid_argument",
                                       "deadline_exceeded",
                                       "not_found",
                                       "already_exists",
                                       "permission_denied",
                                       "resource_exhausted",
                                       "failed_precondition",
                                       "aborted",
                                       "out_of_range",
                                       "unimplemented",
                                       "internal",
                                       "unavailable",
                                       "data_loss",
                                       "unauthenticated"};
  Seen seen;
  if (answer.code != 200) {
    seen.code = CodeOfHttp(answer.code);
    return seen;
  }
  std::string body = answer.body;
  if (IsText(absl::StripPrefix(answer.Field("Content-Type"), "application/"))) {
    REQUIRE(absl::Base64Unescape(answer.body, &body));
  }
  seen.code = "no trailers";
  absl::string_view rest = body;
  while (!rest.empty()) {
    REQUIRE(rest.size() >= 5);
    std::uint32_t length = 0;
    for (int i = 1; i < 5; ++i) length = length << 8 | static_cast<unsigned char>(rest[i]);
    REQUIRE(rest.size() >= 5 + length);
    bool trailers = rest[0] == '\x80';
    absl::string_view frame = rest.substr(5, length);
    rest.remove_prefix(5 + length);
    if (!trailers) {
      REQUIRE(seen.response.ParseFromString(std::string(frame)));
      continue;
    }
    REQUIRE(rest.empty());
    for (absl::string_view line : absl::StrSplit(frame, "\r\n", absl::SkipEmpty())) {
      std::pair<std::string, std::string> field = absl::StrSplit(line, absl::MaxSplits(':', 1));
      if (field.first == "grpc-status") seen.code = kCodes[std::stoi(field.second)];
      if (field.first == "grpc-message") {
        for (std::size_t i = 0; i < field.second.size(); ++i) {
          bool escaped = field.second[i] == '%';
          seen.message += escaped ? absl::HexStringToBytes(field.second.substr(i + 1, 2))
                                  : std::string(1, field.second[i]);
          if (escaped) i += 2;
        }
      }
      if (field.first == "grpc-status-details-bin") {
        std::string bytes;
        google::rpc::Status status;
        REQUIRE(absl::Base64Unescape(field.second, &bytes));
        REQUIRE(status.ParseFromString(bytes));
        for (const auto& detail : status.details()) {
          seen.details.insert(
              std::string(absl::StripPrefix(detail.type_url(), "type.googleapis.com/")));
          detail.UnpackTo(seen.response.mutable_seen());
        }
      }
    }
  }
  return seen;
}

// --- the cases -----------------------------------------------------------------------------------

// Whether every field that `wanted` sets is the same in `response`.
bool Holds(const UnaryResponse& wanted, UnaryResponse response) {
  UnaryResponse merged = response;
  merged.MergeFrom(wanted);
  return merged.SerializeAsString() == response.SerializeAsString();
}

// What is wrong with an answer; empty where it is right.
std::string Breach(const RpcCase& c, const std::string& wire, const ClientResponse& answer) {
  for (const std::string& have : c.have) {
    std::pair<std::string, std::string> field = absl::StrSplit(have, absl::MaxSplits(": ", 1));
    std::string sent = answer.Field(field.first);
    if (sent != field.second) return absl::StrCat(field.first, " is \"", sent, "\"");
  }
  absl::string_view want = c.want;
  if (absl::ConsumePrefix(&want, "http ")) {
    int http = 0;
    REQUIRE(absl::SimpleAtoi(want.substr(0, 3), &http));
    // gRPC-Web answers its errors with 200; a code in the table is Connect's where it differs.
    bool own = IsGrpcWeb(wire) && c.raw.empty();
    if (!own && answer.code != http) return absl::StrCat("HTTP ", answer.code);
    want.remove_prefix(3);
    want = absl::StripLeadingAsciiWhitespace(want);
    if (want.empty()) return "";
  }
  Seen seen = IsGrpcWeb(wire) ? ReadGrpcWeb(answer) : ReadConnect(answer);
  if (absl::ConsumePrefix(&want, "ok")) {
    UnaryResponse wanted;
    REQUIRE(TextFormat::ParseFromString(std::string(want), &wanted));
    if (seen.code != "ok") return absl::StrCat(seen.code, ": ", seen.message);
    return Holds(wanted, seen.response) ? "" : seen.response.ShortDebugString();
  }
  REQUIRE(absl::ConsumePrefix(&want, "error "));
  std::pair<std::string, std::string> error = absl::StrSplit(want, absl::MaxSplits(' ', 1));
  std::string message;
  REQUIRE(
      absl::CUnescape(absl::StripSuffix(absl::StripPrefix(error.second, "\""), "\""), &message));
  if (seen.code != error.first) return absl::StrCat(seen.code, ": ", seen.message);
  if (!message.empty() && seen.message != message) return seen.message;
  // An error that a service dictated brings its details along.
  if (absl::StrContains(c.ask, "error {") &&
      (seen.response.seen().method() == "" || seen.details.count("google.rpc.ErrorInfo") == 0 ||
       seen.details.count("google.rpc.LocalizedMessage") == 0)) {
    return "details are missing";
  }
  return "";
}

TEST_CASE("calls by Connect and gRPC-Web are answered as every line of the table says",
          "[gateway][connect]") {
  FakeClock clock{absl::FromUnixSeconds(1'700'000'000)};
  DictatedBackend backend(&clock);
  GatewayOptions options;
  options.services = {
      {UnaryRequest::descriptor()->file()->FindServiceByName("Conformance"), &backend}};
  options.http.clock = &clock;
  options.gate.shed = false;  // The clock leaps in some cases, which looks like a long wait.
  options.localize = [](absl::Status& status) { Localize(status, "zh-CN", "原因"); };
  auto gateway = Gateway::Start(std::move(options));
  REQUIRE(gateway.ok());
  int passed = 0, total = 0, published = 0;
  bool ours = false;
  for (const RpcCase& c : RpcCases()) {
    ours = ours || !absl::StrContains(c.name, "/");
    for (const std::string& wire : c.over) {
      ++total;
      published += ours ? 0 : 1;
      TestClient client((*gateway)->port());
      ClientResponse answer = client.Ask(RequestOf(c, wire));
      std::string breach = Breach(c, wire, answer);
      INFO(c.name << " over " << wire);
      CHECK(breach == "");
      passed += breach.empty() ? 1 : 0;
    }
  }
  std::cout << "rpc.txt: " << passed << " / " << total << " passed, " << published
            << " of them published unary ones\n";
  CHECK(published >= 100);
}

TEST_CASE("health is told on the HTTP port as /readyz tells it", "[gateway][connect]") {
  FakeClock clock{absl::FromUnixSeconds(1'700'000'000)};
  DictatedBackend backend(&clock);
  std::atomic<bool> ready{true};
  GatewayOptions options;
  options.services = {
      {UnaryRequest::descriptor()->file()->FindServiceByName("Conformance"), &backend}};
  options.ready = [&] { return ready ? absl::OkStatus() : absl::UnavailableError("not yet"); };
  auto gateway = Gateway::Start(std::move(options));
  REQUIRE(gateway.ok());
  TestClient client((*gateway)->port());
  auto check = [&](const std::string& body) {
    return client
        .Ask(absl::StrCat("POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\nContent-Type: "
                          "application/json\r\nContent-Length: ",
                          body.size(), "\r\n\r\n", body))
        .body;
  };
  const std::string named = R"({"service":"linjuli.testing.conformance.v1.Conformance"})";
  CHECK(check("{}") == R"({"status":"SERVING"})");
  CHECK(check(named) == R"({"status":"SERVING"})");
  CHECK_THAT(check(R"({"service":"no.such.Service"})"), Catch::Contains("not_found"));
  ready = false;
  CHECK(check(named) == R"({"status":"NOT_SERVING"})");
}

}  // namespace
}  // namespace linjuli
