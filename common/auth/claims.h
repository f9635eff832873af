// What a token says, read strictly once its signature holds.
//
//   iss    the issuer expected here          aud    the audience, or an array that has it
//   sub    1 to 128 characters               exp    whole seconds since 1970
//   nbf    like exp, optional                iat    like exp, optional
//   roles  array of names of enum Role, optional: no roles
//   area   a division code of 2 to 12 digits, or an array of them, optional: no areas
//   org    1 to 64 characters, optional: no organisation
//
// Other claims are not read.
#ifndef LINJULI_COMMON_AUTH_CLAIMS_H_
#define LINJULI_COMMON_AUTH_CLAIMS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/caller.h"

namespace linjuli {

// How far the clocks of issuer and service may differ.
inline constexpr absl::Duration kClockSkew = absl::Seconds(60);

// A token without its signature.
struct Claims {
  // Shared by every call that comes with the same token, and never changed.
  std::shared_ptr<const Caller> caller;
  // The later of `nbf` and `iat`.
  absl::Time not_before = absl::InfinitePast();

  // Whether the token counts at that time: from not_before - kClockSkew until, and without,
  // expires + kClockSkew.
  bool ValidAt(absl::Time now) const {
    return now >= not_before - kClockSkew && now < caller->expires + kClockSkew;
  }
};

// UNAUTHENTICATED, reason TOKEN. `why` never repeats what the token holds: it goes into logs.
absl::Status RefuseToken(absl::string_view why);

// Reads the payload of a token. Everything but the time is checked; that is up to ValidAt.
absl::StatusOr<Claims> ReadClaims(absl::string_view json, absl::string_view issuer,
                                  absl::string_view audience);

}  // namespace linjuli

#endif  // LINJULI_COMMON_AUTH_CLAIMS_H_
