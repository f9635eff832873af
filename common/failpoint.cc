#include "common/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace linjuli {

void PassFailpoint(const char* name) {
  static const char* const armed = std::getenv("LINJULI_FAILPOINT");
  static std::atomic<long> passes{0};
  if (armed == nullptr) return;
  const char* equals = std::strchr(armed, '=');
  size_t length = equals == nullptr ? std::strlen(armed) : static_cast<size_t>(equals - armed);
  if (std::strlen(name) != length || std::strncmp(name, armed, length) != 0) return;
  long at = equals == nullptr ? 1 : std::strtol(equals + 1, nullptr, 10);
  if (++passes == at) std::raise(SIGKILL);
}

}  // namespace linjuli
