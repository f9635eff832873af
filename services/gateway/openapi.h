// The public contract as OpenAPI 3.1, made from the protos: nothing in it is written by hand.
#ifndef LINJULI_SERVICES_GATEWAY_OPENAPI_H_
#define LINJULI_SERVICES_GATEWAY_OPENAPI_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"

namespace linjuli {

// The document for every method of `services` that has a route. Comments, field rules, access and
// transitions are read from `descriptor_set` (see EmbeddedDescriptors); a service that it does not
// hold is described without comments. INVALID_ARGUMENT where the set is damaged.
//
// Beside the standard's own: x-linjuli-access and x-linjuli-transition on operations,
// x-enum-descriptions on enums, x-linjuli-reference on fields that hold a resource's name.
absl::StatusOr<std::string> OpenApiDocument(
    absl::Span<const google::protobuf::ServiceDescriptor* const> services,
    absl::string_view descriptor_set);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_OPENAPI_H_
