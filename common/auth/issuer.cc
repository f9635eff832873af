#include "common/auth/issuer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/crypto/key_file.h"
#include "common/auth/role_names.h"
#include "common/auth/strict_json.h"
#include "common/auth/token_cache.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kTokenIdBytes = 16;

absl::Status Untrusted(absl::string_view path, absl::string_view why) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "ISSUER_KEY",
                absl::StrCat("the issuer's key ", path, ": ", why));
}

std::string Quoted(absl::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      json.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", c);
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

std::string QuotedList(const std::vector<std::string>& texts) {
  return absl::StrCat(
      "[",
      absl::StrJoin(texts, ",",
                    [](std::string* out, const auto& text) { absl::StrAppend(out, Quoted(text)); }),
      "]");
}

std::string Encoded(const unsigned char* bytes, size_t size) {
  return absl::WebSafeBase64Escape(absl::string_view(reinterpret_cast<const char*>(bytes), size));
}

Pkey KeyOf(absl::string_view seed) {
  return Pkey(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()), seed.size()));
}

std::string PublicPart(EVP_PKEY* pkey) {
  std::array<unsigned char, kKeyBytes> x;
  size_t size = x.size();
  LJ_CHECK(EVP_PKEY_get_raw_public_key(pkey, x.data(), &size) == 1 && size == x.size());
  return Encoded(x.data(), x.size());
}

// The key's thumbprint (RFC 7638), so that equal keys have equal ids on every machine.
std::string KidOf(absl::string_view x) {
  const TokenDigest digest =
      DigestOf(absl::StrCat(R"({"crv":"Ed25519","kty":"OKP","x":")", x, R"("})"));
  return Encoded(reinterpret_cast<const unsigned char*>(digest.data()), sizeof(digest));
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
      absl::StrCat(R"({"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":")", KidOf(x),
                   R"(","x":")", x, R"(","d":")", d, "\"}\n");
  OPENSSL_cleanse(seed.data(), seed.size());
  OPENSSL_cleanse(d.data(), d.size());
  return jwk;
}

}  // namespace

absl::StatusOr<Issuer> Issuer::Read(absl::string_view jwk) {
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
  if (text("x") != x) return absl::InvalidArgumentError("has an x that does not belong to its d");
  std::string kid = text("kid");
  if (kid.empty()) return absl::InvalidArgumentError("has no kid");
  Issuer issuer(std::move(kid), std::move(x), std::move(pkey));
  LJ_RETURN_IF_ERROR(KeySet::Parse(issuer.Jwks()).status());
  return issuer;
}

absl::StatusOr<Issuer> Issuer::LoadOrCreate(const std::string& path) {
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
  auto issuer = Read(*jwk);
  OPENSSL_cleanse(jwk->data(), jwk->size());
  if (!issuer.ok()) return Untrusted(path, issuer.status().message());
  return issuer;
}

std::string Issuer::Sign(const Caller& caller, absl::Duration life, absl::Time now) const {
  LJ_CHECK(!caller.anonymous(), "a token names somebody");
  LJ_CHECK(life >= absl::Seconds(1), "a token lives for a second or more");
  std::array<unsigned char, kTokenIdBytes> id;
  LJ_CHECK(RAND_bytes(id.data(), id.size()) == 1);
  std::string claims =
      absl::StrCat(R"({"iss":")", kName, R"(","aud":")", kName, R"(","sub":)",
                   Quoted(caller.subject), R"(,"iat":)", absl::ToUnixSeconds(now), R"(,"exp":)",
                   absl::ToUnixSeconds(now + life), R"(,"jti":")", Encoded(id.data(), id.size()),
                   R"(","roles":)", QuotedList(RoleNames(caller.roles)));
  if (!caller.areas.empty()) absl::StrAppend(&claims, R"(,"area":)", QuotedList(caller.areas));
  if (!caller.organization.empty()) {
    absl::StrAppend(&claims, R"(,"org":)", Quoted(caller.organization));
  }
  absl::StrAppend(&claims, "}");
  const std::string header =
      absl::StrCat(R"({"alg":"EdDSA","typ":"JWT","kid":)", Quoted(kid_), "}");
  const std::string input =
      absl::StrCat(absl::WebSafeBase64Escape(header), ".", absl::WebSafeBase64Escape(claims));

  std::array<unsigned char, 64> signature;
  size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool signed_ =
      context != nullptr &&
      EVP_DigestSignInit_ex(context, nullptr, nullptr, nullptr, nullptr, pkey_.get(), nullptr) ==
          1 &&
      EVP_DigestSign(context, signature.data(), &size,
                     reinterpret_cast<const unsigned char*>(input.data()), input.size()) == 1;
  EVP_MD_CTX_free(context);
  LJ_CHECK(signed_);
  return absl::StrCat(input, ".", Encoded(signature.data(), size));
}

KeySet Issuer::keys() const {
  auto keys = KeySet::Parse(Jwks());
  LJ_CHECK(keys.ok());
  return *std::move(keys);
}

std::string Issuer::Jwks() const {
  return absl::StrCat(R"({"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":)",
                      Quoted(kid_), R"(,"x":")", x_, "\"}]}");
}

}  // namespace linjuli
