// What every fuzzer begins with. A fuzzer is one function of bytes: it stops the process (LJ_CHECK)
// where the product answers wrongly; crashes, leaks and undefined behaviour are the sanitizers' to
// find.
#ifndef LINJULI_TESTS_FUZZ_FUZZ_H_
#define LINJULI_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/status.h"

namespace linjuli {

void Fuzz(absl::string_view input);

// Cuts the first line off `rest` and returns it; the last line may lack its end.
inline absl::string_view TakeLine(absl::string_view& rest) {
  absl::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
  return line;
}

}  // namespace linjuli

extern "C" inline __attribute__((used)) int LLVMFuzzerTestOneInput(const uint8_t* data,
                                                                   size_t size) {
  linjuli::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}

#endif  // LINJULI_TESTS_FUZZ_FUZZ_H_
