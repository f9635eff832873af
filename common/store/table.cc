#include "common/store/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "common/store/id.h"
#include "common/timestamp.h"
#include "google/protobuf/timestamp.pb.h"

namespace linjuli {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Timestamp;

namespace {

bool IsTimestamp(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field->message_type() == Timestamp::descriptor();
}

std::string SnakeCase(absl::string_view camel) {
  std::string snake;
  for (char c : camel) {
    if (absl::ascii_isupper(c) && !snake.empty()) snake += '_';
    snake += absl::ascii_tolower(c);
  }
  return snake;
}

void FindReferences(const Descriptor* type, FieldPath path, std::vector<FieldPath>& found) {
  if (path.size() > 4) return;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    FieldPath here = path;
    here.push_back(field);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
        !field->options().GetExtension(check).reference().empty()) {
      found.push_back(here);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map() &&
               absl::StartsWith(field->message_type()->full_name(), "linjuli.")) {
      FindReferences(field->message_type(), here, found);
    }
  }
}

}  // namespace

absl::StatusOr<FieldPath> FindPath(const Descriptor* type, absl::string_view dotted) {
  FieldPath path;
  for (absl::string_view part : absl::StrSplit(dotted, '.')) {
    const FieldDescriptor* field =
        type == nullptr ? nullptr : type->FindFieldByName(std::string(part));
    if (field == nullptr || field->is_repeated()) {
      return absl::InvalidArgumentError(absl::StrCat("no singular field \"", dotted, "\""));
    }
    path.push_back(field);
    type = field->message_type();
  }
  return path;
}

const Message* HolderOf(const Message& message, const FieldPath& path) {
  const Message* holder = &message;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    if (!holder->GetReflection()->HasField(*holder, path[i])) return nullptr;
    holder = &holder->GetReflection()->GetMessage(*holder, path[i]);
  }
  return holder;
}

std::string TextAt(const Message& message, const FieldPath& path) {
  if (path.empty()) return "";
  const Message* holder = HolderOf(message, path);
  if (holder == nullptr) return "";
  const FieldDescriptor* field = path.back();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return holder->GetReflection()->GetString(*holder, field);
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return holder->GetReflection()->GetEnum(*holder, field)->name();
  }
  return "";
}

absl::Time TimeAt(const Message& message, const FieldPath& path) {
  const Message* holder = path.empty() ? nullptr : HolderOf(message, path);
  if (holder == nullptr || !holder->GetReflection()->HasField(*holder, path.back())) {
    return absl::InfinitePast();
  }
  return ToTime(
      static_cast<const Timestamp&>(holder->GetReflection()->GetMessage(*holder, path.back())));
}

void SetTime(Message& message, const FieldDescriptor* field, absl::Time time) {
  if (field == nullptr) return;
  Stamp(static_cast<Timestamp*>(message.GetReflection()->MutableMessage(&message, field)), time);
}

absl::StatusOr<Transition> Transition::Parse(absl::string_view text,
                                             const google::protobuf::EnumDescriptor* states) {
  auto find = [&](absl::string_view part) -> absl::StatusOr<int> {
    std::string state(absl::StripAsciiWhitespace(part));
    const auto* value = states->FindValueByName(state);
    if (value == nullptr || value->number() == 0 || value->number() > 63) {
      return absl::InvalidArgumentError(absl::StrCat(
          "transition \"", text, "\": ", states->full_name(), " has no state \"", state, "\""));
    }
    return value->number();
  };
  Transition transition;
  std::vector<absl::string_view> sides = absl::StrSplit(text, "->");
  if (sides.size() > 2)
    return absl::InvalidArgumentError(absl::StrCat("transition \"", text, "\""));
  absl::string_view left = absl::StripAsciiWhitespace(sides[0]);
  if (left.empty()) transition.from = 1;
  for (absl::string_view part : absl::StrSplit(left, '|', absl::SkipWhitespace())) {
    LJ_ASSIGN(int state, find(part));
    transition.from |= uint64_t{1} << state;
  }
  if (sides.size() == 2) {
    for (absl::string_view part : absl::StrSplit(sides[1], '|')) {
      LJ_ASSIGN(int state, find(part));
      transition.to.push_back(state);
    }
  }
  return transition;
}

bool Transition::Allows(int before, int after) const {
  return From(before) && std::find(to.begin(), to.end(), after) != to.end();
}

absl::StatusOr<std::unique_ptr<Table>> Table::From(const Descriptor* type) {
  auto table = std::make_unique<Table>();
  auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(type->full_name(), ": ", what));
  };
  table->type = type;
  table->prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  if (table->prototype == nullptr) return wrong("its generated code is not linked in");
  table->stored = type->options().GetExtension(linjuli::stored);
  table->name = SnakeCase(type->name());
  table->pattern_ = absl::StrSplit(table->stored.pattern(), '/');
  if (table->pattern_.size() < 2 || table->pattern_.size() % 2 != 0) {
    return wrong("(linjuli.stored).pattern must be like \"needs/{need}\"");
  }
  for (size_t i = 0; i < table->pattern_.size(); ++i) {
    if (absl::StartsWith(table->pattern_[i], "{") != (i % 2 == 1)) {
      return wrong("(linjuli.stored).pattern must be like \"calls/{call}/bids/{bid}\"");
    }
  }
  table->collection = table->pattern_[table->pattern_.size() - 2];
  table->nested = table->pattern_.size() > 2;

  auto standard = [&](const char* field) { return type->FindFieldByName(field); };
  table->name_field = standard("name");
  table->etag_field = standard("etag");
  table->state_field = standard("state");
  table->create_time_field = standard("create_time");
  table->update_time_field = standard("update_time");
  table->actions_field = standard("allowed_actions");
  if (table->name_field == nullptr || table->name_field->number() != 1 ||
      table->name_field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return wrong("needs `string name = 1`");
  }
  if (table->etag_field == nullptr) return wrong("needs `string etag`");
  if (table->state_field != nullptr &&
      table->state_field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM) {
    return wrong("`state` must be an enum");
  }

  // Columns first, then what points at them: the vector must not move any more.
  std::vector<std::string> fields;
  auto want = [&](absl::string_view list) {
    for (absl::string_view field : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
      fields.emplace_back(absl::StripAsciiWhitespace(field));
    }
  };
  if (table->state_field != nullptr) want("state");
  for (const auto& index : table->stored.index()) want(index);
  for (const auto& field : table->stored.unique()) want(field);
  want(table->stored.due());
  want(table->stored.area());
  want(table->stored.owner());
  want(table->stored.organization());
  for (const auto& field : fields) {
    if (table->FindColumn(field) != nullptr) continue;
    if (auto status = table->AddColumn(field); !status.ok()) return wrong(status.message());
  }
  auto path = [&](const std::string& field) {
    return field.empty() ? FieldPath{} : table->FindColumn(field)->path;
  };
  table->area = path(table->stored.area());
  table->owner = path(table->stored.owner());
  table->organization = path(table->stored.organization());
  table->due = path(table->stored.due());
  if (!table->due.empty() && !IsTimestamp(table->due.back())) {
    return wrong("(linjuli.stored).due must be a Timestamp");
  }
  if (table->due.size() > 1) {
    return wrong("(linjuli.stored).due must be a field of the resource itself");
  }
  for (const auto& index : table->stored.index()) {
    table->indexes.emplace_back();
    for (absl::string_view field : absl::StrSplit(index, ',')) {
      table->indexes.back().push_back(table->FindColumn(absl::StripAsciiWhitespace(field)));
    }
  }
  for (const auto& field : table->stored.unique()) {
    table->uniques.push_back(table->FindColumn(field));
  }
  for (const auto& field : table->stored.text()) {
    auto found = FindPath(type, field);
    if (!found.ok() || found->back()->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      return wrong(absl::StrCat("(linjuli.stored).text: \"", field, "\" is no string field"));
    }
    table->texts.push_back(*found);
    table->texts_change |= !found->back()->options().GetExtension(check).immutable();
  }
  // The index of the texts is what near-duplicates are found by.
  if (const auto& field = table->stored.similar(); !field.empty()) {
    const auto& texts = table->stored.text();
    if (std::find(texts.begin(), texts.end(), field) == texts.end()) {
      return wrong(
          absl::StrCat("(linjuli.stored).similar: \"", field, "\" is not among its text fields"));
    }
    table->similar = true;
  }
  for (const auto& move : table->stored.transition()) {
    if (table->state_field == nullptr) return wrong("has a transition but no `state`");
    auto transition = Transition::Parse(move, table->state_field->enum_type());
    if (!transition.ok()) return wrong(transition.status().message());
    table->transitions.push_back(*std::move(transition));
  }
  FindReferences(type, {}, table->references);
  for (auto find : {&Table::FindPersonal, &Table::FindMandate, &Table::FindConsent}) {
    if (auto status = (table.get()->*find)(); !status.ok()) return wrong(status.message());
  }
  if (!table->stored.item().empty()) {
    auto item = FindPath(type, table->stored.item());
    if (!item.ok() || item->back()->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      return wrong(
          absl::StrCat("(linjuli.stored).item: \"", table->stored.item(), "\" is no string field"));
    }
    table->item = *item;
  }
  table->Finish();
  return table;
}

absl::Status Table::AddColumn(absl::string_view field) {
  LJ_ASSIGN(FieldPath path, FindPath(type, field));
  Column column;
  column.name = absl::StrJoin(absl::StrSplit(field, '.'), "_");
  column.path = path;
  const FieldDescriptor* leaf = path.back();
  switch (leaf->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      column.text = true;
      column.division = leaf->options().GetExtension(check).code() == Check::DIVISION;
      column.personal = IsPersonal(leaf);
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      break;
    default:
      if (!IsTimestamp(leaf)) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", field, "\" is of a kind that has no column"));
      }
  }
  columns.push_back(std::move(column));
  return absl::OkStatus();
}

// Where a personal value would lie open, or where nobody knows whose it is, nothing starts.
absl::Status Table::FindPersonal() {
  auto wrong = [](absl::string_view what) { return absl::InvalidArgumentError(what); };
  LJ_ASSIGN(personal, PersonalFields::Of(type));
  if (personal == nullptr) {
    return stored.person().empty() ? absl::OkStatus()
                                   : wrong("(linjuli.stored).person, but no field is personal");
  }
  if (stored.person().empty()) {
    return wrong("has personal fields: say by (linjuli.stored).person whom they are about");
  }
  auto found = FindPath(type, stored.person());
  if (!found.ok() || found->back()->type() != FieldDescriptor::TYPE_STRING) {
    return wrong(
        absl::StrCat("(linjuli.stored).person: \"", stored.person(), "\" is no string field"));
  }
  person = *found;
  for (const auto& path : texts) {
    if (IsPersonal(path.back())) {
      return wrong(absl::StrCat(path.back()->full_name(),
                                " is personal; (linjuli.stored).text would lay it open"));
    }
  }
  for (const auto& path : references) {
    if (IsPersonal(path.back())) {
      return wrong(absl::StrCat(path.back()->full_name(),
                                " is personal; a reference is kept in the log in clear"));
    }
  }
  for (const FieldPath* path : {&area, &owner, &organization, &person}) {
    if (!path->empty() && IsPersonal(path->back())) {
      return wrong(absl::StrCat(path->back()->full_name(),
                                " is personal; what callers are compared with is kept in clear"));
    }
  }
  for (const Column& column : columns) {
    if (!column.personal) continue;
    if (column.division) {
      return wrong(absl::StrCat(column.path.back()->full_name(),
                                " is personal; it is found by its whole value, not by a prefix"));
    }
    // Erasing a person empties these columns, and must find the rows.
    if (person.back() != name_field && FindColumn(stored.person()) == nullptr) {
      return wrong(absl::StrCat(column.path.back()->full_name(), " is personal and indexed; index ",
                                stored.person(), " too"));
    }
  }
  return absl::OkStatus();
}

absl::Status Table::FindMandate() {
  if (!stored.has_mandate()) return absl::OkStatus();
  const MandateFields& said = stored.mandate();
  auto field = [&](const std::string& name, FieldDescriptor::CppType kind, bool repeated) {
    const FieldDescriptor* found = type->FindFieldByName(name);
    bool fits = found != nullptr && found->cpp_type() == kind && found->is_repeated() == repeated &&
                (kind != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(found)) &&
                !IsPersonal(found);
    return fits ? found : nullptr;
  };
  MandateForm form;
  form.principal = field(said.principal(), FieldDescriptor::CPPTYPE_STRING, false);
  form.agent = field(said.agent(), FieldDescriptor::CPPTYPE_STRING, false);
  form.items = field(said.items(), FieldDescriptor::CPPTYPE_STRING, true);
  form.all_items = field(said.all_items(), FieldDescriptor::CPPTYPE_BOOL, false);
  form.end_time = field(said.end_time(), FieldDescriptor::CPPTYPE_MESSAGE, false);
  const auto* active =
      state_field == nullptr ? nullptr : state_field->enum_type()->FindValueByName("ACTIVE");
  if (!form.principal || !form.agent || !form.items || !form.all_items || !form.end_time ||
      active == nullptr) {
    return absl::InvalidArgumentError(
        "(linjuli.stored).mandate names principal, agent, repeated items, all_items and end_time, "
        "and the message has a state ACTIVE");
  }
  form.active = active->number();
  mandate = form;
  return absl::OkStatus();
}

absl::Status Table::FindConsent() {
  if (stored.consent().empty()) return absl::OkStatus();
  ConsentForm form;
  form.consent = type->FindFieldByName(stored.consent());
  if (form.consent != nullptr && form.consent->message_type() != nullptr &&
      !form.consent->is_repeated()) {
    form.purposes = form.consent->message_type()->FindFieldByName("purposes");
    form.end_time = form.consent->message_type()->FindFieldByName("end_time");
  }
  bool fits = form.purposes != nullptr && form.purposes->is_repeated() &&
              form.purposes->cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
              form.end_time != nullptr && IsTimestamp(form.end_time);
  if (!fits || personal == nullptr) {
    return absl::InvalidArgumentError(
        "(linjuli.stored).consent is a message with repeated enum `purposes` and timestamp "
        "`end_time`, beside personal fields");
  }
  consent = form;
  return absl::OkStatus();
}

bool ConsentForm::Covers(const Message& resource, int purpose, absl::Time now) const {
  if (purpose == 0 || !resource.GetReflection()->HasField(resource, consent)) return false;
  const Message& given = resource.GetReflection()->GetMessage(resource, consent);
  const auto* reflection = given.GetReflection();
  if (now >= TimeAt(given, {end_time})) return false;
  for (int i = 0; i < reflection->FieldSize(given, purposes); ++i) {
    if (reflection->GetRepeatedEnumValue(given, purposes, i) == purpose) return true;
  }
  return false;
}

const Column* Table::FindColumn(absl::string_view field) const {
  std::string flat = absl::StrJoin(absl::StrSplit(field, '.'), "_");
  for (const auto& column : columns) {
    if (column.name == flat) return &column;
  }
  return nullptr;
}

void Table::Finish() {
  std::vector<std::string> names = {"id"};
  if (nested) names.push_back("parent");
  for (const auto& column : columns) {
    names.push_back(column.name);
    if (column.division) names.push_back(column.name + "_town");
  }
  names.push_back("body");
  std::vector<std::string> slots, sets, sames;
  for (size_t i = 0; i < names.size(); ++i) {
    slots.push_back(absl::StrCat("?", i + 1));
    if (i > 0) sets.push_back(absl::StrCat(names[i], "=?", i + 1));
    const Column* column = FindColumn(names[i]);
    if (column != nullptr && column->personal) continue;
    sames.push_back(absl::StrCat(names[i], " IS ?", i + 1));
  }
  insert_sql = absl::StrCat("INSERT INTO ", name, "(", absl::StrJoin(names, ","), ") VALUES(",
                            absl::StrJoin(slots, ","), ")");
  update_sql = absl::StrCat("UPDATE ", name, " SET ", absl::StrJoin(sets, ","), " WHERE id=?1");
  get_sql = absl::StrCat("SELECT body", nested ? ",parent" : "", " FROM ", name, " WHERE id=?1");
  compare_sql = absl::StrCat("SELECT 1 FROM ", name, " WHERE ", absl::StrJoin(sames, " AND "));
  insert_text_sql = absl::StrCat("INSERT INTO ", name, "_text(rowid,grams) VALUES(?1,?2)");
  remove_text_sql = absl::StrCat("INSERT INTO ", name, "_text(", name,
                                 "_text,rowid,grams) VALUES('delete',?1,?2)");
  holders_sql =
      absl::StrCat("SELECT rowid FROM ", name, "_text WHERE ", name, "_text MATCH ?1 LIMIT ?2");
}

std::vector<std::string> Table::Schema() const {
  std::string create = absl::StrCat("CREATE TABLE ", name, "(id INTEGER PRIMARY KEY");
  if (nested) absl::StrAppend(&create, ",parent TEXT NOT NULL");
  for (const auto& column : columns) {
    absl::StrAppend(&create, ",", column.name, column.text ? " TEXT" : " INTEGER");
    if (column.division) absl::StrAppend(&create, ",", column.name, "_town TEXT");
  }
  std::vector<std::string> schema = {absl::StrCat(create, ",body BLOB NOT NULL)")};
  if (nested) {
    schema.push_back(absl::StrCat("CREATE INDEX ", name, "_by_parent ON ", name, "(parent)"));
  }
  auto add_index = [&](absl::string_view kind, absl::string_view label,
                       const std::vector<std::string>& on, absl::string_view where) {
    schema.push_back(absl::StrCat("CREATE ", kind, " ", name, "_by_", label, " ON ", name, "(",
                                  absl::StrJoin(on, ","), ")", where));
  };
  for (const auto& index : indexes) {
    std::vector<std::string> on, town;
    bool by_town = false;
    std::string where;
    for (const Column* column : index) {
      on.push_back(column->name);
      town.push_back(column->division ? column->name + "_town" : column->name);
      by_town |= column->division;
      // What is empty is not looked for: people without an owner fill no index.
      if (column->text && index.size() == 1) {
        where = absl::StrCat(" WHERE ", column->name, " IS NOT NULL");
      }
    }
    std::string label = absl::StrJoin(on, "_");
    // Over several columns a division is asked for by its town; the village is cheap to sort out.
    if (!by_town || index.size() == 1) add_index("INDEX", label, on, where);
    if (by_town) add_index("INDEX", label + "_town", town, "");
  }
  for (const Column* column : uniques) {
    add_index("UNIQUE INDEX", column->name + "_once", {column->name},
              absl::StrCat(" WHERE ", column->name, " IS NOT NULL"));
  }
  if (!due.empty()) {
    std::string column = FindColumn(stored.due())->name;
    add_index("INDEX", "due", {column}, absl::StrCat(" WHERE ", column, " IS NOT NULL"));
  }
  if (!texts.empty()) {
    schema.push_back(absl::StrCat("CREATE VIRTUAL TABLE ", name,
                                  "_text USING fts5(grams,content='',columnsize=0,"
                                  "tokenize='unicode61 remove_diacritics 0')"));
  }
  return schema;
}

std::optional<int64_t> Table::IdOf(absl::string_view full) const {
  size_t at = 0;
  for (size_t i = 0; i < pattern_.size(); ++i) {
    size_t end = i + 1 == pattern_.size() ? full.size() : full.find('/', at);
    if (end == absl::string_view::npos) return std::nullopt;
    absl::string_view part = full.substr(at, end - at);
    if (i % 2 == 0 ? part != pattern_[i] : !DecodeId(part).has_value()) return std::nullopt;
    if (i + 1 == pattern_.size()) return DecodeId(part);
    at = end + 1;
  }
  return std::nullopt;
}

std::string Table::NameOf(absl::string_view parent, int64_t id) const {
  return absl::StrCat(parent, parent.empty() ? "" : "/", collection, "/", EncodeId(id));
}

absl::string_view Table::ParentOf(absl::string_view name) {
  size_t last = name.rfind('/');
  size_t before = last == absl::string_view::npos ? last : name.rfind('/', last - 1);
  return before == absl::string_view::npos ? absl::string_view() : name.substr(0, before);
}

std::string Table::NameIn(const Message& message) const {
  return message.GetReflection()->GetString(message, name_field);
}

int Table::StateIn(const Message& message) const {
  return state_field == nullptr ? 0 : message.GetReflection()->GetEnumValue(message, state_field);
}

std::string Table::StateName(int state) const {
  if (state_field == nullptr) return "";
  const auto* value = state_field->enum_type()->FindValueByNumber(state);
  return value == nullptr ? absl::StrCat(state) : value->name();
}

std::string Table::PersonIn(const Message& message) const {
  std::string subject = TextAt(message, person);
  return subject.empty() ? NameIn(message) : subject;
}

bool Table::HasPersonalColumns() const {
  return std::any_of(columns.begin(), columns.end(), [](const Column& c) { return c.personal; });
}

std::string Table::TextsIn(const Message& message) const {
  std::string all;
  for (const auto& path : texts) absl::StrAppend(&all, TextAt(message, path), "\n");
  return all;
}

}  // namespace linjuli
