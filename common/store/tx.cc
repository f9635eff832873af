#include "common/store/tx.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/store/grams.h"
#include "common/store/row.h"
#include "common/timestamp.h"

namespace linjuli {

using google::protobuf::Message;

namespace {

// Adds the names that a field with a reference holds, through repeated messages too.
void CollectReferences(const Message& message, const FieldPath& path, size_t at,
                       changes::v1::Change& change) {
  const auto* field = path[at];
  const auto* reflection = message.GetReflection();
  if (at + 1 < path.size()) {
    if (!field->is_repeated()) {
      if (reflection->HasField(message, field)) {
        CollectReferences(reflection->GetMessage(message, field), path, at + 1, change);
      }
      return;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      CollectReferences(reflection->GetRepeatedMessage(message, field, i), path, at + 1, change);
    }
    return;
  }
  int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
  for (int i = 0; i < count; ++i) {
    std::string name = field->is_repeated() ? reflection->GetRepeatedString(message, field, i)
                                            : reflection->GetString(message, field);
    if (!name.empty()) change.add_references(name);
  }
}

}  // namespace

absl::Status Schema::Add(const google::protobuf::Descriptor* type) {
  if (Find(type) != nullptr) return absl::OkStatus();
  LJ_ASSIGN(std::unique_ptr<Table> table, Table::From(type));
  for (const auto& other : tables_) {
    if (other->name == table->name || other->stored.pattern() == table->stored.pattern()) {
      return absl::InvalidArgumentError(absl::StrCat(
          type->full_name(), " and ", other->type->full_name(), " share a table or a pattern"));
    }
  }
  tables_.push_back(std::move(table));
  return absl::OkStatus();
}

const Table* Schema::Find(const google::protobuf::Descriptor* type) const {
  for (const auto& table : tables_) {
    if (table->type == type) return table.get();
  }
  return nullptr;
}

const Table* Schema::FindByName(absl::string_view name) const {
  for (const auto& table : tables_) {
    if (table->IdOf(name).has_value()) return table.get();
  }
  return nullptr;
}

absl::Status Schema::EachResource(
    Message& message, absl::FunctionRef<absl::Status(const Table&, Message&)> visit) const {
  if (const Table* table = Find(message.GetDescriptor())) return visit(*table, message);
  const auto* reflection = message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) {
      LJ_RETURN_IF_ERROR(EachResource(*reflection->MutableMessage(&message, field), visit));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      LJ_RETURN_IF_ERROR(
          EachResource(*reflection->MutableRepeatedMessage(&message, field, i), visit));
    }
  }
  return absl::OkStatus();
}

absl::Status Rx::WithBody(const Table& table, absl::string_view name,
                          absl::FunctionRef<absl::Status(absl::string_view body)> use) {
  auto id = table.IdOf(name);
  if (!id.has_value()) return NotFound(name);
  StatementScope find(db_.Prepare(table.get_sql));
  find->Bind(1, *id);
  LJ_ASSIGN(bool row, find->Step());
  if (!row) return NotFound(name);
  // A nested name may carry the right id under the wrong parent.
  if (table.nested && find->Bytes(1) != Table::ParentOf(name)) return NotFound(name);
  return use(find->Bytes(0));
}

absl::Status Rx::Load(const Table& table, absl::string_view name, Message& into) {
  return WithBody(table, name, [&](absl::string_view body) { return Parse(table, body, into); });
}

absl::Status Rx::Parse(const Table& table, absl::string_view body, Message& into) {
  if (!into.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Refuse(absl::StatusCode::kDataLoss, "STORE",
                  absl::StrCat("a ", table.name, " cannot be read"));
  }
  return Open(table, into);
}

absl::Status Rx::Open(const Table& table, Message& resource) {
  if (table.personal == nullptr) return absl::OkStatus();
  return OpenPersonal(*table.personal, *keys_, table.NameIn(resource), resource);
}

absl::Status Rx::OpenAll(Message& message) {
  return schema_.EachResource(
      message, [&](const Table& table, Message& resource) { return Open(table, resource); });
}

std::string Rx::ColumnValue(const Column& column, std::string value) const {
  return column.personal ? keys_->IndexHash(column.path.back()->full_name(), value)
                         : std::move(value);
}

absl::Status Rx::FindEach(const Table& table, absl::string_view field, absl::string_view value,
                          int limit, const std::vector<int>& states,
                          absl::FunctionRef<Message&()> add) {
  std::string by = "parent", looked_for(value);
  if (field != "parent" || !table.nested) {
    const Column* column = table.FindColumn(field);
    LJ_CHECK(column != nullptr && column->text,
             absl::StrCat(table.name, " has no text column ", field));
    by = column->name;
    looked_for = ColumnValue(*column, std::move(looked_for));
  }
  StatementScope find(db_.Prepare(absl::StrCat(
      "SELECT body FROM ", table.name, " WHERE ", by, "=?1",
      states.empty() ? "" : absl::StrCat(" AND state IN (", absl::StrJoin(states, ","), ")"),
      " ORDER BY id LIMIT ?2")));
  find->Bind(1, looked_for).Bind(2, static_cast<int64_t>(limit));
  while (true) {
    LJ_ASSIGN(bool row, find->Step());
    if (!row) return absl::OkStatus();
    LJ_RETURN_IF_ERROR(Parse(table, find->Bytes(0), add()));
  }
}

absl::Status Tx::Insert(const Table& table, Message& resource, absl::string_view parent) {
  if (table.NameIn(resource).empty()) Name(table, resource, parent);
  std::string name = table.NameIn(resource);
  auto id = table.IdOf(name);
  LJ_CHECK(id.has_value(), name);
  LJ_CHECK(Declared(table, 0, table.StateIn(resource)),
           absl::StrCat(name, " begins in state ", table.StateName(table.StateIn(resource)),
                        ", which nothing declares"));
  SetTime(resource, table.create_time_field, now_);
  return Store(table, resource, *id, table.insert_sql, 0, true);
}

void Tx::Name(const Table& table, Message& resource, absl::string_view parent) {
  resource.GetReflection()->SetString(&resource, table.name_field,
                                      table.NameOf(parent, ids_.Next(now_)));
}

bool Tx::Declared(const Table& table, int before, int after) const {
  if (table.state_field == nullptr || before == after) return true;
  if (declared_ != nullptr && declared_type_ == table.type && declared_->Allows(before, after)) {
    return true;
  }
  for (const Transition& transition : table.transitions) {
    if (transition.Allows(before, after)) return true;
  }
  return false;
}

absl::Status Tx::Write(const Table& table, Message& resource) {
  std::string name = table.NameIn(resource);
  auto id = table.IdOf(name);
  if (!id.has_value()) return NotFound(name);
  int before = 0;
  std::string grams_before;
  {
    StatementScope find(db_.Prepare(table.get_sql));
    find->Bind(1, *id);
    LJ_ASSIGN(bool row, find->Step());
    if (!row) return NotFound(name);
    if (table.state_field != nullptr || table.texts_change) {
      std::unique_ptr<Message> old(table.prototype->New());
      absl::string_view body = find->Bytes(0);
      LJ_CHECK(old->ParseFromArray(body.data(), static_cast<int>(body.size())));
      before = table.StateIn(*old);
      if (table.texts_change) grams_before = GramsOf(table.TextsIn(*old));
    }
  }
  LJ_CHECK(Declared(table, before, table.StateIn(resource)),
           absl::StrCat(name, " moved from ", table.StateName(before), " to ",
                        table.StateName(table.StateIn(resource)), ", which nothing declares"));
  if (table.texts_change && grams_before != GramsOf(table.TextsIn(resource))) {
    LJ_RETURN_IF_ERROR(WriteTexts(table, *id, grams_before, true));
    LJ_RETURN_IF_ERROR(WriteTexts(table, *id, GramsOf(table.TextsIn(resource)), false));
  }
  return Store(table, resource, *id, table.update_sql, before, false);
}

absl::Status Tx::WriteTexts(const Table& table, int64_t id, absl::string_view grams, bool remove) {
  return WriteTextRow(db_, table, id, grams, remove);
}

absl::Status Tx::Store(const Table& table, Message& resource, int64_t id, const std::string& sql,
                       int state_before, bool fresh) {
  const auto* reflection = resource.GetReflection();
  reflection->SetString(&resource, table.etag_field, EncodeId(log_.next_sequence()));
  SetTime(resource, table.update_time_field, now_);
  // Computed for each caller when the resource is read; never stored.
  if (table.actions_field != nullptr) reflection->ClearField(&resource, table.actions_field);

  changes::v1::Change change;
  std::string* body = change.mutable_snapshot()->mutable_value();
  std::string name = table.NameIn(resource);
  if (table.personal != nullptr && table.personal->Holds(resource)) {
    // The caller goes on with the resource in clear.
    std::unique_ptr<Message> sealed(resource.New());
    sealed->CopyFrom(resource);
    LJ_RETURN_IF_ERROR(Seal(table, *sealed));
    sealed->SerializeToString(body);
  } else {
    resource.SerializeToString(body);
  }
  change.mutable_snapshot()->set_type_url(
      absl::StrCat("type.googleapis.com/", table.type->full_name()));

  absl::Status written = WriteRow(db_, keys_, sql, table, resource, id, *body);
  if (ReasonOf(written) == "UNIQUE") {
    for (const Column* column : table.uniques) {
      if (!absl::StrContains(written.message(), absl::StrCat(table.name, ".", column->name))) {
        continue;
      }
      return Refuse(absl::StatusCode::kAlreadyExists, "UNIQUE",
                    absl::StrCat("another one has this ", column->name, " already"),
                    {{"field", column->name}});
    }
  }
  LJ_RETURN_IF_ERROR(written);
  if (fresh && !table.texts.empty()) {
    LJ_RETURN_IF_ERROR(WriteTexts(table, id, GramsOf(table.TextsIn(resource)), false));
  }

  Sign(change);
  change.set_state_before(fresh ? "" : table.StateName(state_before));
  change.set_state_after(table.StateName(table.StateIn(resource)));
  for (const FieldPath& path : table.references) CollectReferences(resource, path, 0, change);
  auto& references = *change.mutable_references();
  std::sort(references.begin(), references.end());
  references.erase(std::unique(references.begin(), references.end()), references.end());
  change.set_resource(std::move(name));
  return log_.Append(change);
}

void Rx::Act(std::optional<Mandate> mandate) {
  if (!acting_.has_value()) acting_ = *caller_;
  acting_->mandate = std::move(mandate);
  caller_ = &*acting_;
}

void Tx::Sign(changes::v1::Change& change) const {
  Stamp(change.mutable_commit_time(), now_);
  change.set_caller(origin_.caller->subject);
  change.set_method(origin_.method);
  change.set_request_id(origin_.request_id);
  if (caller().mandate.has_value()) {
    change.set_on_behalf_of(caller().mandate->principal);
    change.set_mandate(caller().mandate->name);
  }
}

absl::Status Tx::Seal(const Table& table, Message& resource) {
  if (table.personal == nullptr) return absl::OkStatus();
  return SealPersonal(*table.personal, *keys_, table.PersonIn(resource), now_,
                      table.NameIn(resource), resource);
}

absl::Status Tx::SealAll(Message& message) {
  return schema_.EachResource(
      message, [&](const Table& table, Message& resource) { return Seal(table, resource); });
}

absl::Status Tx::RecordAccess(const std::vector<std::string>& names, const std::string& purpose) {
  changes::v1::Change change;
  Sign(change);
  change.set_access(true);
  change.set_purpose(purpose);
  change.set_resource(names.at(0));
  change.mutable_references()->Assign(names.begin() + 1, names.end());
  return log_.Append(change);
}

absl::Status Tx::Note(const std::string& resource) {
  changes::v1::Change change;
  Sign(change);
  change.set_resource(resource);
  return log_.Append(change);
}

absl::Status Tx::ErasePerson(absl::string_view person, absl::Time until) {
  if (keys_ == nullptr) return absl::OkStatus();
  LJ_ASSIGN(bool gone, keys_->Destroy(person, until));
  // Where a younger key stands, the person has come back since, and is to be found.
  if (!gone) return absl::OkStatus();
  for (const auto& table : schema_.tables()) {
    LJ_RETURN_IF_ERROR(ForgetPerson(db_, *table, person));
  }
  return absl::OkStatus();
}

}  // namespace linjuli
