// Verified tokens, remembered by the SHA-256 of their text, so that a caller's second call costs
// one hash instead of one signature check.
//
// Bounded: where it is full, the token that was unused the longest leaves. An entry answers only
// while its token is valid. Thread-safe; sharded, so that calls seldom wait for each other.
#ifndef LINJULI_COMMON_AUTH_TOKEN_CACHE_H_
#define LINJULI_COMMON_AUTH_TOKEN_CACHE_H_

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/auth/claims.h"

namespace linjuli {

using TokenDigest = std::array<uint64_t, 4>;

// SHA-256 of a token.
TokenDigest DigestOf(absl::string_view token);

class TokenCache {
 public:
  // Keeps at most `capacity` tokens, which is at least one.
  explicit TokenCache(size_t capacity);

  // The caller of a remembered token that is valid at `now`, or null.
  std::shared_ptr<const Caller> Find(const TokenDigest& digest, absl::Time now);

  // Remembers a token whose signature and claims have been checked.
  void Add(const TokenDigest& digest, Claims claims);

  size_t size() const;

 private:
  // Front: used last.
  using Uses = std::list<std::pair<TokenDigest, Claims>>;
  struct Shard {
    mutable absl::Mutex mutex;
    Uses uses ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<TokenDigest, Uses::iterator> places ABSL_GUARDED_BY(mutex);
  };
  Shard& ShardOf(const TokenDigest& digest) { return shards_[digest[0] % shards_.size()]; }

  const size_t capacity_per_shard_;
  std::vector<Shard> shards_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_TOKEN_CACHE_H_
