// How long what waits in a queue has waited lately: by this one tells that there is more to do than
// can be done.
#ifndef LINJULI_COMMON_QUEUE_WAIT_H_
#define LINJULI_COMMON_QUEUE_WAIT_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "common/clock.h"

namespace linjuli {

// Thread-safe. Smoothed, so that one hiccup is not taken for a crowd: each observation counts for
// three tenths. What was observed longer ago than kFresh says nothing any more.
class QueueWait {
 public:
  static constexpr absl::Duration kFresh = absl::Milliseconds(100);

  // The clock outlives this.
  explicit QueueWait(Clock* clock) : clock_(clock) {}

  // One thing left the queue and had waited so long.
  void Observe(absl::Duration waited) {
    int64_t now = absl::ToInt64Nanoseconds(clock_->Elapsed());
    double before = IsFresh(now) ? static_cast<double>(nanos_.load(std::memory_order_relaxed)) : 0;
    double after = before + 0.3 * (absl::ToDoubleNanoseconds(waited) - before);
    // Two at once may lose one of them, which the next observation makes up for.
    nanos_.store(static_cast<int64_t>(after), std::memory_order_relaxed);
    at_.store(now, std::memory_order_relaxed);
  }

  absl::Duration Smoothed() const {
    bool fresh = IsFresh(absl::ToInt64Nanoseconds(clock_->Elapsed()));
    return fresh ? absl::Nanoseconds(nanos_.load(std::memory_order_relaxed)) : absl::ZeroDuration();
  }

  // What is smoothed, or how long the first of the queue has waited already, by Clock::Elapsed.
  absl::Duration AtLeast(absl::Duration first_since) const {
    return std::max(Smoothed(), clock_->Elapsed() - first_since);
  }

 private:
  bool IsFresh(int64_t now) const {
    return now - at_.load(std::memory_order_relaxed) <= absl::ToInt64Nanoseconds(kFresh);
  }

  Clock* const clock_;
  std::atomic<int64_t> nanos_{0};
  std::atomic<int64_t> at_{0};
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_QUEUE_WAIT_H_
