// SHA-256, as the change log uses it.
#ifndef LINJULI_COMMON_CHANGES_SHA256_H_
#define LINJULI_COMMON_CHANGES_SHA256_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace linjuli {

using Digest = std::array<char, 32>;

inline absl::string_view BytesOf(const Digest& digest) { return {digest.data(), digest.size()}; }

// Of the parts, one after the other.
Digest Sha256Of(std::initializer_list<absl::string_view> parts);
std::string Sha256(absl::string_view bytes);

}  // namespace linjuli

#endif  // LINJULI_COMMON_CHANGES_SHA256_H_
