#include "common/standard/toml_section.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace linjuli {
namespace {

std::string_view Std(absl::string_view text) { return {text.data(), text.size()}; }
absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

absl::CivilDay ToCivil(const toml::date& date) {
  return absl::CivilDay(date.year, date.month, date.day);
}

// Of valid UTF-8, as the parser has made sure.
int CodePoints(absl::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

TomlSection TomlSection::Open(const std::string& dir, const std::string& file, Defects* defects) {
  toml::parse_result parsed = toml::parse_file(absl::StrCat(dir, "/", file));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    defects->push_back({file, static_cast<int>(error.source().begin.line),
                        absl::StrCat("cannot be read: ", Absl(error.description()))});
    return TomlSection(file, nullptr, nullptr, defects);
  }
  auto root = std::make_shared<const toml::table>(std::move(parsed).table());
  const toml::table* table = root.get();
  return TomlSection(file, std::move(root), table, defects);
}

void TomlSection::ComplainAt(const toml::node* node, absl::string_view message) {
  defects_->push_back({file_, node == nullptr ? 0 : LineOf(*node), std::string(message)});
}

void TomlSection::Complain(absl::string_view key, absl::string_view message) {
  if (!there()) return;
  const toml::node* node = key.empty() ? nullptr : table_->get(Std(key));
  ComplainAt(node != nullptr ? node : table_, message);
}

void TomlSection::ComplainChoice(absl::string_view key, absl::string_view text,
                                 const std::vector<std::string>& choices) {
  Complain(key, absl::StrCat(key, " must be one of ", absl::StrJoin(choices, ", "), ", not \"",
                             text, "\""));
}

const toml::node* TomlSection::Find(absl::string_view key) {
  if (!there()) return nullptr;
  asked_.insert(std::string(key));
  const toml::node* node = table_->get(Std(key));
  if (node == nullptr) ComplainAt(table_, absl::StrCat(key, " is missing"));
  return node;
}

bool TomlSection::Has(absl::string_view key) const {
  return there() && table_->contains(std::string_view(key.data(), key.size()));
}

std::string TomlSection::Text(absl::string_view key, int max_chars) {
  const toml::node* node = Find(key);
  if (node == nullptr) return "";
  const auto* text = node->as_string();
  if (text == nullptr) {
    ComplainAt(node, absl::StrCat(key, " must be a text in quotes"));
    return "";
  }
  if (text->get().find_first_not_of(" \t\r\n") == std::string::npos) {
    ComplainAt(node, absl::StrCat(key, " is empty"));
  } else if (CodePoints(text->get()) > max_chars) {
    ComplainAt(node, absl::StrCat(key, " is longer than ", max_chars, " characters"));
  }
  return text->get();
}

std::optional<int> TomlSection::Whole(absl::string_view key, int min, int max) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  const auto* number = node->as_integer();
  if (number == nullptr) {
    ComplainAt(node, absl::StrCat(key, " must be a whole number"));
    return std::nullopt;
  }
  if (number->get() < min || number->get() > max) {
    ComplainAt(node, absl::StrCat(key, " must be ", min, " to ", max, ", not ", number->get()));
    return std::nullopt;
  }
  return static_cast<int>(number->get());
}

bool TomlSection::Flag(absl::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return false;
  const auto* flag = node->as_boolean();
  if (flag == nullptr) ComplainAt(node, absl::StrCat(key, " must be true or false"));
  return flag != nullptr && flag->get();
}

absl::CivilDay TomlSection::Day(absl::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return {};
  const auto* date = node->as_date();
  if (date == nullptr) ComplainAt(node, absl::StrCat(key, " must be a date, as 2026-10-01"));
  return date == nullptr ? absl::CivilDay() : ToCivil(date->get());
}

std::vector<absl::CivilDay> TomlSection::Days(absl::string_view key) {
  std::vector<absl::CivilDay> days;
  const toml::node* node = Find(key);
  if (node == nullptr) return days;
  if (!node->is_array()) ComplainAt(node, absl::StrCat(key, " must be a list of dates"));
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& item : *array) {
      if (const auto* date = item.as_date()) {
        days.push_back(ToCivil(date->get()));
      } else {
        ComplainAt(&item, absl::StrCat(key, " must hold dates only, as 2026-10-01"));
      }
    }
  }
  return days;
}

absl::Duration TomlSection::TimeOfDay(absl::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return {};
  const auto* time = node->as_time();
  if (time == nullptr) {
    ComplainAt(node, absl::StrCat(key, " must be a time, as 08:30:00"));
    return {};
  }
  return absl::Hours(time->get().hour) + absl::Minutes(time->get().minute) +
         absl::Seconds(time->get().second) + absl::Nanoseconds(time->get().nanosecond);
}

std::vector<std::string> TomlSection::Choices(absl::string_view key,
                                              std::initializer_list<const char*> choices) {
  std::vector<std::string> texts;
  const toml::node* node = Find(key);
  if (node == nullptr) return texts;
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty()) {
    ComplainAt(node, absl::StrCat(key, " must be a list of ", absl::StrJoin(choices, ", ")));
    return texts;
  }
  for (const toml::node& item : *array) {
    std::string text = item.value_or(std::string());
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      ComplainAt(&item, absl::StrCat(key, " may hold ", absl::StrJoin(choices, ", "), ", not \"",
                                     text, "\""));
    } else if (std::find(texts.begin(), texts.end(), text) != texts.end()) {
      ComplainAt(&item, absl::StrCat(key, " says ", text, " twice"));
    } else {
      texts.push_back(std::move(text));
    }
  }
  return texts;
}

TomlSection TomlSection::Section(absl::string_view key) {
  const toml::node* node = Find(key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) {
    ComplainAt(node, absl::StrCat(key, " must be a table"));
  }
  return TomlSection(file_, root_, table, defects_);
}

std::vector<TomlSection> TomlSection::Sections(absl::string_view key) {
  std::vector<TomlSection> sections;
  const toml::node* node = Find(key);
  if (node == nullptr) return sections;
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty()) {
    ComplainAt(node, absl::StrCat(key, " must be a list of tables"));
    return sections;
  }
  for (const toml::node& item : *array) {
    if (const toml::table* table = item.as_table()) {
      sections.push_back(TomlSection(file_, root_, table, defects_));
    } else {
      ComplainAt(&item, absl::StrCat(key, " must hold tables only"));
    }
  }
  return sections;
}

std::vector<std::pair<std::string, TomlSection>> TomlSection::Entries() {
  std::vector<std::pair<std::string, TomlSection>> entries;
  if (!there()) return entries;
  for (const auto& [key, node] : *table_) {
    entries.emplace_back(std::string(key.str()), Section(Absl(key.str())));
  }
  return entries;
}

void TomlSection::Close() {
  if (!there()) return;
  for (const auto& [key, node] : *table_) {
    if (!asked_.count(std::string(key.str()))) {
      ComplainAt(&node, absl::StrCat("unknown key ", Absl(key.str())));
    }
  }
}

}  // namespace linjuli
