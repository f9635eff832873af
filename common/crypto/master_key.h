// The key under which all other keys of a deployment are kept: 64 hexadecimal digits in a file of
// their own, which belongs into no backup that the stores are in.
#ifndef LINJULI_COMMON_CRYPTO_MASTER_KEY_H_
#define LINJULI_COMMON_CRYPTO_MASTER_KEY_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/crypto/seal.h"

namespace linjuli {

// FAILED_PRECONDITION when the file is missing, open to others, or holds something else, or when
// OpenSSL fails its self-test.
absl::StatusOr<Key> LoadMasterKey(const std::string& path);
// The same; where there is no file yet, one is made with a new key.
absl::StatusOr<Key> LoadOrCreateMasterKey(const std::string& path);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CRYPTO_MASTER_KEY_H_
