// The one place that encrypts and authenticates: a small face over OpenSSL 3 with two profiles.
//
//   INTL   AES-256-GCM; HMAC-SHA-256
//   GM     SM4-CTR, then HMAC-SM3 over all of it (GM/T 0002, GM/T 0004); HMAC-SM3
//
// A sealed value names its profile and the id of its key, so that values of both profiles and of
// many keys may lie side by side:
//
//   profile (1 byte) · key id (8) · nonce (12) · ciphertext (as long as the text) · tag (16 or 32)
//
// Nonces are random; one key must not seal more than 2^32 values.
#ifndef LINJULI_COMMON_CRYPTO_SEAL_H_
#define LINJULI_COMMON_CRYPTO_SEAL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace linjuli {

enum class Profile : char { kIntl = 'I', kGm = 'G' };

// "intl" or "gm". INVALID_ARGUMENT for anything else.
absl::StatusOr<Profile> ParseProfile(absl::string_view name);

// 256 secret bits, wiped from memory when they go.
class Key {
 public:
  static constexpr size_t kBytes = 32;

  static Key Random();
  // `bytes` must be 32 of them.
  explicit Key(absl::string_view bytes);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  absl::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::array<uint8_t, kBytes> bytes_;
};

// Overwrites a secret that stands in a string, and empties it.
void Wipe(std::string& secret);

// Seals `text`. What is given as `bound` is not in the result, but must be the same to open it:
// it ties a value to its place.
std::string Seal(Profile profile, const Key& key, int64_t key_id, absl::string_view bound,
                 absl::string_view text);

// The id of the key that a value is sealed with; nothing when it is no sealed value.
std::optional<int64_t> SealedWith(absl::string_view sealed);

// DATA_LOSS, reason SEAL, when the value was changed, belongs to another place, or to another key.
absl::StatusOr<std::string> Unseal(const Key& key, absl::string_view bound,
                                   absl::string_view sealed);

// 32 bytes by which a text is found again and from which nobody without the key can tell it.
std::string KeyedHash(Profile profile, const Key& key, absl::string_view text);

// A key of its own for one purpose. The same in every life of the program; always by HMAC-SHA-256.
Key Derive(const Key& key, absl::string_view purpose);

// Whether OpenSSL here gives the published answers, for every algorithm of both profiles. Works it
// out once. FAILED_PRECONDITION names the algorithm that does not.
absl::Status CryptoSelfTest();

}  // namespace linjuli

#endif  // LINJULI_COMMON_CRYPTO_SEAL_H_
