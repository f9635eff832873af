#include "common/crypto/seal.h"

#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr Profile kBoth[] = {Profile::kIntl, Profile::kGm};

TEST_CASE("OpenSSL gives the published answers", "[crypto][C15]") { CHECK(CryptoSelfTest().ok()); }

TEST_CASE("what was sealed is opened by its key, at its place", "[crypto][C15]") {
  const Key key = Key::Random();
  for (Profile profile : kBoth) {
    for (const std::string& text :
         {std::string(), std::string("1"), std::string("王小二 13800138000"),
          std::string("\0\xff\x01", 3), std::string(100'000, 'x')}) {
      std::string sealed = Seal(profile, key, 7, "needs/1 8", text);
      CHECK(SealedWith(sealed) == 7);
      auto opened = Unseal(key, "needs/1 8", sealed);
      REQUIRE(opened.ok());
      CHECK(*opened == text);
      if (text.size() > 3) CHECK_FALSE(absl::StrContains(sealed, text));
    }
  }
}

TEST_CASE("a sealed value opens nowhere else", "[crypto][C15]") {
  const Key key = Key::Random(), other = Key::Random();
  for (Profile profile : kBoth) {
    std::string sealed = Seal(profile, key, 7, "needs/1 8", "text");
    CHECK(ReasonOf(Unseal(other, "needs/1 8", sealed).status()) == "SEAL");
    CHECK(ReasonOf(Unseal(key, "needs/2 8", sealed).status()) == "SEAL");
    CHECK(ReasonOf(Unseal(key, "", sealed).status()) == "SEAL");
  }
}

TEST_CASE("a sealed value that was changed in any bit, cut or lengthened is refused",
          "[crypto][C15]") {
  const Key key = Key::Random();
  for (Profile profile : kBoth) {
    const std::string sealed = Seal(profile, key, 7, "place", "text");
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      std::string changed = sealed;
      changed[bit / 8] ^= 1 << bit % 8;
      INFO("bit " << bit);
      CHECK_FALSE(Unseal(key, "place", changed).ok());
    }
    for (size_t size = 0; size < sealed.size(); ++size) {
      CHECK_FALSE(Unseal(key, "place", sealed.substr(0, size)).ok());
    }
    CHECK_FALSE(Unseal(key, "place", sealed + "x").ok());
  }
}

TEST_CASE("the same text is never sealed the same twice", "[crypto][C15]") {
  const Key key = Key::Random();
  for (Profile profile : kBoth) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(Seal(profile, key, 1, "place", "text"));
    CHECK(seen.size() == 1000);
  }
}

TEST_CASE("a keyed hash is the same for the same key, text and profile only", "[crypto][C18]") {
  const Key key(std::string(32, 'k')), other(std::string(32, 'o'));
  std::set<std::string> all;
  for (Profile profile : kBoth) {
    CHECK(KeyedHash(profile, key, "13800138000") == KeyedHash(profile, key, "13800138000"));
    for (const Key& by : {key, other, Derive(key, "a"), Derive(key, "b")}) {
      for (const char* text : {"13800138000", "13800138001", ""}) {
        all.insert(KeyedHash(profile, by, text));
      }
    }
  }
  CHECK(all.size() == 24);
}

TEST_CASE("profiles have names", "[crypto][C15]") {
  CHECK(*ParseProfile("intl") == Profile::kIntl);
  CHECK(*ParseProfile("gm") == Profile::kGm);
  CHECK_FALSE(ParseProfile("GM").ok());
  CHECK_FALSE(ParseProfile("").ok());
}

}  // namespace
}  // namespace linjuli
