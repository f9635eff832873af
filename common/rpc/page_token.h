// Tokens that tell where the next page of a list begins. They keep nothing secret and vouch for
// nothing: a forged place is only another place in what the caller may see anyway.
#ifndef LINJULI_COMMON_RPC_PAGE_TOKEN_H_
#define LINJULI_COMMON_RPC_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/caller.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace linjuli {

// A place in a list, readable only by the list it was given for and by the same caller.
std::string EncodePageToken(int64_t place, absl::string_view binding);
// INVALID_ARGUMENT, reason PAGE_TOKEN, when it is not one of this list.
absl::StatusOr<int64_t> DecodePageToken(absl::string_view token, absl::string_view binding);
// What a page token is bound to: method, caller, and the request but for the page itself.
std::string PageBinding(const google::protobuf::MethodDescriptor* method, const Caller& caller,
                        const google::protobuf::Message& request);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_PAGE_TOKEN_H_
