#include "common/rpc/pages.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/changes/log.h"
#include "common/rpc/page_token.h"
#include "common/store/grams.h"

namespace linjuli {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

constexpr int kDefaultPage = 50;
// Candidates that one page of a search looks at before it ends short, with a token to go on.
constexpr int kMaxScan = 5000;

// A WHERE clause that grows, with the values to bind from ?10 on.
class Where {
 public:
  // `slot` stands where "$" is: "division=$".
  void And(absl::string_view clause, std::vector<std::string> texts) {
    clauses_.push_back(Slotted(clause, std::move(texts)));
  }
  void And(absl::string_view clause, int64_t number) {
    clauses_.push_back(absl::StrCat(clause, "?", 10 + values_.size()));
    values_.push_back({true, number, ""});
  }
  void AndAny(std::vector<std::pair<std::string, std::vector<std::string>>> alternatives) {
    std::vector<std::string> any;
    for (auto& [clause, texts] : alternatives) any.push_back(Slotted(clause, std::move(texts)));
    clauses_.push_back(absl::StrCat("(", absl::StrJoin(any, " OR "), ")"));
  }
  std::string sql() const {
    std::string sql;
    for (const auto& clause : clauses_) absl::StrAppend(&sql, " AND ", clause);
    return sql;
  }
  void Bind(Statement& statement) const {
    for (size_t i = 0; i < values_.size(); ++i) {
      const Value& value = values_[i];
      int at = static_cast<int>(10 + i);
      value.is_number ? statement.Bind(at, value.number) : statement.Bind(at, value.text);
    }
  }

 private:
  struct Value {
    bool is_number;
    int64_t number;
    std::string text;
  };
  std::string Slotted(absl::string_view clause, std::vector<std::string> texts) {
    std::string made;
    size_t used = 0;
    for (char c : clause) {
      if (c != '$') {
        made += c;
        continue;
      }
      absl::StrAppend(&made, "?", 10 + values_.size());
      values_.push_back({false, 0, std::move(texts[used++])});
    }
    return made;
  }

  std::vector<std::string> clauses_;
  std::vector<Value> values_;
};

// The division and all that lies under it. A town has its own column; what is larger is most of the
// table anyway, and is sorted out row by row ("+" keeps SQLite from an index that would need a
// sort).
std::pair<std::string, std::vector<std::string>> UnderDivision(const std::string& column,
                                                               const std::string& code) {
  if (code.size() == 12) return {absl::StrCat(column, "=$"), {code}};
  if (code.size() == 9) return {absl::StrCat(column, "_town=$"), {code}};
  std::string end = code;
  ++end.back();
  return {absl::StrCat("(+", column, ">=$ AND +", column, "<$)"), {code, end}};
}

// What the caller may see at all. False: nothing. With `clear_only` not what they see masked: a
// filter by a personal value would tell them what the mask hides.
bool AddScope(const MethodPlan& plan, const Caller& caller, bool clear_only,
              absl::string_view division, Where& where) {
  if (plan.access.is_public()) return !clear_only;
  std::vector<std::pair<std::string, std::vector<std::string>>> any;
  for (const Way& way : plan.access.ways()) {
    if (!way.RoleFits(caller) || (clear_only && way.masked)) continue;
    if (way.scope == Allow::ANY) return true;
    std::vector<std::string> names;
    for (const auto* field : way.field) names.push_back(field->name());
    std::string column = plan.table->FindColumn(absl::StrJoin(names, "."))->name;
    if (way.scope == Allow::AREA) {
      // A filter inside the caller's area narrows enough by itself.
      if (way.field == plan.table->area && !division.empty() && caller.Covers(division)) {
        return true;
      }
      for (const auto& area : caller.areas) any.push_back(UnderDivision(column, area));
    } else {
      std::string who = way.scope == Allow::OWNER          ? caller.subject
                        : way.scope == Allow::ORGANIZATION ? caller.organization
                        : caller.mandate.has_value()       ? caller.mandate->principal
                                                           : "";
      if (!who.empty()) any.push_back({absl::StrCat(column, "=$"), {std::move(who)}});
    }
  }
  if (any.empty()) return false;
  where.AndAny(std::move(any));
  return true;
}

// Whether a column holds what never changes.
bool Lasts(const Column* column) {
  return column == nullptr || column->path[0]->options().GetExtension(check).immutable();
}

// Returns whether one of them is a personal value. With `lasting` only those by what never changes.
bool AddFilters(const Rx& rx, const MethodPlan& plan, const Message& request, bool lasting,
                Where& where, std::string& division) {
  const auto* reflection = request.GetReflection();
  bool personal = false;
  for (const auto& [field, column] : plan.filters) {
    if (!reflection->HasField(request, field)) continue;
    if (lasting && !Lasts(column)) continue;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string value = reflection->GetString(request, field);
        if (column == nullptr) {
          where.And("parent=$", {value});
        } else if (column->division) {
          auto [clause, texts] = UnderDivision(column->name, value);
          where.And(clause, texts);
          if (column->path == plan.table->area) division = value;
        } else {
          personal |= column->personal;
          where.And(absl::StrCat(column->name, "=$"), {rx.ColumnValue(*column, value)});
        }
        break;
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        where.And(absl::StrCat(column->name, "="), reflection->GetEnumValue(request, field));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        where.And(absl::StrCat(column->name, "="), reflection->GetBool(request, field));
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        where.And(absl::StrCat(column->name, "="), reflection->GetInt32(request, field));
        break;
      default:
        where.And(absl::StrCat(column->name, "="), reflection->GetInt64(request, field));
    }
  }
  return personal;
}

// Whether a resource as it once was fits the filters; what never changes was looked at already.
bool Fits(const MethodPlan& plan, const Message& request, const Message& resource) {
  const auto* reflection = request.GetReflection();
  for (const auto& [field, column] : plan.filters) {
    if (!reflection->HasField(request, field) || Lasts(column)) continue;
    const Message* holder = HolderOf(resource, column->path);
    if (holder == nullptr) return false;
    const FieldDescriptor* leaf = column->path.back();
    const auto* held = holder->GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string wanted = reflection->GetString(request, field);
        const std::string value = held->GetString(*holder, leaf);
        if (column->division ? !absl::StartsWith(value, wanted) : value != wanted) return false;
        break;
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        if (held->GetEnumValue(*holder, leaf) != reflection->GetEnumValue(request, field)) {
          return false;
        }
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        if (held->GetBool(*holder, leaf) != reflection->GetBool(request, field)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

// The parts of a query, parted by blanks, each of which a text must contain.
std::vector<std::string> Terms(const std::string& query) {
  std::vector<std::string> terms =
      absl::StrSplit(absl::StrReplaceAll(FoldText(query), {{"\u3000", " "}}),
                     absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  return terms;
}

std::string NameOf(const Table& table, absl::string_view body) {
  std::unique_ptr<Message> resource(table.prototype->New());
  LJ_CHECK(resource->ParseFromArray(body.data(), static_cast<int>(body.size())));
  return table.NameIn(*resource);
}

bool Contains(const Table& table, const Message& row, const std::vector<std::string>& terms) {
  for (const auto& term : terms) {
    bool found = false;
    for (const FieldPath& path : table.texts) {
      found |= absl::StrContains(FoldText(TextAt(row, path)), term);
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ReadPage(Rx& rx, const MethodPlan& plan, const Message& request,
                                     RowReader row) {
  const Table& table = *plan.table;
  const auto* reflection = request.GetReflection();
  std::string binding = PageBinding(plan.method, rx.caller(), request);
  int64_t before = std::numeric_limits<int64_t>::max();
  if (std::string token = reflection->GetString(request, plan.page_token); !token.empty()) {
    LJ_ASSIGN(before, DecodePageToken(token, binding));
  }
  int size = reflection->GetInt32(request, plan.page_size);
  if (size == 0) size = kDefaultPage;

  const absl::Time as_of =
      plan.as_of_time == nullptr ? absl::InfinitePast() : TimeAt(request, {plan.as_of_time});
  const bool past = as_of != absl::InfinitePast();
  if (past && as_of > rx.now()) {
    return RefuseFields({{plan.as_of_time->name(), "FUTURE", "has not come yet"}});
  }
  Where where;
  std::string division;
  bool personal = AddFilters(rx, plan, request, past, where, division);
  if (past) {
    // What the caller may see is asked of each as it was; what came later is passed by.
    before = std::min(before, (absl::ToUnixMillis(as_of) + 1) << 20);
  } else if (!AddScope(plan, rx.caller(), personal, division, where)) {
    return "";
  }

  std::string sql, grams;
  std::vector<std::string> terms;
  if (plan.kind == MethodKind::kSearch) {
    terms = Terms(reflection->GetString(request, plan.query));
    grams = GramQuery(absl::StrJoin(terms, " "));
    if (grams.empty()) {
      return RefuseFields({{"query", "PATTERN", "needs a Chinese character, letter or digit"}});
    }
    sql = absl::StrCat("SELECT t.id,t.body FROM ", table.name, "_text x JOIN ", table.name,
                       " t ON t.id=x.rowid WHERE ", table.name, "_text MATCH ?1 AND x.rowid<?2",
                       where.sql(), " ORDER BY x.rowid DESC");
  } else {
    sql = absl::StrCat("SELECT id,body FROM ", table.name, " WHERE id<?2", where.sql(),
                       " ORDER BY id DESC");
  }
  StatementScope rows(rx.db().Prepare(sql));
  if (!grams.empty()) rows->Bind(1, grams);
  rows->Bind(2, before);
  where.Bind(*rows);
  int64_t last = before;
  int shown = 0;
  std::unique_ptr<Message> candidate(table.prototype->New());
  for (int scanned = 0;; ++scanned) {
    LJ_ASSIGN(bool there, rows->Step());
    if (!there) return "";
    if (shown == size || scanned == kMaxScan) return EncodePageToken(last, binding);
    last = rows->Int(0);
    absl::string_view body = rows->Bytes(1);
    std::optional<changes::v1::Change> then;
    if (past) {
      LJ_ASSIGN(then, ReadWriteBefore(rx.db(), NameOf(table, body), as_of));
      if (!then.has_value()) continue;
      body = then->snapshot().value();
      LJ_CHECK(candidate->ParseFromArray(body.data(), static_cast<int>(body.size())));
      if (!Fits(plan, request, *candidate)) continue;
    }
    if (!terms.empty()) {
      LJ_CHECK(candidate->ParseFromArray(body.data(), static_cast<int>(body.size())));
      if (!Contains(table, *candidate, terms)) continue;
    }
    LJ_ASSIGN(bool counts, row(body));
    shown += counts;
  }
}

}  // namespace linjuli
