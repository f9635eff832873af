#include "common/rpc/mandate.h"

#include "common/status.h"

namespace linjuli {

using google::protobuf::Message;

absl::Status ActUnder(Rx& rx, const ServicePlan& service, const MethodPlan& plan,
                      const Message& request) {
  if (plan.mandate == nullptr) return absl::OkStatus();
  const std::string name = request.GetReflection()->GetString(request, plan.mandate);
  if (name.empty()) {
    if (!plan.access.NeedsMandate(rx.caller())) return absl::OkStatus();
    return RefuseFields({{"mandate", "REQUIRED", "must name the mandate that you act under"}});
  }
  return ActUnder(rx, service, name);
}

absl::Status ActUnder(Rx& rx, const ServicePlan& service, const std::string& name) {
  if (service.mandates == nullptr) return absl::OkStatus();
  const Table& table = *service.mandates;
  const MandateForm& form = *table.mandate;
  std::unique_ptr<Message> found(table.prototype->New());
  absl::Status loaded = table.IdOf(name).has_value()
                            ? rx.Load(*rx.schema().Find(table.type), name, *found)
                            : NotFound(name);
  const auto* reflection = found->GetReflection();
  // Whoever is not its agent is not told that it is there.
  if (!loaded.ok() || reflection->GetString(*found, form.agent) != rx.caller().subject) {
    return Refuse(absl::StatusCode::kPermissionDenied, "MANDATE_SCOPE", "you have no such mandate",
                  {{"mandate", name}});
  }
  if (table.StateIn(*found) != form.active || rx.now() >= TimeAt(*found, {form.end_time})) {
    return Refuse(absl::StatusCode::kPermissionDenied, "MANDATE_EXPIRED",
                  "the mandate is not in force; have it renewed before you go on",
                  {{"mandate", name}, {"state", table.StateName(table.StateIn(*found))}});
  }
  Mandate mandate;
  mandate.name = name;
  mandate.principal = reflection->GetString(*found, form.principal);
  mandate.all_items = reflection->GetBool(*found, form.all_items);
  for (int i = 0; i < reflection->FieldSize(*found, form.items); ++i) {
    mandate.items.push_back(reflection->GetRepeatedString(*found, form.items, i));
  }
  rx.Act(std::move(mandate));
  return absl::OkStatus();
}

absl::Status NoWay(const AccessPlan& access, const Caller& caller, const Message& resource,
                   absl::Status otherwise) {
  if (!access.IsBeneficiary(caller, resource)) return otherwise;
  return Refuse(absl::StatusCode::kPermissionDenied, "MANDATE_SCOPE",
                "the mandate does not cover this item", {{"mandate", caller.mandate->name}});
}

}  // namespace linjuli
