// One public key that tokens are verified with, and the one algorithm it is for.
#ifndef LINJULI_COMMON_AUTH_PUBLIC_KEY_H_
#define LINJULI_COMMON_AUTH_PUBLIC_KEY_H_

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace linjuli {

struct FreePkey {
  void operator()(EVP_PKEY* pkey) const;
};
using Pkey = std::unique_ptr<EVP_PKEY, FreePkey>;

// Immutable and thread-safe. The parameters below are bytes, numbers in big-endian order.
class PublicKey {
 public:
  // Each refuses material of the wrong size or off the curve; the message says what it should be.
  static absl::StatusOr<PublicKey> Ed25519(absl::string_view x);                    // EdDSA
  static absl::StatusOr<PublicKey> P256(absl::string_view x, absl::string_view y);  // ES256
  // `algorithm` is "RS256" or "PS256". The modulus has 2048 to 4096 bits.
  static absl::StatusOr<PublicKey> Rsa(absl::string_view algorithm, absl::string_view modulus,
                                       absl::string_view exponent);

  // As in the `alg` of a JWS header.
  const std::string& algorithm() const { return algorithm_; }

  // Whether `signature`, in the form of RFC 7518 and RFC 8037, is this key's over `input`.
  bool Verifies(absl::string_view input, absl::string_view signature) const;

 private:
  PublicKey(std::string algorithm, Pkey pkey)
      : algorithm_(std::move(algorithm)), pkey_(std::move(pkey)) {}

  std::string algorithm_;
  Pkey pkey_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_PUBLIC_KEY_H_
