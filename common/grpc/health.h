// grpc.health.v1.Health: whether the services of a server may be called. A service of its own and
// not gRPC's built-in one, which reflection cannot describe.
#ifndef LINJULI_COMMON_GRPC_HEALTH_H_
#define LINJULI_COMMON_GRPC_HEALTH_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc/feed.h"
#include "common/rpc/call.h"

namespace linjuli {

// Thread-safe. Not serving until told.
class Health : public Backend {
 public:
  // The full names of the services; "" stands for the server as a whole.
  explicit Health(absl::flat_hash_set<std::string> services);

  // For all services at once: they share one process and one store.
  void SetServing(bool serving);

  // Check. NOT_FOUND, reason SERVICE_UNKNOWN: no such service here.
  void Start(Call call, Done done) override;
  // Watch: the present state and each further one; SERVICE_UNKNOWN is a state like others here.
  absl::StatusOr<std::unique_ptr<Feed>> Watch(Call call);

 private:
  class WatchFeed;
  bool Knows(absl::string_view service) const;
  bool serving() const;

  const absl::flat_hash_set<std::string> services_;
  WaitingRoom waiting_;
  mutable absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_HEALTH_H_
