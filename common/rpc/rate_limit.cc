#include "common/rpc/rate_limit.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kMaxShards = 16;

size_t ShardsFor(size_t keys) { return std::clamp<size_t>(keys / 64, 1, kMaxShards); }

int64_t IntervalOf(double rate) { return rate > 0 ? static_cast<int64_t>(1e9 / rate) : 0; }

}  // namespace

RateLimit::RateLimit(CallRates rates, Clock* clock, size_t keys)
    : intervals_{IntervalOf(rates.all), IntervalOf(rates.writes)},
      clock_(clock),
      keys_per_shard_(std::max<size_t>(1, keys / ShardsFor(keys))),
      shards_(ShardsFor(keys)) {}

absl::Status RateLimit::Take(absl::string_view key, bool writes) {
  if (intervals_[0] == 0 && (intervals_[1] == 0 || !writes)) return absl::OkStatus();
  const int64_t now = absl::ToInt64Nanoseconds(clock_->Elapsed());
  const uint64_t hash = absl::HashOf(key);
  Shard& shard = shards_[hash % shards_.size()];
  absl::MutexLock lock(&shard.mutex);
  Full& full = shard.Find(hash, keys_per_shard_).full;
  Full after = full;
  int64_t wait = 0;
  for (int i = 0; i < (writes ? 2 : 1); ++i) {
    after[i] = std::max(full[i], now) + intervals_[i];
    int64_t burst = static_cast<int64_t>(kBurst * 1e9);
    wait = std::max(wait, after[i] - now - std::max(burst, intervals_[i]));
  }
  if (wait <= 0) {
    full = after;
    return absl::OkStatus();
  }
  absl::Status refusal = Refuse(absl::StatusCode::kResourceExhausted, "RATE",
                                "these are more calls than one caller may make; wait, then go on");
  SetRetryAfter(refusal, absl::Nanoseconds(wait));
  return refusal;
}

RateLimit::Entry& RateLimit::Shard::Find(uint64_t key, size_t most) {
  auto [found, is_new] = places.try_emplace(key, 0);
  if (!is_new) {
    Unlink(found->second);
  } else if (entries.size() < most) {
    found->second = static_cast<uint32_t>(entries.size());
    entries.push_back({key, {}, kNone, kNone});
  } else {
    uint32_t place = oldest;
    found->second = place;
    Unlink(place);
    places.erase(entries[place].key);
    entries[place] = {key, {}, kNone, kNone};
  }
  uint32_t place = places.find(key)->second;
  LinkNewest(place);
  return entries[place];
}

void RateLimit::Shard::Unlink(uint32_t place) {
  Entry& entry = entries[place];
  (entry.newer == kNone ? newest : entries[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest : entries[entry.older].newer) = entry.newer;
}

void RateLimit::Shard::LinkNewest(uint32_t place) {
  Entry& entry = entries[place];
  entry.newer = kNone;
  entry.older = newest;
  (newest == kNone ? oldest : entries[newest].newer) = place;
  newest = place;
}

size_t RateLimit::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    size += shard.entries.size();
  }
  return size;
}

}  // namespace linjuli
