#include "common/status.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"

namespace linjuli {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/";

template <typename M>
std::string UrlOf() {
  return absl::StrCat(kTypePrefix, M::descriptor()->full_name());
}

template <typename M>
void Attach(absl::Status& status, const M& detail) {
  status.SetPayload(UrlOf<M>(), absl::Cord(detail.SerializeAsString()));
}

template <typename M>
bool Detail(const absl::Status& status, M& detail) {
  auto payload = status.GetPayload(UrlOf<M>());
  return payload.has_value() && detail.ParseFromString(std::string(*payload));
}

}  // namespace

absl::Status Refuse(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                    const ErrorFacts& facts) {
  absl::Status status(code, message);
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : facts) (*info.mutable_metadata())[key] = value;
  Attach(status, info);
  return status;
}

absl::Status RefuseFields(const std::vector<FieldViolation>& violations) {
  LJ_CHECK(!violations.empty());
  google::rpc::BadRequest bad;
  std::vector<std::string> sentences;
  for (const auto& violation : violations) {
    auto* field = bad.add_field_violations();
    field->set_field(violation.path);
    field->set_description(absl::StrCat(violation.reason, ": ", violation.description));
    sentences.push_back(absl::StrCat(violation.path, " ", violation.description));
  }
  absl::Status status = Refuse(absl::StatusCode::kInvalidArgument, violations[0].reason,
                               absl::StrJoin(sentences, "; "), {{"field", violations[0].path}});
  Attach(status, bad);
  return status;
}

absl::Status NotFound(absl::string_view name) {
  return Refuse(absl::StatusCode::kNotFound, "NOT_FOUND",
                absl::StrCat(name, " is not there, or not yours to see"),
                {{"name", std::string(name)}});
}

absl::Status Overloaded(absl::string_view message) {
  absl::Status status = Refuse(absl::StatusCode::kResourceExhausted, "OVERLOADED", message);
  SetRetryAfter(status, absl::Seconds(1));
  return status;
}

void SetRetryAfter(absl::Status& status, absl::Duration wait) {
  google::rpc::RetryInfo info;
  int64_t nanos = absl::ToInt64Nanoseconds(std::max(wait, absl::ZeroDuration()));
  info.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  Attach(status, info);
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  google::rpc::RetryInfo info;
  if (!Detail(status, info)) return std::nullopt;
  return absl::Seconds(info.retry_delay().seconds()) +
         absl::Nanoseconds(info.retry_delay().nanos());
}

std::string ReasonOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  return Detail(status, info) ? info.reason() : "";
}

std::string FactOf(const absl::Status& status, absl::string_view key) {
  google::rpc::ErrorInfo info;
  if (!Detail(status, info)) return "";
  auto found = info.metadata().find(std::string(key));
  return found == info.metadata().end() ? "" : found->second;
}

void Localize(absl::Status& status, absl::string_view locale, absl::string_view text) {
  google::rpc::LocalizedMessage message;
  message.set_locale(std::string(locale));
  message.set_message(std::string(text));
  Attach(status, message);
}

google::rpc::Status ToProto(const absl::Status& status) {
  google::rpc::Status proto;
  proto.set_code(status.raw_code());
  proto.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& bytes) {
    auto* any = proto.add_details();
    any->set_type_url(std::string(url));
    any->set_value(std::string(bytes));
  });
  return proto;
}

absl::Status FromProto(const google::rpc::Status& proto) {
  absl::Status status(static_cast<absl::StatusCode>(proto.code()), proto.message());
  for (const auto& any : proto.details())
    status.SetPayload(any.type_url(), absl::Cord(any.value()));
  return status;
}

void FailStop(const char* file, int line, const char* condition, const std::string& why) {
  std::fprintf(stderr,
               "{\"level\":\"critical\",\"message\":\"stopped: %s:%d: %s does not hold. %s\"}\n",
               file, line, condition, why.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace linjuli
