#include "common/rpc/priority.h"

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::StatusOr<PriorityPlan> PriorityPlan::From(const google::protobuf::MethodDescriptor& method) {
  const Priority& declared = method.options().GetExtension(priority);
  PriorityPlan plan;
  if (declared.level() != Priority::LEVEL_UNSPECIFIED) plan.level_ = declared.level();
  if (declared.critical_if().empty()) return plan;
  LJ_ASSIGN(plan.critical_if_, FindPath(method.input_type(), declared.critical_if()));
  const FieldDescriptor* last = plan.critical_if_.back();
  if (last->cpp_type() != FieldDescriptor::CPPTYPE_BOOL || last->is_repeated()) {
    return absl::InvalidArgumentError(
        absl::StrCat("priority: \"", declared.critical_if(), "\" is no bool"));
  }
  return plan;
}

Priority::Level PriorityPlan::Of(const Message& request) const {
  if (critical_if_.empty()) return level_;
  const Message* holder = HolderOf(request, critical_if_);
  bool critical =
      holder != nullptr && holder->GetReflection()->GetBool(*holder, critical_if_.back());
  return critical ? Priority::CRITICAL : level_;
}

std::string Describe(const Priority& priority) {
  std::vector<std::string> parts;
  if (priority.level() != Priority::LEVEL_UNSPECIFIED) {
    parts.push_back(Priority::Level_Name(priority.level()));
  }
  if (!priority.critical_if().empty()) {
    parts.push_back(absl::StrCat("CRITICAL if ", priority.critical_if()));
  }
  return absl::StrJoin(parts, ", ");
}

absl::Duration Patience(Priority::Level level, absl::string_view caller, absl::Duration now) {
  double least = 1;
  switch (level) {
    case Priority::CRITICAL:
      least = 8;
      break;
    case Priority::SHEDDABLE:
      least = 0.5;
      break;
    case Priority::BULK:
      least = 0.25;
      break;
    default:
      break;
  }
  uint64_t lot = absl::HashOf(absl::ToInt64Hours(now), caller);
  double place = static_cast<double>(lot % 1024) / 1024;
  return kOverload * least * (1 + place);
}

const absl::Status& TooBusy() {
  static const auto* const refusal = new absl::Status(
      Overloaded("there is more to do than can be done now; try again when it is said"));
  return *refusal;
}

absl::Status Admit(absl::Duration wait, Priority::Level level, absl::string_view caller,
                   absl::Duration now) {
  if (wait < kOverload / 4 || wait <= Patience(level, caller, now)) return absl::OkStatus();
  return TooBusy();
}

}  // namespace linjuli
