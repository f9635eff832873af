#include "common/auth/issuer.h"

#include <openssl/rand.h>

#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/auth/role_names.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kTokenIdBytes = 16;

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

}  // namespace

absl::StatusOr<Issuer> Issuer::LoadOrCreate(const std::string& path) {
  LJ_ASSIGN(SigningKey key, SigningKey::LoadOrCreate(path));
  Issuer issuer(std::move(key));
  if (auto keys = KeySet::Parse(issuer.Jwks()); !keys.ok()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "SIGNING_KEY",
                  absl::StrCat("the signing key ", path, ": ", keys.status().message()));
  }
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
      absl::StrCat(R"({"alg":"EdDSA","typ":"JWT","kid":)", Quoted(key_.id()), "}");
  const std::string input =
      absl::StrCat(absl::WebSafeBase64Escape(header), ".", absl::WebSafeBase64Escape(claims));

  return absl::StrCat(input, ".", absl::WebSafeBase64Escape(key_.Sign(input)));
}

KeySet Issuer::keys() const {
  auto keys = KeySet::Parse(Jwks());
  LJ_CHECK(keys.ok());
  return *std::move(keys);
}

std::string Issuer::Jwks() const {
  return absl::StrCat(R"({"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":)",
                      Quoted(key_.id()), R"(,"x":")", absl::WebSafeBase64Escape(key_.public_key()),
                      "\"}]}");
}

}  // namespace linjuli
