#include "services/gateway/rest.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "common/rpc/priority.h"
#include "common/rpc/wire_field.h"
#include "common/status.h"
#include "services/gateway/http_error.h"
#include "services/gateway/rest_request.h"

namespace linjuli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The resource's version as the ETag field, where it has one that a header may hold.
void AddEtag(const Answer& answer, const google::protobuf::Descriptor* type,
             HttpResponse& response) {
  const FieldDescriptor* field = type->FindFieldByName("etag");
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return;
  }
  std::string etag = answer.bytes() != nullptr ? std::string(FieldIn(*answer.bytes(), field))
                                               : answer->GetReflection()->GetString(*answer, field);
  bool plain = !etag.empty() && std::all_of(etag.begin(), etag.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"';
  });
  if (plain) response.fields.emplace_back("ETag", absl::StrCat("\"", etag, "\""));
}

}  // namespace

RestDoor::RestDoor(RouteTable routes, Resolve resolve, LocalizeError localize, Clock* clock)
    : routes_(std::move(routes)),
      resolve_(std::move(resolve)),
      localize_(std::move(localize)),
      clock_(clock) {
  busy_ = EncodeError(TooBusy());
}

void RestDoor::Handle(const HttpRequest& request, HttpRespond respond) {
  if (request.verb == Verb::kOptions) return std::move(respond)(Options(request));
  auto match = routes_.Match(request.verb, request.path);
  if (!match.ok()) return std::move(respond)(EncodeError(match.status()));
  auto call = DecodeCall(request, *match, clock_->Now());
  if (!call.ok()) return std::move(respond)(EncodeError(call.status()));
  Backend* backend = resolve_(call->method);
  LJ_CHECK(backend != nullptr, "a route without a backend");
  backend->Start(*std::move(call), [this, respond = std::move(respond)](Reply reply) mutable {
    std::move(respond).Later([this, reply = std::move(reply)] { return Encode(reply); });
  });
}

HttpResponse RestDoor::Encode(const Reply& reply) const {
  if (!reply.ok()) return EncodeError(reply.status());
  HttpResponse response;
  const Answer& answer = *reply;
  const JsonPrint options{.always_print_lists = true};
  const auto* type = answer.bytes() ? answer.prototype().GetDescriptor() : answer->GetDescriptor();
  AddEtag(answer, type, response);
  if (answer.bytes() == nullptr ||
      !PrintJsonOfBytes(answer.prototype(), *answer.bytes(), response.body, options)) {
    PrintJson(*answer, response.body, options);
  }
  return response;
}

HttpResponse RestDoor::EncodeError(absl::Status status) const {
  // What is said most when there is the least time for it.
  if (busy_.has_value() && status == TooBusy()) return busy_->Again();
  if (localize_ != nullptr) localize_(status);
  return ErrorResponse(status);
}

HttpResponse RestDoor::Options(const HttpRequest& request) const {
  // No route has this verb, so a path that is known says what it allows.
  absl::Status status = routes_.Match(Verb::kOptions, request.path).status();
  if (ReasonOf(status) != "METHOD_NOT_ALLOWED") return EncodeError(std::move(status));
  return OptionsResponse(FactOf(status, "allow"));
}

}  // namespace linjuli
