// Roles by the names that tokens carry: those of enum Role in linjuli/options.proto.
#ifndef LINJULI_COMMON_AUTH_ROLE_NAMES_H_
#define LINJULI_COMMON_AUTH_ROLE_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "linjuli/options.pb.h"

namespace linjuli {

// "COMMUNITY_WORKER": the role. Nothing for any other text, ROLE_UNSPECIFIED included.
std::optional<Role> ParseRole(absl::string_view name);

// The names of the roles in a mask like Caller::roles, in the enum's order.
std::vector<std::string> RoleNames(uint32_t roles);

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_ROLE_NAMES_H_
