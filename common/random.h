// The one place where randomness comes from.
#ifndef LINJULI_COMMON_RANDOM_H_
#define LINJULI_COMMON_RANDOM_H_

#include <cstddef>
#include <string>

namespace linjuli {

// Bytes from the operating system, fit for keys. Thread-safe.
std::string RandomBytes(size_t count);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RANDOM_H_
