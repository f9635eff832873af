// The public keys of an issuer, read from a JSON Web Key Set (RFC 7517).
//
// Accepted are OKP with Ed25519 (EdDSA), EC with P-256 (ES256) and RSA of 2048 to 4096 bits, which
// must say `alg`, RS256 or PS256. Each key is for that one algorithm. A set with anything else in
// it is refused whole: a private or symmetric key, another type or curve, a key for encryption,
// one without `kid`, two of the same `kid`. It is written by people, and half a set would be found
// out by the users whose tokens fail.
#ifndef LINJULI_COMMON_AUTH_JWKS_H_
#define LINJULI_COMMON_AUTH_JWKS_H_

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/auth/public_key.h"

namespace linjuli {

// A value; const methods are thread-safe.
class KeySet {
 public:
  // No key: every token is refused.
  KeySet() = default;

  // INVALID_ARGUMENT, reason JWKS: the message names the key and what is wrong with it.
  static absl::StatusOr<KeySet> Parse(absl::string_view json);
  // Parse of a file of at most 256 KiB; the message begins with the path.
  static absl::StatusOr<KeySet> Load(const std::string& path);

  // The key of that id, or null. Lives as long as the set or a copy of it.
  const PublicKey* Find(absl::string_view kid) const;
  size_t size() const { return keys_.size(); }

 private:
  // Shared, so that sets are copied without copying keys, which never change.
  absl::flat_hash_map<std::string, std::shared_ptr<const PublicKey>> keys_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_JWKS_H_
