// How many needs there are, counted another way (E6).
#include <map>
#include <random>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using v1::NeedStatistics;

absl::StatusOr<NeedStatistics> Count(Village& village, const Caller& who,
                                     const std::string& division, const std::string& start = "",
                                     const std::string& end = "") {
  v1::GetNeedStatisticsRequest request;
  request.set_division(division);
  if (!start.empty()) Stamp(request.mutable_start_time(), ChinaAt(start));
  if (!end.empty()) Stamp(request.mutable_end_time(), ChinaAt(end));
  return village.rig.Ask<NeedStatistics>(request, who);
}

// "total open overdue".
std::string Sums(const NeedStatistics& s) {
  return absl::StrCat(s.total(), " ", s.open(), " ", s.overdue());
}

TEST_CASE("the statistics agree with the list, by every combination", "[statistics][E6]") {
  Village village;
  std::mt19937 random(11);
  const char* divisions[] = {kCommunity, "331082001002", kVillage};
  const char* categories[] = {"", "HEALTH", "BENEFIT"};
  for (int i = 0; i < 60; ++i) {
    Need need = village.Register(village.li, [&](Need& n) {
      n.set_division(divisions[random() % 3]);
      n.set_category(categories[random() % 3]);
    });
    const int far = random() % 4;
    const Caller& lead = village.lead;
    if (far == 1) village.Do<v1::WithdrawNeedRequest>(need, village.li);
    if (far >= 2) need = village.Do<v1::ClaimNeedRequest>(need, lead);
    if (far >= 3) {
      need = village.Do<v1::StartNeedRequest>(need, lead);
      village.Do<v1::AnswerNeedRequest>(need, lead);
    }
    village.rig.clock.Advance(absl::Hours(3));
    village.rig.RunDue();
  }
  std::map<std::string, int> listed, counted;
  v1::ListNeedsRequest list;
  list.set_page_size(1000);
  int open = 0, overdue = 0, all = 0;
  auto page = village.rig.Ask<v1::ListNeedsResponse>(list, village.auditor);
  for (const Need& need : page->needs()) {
    ++all;
    ++listed[absl::StrCat(need.division(), " ", need.category(), " ", need.state())];
    const bool is_open = need.state() != Need::WITHDRAWN;
    open += is_open;
    overdue +=
        is_open && need.state() != Need::ANSWERED && need.handle().alarm() == v1::Clock::OVERDUE;
  }
  auto statistics = Count(village, village.lead, "331082001");
  REQUIRE(statistics.ok());
  int64_t sum = 0;
  for (const auto& count : statistics->counts()) {
    CHECK(count.urban() == (count.division() != kVillage));
    int& slot = counted[absl::StrCat(count.division(), " ", count.category(), " ", count.state())];
    CHECK(slot == 0);  // each combination once
    slot = static_cast<int>(count.count());
    sum += count.count();
  }
  CHECK(counted == listed);
  CHECK(sum == 60);
  REQUIRE(overdue > 0);
  CHECK(Sums(*statistics) == absl::StrCat(all, " ", open, " ", overdue));
}

TEST_CASE("what is answered late is open and not overdue any more", "[statistics][E6]") {
  Village village;
  Need need = village.InHandling();
  village.Go("2026-12-01 09:00");
  village.rig.RunDue();
  auto sums = [&] { return Sums(*Count(village, village.worker, kCommunity)); };
  CHECK(sums() == "1 1 1");
  village.Do<v1::AnswerNeedRequest>(need, village.worker);
  CHECK(sums() == "1 1 0");
  village.Solved(need);
  CHECK(sums() == "1 0 0");
}

TEST_CASE("open are neither confirmed, closed, refused, withdrawn nor merged needs",
          "[statistics][E6]") {
  Village village;
  village.Closed();
  village.Solved(village.Answered());
  village.Do<v1::WithdrawNeedRequest>(village.Register(), village.li);
  Need refused = village.Do<v1::RefuseNeedRequest>(village.Register(), village.lead);
  auto sums = [&] { return Sums(*Count(village, village.worker, kCommunity)); };
  CHECK(sums() == "4 0 0");
  village.Do<v1::AppealNeedRequest>(refused, village.li);  // a leader is to decide
  CHECK(sums() == "4 1 0");
  Need survivor = village.Register();
  village.Do<v1::MergeNeedRequest>(village.Register(), village.worker,
                                   [&](auto& q) { q.set_survivor(survivor.name()); });
  CHECK(sums() == "6 2 0");
}

TEST_CASE("needs are counted from the first moment up to the last, by when they were registered",
          "[statistics][E6]") {
  Village village;
  village.Register();  // 23 November, 09:00
  village.Go("2026-11-24 09:00");
  village.Register();
  auto total = [&](const std::string& start, const std::string& end) {
    return Count(village, village.worker, kCommunity, start, end)->total();
  };
  CHECK(total("", "") == 2);
  CHECK(total("2026-11-23 09:00", "2026-11-24 09:00") == 1);
  CHECK(total("2026-11-23 09:01", "2026-11-24 09:01") == 1);
  CHECK(total("2026-11-24 09:00", "") == 1);
  CHECK(total("", "2026-11-24 09:00") == 1);
  CHECK(total("2026-11-25 09:00", "2026-11-23 09:00") == 0);
  // As far as a timestamp goes.
  CHECK(total("0001-01-02 00:00", "9999-12-31 00:00") == 2);
  CHECK(total("9999-12-31 00:00", "") == 0);
  CHECK(total("", "1900-01-01 00:00") == 0);
}

TEST_CASE("each is told of the own area, and residents of none", "[statistics][E6]") {
  Village village;
  village.Register();
  village.Register(village.li, [](Need& n) { n.set_division("331082106001"); });
  auto told = [&](const Caller& who, const std::string& division) {
    auto count = Count(village, who, division);
    return count.ok() ? absl::StrCat(count->total()) : ReasonOf(count.status());
  };
  CHECK(told(village.worker, kCommunity) == "1");
  CHECK(told(village.worker, "331082001") == "SCOPE");
  CHECK(told(village.worker, "331082106") == "SCOPE");
  CHECK(told(village.lead, "331082001") == "1");
  CHECK(told(village.leader, "331082") == "2");
  CHECK(told(village.federation, kCommunity) == "1");
  CHECK(told(village.auditor, "331082") == "2");
  CHECK(told(village.program, "331082106") == "1");
  for (const Caller& who : {village.li, village.agent, village.provider}) {
    CHECK(told(who, kCommunity) == "ROLE");
  }
  CHECK(told(village.leader, "") == "REQUIRED");
  CHECK(told(village.leader, "331082999") == "DIVISION_UNKNOWN");
}

}  // namespace
}  // namespace linjuli::needs_intake
