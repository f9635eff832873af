// How many calls one person, or one address, may make: two token buckets a key, one for all calls
// and a smaller one for writes, in bounded memory.
//
// Whoever has been quiet may call `kBurst` seconds' worth at once, and at the rate from then on. A
// call that is refused costs nothing. When there are too many keys, the one that was silent the
// longest is forgotten; by then its buckets are full again, which is how a new key begins.
#ifndef LINJULI_COMMON_RPC_RATE_LIMIT_H_
#define LINJULI_COMMON_RPC_RATE_LIMIT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace linjuli {

// Calls a second; 0 is no limit.
struct CallRates {
  double all = 0;
  double writes = 0;
};

// Thread-safe; sharded, so that callers seldom wait for each other.
class RateLimit {
 public:
  static constexpr double kBurst = 5;
  // About 70 bytes each.
  static constexpr size_t kKeys = 100'000;

  // The clock outlives this.
  RateLimit(CallRates rates, Clock* clock, size_t keys = kKeys);

  // RESOURCE_EXHAUSTED, reason RATE, with the time after which it may be tried again
  // (RetryAfterOf). Otherwise the call is counted.
  absl::Status Take(absl::string_view key, bool writes);

  // False where nothing is limited.
  bool limits() const { return intervals_[0] != 0 || intervals_[1] != 0; }
  // Keys that are remembered.
  size_t size() const;

 private:
  static constexpr uint32_t kNone = ~0u;
  // All calls, and writes: the time at which the bucket is full again.
  using Full = std::array<int64_t, 2>;
  struct Entry {
    uint64_t key;
    Full full;
    uint32_t newer, older;
  };
  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<uint64_t, uint32_t> places ABSL_GUARDED_BY(mutex);
    std::vector<Entry> entries ABSL_GUARDED_BY(mutex);
    uint32_t newest ABSL_GUARDED_BY(mutex) = kNone;
    uint32_t oldest ABSL_GUARDED_BY(mutex) = kNone;

    Entry& Find(uint64_t key, size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
    void Unlink(uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
    void LinkNewest(uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  };

  // Nanoseconds between two calls at the rate; 0 is no limit.
  const std::array<int64_t, 2> intervals_;
  Clock* const clock_;
  const size_t keys_per_shard_;
  std::vector<Shard> shards_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_RATE_LIMIT_H_
