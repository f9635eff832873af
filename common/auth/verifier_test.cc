#include "common/auth/verifier.h"

#include <time.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "common/auth/test_desk.h"

namespace linjuli {
namespace {

TEST_CASE("a token of each algorithm names its caller", "[auth]") {
  Desk desk;
  for (const TestKey* key : {&EdKey(), &EcKey(), &RsaKey(), &PssKey()}) {
    CAPTURE(key->algorithm());
    auto caller = desk.verifier.Verify(key->Token(Payload(
        R"(,"roles":["COMMUNITY_WORKER","AGENT"],"area":["331082","33108201"],"org":"913")")));
    REQUIRE(caller.ok());
    CHECK((*caller)->subject == "u1");
    CHECK((*caller)->roles == (1u << COMMUNITY_WORKER | 1u << AGENT));
    CHECK((*caller)->areas == std::vector<std::string>{"331082", "33108201"});
    CHECK((*caller)->organization == "913");
    CHECK((*caller)->expires == absl::FromUnixSeconds(kNow + 600));
  }
}

TEST_CASE("what is optional in a token may be left out or said otherwise", "[auth]") {
  Desk desk;
  const TestKey& key = EdKey();
  auto plain = desk.verifier.Verify(key.Token(Payload()));
  REQUIRE(plain.ok());
  CHECK((*plain)->roles == 0);
  CHECK((*plain)->areas.empty());
  CHECK((*plain)->organization.empty());
  CHECK_FALSE((*plain)->anonymous());

  auto one_area = desk.verifier.Verify(key.Token(Payload(R"(,"area":"331082")")));
  REQUIRE(one_area.ok());
  CHECK((*one_area)->areas == std::vector<std::string>{"331082"});

  CHECK(desk.Accepts(key.Token(With("aud", R"(["other","linjuli"])"))));
  CHECK(desk.Accepts(key.Token(With("sub", R"("居民")"))));
  CHECK(desk.Accepts(key.Token(Payload(R"(,"realm":{"a":{"b":[1,2.5,null]}})"))));
  for (const char* typ : {"JWT", "at+jwt"}) {
    CHECK(desk.Accepts(
        key.Token(absl::StrFormat(R"({"typ":"%s","alg":"EdDSA","kid":"ed"})", typ), Payload())));
  }
}

TEST_CASE("the clocks of issuer and service may differ by up to 60 seconds", "[auth]") {
  Desk desk;
  auto token = [](absl::string_view more, int64_t exp) {
    return EdKey().Token(absl::StrFormat(R"({"iss":"%s","aud":"linjuli","sub":"u","exp":%d%s})",
                                         kIssuer, exp, more));
  };
  CHECK(desk.Accepts(token("", kNow - 59)));
  CHECK_FALSE(desk.Accepts(token("", kNow - 60)));
  CHECK(desk.Accepts(token(absl::StrCat(",\"nbf\":", kNow + 60), kNow + 600)));
  CHECK_FALSE(desk.Accepts(token(absl::StrCat(",\"nbf\":", kNow + 61), kNow + 600)));
  CHECK(desk.Accepts(token(absl::StrCat(",\"iat\":", kNow + 60), kNow + 600)));
  CHECK_FALSE(desk.Accepts(token(absl::StrCat(",\"iat\":", kNow + 61), kNow + 600)));
}

TEST_CASE("a token is verified once, and its caller shared until the token ends", "[auth]") {
  Desk desk;
  const std::string token = EdKey().Token(Payload(absl::StrCat(",\"nbf\":", kNow)));
  auto first = desk.verifier.Verify(token);
  auto second = desk.verifier.Verify(token);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(first->get() == second->get());
  CHECK(desk.verifier.cached() == 1);

  desk.Set(kNow + 600 + 59);
  CHECK(desk.Accepts(token));
  desk.Set(kNow + 600 + 60);
  CHECK_THAT(desk.WhyRefused(token), Catch::Contains("expired"));
  CHECK(desk.verifier.cached() == 0);

  desk.Set(kNow);
  CHECK(desk.Accepts(token));
  desk.Set(kNow - 61);  // the clock is set back: remembering the token does not make it valid
  CHECK_THAT(desk.WhyRefused(token), Catch::Contains("not valid yet"));
}

TEST_CASE("the memory of tokens is bounded", "[auth]") {
  FakeClock clock(absl::FromUnixSeconds(kNow));
  Verifier verifier(Keys(TestJwks()), kIssuer, "linjuli", &clock, /*cached_tokens=*/8);
  const std::string steady = EdKey().Token(Payload());
  auto caller = verifier.Verify(steady);
  REQUIRE(caller.ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(verifier.Verify(EdKey().Token(Payload(absl::StrCat(",\"jti\":", i)))).ok());
    // The one in use stays.
    REQUIRE(verifier.Verify(steady)->get() == caller->get());
  }
  CHECK(verifier.cached() == 8);
}

TEST_CASE("keys rotate without a refusal, and a retired key's tokens end at once", "[auth]") {
  FakeClock clock(absl::FromUnixSeconds(kNow));
  const TestKey next("next", "EdDSA");
  Verifier verifier(Keys(JwksOf(EdKey().Jwk())), kIssuer, "linjuli", &clock);
  const std::string old_token = EdKey().Token(Payload());
  const std::string new_token = next.Token(Payload());
  CHECK(verifier.Verify(old_token).ok());
  CHECK_FALSE(verifier.Verify(new_token).ok());

  verifier.SetKeys(Keys(JwksOf(absl::StrCat(EdKey().Jwk(), ",", next.Jwk()))));
  CHECK(verifier.cached() == 0);
  CHECK(verifier.Verify(old_token).ok());
  CHECK(verifier.Verify(new_token).ok());

  verifier.SetKeys(Keys(JwksOf(next.Jwk())));
  CHECK_FALSE(verifier.Verify(old_token).ok());
  CHECK(verifier.Verify(new_token).ok());

  verifier.SetKeys(KeySet());
  CHECK_FALSE(verifier.Verify(new_token).ok());
}

TEST_CASE("threads verify while keys rotate", "[auth]") {
  Desk desk;
  std::vector<std::string> tokens;
  for (const TestKey* key : {&EdKey(), &EcKey(), &RsaKey(), &PssKey()}) {
    tokens.push_back(key->Token(Payload()));
  }
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) refused += !desk.Accepts(tokens[i % tokens.size()]);
    });
  }
  for (int i = 0; i < 20; ++i) desk.verifier.SetKeys(Keys(TestJwks()));
  for (auto& thread : threads) thread.join();
  CHECK(refused == 0);
}

// Hidden; run with: auth_test "[.measure]"
TEST_CASE("what verifying costs", "[.measure]") {
  Desk desk;
  // The thread's own time, so that neighbours on the machine do not count.
  auto nanoseconds = [](int rounds, auto&& work) {
    auto spent = [] {
      timespec time;
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      return time.tv_sec * 1e9 + time.tv_nsec;
    };
    const double start = spent();
    for (int i = 0; i < rounds; ++i) work();
    return (spent() - start) / rounds;
  };
  for (const TestKey* key : {&EdKey(), &EcKey(), &RsaKey(), &PssKey()}) {
    const std::string token = key->Token(
        Payload(R"(,"roles":["COMMUNITY_WORKER"],"area":["331082"],"org":"91330000000000000X")"));
    const double hit = nanoseconds(200'000, [&] { (void)desk.verifier.Verify(token); });
    Verifier cold(Keys(TestJwks()), kIssuer, "linjuli", &desk.clock, 1);
    int n = 0;
    const std::string other = key->Token(Payload());
    const double miss = nanoseconds(2'000, [&] { (void)cold.Verify(++n % 2 ? token : other); });
    WARN(key->algorithm() << ": hit " << hit << " ns, miss " << miss / 1000 << " us, "
                          << token.size() << " bytes");
  }
}

}  // namespace
}  // namespace linjuli
