#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/json/codec.h"
#include "common/json/message_table.h"
#include "common/json/refusal.h"
#include "common/json/slot.h"
#include "common/json/text_form.h"

namespace linjuli {
namespace json {
namespace {

using google::protobuf::Message;

constexpr int kMostParts = 32;

bool HoldsSomething(const MessageTable& table, const FieldTable& row, const Message& message) {
  const auto& reflection = *table.reflection;
  return row.oneof != nullptr ? reflection.HasOneof(message, row.oneof)
                              : reflection.HasField(message, row.field);
}

bool SetPart(Message& message, const MessageTable& table, absl::string_view path,
             absl::string_view text, int parts, Refusal& refusal) {
  const size_t dot = path.find('.');
  const bool leaf = dot == absl::string_view::npos;
  const absl::string_view name = path.substr(0, dot);
  const FieldTable* row =
      table.shape == Shape::kObject && parts <= kMostParts ? table.Find(name) : nullptr;
  bool done;
  if (row == nullptr) {
    done = refusal.Because("UNKNOWN_FIELD",
                           absl::StrCat("is not a field of ", table.descriptor->name()));
  } else if (row->map) {
    done = refusal.Because("JSON_TYPE", "is a map, which no query parameter can set");
  } else if (!leaf) {
    if (row->repeated || row->kind != Kind::kMessage) {
      done = refusal.Because(
          "JSON_TYPE", row->repeated ? "is a list: its items have no names" : "has no fields");
    } else if (row->oneof != nullptr && HoldsSomething(table, *row, message) &&
               !table.reflection->HasField(message, row->field)) {
      done = refusal.Because("JSON_DUPLICATE", "cannot be set beside another of its alternatives");
    } else {
      Message& inner = *table.reflection->MutableMessage(&message, row->field);
      done = SetPart(inner, *row->nested, path.substr(dot + 1), text, parts + 1, refusal);
    }
  } else if (row->kind == Kind::kMessage && !HasTextForm(*row->nested)) {
    done = refusal.Because("JSON_TYPE", "is a message: name one of its fields");
  } else if (!row->repeated && HoldsSomething(table, *row, message)) {
    done = refusal.Because("JSON_DUPLICATE", "has been set already");
  } else {
    done = Slot(message, table, *row).PutText(text, refusal);
  }
  return done || refusal.UnderField(name);
}

}  // namespace
}  // namespace json

absl::Status SetField(google::protobuf::Message& message, absl::string_view dotted_path,
                      absl::string_view text) {
  json::Refusal refusal;
  if (json::ValidUtf8(text) != text.size()) {
    refusal.Because("JSON_TYPE", "is not UTF-8");
    refusal.UnderField(dotted_path);
    return refusal.ToStatus();
  }
  if (json::SetPart(message, json::MessageTable::Of(message), dotted_path, text, 1, refusal))
    return absl::OkStatus();
  return refusal.ToStatus();
}

}  // namespace linjuli
