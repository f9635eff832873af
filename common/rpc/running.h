// A call on its way through a service; shared by the parts of the pipeline.
#ifndef LINJULI_COMMON_RPC_RUNNING_H_
#define LINJULI_COMMON_RPC_RUNNING_H_

#include <memory>
#include <string>

#include "common/rpc/service.h"

namespace linjuli {

// The store's job owns it, so that its address stays.
struct Service::Running {
  Call call;
  Done done;
  const MethodPlan* plan = nullptr;
  std::shared_ptr<const Caller> caller;  // shared with the verifier's cache
  absl::Time begun;
  Answer reply;
};

// The text of a standard field; empty where the request has no such field.
inline std::string StringIn(const google::protobuf::Message& message,
                            const google::protobuf::FieldDescriptor* field) {
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

// Whether a read may take milliseconds: a search, or a long page.
bool IsLong(const MethodPlan& plan, const google::protobuf::Message& request);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_RUNNING_H_
