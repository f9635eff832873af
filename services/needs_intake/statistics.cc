// How many needs there are (E6).
#include <limits>

#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {

absl::StatusOr<v1::NeedStatistics> GetNeedStatistics(Rx& rx,
                                                     const v1::GetNeedStatisticsRequest& request) {
  // An id begins with the milliseconds of its making.
  auto id_at = [](const google::protobuf::Timestamp& stamp) {
    return absl::ToUnixMillis(ToTime(stamp)) << 20;
  };
  std::string end = request.division();
  ++end.back();
  StatementScope rows(rx.Sql(
      "SELECT division,category,state,handle_alarm,count(*) FROM need WHERE division>=?1 AND "
      "division<?2 AND id>=?3 AND id<?4 GROUP BY division,category,state,handle_alarm"));
  rows->Bind(1, request.division()).Bind(2, end);
  rows->Bind(3, request.has_start_time() ? id_at(request.start_time()) : int64_t{0});
  rows->Bind(
      4, request.has_end_time() ? id_at(request.end_time()) : std::numeric_limits<int64_t>::max());
  v1::NeedStatistics statistics;
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return statistics;
    const auto state = static_cast<Need::State>(rows->Int(2));
    const int64_t count = rows->Int(4);
    const bool open = state < Need::CONFIRMED || state == Need::APPEALED;
    statistics.set_total(statistics.total() + count);
    if (open) statistics.set_open(statistics.open() + count);
    if (open && rows->Int(3) == v1::Clock::OVERDUE) {
      statistics.set_overdue(statistics.overdue() + count);
    }
    const std::string division = rows->Text(0), category = rows->Text(1);
    v1::NeedCount* last =
        statistics.counts().empty() ? nullptr : &*statistics.mutable_counts()->rbegin();
    if (last != nullptr && last->division() == division && last->category() == category &&
        last->state() == state) {
      last->set_count(last->count() + count);
      continue;
    }
    last = statistics.add_counts();
    last->set_division(division);
    const Division* where = rx.standard().FindDivision(division);
    last->set_urban(where != nullptr && where->urban_rural == UrbanRural::URBAN);
    last->set_category(category);
    last->set_state(state);
    last->set_count(count);
  }
}

}  // namespace linjuli::needs_intake
