#include "common/changes/sha256.h"

#include <openssl/sha.h>

namespace linjuli {

Digest Sha256Of(std::initializer_list<absl::string_view> parts) {
  SHA256_CTX context;
  Digest digest;
  // The one-shot EVP call fetches its algorithm each time, which costs more than the hash.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  SHA256_Init(&context);
  for (absl::string_view part : parts) SHA256_Update(&context, part.data(), part.size());
  SHA256_Final(reinterpret_cast<uint8_t*>(digest.data()), &context);
#pragma GCC diagnostic pop
  return digest;
}

std::string Sha256(absl::string_view bytes) { return std::string(BytesOf(Sha256Of({bytes}))); }

}  // namespace linjuli
