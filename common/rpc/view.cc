#include "common/rpc/view.h"

#include <algorithm>

#include "common/rpc/mask.h"
#include "common/rpc/wire_field.h"
#include "common/status.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

View::View(const ServicePlan& plan, const Table& table) : table_(table) {
  auto mark = [&](const FieldDescriptor* field, Part part) {
    if (field == nullptr) return;
    if (parts_.size() <= static_cast<size_t>(field->number())) parts_.resize(field->number() + 1);
    Part& here = parts_[field->number()];
    here = std::max(here, part);
  };
  mark(table.state_field, Part::kDecides);
  for (const auto& method : plan.methods) {
    if (method->table != &table) continue;
    for (const FieldPath& path : method->access.fields()) mark(path[0], Part::kDecides);
  }
  if (table.personal != nullptr) {
    for (const FieldDescriptor* field : table.personal->Tops()) mark(field, Part::kPersonal);
  }
  auto verbs = plan.verbs.find(&table);
  if (table.actions_field == nullptr || verbs == plan.verbs.end()) return;
  for (const MethodPlan* verb : verbs->second) {
    verbs_.emplace_back(verb, "");
    AppendField(table.actions_field, verb->verb, verbs_.back().second);
  }
}

template <typename Use>
void View::ForAllowed(const Caller& caller, const Message& known, Use use) const {
  int state = table_.StateIn(known);
  for (const auto& [verb, wire] : verbs_) {
    if (verb->transition && !verb->transition->From(state)) continue;
    if (verb->access.Find(caller, known) == nullptr) continue;
    if (verb->access.FourEyesHold(caller, known)) use(*verb, wire);
  }
}

bool View::Pick(absl::string_view body, std::string& picked) const {
  picked.clear();
  CodedInputStream in(reinterpret_cast<const uint8_t*>(body.data()), static_cast<int>(body.size()));
  while (true) {
    const int begin = in.CurrentPosition();
    const uint32_t tag = in.ReadTag();
    if (tag == 0) return in.ConsumedEntireMessage();
    if (!WireFormatLite::SkipField(&in, tag)) return false;
    const size_t number = tag >> 3;
    const Part part = number < parts_.size() ? parts_[number] : Part::kNone;
    if (part == Part::kPersonal) return false;
    if (part == Part::kDecides) {
      picked.append(body.data() + begin, in.CurrentPosition() - begin);
    }
  }
}

View::Sight View::Dress(const Caller& caller, const AccessPlan& access, int purpose, absl::Time now,
                        Message& resource) const {
  const Way* way = access.Find(caller, resource);
  ForAllowed(caller, resource, [&](const MethodPlan& verb, const std::string&) {
    resource.GetReflection()->AddString(&resource, table_.actions_field, verb.verb);
  });
  if (way != nullptr && way->nameless) HidePerson(table_, resource);
  if (table_.personal == nullptr || !table_.personal->Holds(resource)) return Sight::kPlain;
  const bool masked = way == nullptr || way->masked;
  if (!masked && TextAt(resource, table_.person) == caller.subject) return Sight::kPlain;
  const bool withheld =
      !masked && table_.consent.has_value() && !table_.consent->Covers(resource, purpose, now);
  if (!masked && !withheld) return Sight::kClear;
  MaskPersonal(*table_.personal, resource);
  return withheld ? Sight::kWithheld : Sight::kPlain;
}

Reading::Reading(const View& view, Rx& rx, const AccessPlan& access, int purpose)
    : view_(view),
      rx_(rx),
      access_(access),
      purpose_(purpose),
      known_(view.table_.prototype->New()) {}

absl::StatusOr<bool> Reading::Show(absl::string_view body, std::string& out) {
  if (!view_.Pick(body, picked_)) return ShowBuilt(body, out);
  LJ_CHECK(known_->ParseFromString(picked_));
  const Way* way = access_.is_public() ? nullptr : access_.Find(rx_.caller(), *known_);
  if (way == nullptr && !access_.is_public()) return false;
  if (way != nullptr && way->nameless) return ShowBuilt(body, out);
  out.append(body.data(), body.size());
  view_.ForAllowed(rx_.caller(), *known_,
                   [&](const MethodPlan&, const std::string& wire) { out += wire; });
  return true;
}

absl::StatusOr<bool> Reading::ShowBuilt(absl::string_view body, std::string& out) {
  LJ_RETURN_IF_ERROR(rx_.Parse(view_.table_, body, *known_));
  if (!access_.is_public() && access_.Find(rx_.caller(), *known_) == nullptr) return false;
  switch (view_.Dress(rx_.caller(), access_, purpose_, rx_.now(), *known_)) {
    case View::Sight::kClear:
      shown_.push_back(view_.table_.NameIn(*known_));
      break;
    case View::Sight::kWithheld:
      withheld_ = true;
      break;
    case View::Sight::kPlain:
      break;
  }
  known_->AppendToString(&out);
  return true;
}

}  // namespace linjuli
