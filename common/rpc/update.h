// The fields that an Update names, laid over the resource (AIP-134).
#ifndef LINJULI_COMMON_RPC_UPDATE_H_
#define LINJULI_COMMON_RPC_UPDATE_H_

#include "absl/status/status.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace linjuli {

// What the request's `mask` names.
const google::protobuf::FieldMask& MaskOf(const google::protobuf::Message& request,
                                          const google::protobuf::FieldDescriptor* mask);

// Copies the top-level fields in the request's `mask` from `sent` to `resource`. INVALID_ARGUMENT
// for an empty mask, an unknown field, and one that is output_only or immutable.
absl::Status ApplyMask(const google::protobuf::Message& sent,
                       const google::protobuf::Message& request,
                       const google::protobuf::FieldDescriptor* mask,
                       google::protobuf::Message& resource);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_UPDATE_H_
