// Sealed values: what was sealed opens, and nothing else does.
#include "common/crypto/seal.h"

#include "tests/fuzz/fuzz.h"

namespace linjuli {

// The first byte chooses the profile; the first line is what the value is bound to, the rest the
// text, or a value as somebody sent it.
void Fuzz(absl::string_view input) {
  static const Key* const key = new Key(std::string(Key::kBytes, 'k'));
  static const Key* const other = new Key(std::string(Key::kBytes, 'o'));
  if (input.empty()) return;
  Profile profile = input[0] & 1 ? Profile::kIntl : Profile::kGm;
  absl::string_view text = input.substr(1);
  absl::string_view bound = TakeLine(text);
  LJ_CHECK(!Unseal(*key, bound, text).ok());
  LJ_CHECK(!SealedWith(text).has_value() || text.size() > 9);

  std::string sealed = Seal(profile, *key, 7, bound, text);
  LJ_CHECK(SealedWith(sealed) == 7);
  auto opened = Unseal(*key, bound, sealed);
  LJ_CHECK(opened.ok() && *opened == text);
  LJ_CHECK(!Unseal(*other, bound, sealed).ok());
  LJ_CHECK(!Unseal(*key, std::string(bound) + "x", sealed).ok());
  // Any byte of it, which the input chooses.
  size_t at = (static_cast<uint8_t>(input[0]) * 257 + text.size()) % sealed.size();
  std::string changed = sealed;
  changed[at] = static_cast<char>(changed[at] ^ 1);
  LJ_CHECK(!Unseal(*key, bound, changed).ok());
  LJ_CHECK(!Unseal(*key, bound, absl::string_view(sealed).substr(0, at)).ok());
}

}  // namespace linjuli
