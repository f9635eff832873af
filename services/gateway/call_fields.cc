#include "services/gateway/call_fields.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/json/codec.h"
#include "common/status.h"

namespace linjuli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kMaxRequestId = 128;
constexpr std::size_t kMaxToken = 8 * 1024;

absl::Status ReadToken(const HttpRequest& http, std::string& token) {
  auto authorization = http.Find("Authorization");
  if (!authorization.has_value()) return absl::OkStatus();
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(*authorization, absl::MaxSplits(' ', 1));
  absl::string_view sent = absl::StripAsciiWhitespace(parts.second);
  if (!absl::EqualsIgnoreCase(parts.first, "Bearer") || sent.empty() || sent.size() > kMaxToken ||
      !IsVisible(sent)) {
    return Refuse(absl::StatusCode::kUnauthenticated, "TOKEN",
                  "Authorization must be: Bearer and a token");
  }
  token = std::string(sent);
  return absl::OkStatus();
}

absl::Status ReadIdempotencyKey(const HttpRequest& http, Message& request) {
  auto key = http.Find("Idempotency-Key");
  if (!key.has_value()) return absl::OkStatus();
  if (key->empty() || key->size() > kMaxRequestId || !IsVisible(*key)) {
    return Wrong("HEADER", "Idempotency-Key must be 1 to 128 visible ASCII characters",
                 "Idempotency-Key");
  }
  if (request.GetDescriptor()->FindFieldByName("request_id") == nullptr) return absl::OkStatus();
  return SetOrAgree(request, "request_id", std::string(*key));
}

}  // namespace

absl::Status ReadCallFields(const HttpRequest& http, Call& call) {
  LJ_RETURN_IF_ERROR(ReadIdempotencyKey(http, *call.request));
  LJ_RETURN_IF_ERROR(ReadToken(http, call.token));
  call.trace = std::string(http.trace);
  return absl::OkStatus();
}

std::string MediaTypeOf(const HttpRequest& http) {
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(http.Find("Content-Type").value_or(""), absl::MaxSplits(';', 1));
  absl::string_view parameter = absl::StripAsciiWhitespace(parts.second);
  if (!parameter.empty() && !absl::EqualsIgnoreCase(parameter, "charset=utf-8") &&
      !absl::EqualsIgnoreCase(parameter, "charset=\"utf-8\"")) {
    return "";
  }
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts.first));
}

bool IsCompressed(const HttpRequest& http) {
  auto encoding = http.Find("Content-Encoding");
  return encoding.has_value() && !absl::EqualsIgnoreCase(*encoding, "identity");
}

absl::Status SetOrAgree(Message& message, const std::string& path, const std::string& text) {
  Message* at = &message;
  std::vector<std::string> names = absl::StrSplit(path, '.');
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    at = at->GetReflection()->MutableMessage(at, at->GetDescriptor()->FindFieldByName(names[i]));
  }
  const FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(names.back());
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated()) {
    std::string there = at->GetReflection()->GetString(*at, field);
    if (!there.empty() && there != text) {
      return Wrong("CONFLICT",
                   absl::StrCat("the request says \"", path, "\" twice, and not the same"), path);
    }
    if (there == text) return absl::OkStatus();
  }
  return SetField(message, path, text);
}

absl::Status Wrong(absl::string_view reason, absl::string_view what, absl::string_view field) {
  ErrorFacts facts;
  if (!field.empty()) facts.emplace_back("field", std::string(field));
  return Refuse(absl::StatusCode::kInvalidArgument, reason, what, facts);
}

bool IsVisible(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

}  // namespace linjuli
