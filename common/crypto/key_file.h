// A file that holds a secret: made once, read often, never overwritten.
#ifndef LINJULI_COMMON_CRYPTO_KEY_FILE_H_
#define LINJULI_COMMON_CRYPTO_KEY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace linjuli {

// The contents of a secret file of at most 4 KiB. NOT_FOUND where there is none;
// FAILED_PRECONDITION where others may read it, or it cannot be read.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// Writes a new secret file, mode 0600, durably and at once: readers see all of it or nothing.
// ALREADY_EXISTS where there is one, which stays as it is.
absl::Status CreateSecretFile(const std::string& path, absl::string_view contents);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CRYPTO_KEY_FILE_H_
