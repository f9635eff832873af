// Threads for reads that may take long: searches, large pages. Short reads run where they arrive
// and must not wait behind these.
#ifndef LINJULI_COMMON_RPC_READ_POOL_H_
#define LINJULI_COMMON_RPC_READ_POOL_H_

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/queue_wait.h"

namespace linjuli {

// Thread-safe.
class ReadPool {
 public:
  ReadPool(int threads, size_t most_waiting, Clock* clock = Clock::Real());
  // Runs what waits, then ends.
  ~ReadPool();

  // False when too much waits already; `work` was not taken then.
  bool Run(absl::AnyInvocable<void()>&& work);
  // How long what comes now will wait, as far as one can tell.
  absl::Duration Wait() const;

 private:
  struct Waiting {
    absl::AnyInvocable<void()> work;
    absl::Duration since;
  };
  void Serve();

  const size_t most_waiting_;
  Clock* const clock_;
  QueueWait wait_;
  mutable absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_READ_POOL_H_
