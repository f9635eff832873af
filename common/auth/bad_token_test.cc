// What a verifier must refuse: the attacks that RFC 8725 tells of, and every slip of form.
#include <openssl/hmac.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <iostream>
#include <vector>

#include "common/auth/test_desk.h"

namespace linjuli {
namespace {

std::string HmacToken(absl::string_view kid, absl::string_view secret) {
  const std::string input = absl::StrCat(
      Base64Url(absl::StrFormat(R"({"alg":"HS256","kid":"%s"})", kid)), ".", Base64Url(Payload()));
  unsigned char mac[32];
  HMAC(EVP_sha256(), secret.data(), secret.size(),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, nullptr);
  return absl::StrCat(input, ".",
                      Base64Url(absl::string_view(reinterpret_cast<char*>(mac), sizeof(mac))));
}

// A token of the EC key with another signature.
std::string Forged(absl::string_view raw_signature) {
  const std::string good = EcKey().Token(Payload());
  return absl::StrCat(good.substr(0, good.rfind('.') + 1), Base64Url(raw_signature));
}

// A token of the Ed25519 key whose signature is another number that means the same: S plus the
// order of the group. Whoever takes it has two spellings of one token.
std::string OtherScalar() {
  constexpr unsigned char kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                        0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                        0,    0,    0,    0,    0,    0,    0,    0,
                                        0,    0,    0,    0,    0,    0,    0,    0x10};
  const std::string good = EdKey().Token(Payload());
  const std::size_t dot = good.rfind('.');
  std::string signature;
  absl::WebSafeBase64Unescape(good.substr(dot + 1), &signature);
  int carry = 0;
  for (int i = 0; i < 32; ++i) {
    carry += static_cast<unsigned char>(signature[32 + i]) + kOrder[i];
    signature[32 + i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  return absl::StrCat(good.substr(0, dot + 1), Base64Url(signature));
}

// The same bytes in another spelling: sets a bit of the last character that carries nothing.
std::string StrayBits(std::string token) {
  constexpr absl::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  token.back() = kAlphabet[kAlphabet.find(token.back()) | 1];
  return token;
}

struct BadToken {
  const char* what;
  std::string token;
  const char* why;
};

std::vector<BadToken> BadTokens() {
  const TestKey& ed = EdKey();
  const std::string good = ed.Token(Payload());
  const std::string header = good.substr(0, good.find('.'));
  const std::string signature = good.substr(good.rfind('.') + 1);
  const std::string body = Base64Url(Payload());
  auto headed = [&](absl::string_view json) { return ed.Token(json, Payload()); };
  auto claims = [&](absl::string_view json) { return ed.Token(json); };
  const TestKey stranger("ed", "EdDSA");
  std::string flipped = good;
  flipped[header.size() + 5] ^= 1;
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  std::string r_only(64, '\0'), s_only(64, '\0');
  r_only[31] = s_only[63] = 1;
  return {
      {"nothing", "", "none"},
      {"no dots", "abc", "three parts"},
      {"two parts", absl::StrCat(header, ".", body), "three parts"},
      {"four parts", good + ".AAAA", "three parts"},
      {"five parts, as JWE", good + ".AAAA.AAAA", "three parts"},
      {"a dot in front", "." + good, "three parts"},
      {"only dots", "..", "header"},
      {"empty signature", absl::StrCat(header, ".", body, "."), "signature"},
      {"64 KiB", good + std::string(64 << 10, 'A'), "8 KiB"},
      {"one byte above the cap", std::string(8193, 'A'), "8 KiB"},
      {"signed, but above the cap", claims(Payload(",\"x\":\"" + std::string(8192, 'y') + "\"")),
       "8 KiB"},
      {"padding", good + "==", "base64url"},
      {"padding with dots", good + "..", "three parts"},
      {"a space in front", " " + good, "base64url"},
      {"a newline behind", good + "\n", "base64url"},
      {"the word Bearer", "Bearer " + good, "base64url"},
      {"the alphabet of plain base64", absl::StrCat(header, ".", body, ".+/+/"), "base64url"},
      {"a NUL", good + std::string(1, '\0'), "base64url"},
      {"stray bits in the signature", StrayBits(good), "base64url"},
      {"an impossible length", good.substr(0, good.size() - 1), "base64url"},
      {"alg none", absl::StrCat(Base64Url(R"({"alg":"none"})"), ".", body, "."), "no kid"},
      {"alg none with a kid",
       absl::StrCat(Base64Url(R"({"alg":"none","kid":"ed"})"), ".", body, "."), "alg"},
      {"alg NonE", headed(R"({"alg":"NonE","kid":"ed"})"), "alg"},
      {"alg in lower case", headed(R"({"alg":"eddsa","kid":"ed"})"), "alg"},
      {"alg missing", headed(R"({"kid":"ed"})"), "alg"},
      {"alg an array", headed(R"({"alg":["EdDSA"],"kid":"ed"})"), "alg"},
      {"HS256 with the public JWK as secret", HmacToken("rsa", RsaKey().Jwk()), "alg"},
      {"HS256 with the empty secret", HmacToken("ed", ""), "alg"},
      {"RS256 said, EdDSA key", headed(R"({"alg":"RS256","kid":"ed"})"), "alg"},
      {"PS256 by a key for RS256", RsaKey().Token(R"({"alg":"PS256","kid":"rsa"})", Payload()),
       "alg"},
      {"RS256 by a key for PS256", PssKey().Token(R"({"alg":"RS256","kid":"pss"})", Payload()),
       "alg"},
      {"signed with the key of another kid", headed(R"({"alg":"ES256","kid":"ec"})"), "signature"},
      {"a stranger's key under our kid", stranger.Token(Payload()), "signature"},
      {"PKCS #1 signature by a PS256 key's name",
       RsaKey().Token(R"({"alg":"PS256","kid":"pss"})", Payload()), "signature"},
      {"a changed payload", flipped, "signature"},
      {"another token's signature",
       absl::StrCat(header, ".", Base64Url(Payload(R"(,"roles":["LEADER"])")), ".", signature),
       "signature"},
      {"a zero ECDSA signature", Forged(std::string(64, '\0')), "signature"},
      {"ECDSA r zero", Forged(s_only), "signature"},
      {"ECDSA s zero", Forged(r_only), "signature"},
      {"ECDSA r and s above the order", Forged(std::string(64, '\xff')), "signature"},
      {"ECDSA in DER", Forged("\x30\x06\x02\x01\x01\x02\x01\x01"), "signature"},
      {"ECDSA signature too long", Forged(std::string(65, '\1')), "signature"},
      {"a zero EdDSA signature",
       absl::StrCat(header, ".", body, ".", Base64Url(std::string(64, '\0'))), "signature"},
      {"an EdDSA signature by the neutral element",
       absl::StrCat(header, ".", body, ".", Base64Url("\1" + std::string(63, '\0'))), "signature"},
      {"an EdDSA signature spelled otherwise", OtherScalar(), "signature"},
      {"an EdDSA signature too short",
       absl::StrCat(header, ".", body, ".", Base64Url(std::string(63, '\1'))), "signature"},
      {"kid with a NUL behind it", headed(R"({"alg":"EdDSA","kid":"ed\u0000"})"), "no key"},
      {"kid missing", headed(R"({"alg":"EdDSA"})"), "no kid"},
      {"kid unknown", headed(R"({"alg":"EdDSA","kid":"other"})"), "no key"},
      {"kid empty", headed(R"({"alg":"EdDSA","kid":""})"), "no key"},
      {"kid a number", headed(R"({"alg":"EdDSA","kid":1})"), "no key"},
      {"kid a path", headed(R"({"alg":"EdDSA","kid":"../../../../dev/null"})"), "no key"},
      {"kid an SQL string", headed(R"({"alg":"EdDSA","kid":"' UNION SELECT 'k' --"})"), "no key"},
      {"kid a command", headed(R"({"alg":"EdDSA","kid":"ed|id"})"), "no key"},
      {"jku", headed(R"({"alg":"EdDSA","kid":"ed","jku":"https://evil.example/k"})"), "jku"},
      {"x5u", headed(R"({"alg":"EdDSA","kid":"ed","x5u":"https://evil.example/k"})"), "x5u"},
      {"x5c", headed(R"({"alg":"EdDSA","kid":"ed","x5c":["AAAA"]})"), "x5c"},
      {"jwk",
       stranger.Token(absl::StrCat(R"({"alg":"EdDSA","kid":"ed","jwk":)", stranger.Jwk(), "}"),
                      Payload()),
       "jwk"},
      {"crit", headed(R"({"alg":"EdDSA","kid":"ed","crit":["exp"],"exp":1})"), "crit"},
      {"crit null", headed(R"({"alg":"EdDSA","kid":"ed","crit":null})"), "crit"},
      {"b64", headed(R"({"alg":"EdDSA","kid":"ed","b64":false})"), "b64"},
      {"nested token", ed.Token(R"({"alg":"EdDSA","kid":"ed","cty":"JWT"})", good), "cty"},
      {"nested token, unsaid", claims(good), "payload is not well-formed"},
      {"typ of a logout token", headed(R"({"alg":"EdDSA","kid":"ed","typ":"logout+jwt"})"), "typ"},
      {"typ a number", headed(R"({"alg":"EdDSA","kid":"ed","typ":1})"), "typ"},
      {"alg twice", headed(R"({"alg":"none","alg":"EdDSA","kid":"ed"})"), "a name twice"},
      {"alg twice, one escaped", headed(R"({"\u0061lg":"none","alg":"EdDSA","kid":"ed"})"),
       "a name twice"},
      {"header an array", headed("[]"), "not a JSON object"},
      {"header not JSON", headed("alg=EdDSA"), "not well-formed"},
      {"header with a tail", headed(R"({"alg":"EdDSA","kid":"ed"}x)"), "not well-formed"},
      {"header with a trailing comma", headed(R"({"alg":"EdDSA","kid":"ed",})"), "not well-formed"},
      {"header nested deeply", headed(R"({"alg":"EdDSA","kid":"ed","x":)" + deep + "}"),
       "not well-formed"},
      {"payload an array", claims("[" + Payload() + "]"), "not a JSON object"},
      {"payload null", claims("null"), "not a JSON object"},
      {"payload empty", claims(""), "not well-formed"},
      {"payload not UTF-8", claims(With("sub", "\"\xc3\x28\"")), "not well-formed"},
      {"payload half a surrogate", claims(With("sub", R"("\ud800")")), "not well-formed"},
      {"payload nested deeply", claims(Payload(",\"x\":" + deep)), "not well-formed"},
      {"sub twice", claims(Payload(R"(,"sub":"root")")), "a name twice"},
      {"sub twice, one escaped", claims(Payload(R"(,"s\u0075b":"root")")), "a name twice"},
      {"roles twice", claims(Payload(R"(,"roles":[],"roles":["LEADER"])")), "a name twice"},
      {"iss missing", claims(Without("iss")), "iss is missing"},
      {"iss another", claims(With("iss", R"("https://id.example.cn/")")), "another issuer"},
      {"iss an array", claims(With("iss", R"(["https://id.example.cn"])")), "another issuer"},
      {"aud missing", claims(Without("aud")), "aud is missing"},
      {"aud another", claims(With("aud", R"("other")")), "another audience"},
      {"aud a longer name", claims(With("aud", R"("linjuli2")")), "another audience"},
      {"aud empty", claims(With("aud", "[]")), "another audience"},
      {"aud with a number", claims(With("aud", R"(["linjuli",1])")), "array of them"},
      {"aud an object", claims(With("aud", R"({"linjuli":1})")), "array of them"},
      {"sub missing", claims(Without("sub")), "sub is missing"},
      {"sub empty", claims(With("sub", R"("")")), "sub must be"},
      {"sub a number", claims(With("sub", "7")), "sub must be"},
      {"sub too long", claims(With("sub", absl::StrCat("\"", std::string(129, 'a'), "\""))),
       "sub must be"},
      {"sub with a line break", claims(With("sub", R"("a\nb")")), "sub must be"},
      {"sub with NUL", claims(With("sub", R"("root\u0000")")), "sub must be"},
      {"exp missing", claims(Without("exp")), "exp is missing"},
      {"exp past", claims(With("exp", absl::StrCat(kNow - 61))), "expired"},
      {"exp a string", claims(With("exp", R"("1900000000")")), "exp must be"},
      {"exp a fraction", claims(With("exp", "1900000000.5")), "exp must be"},
      {"exp with an exponent", claims(With("exp", "19e8")), "exp must be"},
      {"exp null", claims(With("exp", "null")), "exp must be"},
      {"exp negative", claims(With("exp", "-1")), "exp must be"},
      {"exp beyond all calendars", claims(With("exp", "18446744073709551615")), "exp must be"},
      {"exp beyond all integers", claims(With("exp", "1" + std::string(30, '0'))), "refused"},
      {"nbf future", claims(Payload(absl::StrCat(",\"nbf\":", kNow + 61))), "not valid yet"},
      {"nbf a string", claims(Payload(R"(,"nbf":"0")")), "nbf must be"},
      {"iat future", claims(Payload(absl::StrCat(",\"iat\":", kNow + 61))), "not valid yet"},
      {"iat a fraction", claims(Payload(R"(,"iat":1.5)")), "iat must be"},
      {"roles a string", claims(Payload(R"(,"roles":"LEADER")")), "roles must be"},
      {"roles unknown", claims(Payload(R"(,"roles":["RESIDENT","ROOT"])")), "names no role"},
      {"roles in lower case", claims(Payload(R"(,"roles":["leader"])")), "names no role"},
      {"roles unspecified", claims(Payload(R"(,"roles":["ROLE_UNSPECIFIED"])")), "names no role"},
      {"roles by number", claims(Payload(R"(,"roles":[12])")), "names no role"},
      {"area with letters", claims(Payload(R"(,"area":"33108x")")), "area must hold"},
      {"area of one digit", claims(Payload(R"(,"area":"3")")), "area must hold"},
      {"area empty, which would cover all", claims(Payload(R"(,"area":[""])")), "area must hold"},
      {"area of 13 digits", claims(Payload(R"(,"area":"3310820000000")")), "area must hold"},
      {"area a number", claims(Payload(R"(,"area":331082)")), "array of them"},
      {"area in other digits", claims(Payload(R"(,"area":"３３")")), "area must hold"},
      {"org empty", claims(Payload(R"(,"org":"")")), "org must be"},
      {"org an array", claims(Payload(R"(,"org":["a"])")), "org must be"},
      {"org too long", claims(Payload(",\"org\":\"" + std::string(65, 'a') + "\"")), "org must be"},
  };
}

TEST_CASE("bad tokens are refused, and the message says what is wrong but not what they hold",
          "[auth][R37]") {
  Desk desk;
  const auto bad_tokens = BadTokens();
  CHECK(bad_tokens.size() >= 100);
  int refused = 0;
  double worst = 0;
  for (const auto& bad : bad_tokens) {
    CAPTURE(bad.what);
    const std::clock_t begun = std::clock();
    const std::string why = desk.WhyRefused(bad.token);
    worst = std::max(worst, 1e3 * static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC);
    refused += absl::StrContains(why, bad.why);
    CHECK_THAT(why, Catch::Contains(bad.why));
    CHECK_FALSE(absl::StrContains(why, "evil"));
    CHECK_FALSE(absl::StrContains(why, "ROOT"));
    CHECK_FALSE(absl::StrContains(why, "eyJ"));
  }
  CHECK(desk.verifier.cached() == 0);
  std::cout << "bad tokens: " << refused << " of " << bad_tokens.size()
            << " refused as wanted, the dearest for " << worst << " ms of CPU\n";
}

TEST_CASE("a token with any one bit changed is refused", "[auth]") {
  Desk desk;
  for (const TestKey* key : {&EdKey(), &EcKey()}) {
    const std::string good = key->Token(Payload());
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] ^= 1 << (i % 7);
      CAPTURE(i);
      REQUIRE_FALSE(desk.Accepts(bad));
    }
    CHECK(desk.Accepts(good));
  }
}

}  // namespace
}  // namespace linjuli
