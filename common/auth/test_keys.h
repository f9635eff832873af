// Keys of every accepted algorithm for tests, with their private halves; and tokens by hand, so
// that tests can write what no issuer would.
#ifndef LINJULI_COMMON_AUTH_TEST_KEYS_H_
#define LINJULI_COMMON_AUTH_TEST_KEYS_H_

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/auth/public_key.h"
#include "common/status.h"

namespace linjuli {

inline std::string Base64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

class TestKey {
 public:
  // `algorithm`: EdDSA, ES256, RS256 or PS256; `bits` is for RSA.
  TestKey(std::string kid, std::string algorithm, unsigned bits = 2048)
      : kid_(std::move(kid)), algorithm_(std::move(algorithm)) {
    if (algorithm_ == "EdDSA") pkey_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (algorithm_ == "ES256") pkey_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    if (!pkey_) pkey_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{bits}));
    LJ_CHECK(pkey_ != nullptr);
  }

  const std::string& kid() const { return kid_; }
  const std::string& algorithm() const { return algorithm_; }

  // The members of the public key that its type asks for, without kid and alg: "kty":"OKP",…
  std::string Material() const {
    if (algorithm_ == "EdDSA") {
      return absl::StrCat(R"("kty":"OKP","crv":"Ed25519","x":")", Base64Url(Raw()), "\"");
    }
    if (algorithm_ == "ES256") {
      return absl::StrCat(R"("kty":"EC","crv":"P-256","x":")",
                          Base64Url(Number(OSSL_PKEY_PARAM_EC_PUB_X, 32)), R"(","y":")",
                          Base64Url(Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)), "\"");
    }
    return absl::StrCat(R"("kty":"RSA","n":")", Base64Url(Number(OSSL_PKEY_PARAM_RSA_N, 0)),
                        R"(","e":")", Base64Url(Number(OSSL_PKEY_PARAM_RSA_E, 0)), "\"");
  }

  std::string Jwk() const {
    return absl::StrCat("{", Material(), R"(,"kid":")", kid_, R"(","alg":")", algorithm_, "\"}");
  }

  // The signature of a JWS by this key, in its raw form.
  std::string Signature(absl::string_view input) const {
    EVP_MD_CTX* digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX* context = nullptr;
    LJ_CHECK(EVP_DigestSignInit_ex(digest, &context, algorithm_ == "EdDSA" ? nullptr : "SHA256",
                                   nullptr, nullptr, pkey_.get(), nullptr) == 1);
    if (algorithm_ == "PS256") {
      LJ_CHECK(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1);
      LJ_CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    std::string signature(1024, '\0');
    size_t size = signature.size();
    LJ_CHECK(EVP_DigestSign(digest, reinterpret_cast<unsigned char*>(signature.data()), &size,
                            reinterpret_cast<const unsigned char*>(input.data()),
                            input.size()) == 1);
    EVP_MD_CTX_free(digest);
    signature.resize(size);
    return algorithm_ == "ES256" ? FromDer(signature) : signature;
  }

  std::string Header() const {
    return absl::StrCat(R"({"alg":")", algorithm_, R"(","kid":")", kid_, "\"}");
  }

  // A token with that header and payload, both as JSON, signed by this key.
  std::string Token(absl::string_view header, absl::string_view payload) const {
    const std::string input = absl::StrCat(Base64Url(header), ".", Base64Url(payload));
    return absl::StrCat(input, ".", Base64Url(Signature(input)));
  }
  std::string Token(absl::string_view payload) const { return Token(Header(), payload); }

 private:
  std::string Raw() const {
    std::string raw(32, '\0');
    size_t size = raw.size();
    LJ_CHECK(EVP_PKEY_get_raw_public_key(pkey_.get(), reinterpret_cast<unsigned char*>(raw.data()),
                                         &size) == 1);
    return raw;
  }

  // A number in big-endian order, of `size` bytes, or as few as it takes for 0.
  static std::string Big(const BIGNUM* number, int size) {
    std::string bytes(size ? size : BN_num_bytes(number), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), bytes.size());
    return bytes;
  }
  std::string Number(const char* name, int size) const {
    BIGNUM* number = nullptr;
    LJ_CHECK(EVP_PKEY_get_bn_param(pkey_.get(), name, &number) == 1);
    std::string bytes = Big(number, size);
    BN_free(number);
    return bytes;
  }
  static std::string FromDer(const std::string& der) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &bytes, der.size());
    LJ_CHECK(signature != nullptr);
    std::string raw = Big(ECDSA_SIG_get0_r(signature), 32) + Big(ECDSA_SIG_get0_s(signature), 32);
    ECDSA_SIG_free(signature);
    return raw;
  }

  std::string kid_;
  std::string algorithm_;
  Pkey pkey_;
};

// Made once per run: RSA keys take their time.
inline const TestKey& EdKey() {
  static const TestKey* const key = new TestKey("ed", "EdDSA");
  return *key;
}
inline const TestKey& EcKey() {
  static const TestKey* const key = new TestKey("ec", "ES256");
  return *key;
}
inline const TestKey& RsaKey() {
  static const TestKey* const key = new TestKey("rsa", "RS256");
  return *key;
}
inline const TestKey& PssKey() {
  static const TestKey* const key = new TestKey("pss", "PS256");
  return *key;
}

inline std::string JwksOf(absl::string_view jwks) {
  return absl::StrCat(R"({"keys":[)", jwks, "]}");
}

// The set of all four.
inline std::string TestJwks() {
  return JwksOf(
      absl::StrCat(EdKey().Jwk(), ",", EcKey().Jwk(), ",", RsaKey().Jwk(), ",", PssKey().Jwk()));
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_TEST_KEYS_H_
