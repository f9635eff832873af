#include "common/store/personal.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "common/store/key_store.h"
#include "linjuli/options.pb.h"

namespace linjuli {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

constexpr char kMark = '\x01';

// Binds a value to its place: the resource, and the numbers of the fields that lead to it.
std::string Place(absl::string_view name, absl::string_view path) {
  return absl::StrCat(name, "\n", path);
}

}  // namespace

bool IsPersonal(const FieldDescriptor* field) {
  return field->options().GetExtension(check).personal();
}

absl::StatusOr<std::unique_ptr<const PersonalFields>> PersonalFields::Of(const Descriptor* type) {
  auto fields = std::make_unique<PersonalFields>();
  LJ_RETURN_IF_ERROR(fields->Add(type));
  // Messages may hold each other in circles: reached is what reaches something reached.
  for (bool grown = true; grown;) {
    grown = false;
    for (auto& [descriptor, node] : fields->nodes_) {
      if (node->reaches) continue;
      node->reaches = !node->values.empty();
      for (const auto& [field, inner] : node->inside) node->reaches |= inner->reaches;
      grown |= node->reaches;
    }
  }
  for (auto& [descriptor, node] : fields->nodes_) {
    auto& inside = node->inside;
    for (const auto& [field, inner] : inside) {
      if (!inner->reaches || !field->is_map()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(field->full_name(), ": personal data lies in no map"));
    }
    std::erase_if(inside, [](const auto& edge) { return !edge.second->reaches; });
  }
  fields->root_ = fields->nodes_[type].get();
  if (!fields->root_->reaches) return nullptr;
  return fields;
}

absl::Status PersonalFields::Add(const Descriptor* type) {
  auto& slot = nodes_[type];
  if (slot != nullptr) return absl::OkStatus();
  Node& node = *(slot = std::make_unique<Node>());
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (IsPersonal(field)) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
        return absl::InvalidArgumentError(
            absl::StrCat(field->full_name(), ": personal data is kept in strings and bytes"));
      }
      node.values.push_back(field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               !absl::StartsWith(field->message_type()->full_name(), "google.")) {
      LJ_RETURN_IF_ERROR(Add(field->message_type()));
      node.inside.emplace_back(field, nodes_[field->message_type()].get());
    }
  }
  return absl::OkStatus();
}

bool PersonalFields::Holds(const Message& message) const { return Holds(*root_, message); }

std::vector<const FieldDescriptor*> PersonalFields::Tops() const {
  std::vector<const FieldDescriptor*> tops = root_->values;
  for (const auto& [field, inner] : root_->inside) tops.push_back(field);
  return tops;
}

bool PersonalFields::Holds(const Node& node, const Message& message) {
  const auto* reflection = message.GetReflection();
  for (const FieldDescriptor* field : node.values) {
    if (field->is_repeated() ? reflection->FieldSize(message, field) > 0
                             : reflection->HasField(message, field)) {
      return true;
    }
  }
  for (const auto& [field, inner] : node.inside) {
    if (!field->is_repeated()) {
      if (reflection->HasField(message, field) &&
          Holds(*inner, reflection->GetMessage(message, field))) {
        return true;
      }
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (Holds(*inner, reflection->GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

absl::Status PersonalFields::Each(Message& message, Change change) const {
  return Each(*root_, "", message, change);
}

absl::Status PersonalFields::Each(const Node& node, const std::string& path, Message& message,
                                  Change change) {
  const auto* reflection = message.GetReflection();
  for (const FieldDescriptor* field : node.values) {
    const std::string here = absl::StrCat(path, field->number());
    if (!field->is_repeated()) {
      if (!reflection->HasField(message, field)) continue;
      std::string value = reflection->GetString(message, field);
      LJ_RETURN_IF_ERROR(change(field, here, value));
      reflection->SetString(&message, field, std::move(value));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      std::string value = reflection->GetRepeatedString(message, field, i);
      LJ_RETURN_IF_ERROR(change(field, here, value));
      reflection->SetRepeatedString(&message, field, i, std::move(value));
    }
  }
  for (const auto& [field, inner] : node.inside) {
    const std::string here = absl::StrCat(path, field->number(), ".");
    if (!field->is_repeated()) {
      if (!reflection->HasField(message, field)) continue;
      LJ_RETURN_IF_ERROR(Each(*inner, here, *reflection->MutableMessage(&message, field), change));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      LJ_RETURN_IF_ERROR(
          Each(*inner, here, *reflection->MutableRepeatedMessage(&message, field, i), change));
    }
  }
  return absl::OkStatus();
}

absl::Status SealPersonal(const PersonalFields& fields, KeyStore& keys, absl::string_view person,
                          absl::Time now, absl::string_view name, Message& resource) {
  return fields.Each(
      resource,
      [&](const FieldDescriptor* field, absl::string_view path,
          std::string& value) -> absl::Status {
        if (value.empty()) return absl::OkStatus();
        const bool is_text = field->type() == FieldDescriptor::TYPE_STRING;
        if (is_text && value[0] == kMark) {
          return Refuse(absl::StatusCode::kDataLoss, "SEAL",
                        absl::StrCat(name, " was about to have its ", field->full_name(),
                                     " sealed twice; it was read without being opened"));
        }
        LJ_ASSIGN(std::string sealed, keys.Seal(person, now, Place(name, path), value));
        Wipe(value);
        value = absl::StrCat(std::string(1, kMark),
                             is_text ? absl::WebSafeBase64Escape(sealed) : sealed);
        return absl::OkStatus();
      });
}

absl::Status OpenPersonal(const PersonalFields& fields, KeyStore& keys, absl::string_view name,
                          Message& resource) {
  return fields.Each(
      resource,
      [&](const FieldDescriptor* field, absl::string_view path,
          std::string& value) -> absl::Status {
        if (value.empty()) return absl::OkStatus();
        std::string sealed = value.substr(1);
        bool is_text = field->type() == FieldDescriptor::TYPE_STRING;
        if (value[0] != kMark || (is_text && !absl::WebSafeBase64Unescape(
                                                 absl::string_view(value).substr(1), &sealed))) {
          return Refuse(absl::StatusCode::kDataLoss, "SEAL",
                        absl::StrCat(name, " holds a ", field->full_name(), " that is not sealed"));
        }
        LJ_ASSIGN(value, keys.Open(Place(name, path), sealed));
        return absl::OkStatus();
      });
}

}  // namespace linjuli
