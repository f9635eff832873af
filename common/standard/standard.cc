#include "common/standard/standard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock.h"
#include "common/standard/read_standard.h"
#include "common/status.h"

namespace linjuli {
namespace {

template <typename T>
const T* FindByCode(const std::vector<T>& all, absl::string_view code) {
  auto found = std::find_if(all.begin(), all.end(), [&](const T& one) { return one.code == code; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Standard>> Standard::Load(const std::string& dir,
                                                               const StandardNeeds& needs) {
  Defects defects;
  Data data = ReadStandard(dir, needs, &defects);
  if (!defects.empty()) {
    auto line = [](std::string* out, const Defect& defect) { out->append(defect.ToString()); };
    return Refuse(absl::StatusCode::kFailedPrecondition, "STANDARD_DEFECT",
                  absl::StrCat("the standard in ", dir, " has defects; mend them:\n",
                               absl::StrJoin(defects, "\n", line)),
                  {{"defects", absl::StrCat(defects.size())}});
  }
  return std::shared_ptr<const Standard>(new Standard(std::move(data)));
}

Defects Standard::Check(const std::string& dir, const StandardNeeds& needs) {
  Defects defects;
  ReadStandard(dir, needs, &defects);
  return defects;
}

Standard::Standard(Data data) : data_(std::move(data)) {
  for (const Division& division : data_.divisions) division_by_code_[division.code] = &division;
}

const Division* Standard::FindDivision(absl::string_view code) const {
  auto found = division_by_code_.find(code);
  return found == division_by_code_.end() ? nullptr : found->second;
}

const Category* Standard::FindCategory(absl::string_view code) const {
  return FindByCode(data_.categories, code);
}

const Item* Standard::FindItem(absl::string_view code) const {
  for (const Item& item : data_.items) {
    if (item.code == code) return &item;
  }
  return nullptr;
}

const Level* Standard::FindLevel(absl::string_view code) const {
  return FindByCode(data_.levels, code);
}

const WorkSpan& Standard::clock(absl::string_view name) const {
  auto found = data_.clocks.find(name);
  if (found == data_.clocks.end()) {
    FailStop(__FILE__, __LINE__, "the clock is in clocks.toml", std::string(name));
  }
  return found->second.value;
}

int Standard::Limit(absl::string_view name) const {
  auto found = data_.limits.find(name);
  if (found == data_.limits.end()) {
    FailStop(__FILE__, __LINE__, "the limit is in clocks.toml", std::string(name));
  }
  return found->second.value;
}

absl::StatusOr<absl::Time> Standard::After(absl::Time start, const WorkSpan& span) const {
  switch (span.unit) {
    case SpanUnit::MINUTES:
      return start + absl::Minutes(span.value);
    case SpanUnit::HOURS:
      return start + absl::Hours(span.value);
    case SpanUnit::DAYS:
      // To the end of the last day, the day of the start not counted.
      return absl::FromCivil(absl::ToCivilDay(start, ChinaTime()) + (span.value + 1), ChinaTime());
    case SpanUnit::WORK_HOURS:
      return data_.calendar.AddWorkTime(start, absl::Hours(span.value));
    case SpanUnit::WORK_DAYS:
      return data_.calendar.AddWorkDays(start, span.value);
  }
  FailStop(__FILE__, __LINE__, "the unit is one of SpanUnit", "");
}

absl::StatusOr<absl::Time> Standard::Before(absl::Time due, const WorkSpan& span) const {
  switch (span.unit) {
    case SpanUnit::MINUTES:
      return due - absl::Minutes(span.value);
    case SpanUnit::HOURS:
      return due - absl::Hours(span.value);
    case SpanUnit::DAYS:
      return due - absl::Hours(24) * span.value;  // no daylight saving in China
    case SpanUnit::WORK_HOURS:
      return data_.calendar.SubtractWorkTime(due, absl::Hours(span.value));
    case SpanUnit::WORK_DAYS:
      return data_.calendar.SubtractWorkDays(due, span.value);
  }
  FailStop(__FILE__, __LINE__, "the unit is one of SpanUnit", "");
}

std::string Standard::Text(absl::string_view reason, absl::string_view locale) const {
  auto found = data_.texts.find(reason);
  if (found == data_.texts.end()) return "";
  const absl::string_view language = locale.substr(0, locale.find_first_of("-_"));
  if (absl::EqualsIgnoreCase(language, "zh")) return found->second.zh_CN;
  if (absl::EqualsIgnoreCase(language, "en")) return found->second.en;
  return "";
}

}  // namespace linjuli
