// A verifier with keys of every algorithm at a fixed time, and the claims of good tokens to spoil.
#ifndef LINJULI_COMMON_AUTH_TEST_DESK_H_
#define LINJULI_COMMON_AUTH_TEST_DESK_H_

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/auth/test_keys.h"
#include "common/auth/verifier.h"

namespace linjuli {

inline constexpr char kIssuer[] = "https://id.example.cn";
inline constexpr int64_t kNow = 1'800'000'000;

inline KeySet Keys(const std::string& json) {
  auto keys = KeySet::Parse(json);
  LJ_CHECK(keys.ok());
  return *std::move(keys);
}

// A verifier of all four test keys at a fixed time.
struct Desk {
  FakeClock clock{absl::FromUnixSeconds(kNow)};
  Verifier verifier{Keys(TestJwks()), kIssuer, "linjuli", &clock};

  void Set(int64_t unix_seconds) { clock.Set(absl::FromUnixSeconds(unix_seconds)); }
  bool Accepts(absl::string_view token) { return verifier.Verify(token).ok(); }
  // What the refusal says, and "accepted" where there is none.
  std::string WhyRefused(absl::string_view token) {
    auto caller = verifier.Verify(token);
    if (caller.ok()) return "accepted";
    CHECK(absl::IsUnauthenticated(caller.status()));
    CHECK(ReasonOf(caller.status()) == "TOKEN");
    return std::string(caller.status().message());
  }
};

// The claims of a good token; `more` begins with a comma.
inline std::string Payload(absl::string_view more = "") {
  return absl::StrFormat(R"({"iss":"%s","aud":"linjuli","sub":"u1","exp":%d%s})", kIssuer,
                         kNow + 600, more);
}

// The same claims but one, or with another value (JSON) for it.
inline std::string Without(absl::string_view claim) {
  std::vector<std::string> kept;
  for (absl::string_view member : {R"("iss":"https://id.example.cn")", R"("aud":"linjuli")",
                                   R"("sub":"u1")", R"("exp":1800000600)"}) {
    if (!absl::StrContains(member, absl::StrCat("\"", claim, "\""))) kept.emplace_back(member);
  }
  return absl::StrCat("{", absl::StrJoin(kept, ","), "}");
}
inline std::string With(absl::string_view claim, absl::string_view value) {
  std::string others = Without(claim);
  others.pop_back();
  return absl::StrCat(others, ",\"", claim, "\":", value, "}");
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_TEST_DESK_H_
