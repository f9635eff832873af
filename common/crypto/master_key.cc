#include "common/crypto/master_key.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/crypto/key_file.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kDigits = 2 * Key::kBytes;

}  // namespace

absl::StatusOr<Key> LoadMasterKey(const std::string& path) {
  LJ_RETURN_IF_ERROR(CryptoSelfTest());
  auto contents = ReadSecretFile(path);
  if (absl::IsNotFound(contents.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no master key in ", path, "; bring it back, or make one: openssl rand -hex 32"));
  }
  if (!contents.ok()) return contents.status();
  absl::string_view digits = absl::StripAsciiWhitespace(*contents);
  if (digits.size() != kDigits ||
      !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is no master key: 64 hexadecimal digits, as of openssl rand -hex 32"));
  }
  std::string bytes = absl::HexStringToBytes(digits);
  Key key(bytes);
  Wipe(bytes);
  Wipe(*contents);
  return key;
}

absl::StatusOr<Key> LoadOrCreateMasterKey(const std::string& path) {
  // Looked at first, so that a new key is not thrown away at every start.
  if (absl::IsNotFound(ReadSecretFile(path).status())) {
    Key made = Key::Random();
    std::string digits = absl::StrCat(absl::BytesToHexString(made.bytes()), "\n");
    absl::Status created = CreateSecretFile(path, digits);
    Wipe(digits);
    // Another process may have been faster; then its key is everybody's.
    if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  }
  return LoadMasterKey(path);
}

}  // namespace linjuli
