// Tokens, claims and key sets. Nobody without the key makes a token that is accepted; one that is
// signed is accepted only where its claims are whole.
#include "absl/strings/str_cat.h"
#include "common/auth/test_keys.h"
#include "common/auth/verifier.h"
#include "tests/fuzz/fuzz.h"

namespace linjuli {
namespace {

constexpr absl::Duration kSkew = absl::Seconds(60);

FakeClock& Now() {
  static auto* const clock = new FakeClock(absl::FromUnixSeconds(1'800'000'000));
  return *clock;
}

Verifier& Trusting() {
  static auto* const verifier = [] {
    auto keys = KeySet::Parse(JwksOf(absl::StrCat(EdKey().Jwk(), ",", EcKey().Jwk())));
    LJ_CHECK(keys.ok());
    return new Verifier(*std::move(keys), "issuer", "audience", &Now(), 16);
  }();
  return *verifier;
}

}  // namespace

// The first byte chooses: 's' signs the second line under the header of the first, 'k' reads a key
// set, anything else is a token as it came.
void Fuzz(absl::string_view input) {
  if (input.empty()) return;
  absl::string_view rest = input.substr(1);
  if (input[0] == 'k') {
    auto keys = KeySet::Parse(rest);
    LJ_CHECK(!keys.ok() || keys->size() > 0 || keys->Find("") == nullptr);
    return;
  }
  if (input[0] != 's') {
    LJ_CHECK(!Trusting().Verify(input).ok());
    return;
  }
  absl::string_view header = TakeLine(rest);
  std::string token = EdKey().Token(header.empty() ? EdKey().Header() : header, rest);
  auto caller = Trusting().Verify(token);
  auto again = Trusting().Verify(token);
  LJ_CHECK(caller.ok() == again.ok());
  if (!caller.ok()) {
    LJ_CHECK(ReasonOf(caller.status()) == "TOKEN");
    return;
  }
  LJ_CHECK(!(*caller)->anonymous());
  LJ_CHECK((*caller)->expires + kSkew > Now().Now());
  LJ_CHECK((*caller)->subject == (*again)->subject && (*caller)->roles == (*again)->roles);
  // The same with another byte is another token.
  std::string other = token;
  char& changed = other[token.size() * 7 % input.size() % token.size()];
  changed = changed == 'A' ? 'B' : 'A';
  LJ_CHECK(!Trusting().Verify(other).ok(), token);
}

}  // namespace linjuli
