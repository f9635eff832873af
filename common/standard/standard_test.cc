#include "common/standard/standard.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/clock.h"
#include "common/status.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

namespace fs = std::filesystem;

const std::string& Shipped() {
  static const std::string dir = SourceDir() + "/deploy/standards/linhai";
  return dir;
}

std::shared_ptr<const Standard> Linhai() {
  static const auto standard = Standard::Load(Shipped()).value();
  return standard;
}

absl::Time At(int month, int day, int hour, int minute) {
  return absl::FromCivil(absl::CivilMinute(2026, month, day, hour, minute), ChinaTime());
}

TEST_CASE("Linhai's standard has no defect", "[standard]") {
  for (const Defect& defect : Standard::Check(Shipped())) FAIL_CHECK(defect.ToString());
  auto standard = Standard::Load(Shipped());
  REQUIRE(standard.ok());
  CHECK((*standard)->id() == "linhai");
  CHECK((*standard)->version() == "2026-11-01");
  CHECK((*standard)->title().zh_CN == "临海市城乡社区服务共同体建设标准");
}

TEST_CASE("Linhai has one county, 19 towns and 678 villages", "[standard]") {
  std::map<int, int> by_level;
  std::map<DivisionKind, int> by_kind;
  for (const Division& division : Linhai()->divisions()) {
    ++by_level[division.level()];
    ++by_kind[division.kind];
  }
  CHECK(by_level == std::map<int, int>{{3, 1}, {4, 19}, {5, 678}});
  CHECK(by_kind[DivisionKind::STREET] == 5);
  CHECK(by_kind[DivisionKind::TOWN] == 14);
  CHECK(by_kind[DivisionKind::RESIDENT_COMMITTEE] == 42);
  CHECK(by_kind[DivisionKind::VILLAGE_COMMITTEE] == 628);
  CHECK(by_kind[DivisionKind::RESIDENT_LIKE] == 4);
  CHECK(by_kind[DivisionKind::VILLAGE_LIKE] == 4);
}

TEST_CASE("a division is found with its name, parent and class", "[standard]") {
  const Division* village = Linhai()->FindDivision("331082001001");
  REQUIRE(village != nullptr);
  CHECK(village->name == "文化社区");
  CHECK(village->urban_rural == UrbanRural::URBAN);
  const Division* town = Linhai()->FindDivision(village->parent);
  REQUIRE(town != nullptr);
  CHECK(town->name == "古城街道");
  CHECK(Linhai()->FindDivision(town->parent)->name == "临海市");
  CHECK(Linhai()->FindDivision("331082999") == nullptr);
  CHECK(Linhai()->FindDivision("") == nullptr);
}

TEST_CASE("urban centres have 6+X and rural stations 7+X", "[standard]") {
  std::vector<std::string> urban;
  std::vector<std::string> rural;
  for (const Category& category : Linhai()->categories()) {
    if (category.urban && category.mandatory) urban.push_back(category.code);
    if (category.rural && category.mandatory) rural.push_back(category.code);
  }
  CHECK(urban == std::vector<std::string>{"PARTY_MASS", "BENEFIT", "HEALTH", "EMPLOYMENT",
                                          "INCUBATION", "VOLUNTEER"});
  CHECK(rural.size() == 7);
  CHECK(rural.back() == "AGRI");
  REQUIRE(Linhai()->FindCategory("PERSONAL") != nullptr);
  CHECK_FALSE(Linhai()->FindCategory("PERSONAL")->mandatory);
  CHECK(Linhai()->FindCategory("personal") == nullptr);
}

TEST_CASE("the four delivery lines stand in order of urgency", "[standard]") {
  std::vector<std::string> levels;
  for (const Level& level : Linhai()->levels()) levels.push_back(level.code);
  CHECK(levels ==
        std::vector<std::string>{"REMEDIAL", "SUPPORTIVE", "PREVENTIVE", "DEVELOPMENTAL"});
  CHECK(Linhai()->FindLevel("REMEDIAL")->start.unit == SpanUnit::HOURS);
}

TEST_CASE("every clock of a need runs as its unit says", "[standard]") {
  auto due = [](const char* clock, absl::Time start) {
    return Linhai()->After(start, Linhai()->clock(clock)).value();
  };
  const absl::Time friday_evening = At(11, 6, 17, 0);
  CHECK(due("follow_up", friday_evening) == At(11, 9, 10, 0));
  CHECK(due("follow_up_urgent", friday_evening) == At(11, 6, 17, 30));
  CHECK(due("sign", friday_evening) == At(11, 9, 17, 30));
  CHECK(due("handle_consult", friday_evening) == At(11, 11, 17, 30));
  CHECK(due("handle_help", friday_evening) == At(11, 13, 17, 30));
  CHECK(due("handle_complaint", friday_evening) == At(11, 25, 17, 30));
  CHECK(due("callback", friday_evening) == At(11, 9, 17, 30));
  CHECK(due("reopen", friday_evening) == At(12, 7, 0, 0));  // the whole 6 December counts
  CHECK(due("unmerge", friday_evening) == At(12, 7, 0, 0));
  CHECK(*Linhai()->After(friday_evening, {24, SpanUnit::HOURS}) == At(11, 7, 17, 0));
  CHECK(Linhai()->Limit("extensions") == 1);
  CHECK(Linhai()->Limit("returns") == 2);
  CHECK(Linhai()->Limit("rehandlings") == 2);
  CHECK(Linhai()->Limit("contact_tries") == 3);
}

TEST_CASE("a warning comes one work day before it is due", "[standard]") {
  const auto before = [](absl::Time due, WorkSpan span) { return *Linhai()->Before(due, span); };
  CHECK(before(At(11, 9, 17, 30), Linhai()->clock("warning")) == At(11, 6, 17, 30));
  CHECK(before(At(11, 9, 10, 0), {2, SpanUnit::WORK_HOURS}) == At(11, 6, 17, 0));
  CHECK(before(At(11, 9, 10, 0), {30, SpanUnit::MINUTES}) == At(11, 9, 9, 30));
  CHECK(before(At(11, 9, 10, 0), {2, SpanUnit::HOURS}) == At(11, 9, 8, 0));
  CHECK(before(At(11, 9, 10, 0), {2, SpanUnit::DAYS}) == At(11, 7, 10, 0));
}

TEST_CASE("every clock and limit says where it comes from", "[standard]") {
  for (const auto& [name, clock] : Linhai()->clocks()) {
    INFO(name);
    CHECK((clock.source == "unconfirmed" || absl::StartsWith(clock.source, "practice: ")));
  }
  for (const auto& [name, limit] : Linhai()->limits()) {
    INFO(name);
    CHECK((limit.source == "unconfirmed" || absl::StartsWith(limit.source, "practice: ")));
  }
}

TEST_CASE("every reason has its text in both languages", "[standard]") {
  std::istringstream reasons(
      "TOKEN ROLE SCOPE STATE VERSION NOT_FOUND IDEMPOTENCY_CONFLICT REQUIRED TEXT_TOO_LONG "
      "PATTERN "
      "RANGE OUTPUT_ONLY REFERENCE TOO_MANY DIVISION_CODE_FORMAT DIVISION_UNKNOWN USCC_CHECK "
      "RIC_CHECK PHONE_FORMAT UNSAFE_TEXT PAGE_TOKEN JSON JSON_TYPE JSON_UNKNOWN_FIELD "
      "JSON_DUPLICATE JSON_RANGE JSON_DEPTH NO_ROUTE METHOD_NOT_ALLOWED BODY_TOO_LARGE "
      "HEADER_TOO_LARGE MEDIA_TYPE OVERLOADED DEADLINE UNAVAILABLE SELF_APPROVE RETURN_WINDOW "
      "EXTENSION_LIMIT LEADER_DECIDES REOPEN_WINDOW EVIDENCE SURVIVOR UNMERGE_WINDOW "
      "CALENDAR_MISSING CURSOR_EXPIRED MALFORMED DISK_FULL SEAL STANDARD_DEFECT WEIGHTS_SUM "
      "TERM_LIMIT "
      "CAP SOURCE_KIND LOGIC_GAP FUTURE NO_CASH PAIR_CLASS BALLOT_RULES MONEY_RANGE NEED CALL BID "
      "DUPLICATE_BID VOTED RATED OVERLAP SLOT_TAKEN VOUCHER PRIMARY_STATION_TAKEN LIST_EFFECTIVE "
      "FEDERATION_ACTIVE MANDATE_SCOPE MANDATE_EXPIRED COI_UNDECLARED COI_RECUSED SELF_CLOSE "
      "SECOND_APPROVER NO_ASSIGNMENT PURPOSE CONSENT GROUP_DONATION_ONLY WINDOW CALL_CLOSED "
      "CATEGORY_GAP NOT_LEGAL_PERSON NEGATIVE_LIST PANEL_COMPOSITION RELATION_UNDECIDED "
      "OBJECTION_OPEN CURE_PENDING PHASE_GATE TRANCHE_TRIGGER EVALUATION_MISSING "
      "EVALUATOR_INDEPENDENCE RESIDENT_QUORUM QUORUM RULE_LOCKED LOCKED_ABOVE PERIOD_CLOSED "
      "BALANCE_LIMIT RESTRICTED CREDENTIAL ROTATION DOCUMENT_HASH_MISMATCH NO_CAPACITY BUDGET RATE "
      "CLIENT_CERT DEVICE_SIGNATURE PARENT_MISSING");
  for (std::string reason; reasons >> reason;) {
    INFO(reason);
    CHECK_FALSE(Linhai()->Text(reason, "zh-CN").empty());
    CHECK_FALSE(Linhai()->Text(reason, "en").empty());
  }
}

TEST_CASE("a text is found by the language of its locale", "[standard]") {
  CHECK(Linhai()->Text("VERSION", "zh-CN") == Linhai()->Text("VERSION", "zh_CN"));
  CHECK(Linhai()->Text("VERSION", "zh-CN") != Linhai()->Text("VERSION", "en"));
  CHECK(Linhai()->Text("VERSION", "en-US") == Linhai()->Text("VERSION", "en"));
  CHECK(Linhai()->Text("VERSION", "fr").empty());
  CHECK(Linhai()->Text("NO_SUCH_REASON", "en").empty());
}

TEST_CASE("what a service needs and the standard lacks is a defect at start", "[standard]") {
  StandardNeeds needs{{"follow_up", "no_clock"}, {"returns", "no_limit"}, {"STATE", "NO_TEXT"}};
  Defects defects = Standard::Check(Shipped(), needs);
  REQUIRE(defects.size() == 3);
  CHECK(absl::StrContains(defects[0].message, "[clock.no_clock]"));
  CHECK(absl::StrContains(defects[1].message, "[limit.no_limit]"));
  CHECK(absl::StrContains(defects[2].message, "[NO_TEXT]"));
  auto refused = Standard::Load(Shipped(), needs);
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ReasonOf(refused.status()) == "STANDARD_DEFECT");
  CHECK(absl::StrContains(refused.status().message(), "clocks.toml:"));
}

// A copy of the shipped folder that goes with the test.
class Copy {
 public:
  Copy() {
    std::string pattern = (fs::temp_directory_path() / "standard-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    dir_ = pattern;
    fs::copy(Shipped(), dir_);
  }
  ~Copy() { fs::remove_all(dir_); }

  const std::string& dir() const { return dir_; }

  std::string Read(const std::string& file) const {
    std::ifstream in(dir_ + "/" + file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(dir_ + "/" + file, std::ios::binary) << text;
  }

 private:
  std::string dir_;
};

// One mistake: in `file` the first `was` becomes `is`; the defect is told `down` lines below the
// line where the change begins, in words that hold `says`.
struct Mistake {
  const char* file;
  const char* was;
  const char* is;
  int down;
  const char* says;
};

const Mistake kMistakes[] = {
    {"standard.toml", "id = \"linhai\"", "id = 5", 0, "id must be a text"},
    {"standard.toml", "id = \"linhai\"", "id = \" \"", 0, "id is empty"},
    {"standard.toml", "id = \"linhai\"", "id = \"linhai\"\nowner = \"me\"", 1, "unknown key owner"},
    {"standard.toml", "\"2026-11-01\"", "\"2026-13-01\"", 0, "version must be a date"},
    {"standard.toml", "\"2026-11-01\"", "\"first\"", 0, "version must be a date"},
    {"standard.toml", "[title]", "[titel]", 0, "unknown key titel"},
    {"standard.toml", "id = \"linhai\"", "id = \"linhai", 0, "cannot be read"},
    {"categories.toml", "\"BENEFIT\"", "\"PARTY_MASS\"", 0, "code PARTY_MASS twice"},
    {"categories.toml", "\"BENEFIT\"", "\"benefit\"", 0, "in capitals"},
    {"categories.toml", "[\"URBAN\", \"RURAL\"]", "[\"URBAN\", \"SUBURB\"]", 0, "not \"SUBURB\""},
    {"categories.toml", "[\"URBAN\", \"RURAL\"]", "[\"URBAN\", \"URBAN\"]", 0, "URBAN twice"},
    {"categories.toml", "[\"URBAN\", \"RURAL\"]", "[]", 0, "must be a list of URBAN, RURAL"},
    {"categories.toml", "mandatory = true", "mandatory = 1", 0, "must be true or false"},
    {"categories.toml", "en = \"Health\"\n", "", -3, "en is missing"},
    {"levels.toml", "unit = \"HOURS\"", "unit = \"FORTNIGHTS\"", 0, "not \"FORTNIGHTS\""},
    {"levels.toml", "value = 24", "value = 0", 0, "value must be 1 to"},
    {"levels.toml", ", source = \"unconfirmed\"", "", 0, "source is missing"},
    {"clocks.toml", "value = 2", "value = -2", 0, "not -2"},
    {"clocks.toml", "value = 2", "value = 2.5", 0, "must be a whole number"},
    {"clocks.toml", "value = 2", "value = \"2\"", 0, "must be a whole number"},
    {"clocks.toml", "unit = \"WORK_HOURS\"\n", "", -2, "unit is missing"},
    {"clocks.toml", "[clock.sign]", "[clock.follow_up]", 0, "cannot be read"},
    {"clocks.toml", "[clock.sign]", "[klock.sign]", 0, "unknown key klock"},
    {"clocks.toml", "[limit.returns]\nvalue = 2", "[limit.returns]\nvalue = -1", 1, "not -1"},
    {"calendar.toml", "open = 14:00:00", "open = 11:00:00", 0, "overlaps the work hours"},
    {"calendar.toml", "close = 17:30:00", "close = 13:30:00", 0, "close must be after open"},
    {"calendar.toml", "open = 14:00:00", "open = \"14:00\"", 0, "must be a time"},
    {"calendar.toml", "2024-01-01, last", "2023-12-30, last", 0, "lies not in 2024"},
    {"calendar.toml", "last = 2024-02-17", "last = 2024-02-07", 0, "must not be before first"},
    {"calendar.toml", "first = 2024-04-04", "first = 2024-02-17", 0, "overlaps another holiday"},
    {"calendar.toml", "[2024-02-04", "[2025-02-04", 0, "2025-02-04 lies not in 2024"},
    {"calendar.toml", "[2024-02-04", "[2024-02-05", 0, "2024-02-05 is no Saturday"},
    {"calendar.toml", "[2024-02-04", "[2024-02-11", 0, "2024-02-11 is a holiday"},
    {"calendar.toml", "[2024-02-04", "[2024-02-18", 0, "2024-02-18 stands twice"},
    {"calendar.toml", "[2024-02-04", "[20240204", 0, "must hold dates only"},
    {"calendar.toml", "[2024-02-04", "[2024-02-30", 0, "cannot be read"},
    {"calendar.toml", "source = \"国办发明电〔2023〕7号\"\n", "", -2, "source is missing"},
    {"calendar.toml", "year = 2024\n", "", -1, "year is missing"},
    {"calendar.toml", "year = 2025", "year = 2024", 0, "year 2024 twice"},
    {"texts.toml", "en = \"Please sign in again.\"\n", "", -2, "en is missing"},
    {"texts.toml", "\"Please sign in again.\"", "\"\"", 0, "en is empty"},
    {"texts.toml", "[TOKEN]", "[Token]", 0, "a reason must be in capitals"},
    {"texts.toml", "[TOKEN]", "TOKEN = \"Sign in\"\n[TOKENS]", 0, "TOKEN must be a table"},
    {"texts.toml", "[ROLE]", "fr = \"Non\"\n[ROLE]", 0, "unknown key fr"},
    {"divisions.csv", "code,name", "code,title", 0, "the first line must be"},
    {"divisions.csv", "331082001001,", "331082001002,", 1, "stands already in line"},
    {"divisions.csv", "331082001001,", "33108200100,", 0, "must have 2, 4, 6, 9 or 12 digits"},
    {"divisions.csv", "331082001001,文化社区,331082001,", "331082001001,文化社区,331082077,", 0,
     "parent 331082077 is not in the file"},
    {"divisions.csv", "331082001001,文化社区,331082001,", "331082001001,文化社区,331082002,", 0,
     "does not begin with that of its parent"},
    {"divisions.csv", "331082001001,文化社区,331082001,", "331082001001,文化社区,,", 0,
     "but the root is in line"},
    {"divisions.csv", "文化社区", "", 0, "name is empty"},
    {"divisions.csv", "文化社区", "\xCE\xC4\xBB\xAF", 0, "is not UTF-8"},
    {"divisions.csv", "文化社区", "\"文化社区\"", 0, "has quotes"},
    {"divisions.csv", "文化社区", "文化,社区", 0, "has 6 cells"},
    {"divisions.csv", "RESIDENT_COMMITTEE,URBAN", "VILLAGE_COMMITTEE,URBAN", 0,
     "is not the code of a VILLAGE_COMMITTEE"},
    {"divisions.csv", "RESIDENT_COMMITTEE,URBAN", "HAMLET,URBAN", 0, "unknown kind HAMLET"},
    {"divisions.csv", "RESIDENT_COMMITTEE,URBAN", "RESIDENT_COMMITTEE,SUBURB", 0, "not \"SUBURB\""},
    {"divisions.csv", "RESIDENT_COMMITTEE,URBAN", "RESIDENT_COMMITTEE,", 0, "not \"\""},
};

TEST_CASE("every kind of mistake is found in its file and line", "[standard]") {
  for (const Mistake& mistake : kMistakes) {
    INFO(mistake.file << ": " << mistake.was << " -> " << mistake.is);
    Copy copy;
    std::string text = copy.Read(mistake.file);
    const size_t at = text.find(mistake.was);
    REQUIRE(at != std::string::npos);
    const int line =
        1 + static_cast<int>(std::count(text.begin(), text.begin() + at, '\n')) + mistake.down;
    text.replace(at, std::string(mistake.was).size(), mistake.is);
    copy.Write(mistake.file, text);

    std::string told;
    bool found = false;
    for (const Defect& defect : Standard::Check(copy.dir())) {
      told += defect.ToString() + "\n";
      found |= defect.file == mistake.file && defect.line == line &&
               absl::StrContains(defect.message, mistake.says);
    }
    INFO("told:\n" << told << "expected line " << line << ": " << mistake.says);
    CHECK(found);
    CHECK_FALSE(Standard::Load(copy.dir()).ok());
  }
}

TEST_CASE("mistakes in several files are told together, in order", "[standard]") {
  Copy copy;
  copy.Write("levels.toml", "");
  fs::remove(copy.dir() + "/texts.toml");
  fs::remove(copy.dir() + "/divisions.csv");
  std::vector<std::string> told;
  for (const Defect& defect : Standard::Check(copy.dir())) told.push_back(defect.file);
  CHECK(told == std::vector<std::string>{"divisions.csv", "levels.toml", "texts.toml"});
}

TEST_CASE("a folder that is not there is told file by file", "[standard]") {
  std::set<std::string> files;
  for (const Defect& defect : Standard::Check("/no/such/folder")) files.insert(defect.file);
  CHECK(files.size() == 8);
}

TEST_CASE("a table saved by a spreadsheet, with mark and carriage returns, is read", "[standard]") {
  Copy copy;
  std::string text = "\xEF\xBB\xBF";
  for (char c : copy.Read("divisions.csv")) {
    if (c == '\n') text += '\r';
    text += c;
  }
  copy.Write("divisions.csv", text);
  auto standard = Standard::Load(copy.dir());
  REQUIRE(standard.ok());
  CHECK((*standard)->divisions().size() == 698);
  CHECK((*standard)->FindDivision("331082001001")->urban_rural == UrbanRural::URBAN);
}

}  // namespace
}  // namespace linjuli
