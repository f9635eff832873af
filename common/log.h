// The log: JSON, one object a line, on standard error. Calls that failed or were slow leave a line
// with their request id; nothing that a person wrote is ever in it.
#ifndef LINJULI_COMMON_LOG_H_
#define LINJULI_COMMON_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace linjuli {

using LogFields = std::vector<std::pair<std::string, std::string>>;

// Thread-safe; lines are never mixed. `message` and the names are constants of the program.
void LogInfo(absl::string_view message, const LogFields& fields = {});
void LogError(absl::string_view message, const LogFields& fields = {});

struct LoggedCall {
  std::string trace;
  std::string method;
  std::string caller;
  absl::Status status;
  absl::Duration took;
};
void LogCall(const LoggedCall& call);

// Nothing below "error" is written from now on. For tests and benchmarks.
void QuietLog();

}  // namespace linjuli

#endif  // LINJULI_COMMON_LOG_H_
