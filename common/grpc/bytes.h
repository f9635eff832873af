// A call and its reply as bytes: what passes a door without being read.
#ifndef LINJULI_COMMON_GRPC_BYTES_H_
#define LINJULI_COMMON_GRPC_BYTES_H_

#include <functional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "common/rpc/call.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"

namespace linjuli {

// `call.request` is null; the bytes are the request as it came.
struct ByteCall {
  Call call;
  grpc::ByteBuffer bytes;
};

// `bytes` only with an OK status, which has the details as they came.
struct ByteReply {
  grpc::Status status;
  grpc::ByteBuffer bytes;
  // grpc-retry-pushback-ms: how long a client is to wait before it tries again, "-1" that it is not
  // to try at all, empty where nothing is said.
  std::string pushback;
};

// Called exactly once, on any thread, perhaps before the call's start returns.
using BytesDone = absl::AnyInvocable<void(ByteReply)>;
// Ends a call that nobody waits for any more; Done is called as ever. May come after the call's
// end; null where there is nothing to end.
using CancelCall = absl::AnyInvocable<void()>;
// Carries out calls of one method.
using CarryBytes = std::function<CancelCall(ByteCall, BytesDone)>;

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_BYTES_H_
