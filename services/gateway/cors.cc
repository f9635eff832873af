#include "services/gateway/cors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status.h"

namespace linjuli {
namespace {

// What our doors understand (call_fields.h, connect.h, grpc_web.h), and what their clients send.
constexpr char kRequestFields[] =
    "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id, "
    "X-Request-Timeout, Connect-Protocol-Version, Connect-Timeout-Ms, Grpc-Timeout, X-Grpc-Web, "
    "X-User-Agent";
constexpr char kResponseFields[] =
    "ETag, Retry-After, X-Request-Id, Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin";
// Two hours: browsers remember an answer no longer.
constexpr char kMaxAge[] = "7200";

bool IsOrigin(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "https://") && !absl::ConsumePrefix(&text, "http://")) {
    return false;
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-' || c == ':' ||
           c == '[' || c == ']';
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<CorsDoor>> CorsDoor::Of(std::vector<std::string> origins) {
  auto door = std::unique_ptr<CorsDoor>(new CorsDoor());
  for (std::string& origin : origins) {
    if (!IsOrigin(origin)) {
      return Refuse(absl::StatusCode::kInvalidArgument, "ORIGIN",
                    absl::StrCat("--allow-origin \"", origin,
                                 "\": it must be https:// or http:// and a host in small letters, "
                                 "perhaps with a port, and nothing after"));
    }
    door->origins_.insert(std::move(origin));
  }
  return door;
}

bool CorsDoor::Takes(const HttpRequest& request) const {
  if (request.verb != Verb::kOptions || origins_.empty()) return false;
  return request.Find("Access-Control-Request-Method").has_value() &&
         origins_.contains(request.Find("Origin").value_or(""));
}

void CorsDoor::Handle(const HttpRequest&, HttpRespond respond) {
  HttpResponse response;
  response.code = 204;
  response.fields = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE"},
                     {"Access-Control-Allow-Headers", kRequestFields},
                     {"Access-Control-Max-Age", kMaxAge}};
  std::move(respond)(std::move(response));
}

void CorsDoor::Mark(const HttpRequest& request, HttpRespond& respond) const {
  if (origins_.empty()) return;
  respond.Add("Vary", "Origin");
  auto origin = request.Find("Origin");
  if (!origin.has_value() || !origins_.contains(*origin)) return;
  respond.Add("Access-Control-Allow-Origin", std::string(*origin));
  respond.Add("Access-Control-Expose-Headers", kResponseFields);
}

}  // namespace linjuli
