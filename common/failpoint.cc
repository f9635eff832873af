#include "common/failpoint.h"

#include <csignal>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace linjuli {
namespace {

Failpoint* first = nullptr;

}  // namespace

Failpoint::Failpoint(const char* name) : name_(name), next_(first) {
  first = this;
  const char* armed = std::getenv("LINJULI_FAILPOINT");
  if (armed == nullptr) return;
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(armed, absl::MaxSplits('=', 1));
  int at = 1;
  if (parts.first == name && (parts.second.empty() || absl::SimpleAtoi(parts.second, &at))) Arm(at);
}

std::vector<Failpoint*> Failpoint::All() {
  std::vector<Failpoint*> all;
  for (Failpoint* failpoint = first; failpoint != nullptr; failpoint = failpoint->next_) {
    all.push_back(failpoint);
  }
  std::sort(all.begin(), all.end(), [](const Failpoint* a, const Failpoint* b) {
    return absl::string_view(a->name_) < b->name_;
  });
  return all;
}

void Failpoint::CountDown() {
  if (--left_ == 0) std::raise(SIGKILL);
}

}  // namespace linjuli
