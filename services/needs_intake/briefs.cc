// Briefs: many needs distilled into one idea for a project (A13), traceable both ways.
#include <algorithm>

#include "absl/strings/match.h"
#include "services/needs_intake/clock.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::Brief;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr int kMostNeeds = 200;
constexpr int kMostBriefs = 100;

bool Has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void Remove(Names& names, const std::string& name) {
  names.erase(std::remove(names.begin(), names.end(), name), names.end());
}

// Each need names the brief from now on. What lies outside the caller's area is answered like what
// is not there.
absl::Status Mark(Tx& tx, const Brief& brief, const Names& names, const std::string& field) {
  for (const std::string& name : names) {
    auto need = tx.Get<Need>(name);
    if (!need.ok() || !absl::StartsWith(need->division(), brief.division()) ||
        !tx.caller().Covers(need->division())) {
      return RefuseFields({{field, "REFERENCE", name + " is no need of the brief's division"}});
    }
    if (need->state() == Need::REFUSED || need->state() == Need::WITHDRAWN) {
      return RefuseFields({{field, "RANGE", name + " was refused or withdrawn"}});
    }
    if (Has(need->briefs(), brief.name())) continue;
    if (need->briefs_size() >= kMostBriefs) {
      return RefuseFields({{field, "RANGE", name + " is in too many briefs"}});
    }
    need->add_briefs(brief.name());
    LJ_RETURN_IF_ERROR(tx.Put(*need));
  }
  return absl::OkStatus();
}

absl::Status Unmark(Tx& tx, const Brief& brief, const Names& names) {
  for (const std::string& name : names) {
    LJ_ASSIGN(Need need, tx.Get<Need>(name));
    Remove(*need.mutable_briefs(), brief.name());
    LJ_RETURN_IF_ERROR(tx.Put(need));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateBrief(Tx& tx, const v1::CreateBriefRequest&, Brief& brief) {
  brief.set_author(tx.caller().subject);
  Names once;
  for (const std::string& name : brief.needs()) {
    if (!Has(once, name)) *once.Add() = name;
  }
  brief.mutable_needs()->Swap(&once);
  return Mark(tx, brief, brief.needs(), "brief.needs");
}

absl::Status AddBriefNeeds(Tx& tx, const v1::AddBriefNeedsRequest& request, Brief& brief) {
  LJ_RETURN_IF_ERROR(Mark(tx, brief, request.needs(), "needs"));
  for (const std::string& name : request.needs()) {
    if (!Has(brief.needs(), name)) brief.add_needs(name);
  }
  if (brief.needs_size() <= kMostNeeds) return absl::OkStatus();
  return RefuseFields({{"needs", "RANGE", "would be more than 200; write another brief"}});
}

absl::Status RemoveBriefNeeds(Tx& tx, const v1::RemoveBriefNeedsRequest& request, Brief& brief) {
  for (const std::string& name : request.needs()) {
    if (!Has(brief.needs(), name)) {
      return RefuseFields({{"needs", "REFERENCE", name + " is not in the brief"}});
    }
    Remove(*brief.mutable_needs(), name);
  }
  if (brief.needs().empty()) {
    return RefuseFields({{"needs", "RANGE", "would leave no need; withdraw the brief instead"}});
  }
  return Unmark(tx, brief, request.needs());
}

absl::Status WithdrawBrief(Tx& tx, const v1::WithdrawBriefRequest& request, Brief& brief) {
  brief.set_withdraw_reason(request.reason());
  return Unmark(tx, brief, brief.needs());
}

}  // namespace linjuli::needs_intake
