// What stands on the wire of a gRPC call, beside its bytes: metadata and errors, both ways.
//
//   authorization: Bearer TOKEN        Call.token
//   x-request-id: TRACE                Call.trace; comes back in the initial metadata
//   linjuli-deadline: MICROSECONDS     when the call ends, since 1970, between processes of a machine
//   grpc-status-details-bin            google.rpc.Status with every detail (common/status.h)
//   grpc-retry-pushback-ms             when to try again (gRFC A6), where the error says so
//
// Nothing else is read, and nothing else is passed on.
#ifndef LINJULI_COMMON_GRPC_WIRE_H_
#define LINJULI_COMMON_GRPC_WIRE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/rpc/call.h"
#include "google/protobuf/message.h"
#include "grpcpp/client_context.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"

namespace linjuli {

// No call may take longer, whatever its client allows.
inline constexpr absl::Duration kLongestCall = absl::Seconds(30);
// Errors are sent as header fields, of which peers accept 8 KiB in all.
inline constexpr size_t kMaxErrorBytes = 4096;

grpc::ByteBuffer ToBytes(const google::protobuf::Message& message);
grpc::ByteBuffer ToBytes(const Answer& answer);
// The look of common/wire_limit.h at the bytes of a request.
absl::Status CheckLists(const google::protobuf::Descriptor& type, grpc::ByteBuffer& bytes);
// False: the bytes are not such a message. Takes the buffer's contents.
bool FromBytes(grpc::ByteBuffer& bytes, google::protobuf::Message& message);
// Makes `call.request` of the bytes, which stay. INVALID_ARGUMENT, reason MALFORMED.
absl::Status Decode(const grpc::ByteBuffer& bytes, Call& call);

// An error as gRPC sends it. Above kMaxErrorBytes the longest details are left out, the reason
// last.
grpc::Status ToGrpc(const absl::Status& status);
// An error as it came from `target`. One without details, as gRPC itself makes them, is given its
// code's name as reason (UNAVAILABLE, DEADLINE_EXCEEDED …) and the fact `target`.
absl::Status FromGrpc(const grpc::Status& status, absl::string_view target);

// grpc-retry-pushback-ms: when the client is to try again, where the error says so; else empty.
std::string PushbackOf(const absl::Status& status);
// Whether an error as sent has words for people (google.rpc.LocalizedMessage).
bool HasWords(const grpc::Status& status);

// Fills the call's token, trace and deadline, and sends the trace back. `longest` bounds the
// deadline; all deadlines are by `clock`, which need not be the machine's. gRPC's own deadline is a
// duration, which begins anew where a process was frozen with the call unread before it; a peer on
// this machine says the moment besides.
void ReadMetadata(grpc::ServerContext& context, Clock& clock, absl::Duration longest, Call& call);

// UNAUTHENTICATED, reason TOKEN: the token has characters that no header can carry.
absl::Status CheckToken(absl::string_view token);
// Passes token, trace and deadline (of the machine's clock) on. The token must have been checked.
void WriteMetadata(absl::string_view token, absl::string_view trace, absl::Time deadline,
                   grpc::ClientContext& context);

// Whether a call of the method may be sent again although it may have been carried out: it reads
// (its route is a GET), or it bears a request_id.
bool MayRepeat(const google::protobuf::MethodDescriptor& method, const grpc::ByteBuffer& request);

// The trace of a call whose client sent `sent`: the same if it is 1 to 64 characters of
// A-Z a-z 0-9 . _ - : and a new random one otherwise.
std::string TraceFor(absl::string_view sent);

// "/package.Service/Method".
std::string PathOf(const google::protobuf::MethodDescriptor& method);

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_WIRE_H_
