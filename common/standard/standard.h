// The city's standard (建设标准): what differs by city or by decision, as data. One folder:
//
//   standard.toml    id, version, title, where the divisions come from
//   categories.toml  service categories, 6+X and 7+X
//   levels.toml      the four delivery lines, and their steps
//   items.toml       what is offered, and what agents take through the offices
//   clocks.toml      clocks and limits
//   calendar.toml    work hours, holidays and make-up work days (调休)
//   texts.toml       what people read for each reject reason, zh_CN and en
//   divisions.csv    administrative divisions
//
// Loaded once at start and refused when anything in it is wrong, or when it lacks what a service
// needs: a name asked for later is known to be there.
#ifndef LINJULI_COMMON_STANDARD_STANDARD_H_
#define LINJULI_COMMON_STANDARD_STANDARD_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/standard/calendar.h"
#include "common/standard/defect.h"
#include "common/standard/divisions.h"

namespace linjuli {

enum class SpanUnit { MINUTES, HOURS, DAYS, WORK_HOURS, WORK_DAYS };

// How long a clock runs; clocks.toml tells how each unit counts. Always 1 or more.
struct WorkSpan {
  int value = 0;
  SpanUnit unit = SpanUnit::MINUTES;
};

// What is said in both languages.
struct LocalText {
  std::string zh_CN;
  std::string en;
};

struct Category {
  std::string code;  // "HEALTH"
  LocalText name;
  bool urban = false;  // belongs to 6+X
  bool rural = false;  // belongs to 7+X
  bool mandatory = false;
  uint32_t hands = 0;  // who may claim such needs: bit 1 << Role
};

// A step of a delivery line.
struct LevelStep {
  std::string code;  // "TRIAGE"
  LocalText name;
  std::optional<WorkSpan> most;   // it is due this long after it began
  std::optional<WorkSpan> least;  // it cannot end sooner
  bool needs_plan = false;        // it ends with an approved plan
};

// Something that a resident can get.
struct Item {
  std::string code;  // "MEAL_AT_HOME"
  LocalText name;
  std::string category;                // empty: of no category
  bool offered = false;                // a service that is offered now
  bool agency = false;                 // agents take it through an office (代办)
  std::vector<std::string> documents;  // codes of the papers that the office asks for
};

struct Level {
  std::string code;  // "REMEDIAL"
  LocalText name;
  WorkSpan start;                // from taking on the need to the beginning of the service
  std::vector<LevelStep> steps;  // at least one
};

// A clock or limit with where it comes from; "unconfirmed" where no official text backs it.
template <typename T>
struct Sourced {
  T value;
  std::string source;
};

// Names that the services' code asks for; one that is missing is a defect of the standard.
struct StandardNeeds {
  std::vector<std::string> clocks;
  std::vector<std::string> limits;
  std::vector<std::string> texts;
};

// Thread-safe: never changes once loaded. Shared by everything that runs under this version.
class Standard {
 public:
  Standard(const Standard&) = delete;
  Standard& operator=(const Standard&) = delete;

  // FAILED_PRECONDITION, reason STANDARD_DEFECT, when there is any defect; the message has one line
  // for each.
  static absl::StatusOr<std::shared_ptr<const Standard>> Load(const std::string& dir,
                                                              const StandardNeeds& needs = {});
  // Every defect, by file and line; none when Load would succeed.
  static Defects Check(const std::string& dir, const StandardNeeds& needs = {});

  const std::string& id() const { return data_.id; }            // "linhai"
  const std::string& version() const { return data_.version; }  // "2026-11-01"
  const LocalText& title() const { return data_.title; }

  // Null when the standard has no such division.
  const Division* FindDivision(absl::string_view code) const;
  // By code: what lies under a division follows it.
  const std::vector<Division>& divisions() const { return data_.divisions; }

  // In the order of the files. Find: null when there is none.
  const std::vector<Category>& categories() const { return data_.categories; }
  const Category* FindCategory(absl::string_view code) const;
  const std::vector<Level>& levels() const { return data_.levels; }
  const Level* FindLevel(absl::string_view code) const;
  const std::vector<Item>& items() const { return data_.items; }
  const Item* FindItem(absl::string_view code) const;

  // A name that is not there stops the process: name it in StandardNeeds.
  const WorkSpan& clock(absl::string_view name) const;
  int Limit(absl::string_view name) const;
  const absl::flat_hash_map<std::string, Sourced<WorkSpan>>& clocks() const { return data_.clocks; }
  const absl::flat_hash_map<std::string, Sourced<int>>& limits() const { return data_.limits; }

  // When a clock that starts at `start` is due. Errors: calendar.h.
  absl::StatusOr<absl::Time> After(absl::Time start, const WorkSpan& span) const;
  // The moment `span` before `due`, for warnings. Days go back by the same clock time. It may lie
  // before the clock's start.
  absl::StatusOr<absl::Time> Before(absl::Time due, const WorkSpan& span) const;

  // What people read for a reason; `locale` "zh-CN" or "en", also "zh", "zh_CN", "en-US". Empty
  // when there is no text.
  std::string Text(absl::string_view reason, absl::string_view locale) const;

  const Calendar& calendar() const { return data_.calendar; }

  // What the files say, as read by the loader.
  struct Data {
    std::string id;
    std::string version;
    LocalText title;
    std::vector<Category> categories;
    std::vector<Level> levels;
    std::vector<Item> items;
    absl::flat_hash_map<std::string, Sourced<WorkSpan>> clocks;
    absl::flat_hash_map<std::string, Sourced<int>> limits;
    absl::flat_hash_map<std::string, LocalText> texts;
    Calendar calendar;
    std::vector<Division> divisions;
  };

 private:
  explicit Standard(Data data);

  Data data_;
  absl::flat_hash_map<absl::string_view, const Division*> division_by_code_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_STANDARD_H_
