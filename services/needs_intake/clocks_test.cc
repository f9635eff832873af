// The three clocks: each alarm exactly once, at its moment in work time, whatever stops in between
// (E7).
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

// How often each clock reached each alarm, by the change log: "follow_up WARNED" → commit times.
using Raised = std::map<std::string, std::vector<absl::Time>>;

std::map<std::string, Raised> AllRaised(Village& village) {
  std::map<std::string, Raised> all;
  std::map<std::string, Need> last;
  for (const auto& change : village.ChangesAfter(0)) {
    Need need;
    if (!need.ParseFromString(change.snapshot().value())) continue;
    Need& before = last[need.name()];
    auto look = [&](const char* name, const v1::Clock& was, const v1::Clock& is) {
      if (was.alarm() != is.alarm() && is.alarm() != 0) {
        all[need.name()][absl::StrCat(name, " ", v1::Clock::Alarm_Name(is.alarm()))].push_back(
            ToTime(change.commit_time()));
      }
    };
    look("follow_up", before.follow_up(), need.follow_up());
    look("handle", before.handle(), need.handle());
    look("feedback", before.feedback(), need.feedback());
    before = need;
  }
  return all;
}

TEST_CASE("a clock warns at its warning and is overdue at its due time, not before",
          "[clocks][E7]") {
  Village village;
  Need need = village.Register();
  auto alarm = [&](absl::Time time) {
    village.rig.clock.Set(time);
    village.rig.RunDue();
    return village.Get(need).follow_up().alarm();
  };
  const absl::Duration tick = absl::Microseconds(1);
  CHECK(alarm(ChinaAt("2026-11-23 10:00") - tick) == v1::Clock::ALARM_UNSPECIFIED);
  CHECK(alarm(ChinaAt("2026-11-23 10:00")) == v1::Clock::WARNED);
  CHECK(alarm(ChinaAt("2026-11-23 11:00") - tick) == v1::Clock::WARNED);
  CHECK(alarm(ChinaAt("2026-11-23 11:00")) == v1::Clock::OVERDUE);
  CHECK(alarm(ChinaAt("2026-11-23 12:00")) == v1::Clock::OVERDUE);
}

TEST_CASE("alarms that were slept through are raised in order, each once", "[clocks][E7]") {
  Village village;
  Need need = village.Register();
  village.Go("2026-12-15 09:00");
  village.rig.Restart();
  CHECK(village.rig.RunDue() > 0);
  CHECK(village.rig.RunDue() == 0);
  Raised raised = AllRaised(village)[need.name()];
  CHECK(raised.size() == 4);
  for (const auto& [what, times] : raised) {
    INFO(what);
    CHECK(times.size() == 1);
  }
  CHECK(village.Get(need).handle().alarm() == v1::Clock::OVERDUE);
}

TEST_CASE("restarts and a clock that is set back raise nothing twice", "[clocks][E7]") {
  Village village;
  Need need = village.Answered();
  for (int round = 0; round < 3; ++round) {
    for (const char* time : {"2026-11-24 17:30", "2026-11-23 09:00", "2026-11-23 13:30",
                             "2026-11-25 08:00", "2026-11-20 09:00"}) {
      village.Go(time);
      village.rig.RunDue();
      village.rig.Restart();
      village.rig.RunDue();
    }
  }
  Raised raised = AllRaised(village)[need.name()];
  CHECK(raised["feedback WARNED"].size() == 1);
  CHECK(raised["feedback OVERDUE"].size() == 1);
  CHECK(raised.size() == 2);
}

TEST_CASE("an offer that expires at the moment of a warning keeps the warning",
          "[clocks][E7][refer]") {
  Village village;
  Need need = village.InHandling();
  village.Go("2026-11-26 10:00");  // the offer ends on Friday 17:30, when the handling warns
  need = village.Do<v1::ReferNeedRequest>(need, village.worker, [](auto& q) {
    q.set_receiver("worker/zhao");
    q.set_consent(true);
  });
  REQUIRE(Shown(need.referral().expire_time()) == Shown(need.handle().warn_time()));
  village.Go("2026-11-27 17:30");
  village.rig.RunDue();
  need = village.Get(need);
  CHECK(need.state() == Need::IN_HANDLING);
  CHECK(need.handle().alarm() == v1::Clock::WARNED);
  village.Go("2026-11-30 17:30");
  village.rig.RunDue();
  CHECK(village.Get(need).handle().alarm() == v1::Clock::OVERDUE);
}

TEST_CASE("a clock without a calendar is set when the calendar is there, from its own start",
          "[clocks][calendar]") {
  Village village("2026-12-25 10:00");
  Need need = village.Answered();  // its callback is due on Monday
  Need late = village.InHandling();
  village.Go("2026-12-31 16:00");
  village.rig.RunDue();
  late = village.Do<v1::AnswerNeedRequest>(late, village.worker);
  CHECK(late.feedback().missing_year() == 2027);
  // A year without a calendar: it is looked for every day, and nothing is guessed.
  village.Go("2027-01-01 16:00");
  village.rig.RunDue();
  late = village.Get(late);
  CHECK(late.feedback().missing_year() == 2027);
  CHECK(late.feedback().alarm() == v1::Clock::ALARM_UNSPECIFIED);

  MemoryDir folder;
  std::string standard = folder.path() + "/linhai";
  std::filesystem::copy(LinhaiFolder(), standard);
  std::ofstream(standard + "/calendar.toml", std::ios::app)
      << "\n[[year]]\nyear = 2027\nsource = \"made up for a test\"\nmake_up = []\n"
      << "holiday = [{ name = \"元旦\", first = 2027-01-01, last = 2027-01-03 }]\n";
  village.rig.Restart(standard);
  village.Go("2027-01-02 16:00");
  village.rig.RunDue();
  late = village.Get(late);
  CHECK(late.feedback().missing_year() == 0);
  // Answered on Thursday 31 December; the next work day is Monday 4 January.
  CHECK(Shown(late.feedback().due_time()) == "01-04 17:30");
  village.Go("2027-01-04 17:30");
  village.rig.RunDue();
  CHECK(village.Get(late).feedback().alarm() == v1::Clock::OVERDUE);
  CHECK(AllRaised(village)[need.name()]["feedback OVERDUE"].size() == 1);
}

// Work days as the standard's file says, read and counted here without the program's calendar.
class PlainCalendar {
 public:
  PlainCalendar() {
    std::ifstream file(LinhaiFolder() + "/calendar.toml");
    std::regex date(R"((\d{4})-(\d{2})-(\d{2}))");
    for (std::string line; std::getline(file, line);) {
      bool work = line.rfind("make_up", 0) == 0;
      if (line[0] == '#' || (!work && line.find("name =") == std::string::npos)) continue;
      std::vector<absl::CivilDay> days;
      for (std::sregex_iterator at(line.begin(), line.end(), date), end; at != end; ++at) {
        days.emplace_back(std::stoi((*at)[1]), std::stoi((*at)[2]), std::stoi((*at)[3]));
      }
      if (work) {
        for (auto day : days) works_[day] = true;
      } else {
        for (auto day = days.at(0); day <= days.at(1); ++day) works_[day] = false;
      }
    }
  }
  bool Works(absl::CivilDay day) const {
    auto special = works_.find(day);
    if (special != works_.end()) return special->second;
    auto weekday = absl::GetWeekday(day);
    return weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday;
  }
  int special_days() const { return static_cast<int>(works_.size()); }

  absl::Time AfterDays(absl::Time from, int days) const {
    absl::CivilDay day = absl::ToCivilDay(from, ChinaTime());
    while (days > 0) days -= Works(++day);
    return absl::FromCivil(day, ChinaTime()) + absl::Minutes(17 * 60 + 30);
  }
  // Minute by minute; `from` is a whole minute.
  absl::Time AfterMinutes(absl::Time from, int minutes) const {
    while (minutes > 0) {
      absl::CivilMinute at = absl::ToCivilMinute(from, ChinaTime());
      int m = at.hour() * 60 + at.minute();
      bool open = (m >= 8 * 60 + 30 && m < 12 * 60) || (m >= 14 * 60 && m < 17 * 60 + 30);
      minutes -= open && Works(absl::CivilDay(at));
      from += absl::Minutes(1);
    }
    return from;
  }
  absl::Time DayBefore(absl::Time close) const {
    absl::CivilDay day = absl::ToCivilDay(close, ChinaTime());
    absl::Duration clock = close - absl::FromCivil(day, ChinaTime());
    do {
      --day;
    } while (!Works(day));
    return absl::FromCivil(day, ChinaTime()) + clock;
  }

 private:
  std::map<absl::CivilDay, bool> works_;
};

TEST_CASE(
    "2,000 needs over a year: every due time is exact across make-up weekends, and every "
    "alarm is raised once, at the first look after it",
    "[clocks][E7][calendar][year]") {
  const unsigned seed = 20261123;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  auto below = [&](int n) { return static_cast<int>(random() % n); };
  PlainCalendar plain;
  REQUIRE(plain.special_days() > 90);
  REQUIRE(plain.Works(absl::CivilDay(2026, 9, 20)));  // a Sunday that is worked

  Village village("2026-01-04 00:00");
  struct Expected {
    size_t registered_at;  // how many looks there were before
    absl::Time follow_warn, follow_due, handle_warn, handle_due;
  };
  std::map<std::string, Expected> expected;
  std::vector<absl::Time> looks;
  auto look = [&] {
    village.rig.RunDue();
    looks.push_back(village.rig.clock.Now());
  };
  const absl::Time begin = village.rig.clock.Now();
  // Needs come all through the year until the last whose clocks end in it.
  const int minutes = static_cast<int>((ChinaAt("2026-12-08 00:00") - begin) / absl::Minutes(1));
  absl::Time now = begin;
  for (int i = 0; i < 2000; ++i) {
    now += absl::Minutes(below(2 * minutes / 2000));
    village.rig.clock.Set(now);
    if (below(4) == 0) look();
    if (below(300) == 0) village.rig.Restart();
    if (below(20) == 0) {  // the clock is set back, and forth again
      village.rig.clock.Set(now - absl::Minutes(below(5000)));
      look();
      village.rig.clock.Set(now);
    }
    bool urgent = below(5) == 0;
    auto kind = static_cast<Need::Kind>(below(4));
    Need need = village.Register(village.li, [&](Need& n) {
      n.set_kind(kind);
      n.set_urgent(urgent);
    });
    Expected e;
    e.registered_at = looks.size();
    e.follow_due = urgent ? now + absl::Minutes(30) : plain.AfterMinutes(now, 120);
    int days = kind == Need::CONSULT ? 3 : kind == Need::COMPLAINT ? 13 : 5;
    e.handle_due = plain.AfterDays(now, days);
    e.handle_warn = plain.DayBefore(e.handle_due);
    CHECK(ToTime(need.follow_up().due_time()) == e.follow_due);
    CHECK(ToTime(need.handle().due_time()) == e.handle_due);
    CHECK(ToTime(need.handle().warn_time()) == e.handle_warn);
    // A follow-up is shorter than a work day, unless it began off work.
    e.follow_warn = ToTime(need.follow_up().warn_time());
    CHECK(e.follow_warn > now);
    CHECK(e.follow_warn < e.follow_due);
    expected[need.name()] = e;
  }
  while (now < ChinaAt("2026-12-31 23:00")) {
    now += absl::Minutes(1 + below(3000));
    village.rig.clock.Set(now);
    look();
  }
  std::map<std::string, Raised> raised = AllRaised(village);
  REQUIRE(raised.size() == expected.size());
  int alarms = 0;
  for (const auto& [name, e] : expected) {
    for (const auto& [what, at] :
         std::map<std::string, absl::Time>{{"follow_up WARNED", e.follow_warn},
                                           {"follow_up OVERDUE", e.follow_due},
                                           {"handle WARNED", e.handle_warn},
                                           {"handle OVERDUE", e.handle_due}}) {
      INFO(name << " " << what << " " << absl::FormatTime(at, ChinaTime()));
      const auto& times = raised[name][what];
      REQUIRE(times.size() == 1);
      size_t first = e.registered_at;
      while (looks[first] < at) ++first;
      REQUIRE(times[0] == looks[first]);
      ++alarms;
    }
  }
  CHECK(alarms == 8000);
}

}  // namespace
}  // namespace linjuli::needs_intake
