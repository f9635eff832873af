// Who makes a call: what a verified token says, and nothing else.
#ifndef LINJULI_COMMON_CALLER_H_
#define LINJULI_COMMON_CALLER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "linjuli/options.pb.h"

namespace linjuli {

// The mandate that a call is made under, once the runtime has found it in force.
struct Mandate {
  std::string name;
  std::string principal;  // who gave it: the beneficiary of what is done
  std::vector<std::string> items;
  bool all_items = false;

  bool Covers(const std::string& item) const {
    return all_items || std::find(items.begin(), items.end(), item) != items.end();
  }
};

struct Caller {
  std::string subject;             // claim `sub`; empty: no token was sent
  uint32_t roles = 0;              // bit 1 << Role
  std::vector<std::string> areas;  // claim `area`: division codes, each covers what lies under it
  std::string organization;        // claim `org`: unified social credit code
  absl::Time expires = absl::InfiniteFuture();
  std::optional<Mandate> mandate;  // never from the token: what a call names, and the store holds

  bool anonymous() const { return subject.empty(); }
  bool Has(Role role) const { return roles & (1u << role); }
  // Whether a division lies in one of the caller's areas.
  bool Covers(absl::string_view division) const {
    for (const auto& area : areas) {
      if (absl::StartsWith(division, area)) return true;
    }
    return false;
  }
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_CALLER_H_
