// How many needs there are (E6).
#include <algorithm>
#include <limits>

#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

constexpr int kIdShift = 20;

// The first id of a moment: an id begins with the milliseconds of its making.
int64_t IdAt(const google::protobuf::Timestamp& stamp) {
  return std::clamp<int64_t>(absl::ToUnixMillis(ToTime(stamp)), 0,
                             std::numeric_limits<int64_t>::max() >> kIdShift)
         << kIdShift;
}

bool IsOpen(Need::State state) { return state < Need::CONFIRMED || state == Need::APPEALED; }

bool AwaitsAnswer(Need::State state) { return state < Need::CONFIRMED && state != Need::ANSWERED; }

}  // namespace

absl::StatusOr<v1::NeedStatistics> GetNeedStatistics(Rx& rx,
                                                     const v1::GetNeedStatisticsRequest& request) {
  std::string end = request.division();
  ++end.back();
  StatementScope rows(rx.Sql(
      "SELECT division,category,state,count(*),sum(handle_alarm=2) FROM need WHERE division>=?1 "
      "AND division<?2 AND id>=?3 AND id<?4 GROUP BY division,category,state"));
  rows->Bind(1, request.division()).Bind(2, end);
  rows->Bind(3, request.has_start_time() ? IdAt(request.start_time()) : int64_t{0});
  rows->Bind(
      4, request.has_end_time() ? IdAt(request.end_time()) : std::numeric_limits<int64_t>::max());
  v1::NeedStatistics statistics;
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return statistics;
    v1::NeedCount& count = *statistics.add_counts();
    count.set_division(rows->Text(0));
    const Division* where = rx.standard().FindDivision(count.division());
    count.set_urban(where != nullptr && where->urban_rural == UrbanRural::URBAN);
    count.set_category(rows->Text(1));
    count.set_state(static_cast<Need::State>(rows->Int(2)));
    count.set_count(rows->Int(3));
    const int64_t open = IsOpen(count.state()) ? count.count() : 0;
    const int64_t overdue = AwaitsAnswer(count.state()) ? rows->Int(4) : 0;  // OVERDUE
    statistics.set_total(statistics.total() + count.count());
    statistics.set_open(statistics.open() + open);
    statistics.set_overdue(statistics.overdue() + overdue);
  }
}

}  // namespace linjuli::needs_intake
