#include "common/auth/jwks.h"

#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/auth/strict_json.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kMaxFileBytes = 256 << 10;
constexpr size_t kMaxKidBytes = 256;
constexpr const char* kPrivateMembers[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

absl::Status Refused(absl::string_view why) {
  return Refuse(absl::StatusCode::kInvalidArgument, "JWKS", why);
}

// The member as text; empty where it is missing or something else.
absl::string_view Text(const simdjson::dom::object& jwk, absl::string_view name) {
  auto member = Member(jwk, name);
  return member ? AsString(*member).value_or("") : "";
}

absl::StatusOr<std::string> Bytes(const simdjson::dom::object& jwk, absl::string_view name) {
  std::string bytes;
  if (!DecodeBase64Url(Text(jwk, name), &bytes) || bytes.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " must be unpadded base64url"));
  }
  return bytes;
}

absl::Status CheckPurpose(const simdjson::dom::object& jwk) {
  if (auto use = Member(jwk, "use"); use && AsString(*use) != "sig") {
    return absl::InvalidArgumentError("use must be \"sig\"; take keys for encryption out");
  }
  auto operations = Member(jwk, "key_ops");
  if (!operations) return absl::OkStatus();
  simdjson::dom::array list;
  bool verifies = false;
  if (!operations->get(list)) {
    for (auto operation : list) verifies |= AsString(operation) == "verify";
  }
  return verifies ? absl::OkStatus()
                  : absl::InvalidArgumentError("key_ops must contain \"verify\"");
}

absl::StatusOr<PublicKey> ReadKey(const simdjson::dom::object& jwk) {
  LJ_RETURN_IF_ERROR(RefuseRepeatedNames(jwk));
  for (const char* name : kPrivateMembers) {
    if (Member(jwk, name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("has the private or secret part \"", name,
                       "\"; publish only public keys, and replace this one, for it has been seen"));
    }
  }
  LJ_RETURN_IF_ERROR(CheckPurpose(jwk));
  const absl::string_view kty = Text(jwk, "kty");
  const absl::string_view crv = Text(jwk, "crv");
  const absl::string_view alg = Text(jwk, "alg");
  const bool has_alg = Member(jwk, "alg").has_value();
  if (kty == "OKP" && crv == "Ed25519") {
    if (has_alg && alg != "EdDSA") return absl::InvalidArgumentError("alg of Ed25519 is EdDSA");
    LJ_ASSIGN(std::string x, Bytes(jwk, "x"));
    return PublicKey::Ed25519(x);
  }
  if (kty == "EC" && crv == "P-256") {
    if (has_alg && alg != "ES256") return absl::InvalidArgumentError("alg of P-256 is ES256");
    LJ_ASSIGN(std::string x, Bytes(jwk, "x"));
    LJ_ASSIGN(std::string y, Bytes(jwk, "y"));
    return PublicKey::P256(x, y);
  }
  if (kty == "RSA") {
    LJ_ASSIGN(std::string n, Bytes(jwk, "n"));
    LJ_ASSIGN(std::string e, Bytes(jwk, "e"));
    return PublicKey::Rsa(alg, n, e);
  }
  return absl::InvalidArgumentError("kty and crv must be OKP with Ed25519, EC with P-256, or RSA");
}

}  // namespace

absl::StatusOr<KeySet> KeySet::Parse(absl::string_view json) {
  if (json.size() > kMaxFileBytes) return Refused("the key set is larger than 256 KiB");
  simdjson::dom::parser parser;
  auto root = ParseObject(parser, json);
  if (!root.ok()) return Refused(absl::StrCat("the key set ", root.status().message()));
  auto member = Member(*root, "keys");
  simdjson::dom::array list;
  if (!member || member->get(list)) return Refused("the key set has no array \"keys\"");
  KeySet set;
  size_t index = 0;
  for (auto element : list) {
    std::string place = absl::StrCat("keys[", index++, "]");
    simdjson::dom::object jwk;
    if (element.get(jwk)) return Refused(absl::StrCat(place, " is not an object"));
    const absl::string_view kid = Text(jwk, "kid");
    if (kid.empty() || kid.size() > kMaxKidBytes) {
      return Refused(absl::StrCat(place, " needs a kid of 1 to 256 bytes"));
    }
    absl::StrAppend(&place, " (kid \"", absl::CEscape(kid), "\")");
    auto key = ReadKey(jwk);
    if (!key.ok()) return Refused(absl::StrCat(place, ": ", key.status().message()));
    auto shared = std::make_shared<const PublicKey>(*std::move(key));
    if (!set.keys_.try_emplace(std::string(kid), std::move(shared)).second) {
      return Refused(absl::StrCat(place, ": this kid is there twice"));
    }
  }
  if (set.keys_.empty()) return Refused("the key set is empty");
  return set;
}

absl::StatusOr<KeySet> KeySet::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Refused(absl::StrCat(path, ": cannot be opened"));
  std::string json(kMaxFileBytes + 1, '\0');
  file.read(json.data(), json.size());
  if (file.bad() || (file.fail() && !file.eof())) {
    return Refused(absl::StrCat(path, ": cannot be read"));
  }
  json.resize(file.gcount());
  auto set = Parse(json);
  if (!set.ok()) return Refused(absl::StrCat(path, ": ", set.status().message()));
  return set;
}

const PublicKey* KeySet::Find(absl::string_view kid) const {
  auto found = keys_.find(kid);
  return found == keys_.end() ? nullptr : found->second.get();
}

}  // namespace linjuli
