#include "common/clock.h"

#include "absl/time/clock.h"

namespace linjuli {

Clock* Clock::Real() {
  class Machine : public Clock {
    absl::Time Now() override { return absl::Now(); }
  };
  static Clock* const machine = new Machine;
  return machine;
}

}  // namespace linjuli
