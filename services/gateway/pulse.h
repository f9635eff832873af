// Wakes the streams of live changes: soon after something was committed in any of the logs, and at
// every beat whatever happened. One for all streams, so that a busy log costs each of them a look
// every tenth of a second, and an idle one nothing.
#ifndef LINJULI_SERVICES_GATEWAY_PULSE_H_
#define LINJULI_SERVICES_GATEWAY_PULSE_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/changes/source.h"
#include "common/grpc/feed.h"

namespace linjuli {

struct PulseOptions {
  // From a change to the waking; further changes meanwhile wake no second time.
  absl::Duration settle = absl::Milliseconds(100);
  // Streams say at every beat that they live, and look whether they still may.
  absl::Duration beat = absl::Seconds(15);
};

// Thread-safe.
class Pulse {
 public:
  // The logs outlive this. One that cannot be read is tried again at every beat.
  Pulse(std::vector<ChangeSource*> logs, PulseOptions options);
  ~Pulse();

  struct Count {
    std::int64_t wakings = 0;
    std::int64_t beats = 0;
  };
  Count count() const;
  // Wakes once: at the next waking, or at once where there was one since `seen`.
  void Wait(std::shared_ptr<Waker> waker, const Count& seen);

 private:
  struct Log {
    ChangeSource* source;
    std::int64_t end = 0;
    bool armed = false;
  };
  // What a log's call may still touch after this has ended; shared with it.
  struct Bell {
    absl::Mutex mutex;
    bool stopping ABSL_GUARDED_BY(mutex) = false;
    std::vector<bool> rung ABSL_GUARDED_BY(mutex);
    bool any ABSL_GUARDED_BY(mutex) = false;
  };

  void Run();
  // Asks the log to tell of its next change.
  void Arm(std::size_t i);

  const PulseOptions options_;
  std::vector<Log> logs_;
  const std::shared_ptr<Bell> bell_;
  WaitingRoom waiting_;
  mutable absl::Mutex mutex_;
  Count count_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_PULSE_H_
