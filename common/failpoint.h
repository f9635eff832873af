// Places where tests break the product on purpose. In a build without LINJULI_FAILPOINTS they are
// nothing at all.
//
//   LJ_FAILPOINT("store.before_commit");
//
// The environment variable LINJULI_FAILPOINT="store.before_commit=7" kills the process, as a power
// cut of the process would, at the seventh time it passes the place.
#ifndef LINJULI_COMMON_FAILPOINT_H_
#define LINJULI_COMMON_FAILPOINT_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

#ifdef LINJULI_FAILPOINTS
#define LJ_FAILPOINT(name) ::linjuli::failpoint_at<name>.Pass()
#else
#define LJ_FAILPOINT(name) static_cast<void>(0)
#endif

namespace linjuli {

// One such place. Thread-safe.
class Failpoint {
 public:
  explicit Failpoint(const char* name);
  Failpoint(const Failpoint&) = delete;

  // Every place that the program has, by name; known before main begins.
  static std::vector<Failpoint*> All();

  const char* name() const { return name_; }
  // Kills the process at the `at`th pass from now, 1 being the next.
  void Arm(int at) { left_ = at; }
  void Pass() {
    if (left_.load(std::memory_order_relaxed) > 0) CountDown();
  }

 private:
  void CountDown();

  const char* const name_;
  Failpoint* const next_;
  std::atomic<int> left_{0};
};

template <size_t kSize>
struct FailpointName {
  consteval FailpointName(const char (&name)[kSize]) { std::copy_n(name, kSize, text); }
  char text[kSize];
};

template <FailpointName kName>
inline Failpoint failpoint_at(kName.text);

}  // namespace linjuli

#endif  // LINJULI_COMMON_FAILPOINT_H_
