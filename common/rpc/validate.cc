#include "common/rpc/validate.h"

#include <re2/re2.h>

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/standard/codes.h"
#include "common/standard/standard.h"
#include "google/protobuf/duration.pb.h"

namespace linjuli {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

constexpr int kDefaultChars = 256;
constexpr int kDefaultItems = 100;
constexpr size_t kMaxViolations = 20;

int CountChars(const std::string& text) {
  int count = 0;
  for (char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

// Control characters other than line breaks and tabs have no place in what people write.
bool HasControl(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t c = static_cast<uint8_t>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) return true;
    // U+0080…009F
    if (c == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0) return true;
    // U+202A…202E and U+2066…2069 turn the direction of what follows them.
    if (c == 0xE2 && i + 2 < text.size()) {
      uint8_t second = static_cast<uint8_t>(text[i + 1]), third = static_cast<uint8_t>(text[i + 2]);
      if (second == 0x80 && third >= 0xAA && third <= 0xAE) return true;
      if (second == 0x81 && third >= 0xA6 && third <= 0xA9) return true;
    }
  }
  return false;
}

// Blanks are those of a keyboard, the ideographic one (U+3000) among them.
bool IsBlank(absl::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (!absl::ConsumePrefix(&text, "\u3000")) return text.empty();
  }
}

std::string Join(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

}  // namespace

struct Validator::Rule {
  const FieldDescriptor* field;
  linjuli::Check check;
  std::unique_ptr<RE2> pattern;
};

struct Validator::Rules {
  std::vector<Rule> rules;
};

Validator::Validator(const Standard* standard) : standard_(standard) {}
Validator::~Validator() = default;

absl::Status Validator::Add(const Descriptor* type) {
  if (types_.contains(type) || absl::StartsWith(type->full_name(), "google.")) {
    return absl::OkStatus();
  }
  Rules& rules = *(types_[type] = std::make_unique<Rules>());
  std::vector<const Descriptor*> inside;
  for (int i = 0; i < type->field_count(); ++i) {
    Rule rule{type->field(i), type->field(i)->options().GetExtension(linjuli::check), nullptr};
    auto wrong = [&](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat(rule.field->full_name(), ": ", what));
    };
    bool text = rule.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    if (!text && (!rule.check.pattern().empty() || rule.check.code() != 0 ||
                  !rule.check.reference().empty())) {
      return wrong("pattern, code and reference are for strings");
    }
    if (rule.field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT ||
        rule.field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      return wrong("money and measures are integers here, never floats");
    }
    if (!rule.check.pattern().empty()) {
      rule.pattern = std::make_unique<RE2>(rule.check.pattern(), RE2::Quiet);
      if (!rule.pattern->ok()) return wrong(rule.pattern->error());
    }
    if (rule.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      inside.push_back(rule.field->message_type());
    }
    rules.rules.push_back(std::move(rule));
  }
  for (const Descriptor* message : inside) LJ_RETURN_IF_ERROR(Add(message));
  return absl::OkStatus();
}

// What of a message is looked at: all of it, where nothing is set.
struct Validator::Part {
  const FieldDescriptor* skip = nullptr;
  const google::protobuf::FieldMask* inside_skip = nullptr;
  const google::protobuf::FieldMask* only = nullptr;

  bool Names(const FieldDescriptor* field) const {
    return only == nullptr || absl::c_linear_search(only->paths(), field->name());
  }
};

absl::Status Validator::Check(const Message& message, const FieldDescriptor* skip,
                              const google::protobuf::FieldMask* mask) const {
  std::vector<FieldViolation> found;
  CheckMessage(message, "", {skip, mask, nullptr}, found);
  return found.empty() ? absl::OkStatus() : RefuseFields(found);
}

void Validator::CheckMessage(const Message& message, const std::string& path, const Part& part,
                             std::vector<FieldViolation>& found) const {
  auto rules = types_.find(message.GetDescriptor());
  if (rules == types_.end()) return;
  const auto* reflection = message.GetReflection();
  for (const Rule& rule : rules->second->rules) {
    if (found.size() >= kMaxViolations) return;
    const FieldDescriptor* field = rule.field;
    if (!part.Names(field)) continue;
    const linjuli::Check& check = rule.check;
    int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    bool set = field->is_repeated() ? count > 0 : reflection->HasField(message, field);
    if (!set) {
      if (check.required()) {
        found.push_back({Join(path, field->name()), "REQUIRED", "must be given"});
      }
      continue;
    }
    if (check.output_only()) {
      found.push_back(
          {Join(path, field->name()), "OUTPUT_ONLY", "is set by the service; leave it out"});
      continue;
    }
    int most = check.max_items() > 0 ? check.max_items() : kDefaultItems;
    if (field->is_repeated() && count > most) {
      found.push_back({Join(path, field->name()), "TOO_MANY",
                       absl::StrCat("has ", count, " entries; at most ", most)});
      continue;
    }
    bool apart = field == part.skip;
    if ((apart && part.inside_skip == nullptr) || field->is_map()) continue;
    for (int i = 0; i < count; ++i) {
      std::string here = Join(path, field->name());
      if (field->is_repeated()) absl::StrAppend(&here, "[", i, "]");
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: {
          std::string scratch;
          CheckText(rule,
                    field->is_repeated()
                        ? reflection->GetRepeatedStringReference(message, field, i, &scratch)
                        : reflection->GetStringReference(message, field, &scratch),
                    here, found);
          break;
        }
        case FieldDescriptor::CPPTYPE_MESSAGE: {
          const Message& inner = field->is_repeated()
                                     ? reflection->GetRepeatedMessage(message, field, i)
                                     : reflection->GetMessage(message, field);
          if (field->message_type() == google::protobuf::Duration::descriptor()) {
            CheckNumber(rule, static_cast<const google::protobuf::Duration&>(inner).seconds(), here,
                        found);
          } else {
            CheckMessage(inner, here, {nullptr, nullptr, apart ? part.inside_skip : nullptr},
                         found);
          }
          break;
        }
        case FieldDescriptor::CPPTYPE_INT32:
          CheckNumber(rule,
                      field->is_repeated() ? reflection->GetRepeatedInt32(message, field, i)
                                           : reflection->GetInt32(message, field),
                      here, found);
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          CheckNumber(rule,
                      field->is_repeated() ? reflection->GetRepeatedInt64(message, field, i)
                                           : reflection->GetInt64(message, field),
                      here, found);
          break;
        case FieldDescriptor::CPPTYPE_ENUM: {
          int value = field->is_repeated() ? reflection->GetRepeatedEnumValue(message, field, i)
                                           : reflection->GetEnumValue(message, field);
          if (field->enum_type()->FindValueByNumber(value) == nullptr) {
            found.push_back({here, "RANGE", absl::StrCat(value, " is no value of this list")});
          }
          break;
        }
        default:
          break;
      }
    }
  }
}

void Validator::CheckNumber(const Rule& rule, int64_t number, const std::string& path,
                            std::vector<FieldViolation>& found) const {
  if (rule.check.has_min() && number < rule.check.min()) {
    found.push_back({path, "RANGE", absl::StrCat("must be at least ", rule.check.min())});
  } else if (rule.check.has_max() && number > rule.check.max()) {
    found.push_back({path, "RANGE", absl::StrCat("must be at most ", rule.check.max())});
  }
}

void Validator::CheckText(const Rule& rule, const std::string& text, const std::string& path,
                          std::vector<FieldViolation>& found) const {
  const linjuli::Check& check = rule.check;
  if (rule.field->type() == FieldDescriptor::TYPE_BYTES) return;
  if (text.empty()) {
    if (rule.field->is_repeated()) found.push_back({path, "REQUIRED", "must not be empty"});
    return;
  }
  int most = check.max_chars() > 0 ? check.max_chars() : kDefaultChars;
  if (int chars = static_cast<int>(text.size()) > most ? CountChars(text) : 0; chars > most) {
    found.push_back(
        {path, "TEXT_TOO_LONG", absl::StrCat("has ", chars, " characters; at most ", most)});
    return;
  }
  if (HasControl(text)) {
    found.push_back({path, "UNSAFE_TEXT", "has control characters; remove them"});
    return;
  }
  if (check.required() && IsBlank(text)) {
    found.push_back({path, "REQUIRED", "must not be blank"});
    return;
  }
  switch (check.code()) {
    case linjuli::Check::USCC:
      if (!ValidUscc(text)) {
        found.push_back(
            {path, "USCC_CHECK", "is no unified social credit code; check its 18 characters"});
      }
      break;
    case linjuli::Check::CITIZEN_ID:
      if (!ValidCitizenId(text)) {
        found.push_back({path, "RIC_CHECK", "is no citizen identification number"});
      }
      break;
    case linjuli::Check::PHONE:
      if (!ValidPhone(text)) found.push_back({path, "PHONE_FORMAT", "is no telephone number"});
      break;
    case linjuli::Check::DIVISION:
      if (!ValidDivisionForm(text)) {
        found.push_back({path, "DIVISION_CODE_FORMAT", "must have 2, 4, 6, 9 or 12 digits"});
        return;
      }
      if (standard_ != nullptr && standard_->FindDivision(text) == nullptr) {
        found.push_back({path, "DIVISION_UNKNOWN", "is no division of this city"});
        return;
      }
      break;
    default:
      break;
  }
  if (rule.pattern != nullptr && !RE2::FullMatch(text, *rule.pattern)) {
    found.push_back({path, "PATTERN", absl::StrCat("must be of the form ", check.pattern())});
  }
  if (!check.reference().empty()) {
    std::string prefix = absl::StrCat(check.reference(), "/");
    if (!absl::StartsWith(text, prefix) && !absl::StrContains(text, "/" + prefix)) {
      found.push_back({path, "REFERENCE", absl::StrCat("must be a name like ", prefix, "…")});
    }
  }
}

}  // namespace linjuli
