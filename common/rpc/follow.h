// Following another service's changes: each is applied exactly once, in order, because the place
// reached is kept in the same transaction as the effect. The other service may be down; this one
// goes on, and catches up.
#ifndef LINJULI_COMMON_RPC_FOLLOW_H_
#define LINJULI_COMMON_RPC_FOLLOW_H_

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/changes/source.h"
#include "common/rpc/service.h"

namespace linjuli {

// Applies what stands in `source`, at most one page; returns how many changes. A log that was
// restored is read again from its beginning: follow handlers write what they are told, so that a
// second telling changes nothing. An error of a handler stops there; what came before it stays.
absl::StatusOr<int> FollowOnce(Service& into, const std::string& from, ChangeSource& source);

// Follows until it is destroyed, in a thread of its own. Destroy it before the service and source.
class Follower {
 public:
  // `metrics` may be null; else linjuli_feed_lag_seconds tells for how long some change may have
  // been missing here.
  Follower(Service* into, std::string from, ChangeSource* source, prometheus::Registry* metrics);
  ~Follower();

 private:
  // What the source's wake-up may still touch after the follower has ended; shared with it.
  struct Bell {
    absl::Mutex mutex;
    bool rung ABSL_GUARDED_BY(mutex) = false;
    bool stopping ABSL_GUARDED_BY(mutex) = false;
  };
  void Run();
  // False: it is time to stop.
  bool WaitForRing(absl::Duration at_most);

  Service* const into_;
  const std::string from_;
  ChangeSource* const source_;
  prometheus::Gauge* lag_ = nullptr;
  absl::Time caught_up_;  // when all changes were last applied
  std::shared_ptr<Bell> bell_;
  std::thread thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_FOLLOW_H_
