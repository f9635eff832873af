#include "common/auth/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "absl/strings/str_cat.h"

namespace linjuli {
namespace {

template <auto Free>
struct Freeing {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bignum = std::unique_ptr<BIGNUM, Freeing<BN_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freeing<EVP_MD_CTX_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freeing<EVP_PKEY_CTX_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freeing<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freeing<OSSL_PARAM_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freeing<ECDSA_SIG_free>>;

// OpenSSL queues errors per thread: what is left there would surface in somebody else's call.
struct ErrorsCleared {
  ~ErrorsCleared() { ERR_clear_error(); }
};

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Bignum Number(absl::string_view bytes) {
  return Bignum(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

Pkey FromParams(const char* type, OSSL_PARAM* params) {
  PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* pkey = nullptr;
  if (!context || !params || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
    return nullptr;
  }
  return Pkey(pkey);
}

// JWS has r and s side by side, 32 bytes each; OpenSSL reads them as a DER sequence.
bool EcdsaToDer(absl::string_view raw, std::string* der) {
  if (raw.size() != 64) return false;
  Bignum r = Number(raw.substr(0, 32));
  Bignum s = Number(raw.substr(32));
  // Zero would verify under any key in a careless implementation (CVE-2022-21449).
  if (!r || !s || BN_is_zero(r.get()) || BN_is_zero(s.get())) return false;
  EcdsaSignature signature(ECDSA_SIG_new());
  if (!signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return false;
  r.release();
  s.release();
  unsigned char* bytes = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &bytes);
  if (size <= 0) return false;
  der->assign(reinterpret_cast<char*>(bytes), size);
  OPENSSL_free(bytes);
  return true;
}

}  // namespace

void FreePkey::operator()(EVP_PKEY* pkey) const { EVP_PKEY_free(pkey); }

absl::StatusOr<PublicKey> PublicKey::Ed25519(absl::string_view x) {
  ErrorsCleared cleared;
  if (x.size() != 32) return absl::InvalidArgumentError("x of an Ed25519 key has 32 bytes");
  Pkey pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size()));
  if (!pkey) return absl::InvalidArgumentError("x is no Ed25519 key");
  return PublicKey("EdDSA", std::move(pkey));
}

absl::StatusOr<PublicKey> PublicKey::P256(absl::string_view x, absl::string_view y) {
  ErrorsCleared cleared;
  if (x.size() != 32 || y.size() != 32) {
    return absl::InvalidArgumentError("x and y of a P-256 key have 32 bytes each");
  }
  const std::string point = absl::StrCat("\x04", x, y);  // 4: an uncompressed point
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return absl::ResourceExhaustedError("no memory for the key");
  }
  Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  Pkey pkey = FromParams("EC", params.get());
  if (!pkey) return absl::InvalidArgumentError("x and y are no point of P-256");
  return PublicKey("ES256", std::move(pkey));
}

absl::StatusOr<PublicKey> PublicKey::Rsa(absl::string_view algorithm, absl::string_view modulus,
                                         absl::string_view exponent) {
  ErrorsCleared cleared;
  if (algorithm != "RS256" && algorithm != "PS256") {
    return absl::InvalidArgumentError("alg of an RSA key is RS256 or PS256, and must be said");
  }
  if (modulus.size() > 512 || exponent.size() > 8) {
    return absl::InvalidArgumentError("n has at most 4096 bits and e at most 64");
  }
  Bignum n = Number(modulus);
  Bignum e = Number(exponent);
  if (!n || !e) return absl::ResourceExhaustedError("no memory for the key");
  if (BN_num_bits(n.get()) < 2048) {
    return absl::InvalidArgumentError(
        absl::StrCat("n has ", BN_num_bits(n.get()), " bits; 2048 to 4096 are accepted"));
  }
  if (!BN_is_odd(n.get())) return absl::InvalidArgumentError("n is even, so it is no RSA modulus");
  // With e = 1 everyone can sign; FIPS 186-5 asks for more than 2^16.
  if (!BN_is_odd(e.get()) || BN_num_bits(e.get()) < 17) {
    return absl::InvalidArgumentError("e is an odd number above 65536");
  }
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return absl::ResourceExhaustedError("no memory for the key");
  }
  Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  Pkey pkey = FromParams("RSA", params.get());
  if (!pkey) return absl::InvalidArgumentError("n and e are no RSA key");
  return PublicKey(std::string(algorithm), std::move(pkey));
}

bool PublicKey::Verifies(absl::string_view input, absl::string_view signature) const {
  ErrorsCleared cleared;
  const bool eddsa = algorithm_ == "EdDSA";
  std::string der;
  if (algorithm_ == "ES256") {
    if (!EcdsaToDer(signature, &der)) return false;
    signature = der;
  } else if (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(pkey_.get()))) {
    return false;
  }
  Digest digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;  // belongs to the digest
  // Ed25519 hashes by itself and takes no digest.
  if (!digest || EVP_DigestVerifyInit_ex(digest.get(), &context, eddsa ? nullptr : "SHA256",
                                         nullptr, nullptr, pkey_.get(), nullptr) != 1) {
    return false;
  }
  if (algorithm_ == "PS256" &&
      (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(digest.get(), Bytes(signature), signature.size(), Bytes(input),
                          input.size()) == 1;
}

}  // namespace linjuli
