// Reading TOML so that every mistake is told, not only the first: a getter that does not find what
// it wants notes a defect with file and line, and returns an empty value to go on with.
//
// For the loader of the standard only. Not thread-safe.
#ifndef LINJULI_COMMON_STANDARD_TOML_SECTION_H_
#define LINJULI_COMMON_STANDARD_TOML_SECTION_H_

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/standard/defect.h"

namespace linjuli {

// A table of a file. It remembers which keys were asked for; Close notes the others as unknown.
class TomlSection {
 public:
  // Reads dir/file. A file that is missing or no TOML is a defect and gives an empty section.
  static TomlSection Open(const std::string& dir, const std::string& file, Defects* defects);

  // False when the file could not be read, or the key did not hold a table: what is missing in it
  // is no news then, and its getters are silent.
  bool there() const { return table_ != nullptr; }

  // Whether a key is there, for those that need not be.
  bool Has(absl::string_view key) const;
  // Not empty, at most `max_chars` code points.
  std::string Text(absl::string_view key, int max_chars = 200);
  // Nothing when it is missing or out of range.
  std::optional<int> Whole(absl::string_view key, int min, int max);
  bool Flag(absl::string_view key);
  absl::CivilDay Day(absl::string_view key);
  std::vector<absl::CivilDay> Days(absl::string_view key);
  // Since midnight.
  absl::Duration TimeOfDay(absl::string_view key);
  // The value that `choices` gives to the text of the key.
  template <typename T>
  T Choice(absl::string_view key, std::initializer_list<std::pair<const char*, T>> choices);
  // Texts of an array, each one of `choices`, none twice.
  std::vector<std::string> Choices(absl::string_view key,
                                   std::initializer_list<const char*> choices);

  TomlSection Section(absl::string_view key);
  // Of an array of tables, at least one.
  std::vector<TomlSection> Sections(absl::string_view key);
  // Every key of this section, each of which must hold a table.
  std::vector<std::pair<std::string, TomlSection>> Entries();

  // Notes the keys that no getter asked for.
  void Close();

  // A defect at a key, or at the section where the key is empty.
  void Complain(absl::string_view key, absl::string_view message);

 private:
  TomlSection(std::string file, std::shared_ptr<const toml::table> root, const toml::table* table,
              Defects* defects)
      : file_(std::move(file)), root_(std::move(root)), table_(table), defects_(defects) {}

  // The node of a key, noted as asked for; null and a defect where it is not there.
  const toml::node* Find(absl::string_view key);
  void ComplainAt(const toml::node* node, absl::string_view message);
  void ComplainChoice(absl::string_view key, absl::string_view text,
                      const std::vector<std::string>& choices);

  std::string file_;
  // Shared by all sections of a file: whichever goes last lets the file's tree go.
  std::shared_ptr<const toml::table> root_;
  const toml::table* table_;
  Defects* defects_;
  std::set<std::string> asked_;
};

template <typename T>
T TomlSection::Choice(absl::string_view key,
                      std::initializer_list<std::pair<const char*, T>> choices) {
  const size_t before = defects_->size();
  std::string text = Text(key);
  std::vector<std::string> names;
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
    names.push_back(name);
  }
  if (there() && defects_->size() == before) ComplainChoice(key, text, names);
  return T();
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_TOML_SECTION_H_
