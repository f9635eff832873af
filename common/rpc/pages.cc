#include "common/rpc/pages.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
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
      const std::string& who = way.scope == Allow::OWNER ? caller.subject : caller.organization;
      if (!who.empty()) any.push_back({absl::StrCat(column, "=$"), {who}});
    }
  }
  if (any.empty()) return false;
  where.AndAny(std::move(any));
  return true;
}

// Returns whether one of them is a personal value.
bool AddFilters(const Rx& rx, const MethodPlan& plan, const Message& request, Where& where,
                std::string& division) {
  const auto* reflection = request.GetReflection();
  bool personal = false;
  for (const auto& [field, column] : plan.filters) {
    if (!reflection->HasField(request, field)) continue;
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

// The parts of a query, parted by blanks, each of which a text must contain.
std::vector<std::string> Terms(const std::string& query) {
  std::vector<std::string> terms =
      absl::StrSplit(absl::StrReplaceAll(FoldText(query), {{"\u3000", " "}}),
                     absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  return terms;
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

  Where where;
  std::string division;
  bool personal = AddFilters(rx, plan, request, where, division);
  if (!AddScope(plan, rx.caller(), personal, division, where)) return "";

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
    if (!terms.empty()) {
      LJ_CHECK(candidate->ParseFromArray(body.data(), static_cast<int>(body.size())));
      if (!Contains(table, *candidate, terms)) continue;
    }
    LJ_ASSIGN(bool counts, row(body));
    shown += counts;
  }
}

}  // namespace linjuli
