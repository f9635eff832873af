#include "common/auth/role_names.h"

namespace linjuli {

std::optional<Role> ParseRole(absl::string_view name) {
  Role role;
  if (!Role_Parse(std::string(name), &role) || role == ROLE_UNSPECIFIED) return std::nullopt;
  return role;
}

std::vector<std::string> RoleNames(uint32_t roles) {
  std::vector<std::string> names;
  for (int i = 0; i < Role_descriptor()->value_count(); ++i) {
    const auto* value = Role_descriptor()->value(i);
    if (value->number() != ROLE_UNSPECIFIED && (roles & (1u << value->number()))) {
      names.push_back(value->name());
    }
  }
  return names;
}

}  // namespace linjuli
