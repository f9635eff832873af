// Tells who calls, from a bearer token: a JSON Web Token, signed in compact form (RFC 7519, 7515),
// checked as RFC 8725 advises.
//
// The algorithm comes from the key and never from the token; `kid` only picks among our keys. A
// header that points elsewhere or asks for extensions (crit, jku, jwk, x5u, x5c, b64, cty) is
// refused, as is whatever two readers could understand differently: padding, spaces, a name twice.
//
//   Verifier verifier(keys, "https://id.example.cn", "linjuli", Clock::Real());
//   LJ_ASSIGN(std::shared_ptr<const Caller> caller, verifier.Verify(call.token));
#ifndef LINJULI_COMMON_AUTH_VERIFIER_H_
#define LINJULI_COMMON_AUTH_VERIFIER_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/auth/claims.h"
#include "common/auth/jwks.h"
#include "common/caller.h"
#include "common/clock.h"

namespace linjuli {

// Thread-safe.
class Verifier {
 public:
  // Longer tokens are refused unread.
  static constexpr size_t kMaxTokenBytes = 8 << 10;
  static constexpr size_t kCachedTokens = 10'000;

  // `issuer` and `audience` are what `iss` must be and `aud` must have. The clock outlives this.
  Verifier(KeySet keys, std::string issuer, std::string audience, Clock* clock,
           size_t cached_tokens = kCachedTokens);
  ~Verifier();

  // The caller that the token names; never anonymous. It is shared by the calls that come with the
  // same token. Whoever holds it on (a stream) ends at `expires`.
  // UNAUTHENTICATED, reason TOKEN: the message says what is wrong, without the token's contents.
  absl::StatusOr<std::shared_ptr<const Caller>> Verify(absl::string_view token);

  // Trusts these keys from now on and forgets every token verified before. To rotate without a
  // refusal, publish the new key beside the old one, sign with it, and drop the old one when its
  // last token has ended.
  void SetKeys(KeySet keys);

  // Tokens remembered, for metrics.
  size_t cached() const;

 private:
  struct Trust;
  std::shared_ptr<Trust> Current() const;
  absl::StatusOr<Claims> Check(const KeySet& keys, absl::string_view token) const;

  const std::string issuer_;
  const std::string audience_;
  Clock* const clock_;
  const size_t cached_tokens_;
  mutable absl::Mutex mutex_;
  // Keys with the tokens they vouched for. Shared with running calls: one that began before
  // SetKeys ends with what it began with, and its token is remembered nowhere.
  std::shared_ptr<Trust> trust_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_VERIFIER_H_
