// Administrative divisions (行政区划) of the standard, read from divisions.csv.
#ifndef LINJULI_COMMON_STANDARD_DIVISIONS_H_
#define LINJULI_COMMON_STANDARD_DIVISIONS_H_

#include <string>
#include <vector>

#include "common/standard/defect.h"

namespace linjuli {

enum class DivisionKind {
  PROVINCE,            // 省
  PREFECTURE,          // 地级市
  COUNTY,              // 县、县级市、区
  STREET,              // 街道
  TOWN,                // 镇
  TOWNSHIP,            // 乡
  TOWN_LIKE,           // 类似乡级单位
  RESIDENT_COMMITTEE,  // 居民委员会
  VILLAGE_COMMITTEE,   // 村民委员会
  RESIDENT_LIKE,       // 类似居委会: an industrial park, a reservoir
  VILLAGE_LIKE,        // 类似村委会: a forest farm
};

// Which of the two systems of services holds, 6+X or 7+X. A county holds both.
enum class UrbanRural { UNCLASSED, URBAN, RURAL };

struct Division {
  std::string code;    // 2, 4, 6, 9 or 12 digits, as ValidDivisionForm
  std::string name;    // 邵家渡街道
  std::string parent;  // its code; empty for the root only
  DivisionKind kind = DivisionKind::COUNTY;
  UrbanRural urban_rural = UrbanRural::UNCLASSED;

  // 1 province, 2 prefecture, 3 county, 4 town, 5 village.
  int level() const {
    return code.size() <= 6 ? static_cast<int>(code.size()) / 2
                            : static_cast<int>(code.size()) / 3 + 1;
  }
};

// Reads dir/divisions.csv: UTF-8 (a byte order mark is accepted), first line
// "code,name,parent,kind,urban_rural", no quotes. Parents may stand below their children. Sorted by
// code: whatever lies under a division follows it. To be used only when no defect was added.
std::vector<Division> ReadDivisions(const std::string& dir, Defects* defects);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_DIVISIONS_H_
