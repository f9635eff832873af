// The protos of this program with their comments, which generated C++ code does not keep.
#ifndef LINJULI_SERVICES_GATEWAY_EMBEDDED_DESCRIPTORS_H_
#define LINJULI_SERVICES_GATEWAY_EMBEDDED_DESCRIPTORS_H_

#include "absl/strings/string_view.h"

namespace linjuli {

// A serialized google.protobuf.FileDescriptorSet with source info and imports, put in by the build
// (LINJULI_DESCRIPTOR_SET is the path of protoc's output).
absl::string_view EmbeddedDescriptors();

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_EMBEDDED_DESCRIPTORS_H_
