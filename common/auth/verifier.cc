#include "common/auth/verifier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/auth/strict_json.h"
#include "common/auth/token_cache.h"
#include "common/status.h"

namespace linjuli {
namespace {

// Headers that name keys from outside, change how the token is read, or wrap another token in it.
constexpr const char* kRefusedHeaders[] = {"crit", "jku", "jwk", "x5u", "x5c", "b64", "cty"};

// The key that the header picks, after everything else the header says.
absl::StatusOr<const PublicKey*> ReadHeader(absl::string_view json, const KeySet& keys) {
  simdjson::dom::parser parser;
  auto header = ParseObject(parser, json);
  if (!header.ok()) return RefuseToken(absl::StrCat("its header ", header.status().message()));
  for (const char* name : kRefusedHeaders) {
    if (Member(*header, name)) return RefuseToken(absl::StrCat("its header has ", name));
  }
  if (auto typ = Member(*header, "typ")) {
    auto text = AsString(*typ);
    if (text != "JWT" && text != "at+jwt") return RefuseToken("its typ is not JWT or at+jwt");
  }
  auto kid = Member(*header, "kid");
  if (!kid) return RefuseToken("its header has no kid");
  const PublicKey* key = keys.Find(AsString(*kid).value_or(""));
  if (key == nullptr) return RefuseToken("its kid names no key that is trusted here");
  auto alg = Member(*header, "alg");
  if (!alg || AsString(*alg) != key->algorithm()) {
    return RefuseToken("its alg is not the one its key is for");
  }
  return key;
}

}  // namespace

struct Verifier::Trust {
  Trust(KeySet keys, size_t cached_tokens) : keys(std::move(keys)), cache(cached_tokens) {}
  const KeySet keys;
  TokenCache cache;
};

Verifier::Verifier(KeySet keys, std::string issuer, std::string audience, Clock* clock,
                   size_t cached_tokens)
    : issuer_(std::move(issuer)),
      audience_(std::move(audience)),
      clock_(clock),
      cached_tokens_(cached_tokens),
      trust_(std::make_shared<Trust>(std::move(keys), cached_tokens)) {}

Verifier::~Verifier() = default;

std::shared_ptr<Verifier::Trust> Verifier::Current() const {
  absl::ReaderMutexLock lock(&mutex_);
  return trust_;
}

absl::StatusOr<std::shared_ptr<const Caller>> Verifier::Verify(absl::string_view token) {
  if (token.empty()) return RefuseToken("there is none");
  if (token.size() > kMaxTokenBytes) return RefuseToken("it is longer than 8 KiB");
  const std::shared_ptr<Trust> trust = Current();
  const absl::Time now = clock_->Now();
  const TokenDigest digest = DigestOf(token);
  if (auto caller = trust->cache.Find(digest, now)) return caller;

  LJ_ASSIGN(Claims claims, Check(trust->keys, token));
  if (!claims.ValidAt(now)) {
    return RefuseToken(now < claims.not_before ? "it is not valid yet (nbf, iat)"
                                               : "it has expired (exp); ask for a new one");
  }
  auto caller = claims.caller;
  trust->cache.Add(digest, std::move(claims));
  return caller;
}

absl::StatusOr<Claims> Verifier::Check(const KeySet& keys, absl::string_view token) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return RefuseToken("it does not have three parts");
  std::string header, payload, signature;
  if (!DecodeBase64Url(parts[0], &header) || !DecodeBase64Url(parts[1], &payload) ||
      !DecodeBase64Url(parts[2], &signature)) {
    return RefuseToken("a part of it is not unpadded base64url");
  }
  LJ_ASSIGN(const PublicKey* key, ReadHeader(header, keys));
  if (!key->Verifies(token.substr(0, parts[0].size() + 1 + parts[1].size()), signature)) {
    return RefuseToken("its signature does not hold");
  }
  return ReadClaims(payload, issuer_, audience_);
}

void Verifier::SetKeys(KeySet keys) {
  auto trust = std::make_shared<Trust>(std::move(keys), cached_tokens_);
  absl::MutexLock lock(&mutex_);
  trust_.swap(trust);  // what was trusted is freed after the lock is released
}

size_t Verifier::cached() const { return Current()->cache.size(); }

}  // namespace linjuli
