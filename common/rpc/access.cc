#include "common/rpc/access.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace linjuli {
namespace {

const std::string& FieldOf(const Allow& allow, const Stored* stored) {
  static const std::string* const division = new std::string("division");
  static const std::string* const none = new std::string;
  if (!allow.field().empty()) return allow.field();
  // A method without a resource is scoped by its request's own `division`.
  if (stored == nullptr) return allow.scope() == Allow::AREA ? *division : *none;
  switch (allow.scope()) {
    case Allow::AREA:
      return stored->area();
    case Allow::OWNER:
    case Allow::MANDATE:
      return stored->owner();
    case Allow::ORGANIZATION:
      return stored->organization();
    default:
      return *none;
  }
}

}  // namespace

bool Way::Fits(const Caller& caller, const google::protobuf::Message& resource) const {
  if (!RoleFits(caller)) return false;
  if (scope == Allow::ANY) return true;
  // A page asks this some thousand times, so the text is looked at where it lies.
  const google::protobuf::Message* holder = HolderOf(resource, field);
  if (holder == nullptr) return false;
  std::string scratch;
  const std::string& value =
      holder->GetReflection()->GetStringReference(*holder, field.back(), &scratch);
  if (value.empty()) return false;
  switch (scope) {
    case Allow::AREA:
      return caller.Covers(value);
    case Allow::OWNER:
      return value == caller.subject;
    case Allow::ORGANIZATION:
      return value == caller.organization;
    case Allow::MANDATE:
      return caller.mandate.has_value() && value == caller.mandate->principal &&
             caller.mandate->Covers(TextAt(resource, item));
    default:
      return false;
  }
}

absl::StatusOr<AccessPlan> AccessPlan::From(const Access& access,
                                            const google::protobuf::Descriptor* on,
                                            const Stored* stored) {
  AccessPlan plan;
  plan.public_ = access.public_();
  plan.as_get_ = access.as_get();
  plan.as_list_ = access.as_list();
  if (plan.public_ + plan.as_get_ + plan.as_list_ + (access.allow_size() > 0) != 1) {
    return absl::InvalidArgumentError(
        "(linjuli.access) must say who may call: either `allow`, or `public`, `as_get`, `as_list`");
  }
  for (const Allow& allow : access.allow()) {
    Way way;
    for (int role : allow.role()) {
      if (role == ROLE_UNSPECIFIED || !Role_IsValid(role)) {
        return absl::InvalidArgumentError("an `allow` names an unknown role");
      }
      way.roles |= 1u << role;
    }
    if (way.roles == 0) return absl::InvalidArgumentError("an `allow` without a role");
    way.scope = allow.scope();
    way.masked = allow.masked() || allow.nameless();
    way.nameless = allow.nameless();
    if (way.nameless && (stored == nullptr || stored->person().empty())) {
      return absl::InvalidArgumentError(
          "`nameless` hides (linjuli.stored).person, which is unsaid");
    }
    if (way.scope == Allow::SCOPE_UNSPECIFIED) {
      return absl::InvalidArgumentError("an `allow` without a scope");
    }
    if (way.scope != Allow::ANY) {
      const std::string& field = FieldOf(allow, stored);
      auto path = field.empty() ? absl::InvalidArgumentError("no field") : FindPath(on, field);
      if (!path.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("scope ", Allow::Scope_Name(way.scope), ": ",
                                                       on->full_name(), " has no field \"", field,
                                                       "\" to compare"));
      }
      way.field = *path;
      if (way.field.back()->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
        return absl::InvalidArgumentError(
            absl::StrCat("scope ", Allow::Scope_Name(way.scope), ": \"", field, "\" is no string"));
      }
    }
    if (way.scope == Allow::MANDATE && stored != nullptr && !stored->item().empty()) {
      LJ_ASSIGN(way.item, FindPath(on, stored->item()));
    }
    plan.ways_.push_back(std::move(way));
  }
  if (!access.distinct_from().empty()) {
    LJ_ASSIGN(plan.distinct_from_, FindPath(on, access.distinct_from()));
  }
  return plan;
}

absl::Status AccessPlan::CheckRole(const Caller& caller) const {
  if (public_) return absl::OkStatus();
  if (caller.anonymous()) {
    return Refuse(absl::StatusCode::kUnauthenticated, "TOKEN",
                  "send a token: Authorization: Bearer …");
  }
  if (as_get_ || as_list_) return absl::OkStatus();
  uint32_t roles = 0;
  for (const Way& way : ways_) {
    if (way.RoleFits(caller)) return absl::OkStatus();
    roles |= way.roles;
  }
  std::vector<std::string> names;
  for (int role = Role_MIN; role <= Role_MAX; ++role) {
    if (roles & (1u << role)) names.push_back(Role_Name(role));
  }
  return Refuse(absl::StatusCode::kPermissionDenied, "ROLE",
                absl::StrCat("this call is for ", absl::StrJoin(names, ", ")),
                {{"allowed", absl::StrJoin(names, ",")}});
}

const Way* AccessPlan::Find(const Caller& caller, const google::protobuf::Message& resource) const {
  const Way* masked = nullptr;
  for (const Way& way : ways_) {
    if (!way.Fits(caller, resource)) continue;
    if (!way.masked) return &way;
    if (masked == nullptr || masked->nameless) masked = &way;
  }
  return masked;
}

std::vector<FieldPath> AccessPlan::fields() const {
  std::vector<FieldPath> fields;
  for (const Way& way : ways_) {
    if (!way.field.empty()) fields.push_back(way.field);
    if (!way.item.empty()) fields.push_back(way.item);
  }
  if (!distinct_from_.empty()) fields.push_back(distinct_from_);
  return fields;
}

bool AccessPlan::Decides(const Caller& caller, const google::protobuf::Message& resource) const {
  for (const Way& way : ways_) {
    if (!way.RoleFits(caller) || way.scope == Allow::ANY) continue;
    if (way.scope == Allow::MANDATE || TextAt(resource, way.field).empty()) return false;
  }
  return true;
}

bool AccessPlan::NeedsMandate(const Caller& caller) const {
  bool by_mandate = false;
  for (const Way& way : ways_) {
    if (!way.RoleFits(caller)) continue;
    if (way.scope != Allow::MANDATE) return false;
    by_mandate = true;
  }
  return by_mandate;
}

bool AccessPlan::IsBeneficiary(const Caller& caller,
                               const google::protobuf::Message& resource) const {
  if (!caller.mandate.has_value()) return false;
  for (const Way& way : ways_) {
    if (way.scope == Allow::MANDATE && way.RoleFits(caller) &&
        TextAt(resource, way.field) == caller.mandate->principal) {
      return true;
    }
  }
  return false;
}

bool AccessPlan::FourEyesHold(const Caller& caller,
                              const google::protobuf::Message& resource) const {
  return distinct_from_.empty() || TextAt(resource, distinct_from_) != caller.subject;
}

absl::Status AccessPlan::CheckFourEyes(const Caller& caller,
                                       const google::protobuf::Message& resource) const {
  if (FourEyesHold(caller, resource)) return absl::OkStatus();
  return Refuse(absl::StatusCode::kPermissionDenied, "SELF_APPROVE",
                "this needs another person than the one who asked for it",
                {{"person", caller.subject}});
}

std::string Describe(const Access& access) {
  if (access.public_()) return "public";
  if (access.as_get()) return "as Get of the resource";
  if (access.as_list()) return "as List of the collection";
  std::vector<std::string> lines;
  for (const Allow& allow : access.allow()) {
    std::vector<std::string> roles;
    for (int role : allow.role()) roles.push_back(Role_Name(role));
    lines.push_back(absl::StrCat(absl::StrJoin(roles, "+"), "@", Allow::Scope_Name(allow.scope()),
                                 allow.field().empty() ? "" : absl::StrCat("(", allow.field(), ")"),
                                 allow.nameless() ? " nameless"
                                 : allow.masked() ? " masked"
                                                  : ""));
  }
  if (!access.distinct_from().empty()) {
    lines.push_back(absl::StrCat("not by ", access.distinct_from()));
  }
  return absl::StrJoin(lines, "; ");
}

}  // namespace linjuli
