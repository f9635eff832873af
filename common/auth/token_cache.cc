#include "common/auth/token_cache.h"

#include <openssl/evp.h>

#include <algorithm>

#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kMaxShards = 16;

size_t ShardsFor(size_t capacity) { return std::clamp<size_t>(capacity / 64, 1, kMaxShards); }

}  // namespace

TokenDigest DigestOf(absl::string_view token) {
  // Fetching the algorithm and making a context cost more than the hash itself.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  TokenDigest digest;
  LJ_CHECK(EVP_DigestInit_ex2(context.get(), sha256, nullptr) == 1 &&
           EVP_DigestUpdate(context.get(), token.data(), token.size()) == 1 &&
           EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                              nullptr) == 1);
  return digest;
}

TokenCache::TokenCache(size_t capacity)
    : capacity_per_shard_(std::max<size_t>(1, capacity / ShardsFor(capacity))),
      shards_(ShardsFor(capacity)) {}

std::shared_ptr<const Caller> TokenCache::Find(const TokenDigest& digest, absl::Time now) {
  Shard& shard = ShardOf(digest);
  absl::MutexLock lock(&shard.mutex);
  auto found = shard.places.find(digest);
  if (found == shard.places.end()) return nullptr;
  auto use = found->second;
  if (!use->second.ValidAt(now)) {
    shard.uses.erase(use);
    shard.places.erase(found);
    return nullptr;
  }
  shard.uses.splice(shard.uses.begin(), shard.uses, use);
  return use->second.caller;
}

void TokenCache::Add(const TokenDigest& digest, Claims claims) {
  Shard& shard = ShardOf(digest);
  absl::MutexLock lock(&shard.mutex);
  auto [place, added] = shard.places.try_emplace(digest);
  if (!added) return;  // another call with the same token was faster
  if (shard.uses.size() == capacity_per_shard_) {
    shard.places.erase(shard.uses.back().first);
    shard.uses.pop_back();
  }
  shard.uses.emplace_front(digest, std::move(claims));
  place->second = shard.uses.begin();
}

size_t TokenCache::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    size += shard.uses.size();
  }
  return size;
}

}  // namespace linjuli
