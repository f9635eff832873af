#include "common/auth/jwks.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/auth/test_keys.h"

namespace linjuli {
namespace {

std::string WhyRefused(absl::string_view json) {
  auto set = KeySet::Parse(json);
  if (set.ok()) return "accepted";
  CHECK(absl::IsInvalidArgument(set.status()));
  CHECK(ReasonOf(set.status()) == "JWKS");
  return std::string(set.status().message());
}

std::string Edited(const std::string& text, absl::string_view from, absl::string_view to) {
  REQUIRE(absl::StrContains(text, from));
  return absl::StrReplaceAll(text, {{from, to}});
}

TEST_CASE("a key set of every accepted type is read, and each key is for one algorithm", "[auth]") {
  auto set = KeySet::Parse(TestJwks());
  REQUIRE(set.ok());
  CHECK(set->size() == 4);
  for (const char* kid : {"ed", "ec", "rsa", "pss"}) REQUIRE(set->Find(kid) != nullptr);
  CHECK(set->Find("ed")->algorithm() == "EdDSA");
  CHECK(set->Find("ec")->algorithm() == "ES256");
  CHECK(set->Find("rsa")->algorithm() == "RS256");
  CHECK(set->Find("pss")->algorithm() == "PS256");
  CHECK(set->Find("") == nullptr);
  CHECK(set->Find("ED") == nullptr);
}

TEST_CASE("alg may be left out where the key type implies it", "[auth]") {
  for (const TestKey* key : {&EdKey(), &EcKey()}) {
    auto set = KeySet::Parse(JwksOf(absl::StrCat("{", key->Material(), R"(,"kid":"1"})")));
    REQUIRE(set.ok());
    CHECK(set->Find("1")->algorithm() == key->algorithm());
  }
}

TEST_CASE("a key set that cannot be trusted whole is refused, and the message says why", "[auth]") {
  const std::string ed = EdKey().Jwk();
  const std::string ec = EcKey().Jwk();
  const std::string rsa = RsaKey().Jwk();
  const TestKey weak("weak", "RS256", 1024);
  const std::string zeros(43, 'A');
  auto with = [](const std::string& jwk, absl::string_view member) {
    return JwksOf(absl::StrCat(jwk.substr(0, jwk.size() - 1), ",", member, "}"));
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "not well-formed"},
      {"[]", "not a JSON object"},
      {"{}", "no array"},
      {R"({"keys":{}})", "no array"},
      {R"({"keys":[]})", "empty"},
      {R"({"keys":[1]})", "keys[0] is not an object"},
      {R"({"keys":[],"keys":[]})", "a name twice"},
      {JwksOf(absl::StrCat(ed, ",", ed)), "keys[1] (kid \"ed\"): this kid is there twice"},
      {JwksOf(Edited(ed, R"("kid":"ed",)", "")), "keys[0] needs a kid"},
      {JwksOf(Edited(ed, R"("kid":"ed")", R"("kid":"")")), "needs a kid"},
      {JwksOf(Edited(ed, R"("kid":"ed")", R"("kid":7)")), "needs a kid"},
      {JwksOf(Edited(ed, "OKP", "oct")), "kty and crv"},
      {JwksOf(Edited(ed, "Ed25519", "Ed448")), "kty and crv"},
      {JwksOf(Edited(ed, "Ed25519", "X25519")), "kty and crv"},
      {JwksOf(Edited(ec, "P-256", "secp256k1")), "kty and crv"},
      {JwksOf(Edited(ec, "P-256", "P-384")), "kty and crv"},
      {JwksOf(R"({"kty":"oct","kid":"s","k":"AAAA","alg":"HS256"})"), "secret part \"k\""},
      {with(ed, R"("d":"AAAA")"), "private or secret part \"d\""},
      {with(rsa, R"("p":"AAAA")"), "private or secret part \"p\""},
      {with(ed, R"("x":"AAAA")"), "a name twice"},
      {with(ed, R"("use":"enc")"), "use must be"},
      {with(ed, R"("key_ops":["sign"])"), "key_ops"},
      {JwksOf(Edited(ed, R"("alg":"EdDSA")", R"("alg":"ES256")")), "alg of Ed25519 is EdDSA"},
      {JwksOf(Edited(ec, R"("alg":"ES256")", R"("alg":"none")")), "alg of P-256 is ES256"},
      {JwksOf(Edited(ec, R"("alg":"ES256")", R"("alg":null)")), "alg of P-256 is ES256"},
      {JwksOf(Edited(rsa, R"(,"alg":"RS256")", "")), "must be said"},
      {JwksOf(Edited(rsa, R"("alg":"RS256")", R"("alg":"HS256")")), "RS256 or PS256"},
      {JwksOf(weak.Jwk()), "n has 1024 bits"},
      {JwksOf(Edited(rsa, R"("e":"AQAB")", R"("e":"AQ")")), "above 65536"},
      {JwksOf(Edited(rsa, R"("e":"AQAB")", R"("e":"Aw")")), "above 65536"},
      {JwksOf(Edited(rsa, R"("e":"AQAB")", R"("e":"AQAB==")")), "e must be unpadded"},
      {JwksOf(absl::StrCat(R"({"kty":"OKP","crv":"Ed25519","kid":"1","x":"AAAA"})")), "32 bytes"},
      {JwksOf(absl::StrCat(R"({"kty":"EC","crv":"P-256","kid":"1","x":")", zeros, R"(","y":")",
                           zeros, R"("})")),
       "no point"},
      {std::string(300 << 10, ' '), "larger"},
  };
  for (const auto& [json, why] : cases) {
    CAPTURE(json.substr(0, 400));
    CHECK_THAT(WhyRefused(json), Catch::Contains(why));
  }
}

TEST_CASE("a key set is loaded from a file, and errors name it", "[auth]") {
  char path[] = "/tmp/linjuli_jwks_XXXXXX";
  close(mkstemp(path));
  std::ofstream(path) << TestJwks();
  auto set = KeySet::Load(path);
  CHECK(set.ok());
  std::ofstream(path) << "{";
  CHECK_THAT(std::string(KeySet::Load(path).status().message()),
             Catch::StartsWith(path) && Catch::Contains("not well-formed"));
  unlink(path);
  CHECK_THAT(std::string(KeySet::Load(path).status().message()), Catch::Contains("opened"));
}

}  // namespace
}  // namespace linjuli
