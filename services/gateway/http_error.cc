#include "services/gateway/http_error.h"

#include <memory>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/json/codec.h"
#include "common/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/gateway/json_writer.h"

namespace linjuli {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

// Errors of the door itself whose HTTP code says more than their canonical one.
int DoorCodeOf(const absl::Status& status) {
  std::string reason = ReasonOf(status);
  if (reason == "METHOD_NOT_ALLOWED") return 405;
  if (reason == "MEDIA_TYPE") return 415;
  return HttpCodeOf(status.code());
}

void WriteDetail(absl::string_view url, const absl::Cord& bytes, JsonWriter& json) {
  std::unique_ptr<Message> detail = ErrorDetail(url, bytes);
  if (detail == nullptr) return;
  std::string text;
  PrintJson(*detail, text);
  std::string typed = "{\"@type\":";
  AppendJsonString(url, typed);
  if (text.size() > 2) typed += ',';
  typed.append(text, 1, std::string::npos);
  json.Raw(typed);
}

}  // namespace

int HttpCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    default:
      return 500;
  }
}

absl::string_view CanonicalName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case absl::StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case absl::StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kAborted:
      return "ABORTED";
    case absl::StatusCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case absl::StatusCode::kInternal:
      return "INTERNAL";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    default:
      return "UNKNOWN";
  }
}

absl::string_view ReasonPhrase(int http_code) {
  switch (http_code) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Other";
  }
}

std::unique_ptr<Message> ErrorDetail(absl::string_view url, const absl::Cord& bytes) {
  absl::string_view type = absl::StripPrefix(url, "type.googleapis.com/");
  const auto* descriptor =
      DescriptorPool::generated_pool()->FindMessageTypeByName(std::string(type));
  if (descriptor == nullptr) return nullptr;
  std::unique_ptr<Message> detail(
      MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
  return detail->ParseFromString(std::string(bytes)) ? std::move(detail) : nullptr;
}

HttpResponse ErrorHead(const absl::Status& status) {
  HttpResponse response;
  response.code = DoorCodeOf(status);
  if (response.code == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  if (auto wait = RetryAfterOf(status)) {
    response.fields.emplace_back(
        "Retry-After", absl::StrCat(absl::ToInt64Seconds(absl::Ceil(*wait, absl::Seconds(1)))));
  }
  if (response.code == 405) response.fields.emplace_back("Allow", FactOf(status, "allow"));
  return response;
}

std::string ErrorBody(const absl::Status& status, int http_code) {
  JsonWriter json;
  json.BeginObject().Key("error").BeginObject();
  json.Field("code", http_code);
  json.Field("status", CanonicalName(status.code()));
  json.Field("message", status.message());
  json.Key("details").BeginArray();
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& bytes) { WriteDetail(url, bytes, json); });
  json.EndArray().EndObject().EndObject();
  return json.Take();
}

HttpResponse ErrorResponse(const absl::Status& status) {
  HttpResponse response = ErrorHead(status);
  response.body = ErrorBody(status, response.code);
  return response;
}

HttpResponse ErrorResponse(const FramingFault& fault) {
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  if (fault.code == 408 || fault.code == 504) code = absl::StatusCode::kDeadlineExceeded;
  if (fault.code == 501) code = absl::StatusCode::kUnimplemented;
  if (fault.code == 503) code = absl::StatusCode::kUnavailable;
  HttpResponse response;
  response.code = fault.code;
  response.body = ErrorBody(Refuse(code, fault.reason, fault.sentence), fault.code);
  return response;
}

HttpResponse OptionsResponse(absl::string_view allow) {
  HttpResponse response;
  response.code = 204;
  response.fields.emplace_back("Allow", allow);
  return response;
}

}  // namespace linjuli
