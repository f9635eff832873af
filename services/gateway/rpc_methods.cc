#include "services/gateway/rpc_methods.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "common/wire_limit.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/message.h"

namespace linjuli {

using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;
using google::protobuf::ServiceDescriptor;

bool RpcMethod::only_reads() const {
  return method->options().idempotency_level() == MethodOptions::NO_SIDE_EFFECTS;
}

RpcMethods::RpcMethods(absl::Span<const ServiceDescriptor* const> services,
                       const Resolve& resolve) {
  for (const ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor* method = service->method(i);
      if (method->client_streaming() || method->server_streaming()) continue;
      methods_[absl::StrCat("/", service->full_name(), "/", method->name())] = {method,
                                                                                resolve(method)};
    }
  }
}

const RpcMethod* RpcMethods::Find(absl::string_view path) const {
  auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

Call NewCall(const RpcMethod& method) {
  Call call;
  call.method = method.method;
  call.request.reset(
      MessageFactory::generated_factory()->GetPrototype(method.method->input_type())->New());
  return call;
}

std::string BinaryOf(const Answer& answer) {
  return answer.bytes() != nullptr ? *answer.bytes() : answer->SerializeAsString();
}

absl::Status ParseBinary(absl::string_view bytes, Message& message) {
  if (bytes.size() > kMaxBinaryBytes) {
    return Refuse(absl::StatusCode::kResourceExhausted, "BODY_TOO_LARGE",
                  absl::StrCat("a message may have ", kMaxBinaryBytes, " bytes"));
  }
  LJ_RETURN_IF_ERROR(CheckLists(*message.GetDescriptor(), bytes));
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Refuse(absl::StatusCode::kInvalidArgument, "MALFORMED",
                  absl::StrCat("the bytes are no ", message.GetDescriptor()->full_name()));
  }
  return absl::OkStatus();
}

absl::Status VerbNotAllowed(absl::string_view allow) {
  return Refuse(absl::StatusCode::kUnimplemented, "METHOD_NOT_ALLOWED",
                absl::StrCat("this path allows ", allow), {{"allow", std::string(allow)}});
}

}  // namespace linjuli
