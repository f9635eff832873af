// National codes and the check digits of receipts. Pure functions, thread-safe. They judge the form
// only: whether a division is in the city's table is the standard's to say (standard.h).
#ifndef LINJULI_COMMON_STANDARD_CODES_H_
#define LINJULI_COMMON_STANDARD_CODES_H_

#include <string>

#include "absl/strings/string_view.h"

namespace linjuli {

// Unified social credit code (统一社会信用代码), GB 32100-2015: 18 characters, check character, and
// the check character of the organisation code inside it (GB 11714). The first character may be a
// letter: rural collectives (N...) are lawful providers. Lower case is refused.
bool ValidUscc(absl::string_view code);

// Citizen identification number (公民身份号码), GB 11643-1999: 18 characters, a birth date that
// exists, check character. The division is not looked up: people keep numbers of withdrawn
// divisions.
bool ValidCitizenId(absl::string_view number);

// A telephone number as people write it: a mobile of 11 digits; a fixed line with area code
// ("0576-85112345", "057685112345", an extension after a second hyphen); a hotline of five digits
// ("12345", "95588").
bool ValidPhone(absl::string_view number);

// The form of a statistical division code: 2 (province), 4, 6 (county), 9 (town) or 12 (village)
// digits. A code is never padded with zeros: every division has one spelling, and whoever covers a
// town covers every code that starts with the town's.
bool ValidDivisionForm(absl::string_view code);

// `digits` with two check digits after it, ISO 7064 MOD 97-10. The pair catches every wrong digit
// and every exchange of two digits (up to 96 digits), neighbours or not, which no single digit of
// ISO 7064 does; so a receipt number can be read over the telephone. `digits`: only 0-9, not empty;
// anything else is a mistake of the program.
std::string WithCheckDigit(absl::string_view digits);

// Whether `digits` ends in the check digits that WithCheckDigit gave it.
bool CheckDigitHolds(absl::string_view digits);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_CODES_H_
