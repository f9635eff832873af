// A call as every door hands it to the pipeline, whatever the wire.
#ifndef LINJULI_COMMON_RPC_CALL_H_
#define LINJULI_COMMON_RPC_CALL_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace linjuli {

struct Call {
  const google::protobuf::MethodDescriptor* method = nullptr;
  // Of the method's generated input type.
  std::unique_ptr<google::protobuf::Message> request;
  // The bearer token as it came, empty where none was sent.
  std::string token;
  // Names the call in logs on every hop; made by the first door where the client sent none.
  std::string trace;
  // Nothing is begun after it.
  absl::Time deadline = absl::InfiniteFuture();
};

// The method's generated output type, or an error with its reason (common/status.h).
using Reply = absl::StatusOr<std::unique_ptr<google::protobuf::Message>>;
// Called exactly once, on any thread, perhaps before Backend::Start returns.
using Done = absl::AnyInvocable<void(Reply)>;

// Whatever carries out calls: a service of this process, or a channel to another one.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual void Start(Call call, Done done) = 0;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_CALL_H_
