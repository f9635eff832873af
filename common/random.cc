#include "common/random.h"

#include <sys/random.h>

#include "common/status.h"

namespace linjuli {

std::string RandomBytes(size_t count) {
  LJ_CHECK(count <= 256);
  std::string bytes(count, '\0');
  LJ_CHECK(getrandom(bytes.data(), count, 0) == static_cast<ssize_t>(count));
  return bytes;
}

}  // namespace linjuli
