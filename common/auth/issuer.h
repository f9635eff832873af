// The embedded issuer: signs tokens with a key of its own, for services among themselves, for
// tests and demonstrations, and where a town has no identity provider.
#ifndef LINJULI_COMMON_AUTH_ISSUER_H_
#define LINJULI_COMMON_AUTH_ISSUER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/auth/jwks.h"
#include "common/auth/signing_key.h"
#include "common/caller.h"

namespace linjuli {

// Const methods are thread-safe.
class Issuer {
 public:
  // `iss` and `aud` of its tokens.
  static constexpr char kName[] = "linjuli";

  // Of the key in that file, which is made where there is none; errors are SigningKey's.
  static absl::StatusOr<Issuer> LoadOrCreate(const std::string& path);

  // A token for that caller, valid from `now` for `life`, which is at least a second; the caller's
  // own `expires` is not read. Stops the process for an anonymous caller: that is nobody to vouch
  // for. The subject is UTF-8; what a Verifier does not accept in a claim, it will not accept here.
  std::string Sign(const Caller& caller, absl::Duration life, absl::Time now) const;

  // What others need to verify its tokens.
  KeySet keys() const;
  std::string Jwks() const;

 private:
  explicit Issuer(SigningKey key) : key_(std::move(key)) {}

  SigningKey key_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_ISSUER_H_
