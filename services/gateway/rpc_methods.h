// The unary methods by the path that RPC protocols give them, /package.Service/Method. Connect and
// gRPC-Web share these paths; what a request is, its verb and its media type tell.
#ifndef LINJULI_SERVICES_GATEWAY_RPC_METHODS_H_
#define LINJULI_SERVICES_GATEWAY_RPC_METHODS_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/rpc/call.h"
#include "google/protobuf/descriptor.h"
#include "services/gateway/http_message.h"
#include "services/gateway/rest.h"

namespace linjuli {

// Messages in binary form may be so long, as on the gRPC port: a few bytes of them can ask for much
// memory.
inline constexpr std::size_t kMaxBinaryBytes = 256 * 1024;

struct RpcMethod {
  const google::protobuf::MethodDescriptor* method = nullptr;
  Backend* backend = nullptr;

  // Declared NO_SIDE_EFFECTS: it may be asked for by GET.
  bool only_reads() const;
};

// Immutable, so thread-safe. Descriptors and backends must live as long.
class RpcMethods {
 public:
  RpcMethods(absl::Span<const google::protobuf::ServiceDescriptor* const> services,
             const Resolve& resolve);

  // Null where no method has this path.
  const RpcMethod* Find(absl::string_view path) const;

 private:
  absl::flat_hash_map<std::string, RpcMethod> methods_;
};

// A call of the method with an empty request.
Call NewCall(const RpcMethod& method);
// An answer in binary form; what lies in a store is sent as it lies there.
std::string BinaryOf(const Answer& answer);
// Reads a message in binary form. INVALID_ARGUMENT, reason MALFORMED, or TOO_MANY as
// common/wire_limit.h says; RESOURCE_EXHAUSTED, reason BODY_TOO_LARGE, above kMaxBinaryBytes.
absl::Status ParseBinary(absl::string_view bytes, google::protobuf::Message& message);
// METHOD_NOT_ALLOWED: the path is right and the verb is not.
absl::Status VerbNotAllowed(absl::string_view allow);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_RPC_METHODS_H_
