// The one place where time comes from. Handlers take it from their transaction, never from here.
#ifndef LINJULI_COMMON_CLOCK_H_
#define LINJULI_COMMON_CLOCK_H_

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace linjuli {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  // Time since some moment in the past, to measure how long things take: it never goes back, and
  // does not heed the clock being set.
  virtual absl::Duration Elapsed() = 0;
  // The machine's clock; lives as long as the process.
  static Clock* Real();
};

// A clock that stands still until it is told to move, also backwards. Thread-safe.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time start) : now_(start) {}
  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Elapsed() override {
    absl::MutexLock lock(&mutex_);
    return elapsed_;
  }
  void Set(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    now_ = now;
  }
  // The only one that lets time pass.
  void Advance(absl::Duration step) {
    absl::MutexLock lock(&mutex_);
    now_ += step;
    elapsed_ += std::max(step, absl::ZeroDuration());
  }

 private:
  absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Duration elapsed_ ABSL_GUARDED_BY(mutex_);
};

// China's civil time: UTC+8, no daylight saving.
inline absl::TimeZone ChinaTime() { return absl::FixedTimeZone(8 * 60 * 60); }

}  // namespace linjuli

#endif  // LINJULI_COMMON_CLOCK_H_
