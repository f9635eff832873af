#include "common/store/row.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "common/store/grams.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// Binds one column; `text` keeps what is bound alive.
void BindColumn(Statement& write, int& at, const KeyStore* keys, const Column& column,
                const Message& resource, std::string& text) {
  if (column.text) {
    text = TextAt(resource, column.path);
    if (column.personal && !text.empty()) {
      text = keys ? keys->IndexHash(column.path.back()->full_name(), text) : "";
    }
    text.empty() ? write.BindNull(at++) : write.Bind(at++, text);
    if (!column.division) return;
    text.empty() ? write.BindNull(at++) : write.Bind(at++, absl::string_view(text).substr(0, 9));
    return;
  }
  const Message* holder = HolderOf(resource, column.path);
  if (holder == nullptr) {
    write.BindNull(at++);
    return;
  }
  const FieldDescriptor* leaf = column.path.back();
  const auto* reflection = holder->GetReflection();
  switch (leaf->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      absl::Time time = TimeAt(resource, column.path);
      time == absl::InfinitePast() ? write.BindNull(at++)
                                   : write.Bind(at++, absl::ToUnixMicros(time));
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      write.Bind(at++, static_cast<int64_t>(reflection->GetEnumValue(*holder, leaf)));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      write.Bind(at++, static_cast<int64_t>(reflection->GetBool(*holder, leaf)));
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      write.Bind(at++, static_cast<int64_t>(reflection->GetInt32(*holder, leaf)));
      break;
    default:
      write.Bind(at++, reflection->GetInt64(*holder, leaf));
  }
}

// Binds id, parent, columns and body, in the order of the table's statements, and runs it: whether
// a row came.
absl::StatusOr<bool> RunRow(Statement& statement, const KeyStore* keys, const Table& table,
                            const Message& resource, int64_t id, absl::string_view body) {
  StatementScope scope(statement);
  int at = 1;
  statement.Bind(at++, id);
  std::string parent;
  if (table.nested) {
    parent = std::string(Table::ParentOf(table.NameIn(resource)));
    statement.Bind(at++, parent);
  }
  std::vector<std::string> texts(table.columns.size());
  for (size_t i = 0; i < table.columns.size(); ++i) {
    BindColumn(statement, at, keys, table.columns[i], resource, texts[i]);
  }
  statement.BindBlob(at, body);
  return statement.Step();
}

}  // namespace

absl::Status WriteRow(Connection& db, const KeyStore* keys, const std::string& sql,
                      const Table& table, const Message& resource, int64_t id,
                      absl::string_view body) {
  return RunRow(db.Prepare(sql), keys, table, resource, id, body).status();
}

absl::StatusOr<bool> RowStands(Connection& db, const Table& table, const Message& resource,
                               int64_t id, absl::string_view body) {
  return RunRow(db.Prepare(table.compare_sql), nullptr, table, resource, id, body);
}

absl::Status WriteTextRow(Connection& db, const Table& table, int64_t id, absl::string_view grams,
                          bool remove) {
  const std::string& sql = remove ? table.remove_text_sql : table.insert_text_sql;
  return db.Prepare(sql).Bind(1, id).Bind(2, grams).Run();
}

absl::Status RefillTable(Connection& db, KeyStore* keys, const Table& table) {
  Statement rows(db.handle(), "SELECT id,body FROM temp.old ORDER BY id");
  std::unique_ptr<Message> resource(table.prototype->New());
  while (true) {
    LJ_ASSIGN(bool row, rows.Step());
    if (!row) return absl::OkStatus();
    std::string body = rows.Text(1);
    if (!resource->ParseFromString(body)) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE",
                    absl::StrCat(table.name, " ", rows.Int(0), " cannot be read"));
    }
    if (table.personal != nullptr) {
      LJ_RETURN_IF_ERROR(OpenPersonal(*table.personal, *keys, table.NameIn(*resource), *resource));
    }
    LJ_RETURN_IF_ERROR(WriteRow(db, keys, table.insert_sql, table, *resource, rows.Int(0), body));
    if (table.texts.empty()) continue;
    LJ_RETURN_IF_ERROR(
        WriteTextRow(db, table, rows.Int(0), GramsOf(table.TextsIn(*resource)), false));
  }
}

absl::Status ForgetPerson(Connection& db, const Table& table, absl::string_view person) {
  std::vector<std::string> sets;
  for (const Column& column : table.columns) {
    if (column.personal) sets.push_back(column.name + "=NULL");
  }
  if (sets.empty()) return absl::OkStatus();
  std::string update = absl::StrCat("UPDATE ", table.name, " SET ", absl::StrJoin(sets, ","));
  if (std::optional<int64_t> id = table.IdOf(person)) {
    return db.Prepare(absl::StrCat(update, " WHERE id=?1")).Bind(1, *id).Run();
  }
  const Column* by = table.FindColumn(table.stored.person());
  if (by == nullptr) return absl::OkStatus();
  return db.Prepare(absl::StrCat(update, " WHERE ", by->name, "=?1")).Bind(1, person).Run();
}

}  // namespace linjuli
