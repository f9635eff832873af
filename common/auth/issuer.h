// The embedded issuer: signs tokens with a key of its own, for services among themselves, for
// tests and demonstrations, and where a town has no identity provider.
#ifndef LINJULI_COMMON_AUTH_ISSUER_H_
#define LINJULI_COMMON_AUTH_ISSUER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/auth/jwks.h"
#include "common/auth/public_key.h"
#include "common/caller.h"

namespace linjuli {

// Const methods are thread-safe.
class Issuer {
 public:
  // `iss` and `aud` of its tokens.
  static constexpr char kName[] = "linjuli";

  // Reads the Ed25519 key (a private JWK, RFC 8037) of a file. Where there is no file, makes a key
  // and keeps it there, readable by its owner only. Of processes that race to make it, one wins and
  // the others read the winner's; a crash leaves a whole file or none.
  // FAILED_PRECONDITION, reason ISSUER_KEY: the file cannot be read, written, or trusted; the
  // message says how to mend it.
  static absl::StatusOr<Issuer> LoadOrCreate(const std::string& path);

  // A token for that caller, valid from `now` for `life`, which is at least a second; the caller's
  // own `expires` is not read. Stops the process for an anonymous caller: that is nobody to vouch
  // for. The subject is UTF-8; what a Verifier does not accept in a claim, it will not accept here.
  std::string Sign(const Caller& caller, absl::Duration life, absl::Time now) const;

  // What others need to verify its tokens.
  KeySet keys() const;
  std::string Jwks() const;

 private:
  Issuer(std::string kid, std::string x, Pkey pkey)
      : kid_(std::move(kid)), x_(std::move(x)), pkey_(std::move(pkey)) {}
  static absl::StatusOr<Issuer> Read(absl::string_view jwk);

  std::string kid_;
  std::string x_;  // the public key, as base64url
  Pkey pkey_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_ISSUER_H_
