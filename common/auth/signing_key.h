// An Ed25519 key of our own, that signs tokens or the heads of change logs.
#ifndef LINJULI_COMMON_AUTH_SIGNING_KEY_H_
#define LINJULI_COMMON_AUTH_SIGNING_KEY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/auth/public_key.h"

namespace linjuli {

// Const methods are thread-safe.
class SigningKey {
 public:
  // Reads the key (a private JWK, RFC 8037) of a file. Where there is no file, makes a key and
  // keeps it there, readable by its owner only. Of processes that race to make it, one wins and the
  // others read the winner's; a crash leaves a whole file or none. FAILED_PRECONDITION, reason
  // SIGNING_KEY: the file cannot be read, written, or trusted; the message says how to mend it.
  static absl::StatusOr<SigningKey> LoadOrCreate(const std::string& path);

  std::string Sign(absl::string_view bytes) const;  // 64 bytes

  const std::string& id() const { return id_; }         // `kid` of the JWK
  const std::string& public_key() const { return x_; }  // 32 bytes

 private:
  SigningKey(std::string id, std::string x, Pkey pkey)
      : id_(std::move(id)), x_(std::move(x)), pkey_(std::move(pkey)) {}
  static absl::StatusOr<SigningKey> Read(absl::string_view jwk);

  std::string id_;
  std::string x_;
  Pkey pkey_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_SIGNING_KEY_H_
