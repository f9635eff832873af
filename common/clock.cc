#include "common/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace linjuli {

Clock* Clock::Real() {
  class Machine : public Clock {
    absl::Time Now() override { return absl::Now(); }
    absl::Duration Elapsed() override {
      return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
    }
  };
  static Clock* const machine = new Machine;
  return machine;
}

}  // namespace linjuli
