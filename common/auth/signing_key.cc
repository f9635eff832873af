#include "common/auth/signing_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/auth/strict_json.h"
#include "common/auth/token_cache.h"
#include "common/crypto/key_file.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;

absl::Status Untrusted(absl::string_view path, absl::string_view why) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "SIGNING_KEY",
                absl::StrCat("the signing key ", path, ": ", why));
}

Pkey KeyOf(absl::string_view seed) {
  return Pkey(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()), seed.size()));
}

std::string PublicPart(EVP_PKEY* pkey) {
  std::string x(kKeyBytes, '\0');
  size_t size = x.size();
  LJ_CHECK(EVP_PKEY_get_raw_public_key(pkey, reinterpret_cast<unsigned char*>(x.data()), &size) ==
               1 &&
           size == x.size());
  return x;
}

// The key's thumbprint (RFC 7638), so that equal keys have equal ids on every machine.
std::string IdOf(absl::string_view x) {
  const TokenDigest digest = DigestOf(
      absl::StrCat(R"({"crv":"Ed25519","kty":"OKP","x":")", absl::WebSafeBase64Escape(x), R"("})"));
  return absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), sizeof(digest)));
}

// A new private JWK.
std::string MakeJwk() {
  std::string seed(kKeyBytes, '\0');
  LJ_CHECK(RAND_priv_bytes(reinterpret_cast<unsigned char*>(seed.data()), kKeyBytes) == 1);
  const Pkey pkey = KeyOf(seed);
  LJ_CHECK(pkey != nullptr);
  const std::string x = PublicPart(pkey.get());
  std::string d = absl::WebSafeBase64Escape(seed);
  std::string jwk =
      absl::StrCat(R"({"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":")", IdOf(x),
                   R"(","x":")", absl::WebSafeBase64Escape(x), R"(","d":")", d, "\"}\n");
  OPENSSL_cleanse(seed.data(), seed.size());
  OPENSSL_cleanse(d.data(), d.size());
  return jwk;
}

}  // namespace

absl::StatusOr<SigningKey> SigningKey::Read(absl::string_view jwk) {
  simdjson::dom::parser parser;
  LJ_ASSIGN(simdjson::dom::object object, ParseObject(parser, jwk));
  auto text = [&object](absl::string_view name) {
    auto member = Member(object, name);
    return std::string(member ? AsString(*member).value_or("") : "");
  };
  if (text("kty") != "OKP" || text("crv") != "Ed25519") {
    return absl::InvalidArgumentError("is not a JWK of kty OKP and crv Ed25519");
  }
  std::string seed;
  const bool decoded = DecodeBase64Url(text("d"), &seed) && seed.size() == kKeyBytes;
  Pkey pkey = decoded ? KeyOf(seed) : nullptr;
  OPENSSL_cleanse(seed.data(), seed.size());
  if (!pkey) return absl::InvalidArgumentError("has no private part d of 32 bytes");
  std::string x = PublicPart(pkey.get());
  if (text("x") != absl::WebSafeBase64Escape(x)) {
    return absl::InvalidArgumentError("has an x that does not belong to its d");
  }
  std::string id = text("kid");
  if (id.empty()) return absl::InvalidArgumentError("has no kid");
  return SigningKey(std::move(id), std::move(x), std::move(pkey));
}

absl::StatusOr<SigningKey> SigningKey::LoadOrCreate(const std::string& path) {
  auto jwk = ReadSecretFile(path);
  if (absl::IsNotFound(jwk.status())) {
    std::string made = MakeJwk();
    absl::Status created = CreateSecretFile(path, made);
    OPENSSL_cleanse(made.data(), made.size());
    if (!created.ok() && !absl::IsAlreadyExists(created)) {
      return Untrusted(path, created.message());
    }
    jwk = ReadSecretFile(path);
  }
  if (!jwk.ok()) return Untrusted(path, jwk.status().message());
  auto key = Read(*jwk);
  OPENSSL_cleanse(jwk->data(), jwk->size());
  if (!key.ok()) return Untrusted(path, key.status().message());
  return key;
}

std::string SigningKey::Sign(absl::string_view bytes) const {
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool signed_ =
      context != nullptr &&
      EVP_DigestSignInit_ex(context, nullptr, nullptr, nullptr, nullptr, pkey_.get(), nullptr) ==
          1 &&
      EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
  EVP_MD_CTX_free(context);
  LJ_CHECK(signed_ && size == kSignatureBytes);
  return signature;
}

}  // namespace linjuli
