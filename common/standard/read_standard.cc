#include "common/standard/read_standard.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/standard/toml_section.h"
#include "linjuli/options.pb.h"

namespace linjuli {
namespace {

constexpr int kLongestSpan = 10'000;
constexpr int kLargestLimit = 1'000'000;
// Reject texts are read on telephones, in one glance.
constexpr int kLongestText = 120;

// "EXTENSION_LIMIT": the form of every code and reason.
bool IsCapitals(absl::string_view code) {
  return !code.empty() && absl::ascii_isupper(code[0]) &&
         std::all_of(code.begin(), code.end(), [](char c) {
           return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

LocalText ReadLocalText(TomlSection& section) {
  return {section.Text("zh_CN", kLongestText), section.Text("en", kLongestText)};
}

WorkSpan ReadSpan(TomlSection& section) {
  WorkSpan span;
  span.value = section.Whole("value", 1, kLongestSpan).value_or(0);
  span.unit = section.Choice<SpanUnit>("unit", {{"MINUTES", SpanUnit::MINUTES},
                                                {"HOURS", SpanUnit::HOURS},
                                                {"DAYS", SpanUnit::DAYS},
                                                {"WORK_HOURS", SpanUnit::WORK_HOURS},
                                                {"WORK_DAYS", SpanUnit::WORK_DAYS}});
  return span;
}

// The code of a list's entry: in capitals, and in no entry before.
std::string ReadCode(TomlSection& section, std::set<std::string>& seen) {
  std::string code = section.Text("code");
  if (code.empty()) return code;
  if (!IsCapitals(code)) section.Complain("code", "code must be in capitals, as PARTY_MASS");
  if (!seen.insert(code).second) section.Complain("code", absl::StrCat("code ", code, " twice"));
  return code;
}

void ReadIdentity(const std::string& dir, Standard::Data& data, Defects* defects) {
  TomlSection file = TomlSection::Open(dir, "standard.toml", defects);
  data.id = file.Text("id");
  data.version = file.Text("version");
  absl::CivilDay day;
  if (!data.version.empty() &&
      (data.version.size() != 10 || !absl::ParseCivilTime(data.version, &day))) {
    file.Complain("version", "version must be a date in quotes, as \"2026-11-01\"");
  }
  file.Text("divisions_source");
  TomlSection title = file.Section("title");
  data.title = ReadLocalText(title);
  title.Close();
  file.Close();
}

void ReadCategories(const std::string& dir, Standard::Data& data, Defects* defects) {
  TomlSection file = TomlSection::Open(dir, "categories.toml", defects);
  std::set<std::string> seen;
  for (TomlSection& section : file.Sections("category")) {
    Category category;
    category.code = ReadCode(section, seen);
    category.name = ReadLocalText(section);
    for (const std::string& place : section.Choices("places", {"URBAN", "RURAL"})) {
      (place == "URBAN" ? category.urban : category.rural) = true;
    }
    category.mandatory = section.Flag("mandatory");
    for (const std::string& hand :
         section.Choices("hands", {"COMMUNITY_WORKER", "LEAD_WORKER", "PROVIDER", "VOLUNTEER"})) {
      Role role;
      if (Role_Parse(hand, &role)) category.hands |= 1u << role;
    }
    section.Close();
    data.categories.push_back(std::move(category));
  }
  file.Close();
}

std::optional<WorkSpan> ReadOptionalSpan(TomlSection& section, absl::string_view key) {
  if (!section.Has(key)) return std::nullopt;
  TomlSection inner = section.Section(key);
  WorkSpan span = ReadSpan(inner);
  inner.Text("source");
  inner.Close();
  return span;
}

LevelStep ReadStep(TomlSection& section, std::set<std::string>& seen) {
  LevelStep step;
  step.code = ReadCode(section, seen);
  step.name = ReadLocalText(section);
  step.most = ReadOptionalSpan(section, "most");
  step.least = ReadOptionalSpan(section, "least");
  if (section.Has("needs_plan")) step.needs_plan = section.Flag("needs_plan");
  section.Close();
  return step;
}

void ReadItems(const std::string& dir, Standard::Data& data, Defects* defects) {
  TomlSection file = TomlSection::Open(dir, "items.toml", defects);
  file.Text("source");
  std::set<std::string> seen;
  for (TomlSection& section : file.Sections("item")) {
    Item item;
    item.code = ReadCode(section, seen);
    item.name = ReadLocalText(section);
    if (section.Has("category")) {
      item.category = section.Text("category");
      bool known = std::any_of(data.categories.begin(), data.categories.end(),
                               [&](const Category& c) { return c.code == item.category; });
      if (!known) section.Complain("category", "no such category in categories.toml");
    }
    item.offered = section.Flag("offered");
    item.agency = section.Flag("agency");
    if (section.Has("document")) {
      std::set<std::string> papers;
      for (TomlSection& paper : section.Sections("document")) {
        item.documents.push_back(ReadCode(paper, papers));
        ReadLocalText(paper);
        paper.Close();
      }
    }
    if (item.agency && item.documents.empty()) {
      section.Complain("agency", "name the papers that the office asks for: [[item.document]]");
    }
    section.Close();
    data.items.push_back(std::move(item));
  }
  file.Close();
}

void ReadLevels(const std::string& dir, Standard::Data& data, Defects* defects) {
  TomlSection file = TomlSection::Open(dir, "levels.toml", defects);
  std::set<std::string> seen;
  for (TomlSection& section : file.Sections("level")) {
    Level level;
    level.code = ReadCode(section, seen);
    level.name = ReadLocalText(section);
    TomlSection start = section.Section("start");
    level.start = ReadSpan(start);
    start.Text("source");
    start.Close();
    std::set<std::string> steps;
    for (TomlSection& step : section.Sections("step")) {
      level.steps.push_back(ReadStep(step, steps));
    }
    section.Close();
    data.levels.push_back(std::move(level));
  }
  file.Close();
}

void ReadClocks(const std::string& dir, const StandardNeeds& needs, Standard::Data& data,
                Defects* defects) {
  TomlSection file = TomlSection::Open(dir, "clocks.toml", defects);
  TomlSection clocks = file.Section("clock");
  for (auto& [name, section] : clocks.Entries()) {
    Sourced<WorkSpan> clock;
    clock.value = ReadSpan(section);
    clock.source = section.Text("source");
    section.Close();
    data.clocks.emplace(name, std::move(clock));
  }
  TomlSection limits = file.Section("limit");
  for (auto& [name, section] : limits.Entries()) {
    Sourced<int> limit;
    limit.value = section.Whole("value", 0, kLargestLimit).value_or(0);
    limit.source = section.Text("source");
    section.Close();
    data.limits.emplace(name, std::move(limit));
  }
  for (const auto& name : needs.clocks) {
    if (!data.clocks.contains(name)) {
      file.Complain("", absl::StrCat("a service needs the clock [clock.", name, "]; add it"));
    }
  }
  for (const auto& name : needs.limits) {
    if (!data.limits.contains(name)) {
      file.Complain("", absl::StrCat("a service needs the limit [limit.", name, "]; add it"));
    }
  }
  file.Close();
}

void ReadTexts(const std::string& dir, const StandardNeeds& needs, Standard::Data& data,
               Defects* defects) {
  TomlSection file = TomlSection::Open(dir, "texts.toml", defects);
  for (auto& [reason, section] : file.Entries()) {
    if (!IsCapitals(reason)) section.Complain("", "a reason must be in capitals, as NOT_FOUND");
    data.texts.emplace(reason, ReadLocalText(section));
    section.Close();
  }
  for (const auto& reason : needs.texts) {
    if (!data.texts.contains(reason)) {
      file.Complain("", absl::StrCat("a service refuses with [", reason, "]; add its text"));
    }
  }
}

std::vector<WorkHours> ReadHours(TomlSection& file) {
  std::vector<WorkHours> hours;
  file.Text("hours_source");
  absl::Duration free_from = absl::ZeroDuration();
  for (TomlSection& section : file.Sections("hours")) {
    WorkHours stretch{section.TimeOfDay("open"), section.TimeOfDay("close")};
    section.Close();
    if (stretch.close <= stretch.open) section.Complain("close", "close must be after open");
    if (stretch.open < free_from) {
      section.Complain("open", "overlaps the work hours before; list them in order");
    }
    free_from = std::max(free_from, stretch.close);
    hours.push_back(stretch);
  }
  return hours;
}

CalendarYear ReadYear(TomlSection& section) {
  CalendarYear year;
  year.year = section.Whole("year", 1949, 2999).value_or(0);
  section.Text("source");
  std::set<absl::CivilDay> off;
  // Without a year there is nothing to compare with; that is told already.
  auto is_elsewhere = [&](absl::CivilDay day) { return year.year != 0 && day.year() != year.year; };
  for (TomlSection& holiday : section.Sections("holiday")) {
    holiday.Text("name");
    const absl::CivilDay first = holiday.Day("first");
    const absl::CivilDay last = holiday.Day("last");
    holiday.Close();
    if (is_elsewhere(first)) holiday.Complain("first", absl::StrCat("lies not in ", year.year));
    if (is_elsewhere(last)) holiday.Complain("last", absl::StrCat("lies not in ", year.year));
    if (is_elsewhere(first) || is_elsewhere(last)) continue;
    if (last < first) holiday.Complain("last", "last must not be before first");
    bool overlaps = false;
    for (absl::CivilDay day = first; day <= last; ++day) overlaps |= !off.insert(day).second;
    if (overlaps) holiday.Complain("first", "overlaps another holiday");
  }
  for (absl::CivilDay day : section.Days("make_up")) {
    const std::string text = absl::FormatCivilTime(day);
    const absl::Weekday weekday = absl::GetWeekday(day);
    if (is_elsewhere(day)) {
      section.Complain("make_up", absl::StrCat(text, " lies not in ", year.year));
    } else if (off.count(day)) {
      section.Complain("make_up", absl::StrCat(text, " is a holiday as well"));
    } else if (weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday) {
      section.Complain("make_up", absl::StrCat(text, " is no Saturday or Sunday"));
    } else if (std::find(year.on.begin(), year.on.end(), day) != year.on.end()) {
      section.Complain("make_up", absl::StrCat(text, " stands twice"));
    } else {
      year.on.push_back(day);
    }
  }
  section.Close();
  year.off.assign(off.begin(), off.end());
  return year;
}

void ReadCalendar(const std::string& dir, Standard::Data& data, Defects* defects) {
  const size_t before = defects->size();
  TomlSection file = TomlSection::Open(dir, "calendar.toml", defects);
  std::vector<WorkHours> hours = ReadHours(file);
  std::vector<CalendarYear> years;
  std::set<int> seen;
  for (TomlSection& section : file.Sections("year")) {
    years.push_back(ReadYear(section));
    const int year = years.back().year;
    if (!seen.insert(year).second) section.Complain("year", absl::StrCat("year ", year, " twice"));
  }
  file.Close();
  if (defects->size() == before) data.calendar = Calendar(std::move(hours), years);
}

}  // namespace

Standard::Data ReadStandard(const std::string& dir, const StandardNeeds& needs, Defects* defects) {
  Standard::Data data;
  ReadIdentity(dir, data, defects);
  ReadCategories(dir, data, defects);
  ReadLevels(dir, data, defects);
  ReadItems(dir, data, defects);
  ReadClocks(dir, needs, data, defects);
  ReadTexts(dir, needs, data, defects);
  ReadCalendar(dir, data, defects);
  data.divisions = ReadDivisions(dir, defects);
  auto place = [](const Defect& defect) { return std::tie(defect.file, defect.line); };
  std::stable_sort(defects->begin(), defects->end(),
                   [&](const Defect& a, const Defect& b) { return place(a) < place(b); });
  return data;
}

}  // namespace linjuli
