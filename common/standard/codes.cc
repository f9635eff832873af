#include "common/standard/codes.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr absl::string_view kUsccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr std::array<int, 17> kUsccWeights = {1,  3,  9,  27, 19, 26, 16, 17, 20,
                                              29, 25, 13, 8,  24, 10, 30, 28};
constexpr std::array<int, 8> kOrganizationWeights = {3, 7, 9, 10, 5, 8, 4, 2};
constexpr std::array<int, 17> kCitizenWeights = {7, 9, 10, 5,  8, 4, 2, 1, 6,
                                                 3, 7, 9,  10, 5, 8, 4, 2};
constexpr absl::string_view kCitizenChecks = "10X98765432";

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// Of a text that AllDigits.
int Number(absl::string_view digits) {
  int number = 0;
  for (char c : digits) number = number * 10 + (c - '0');
  return number;
}

// GB 11714, positions 9 to 17 of a unified social credit code.
bool OrganizationCodeHolds(absl::string_view code) {
  int sum = 0;
  for (size_t i = 0; i < kOrganizationWeights.size(); ++i) {
    int value = absl::ascii_isdigit(code[i]) ? code[i] - '0' : code[i] - 'A' + 10;
    sum += value * kOrganizationWeights[i];
  }
  int check = (11 - sum % 11) % 11;
  return code[8] == (check == 10 ? 'X' : static_cast<char>('0' + check));
}

// A number of a fixed line without area code: seven or eight digits that start with 2 to 9.
bool SubscriberNumber(absl::string_view number) {
  return (number.size() == 7 || number.size() == 8) && AllDigits(number) && number[0] >= '2';
}

bool FixedLine(absl::string_view number) {
  // 010 and 02x have three digits, every other area code four.
  size_t area = absl::StartsWith(number, "010") || absl::StartsWith(number, "02") ? 3 : 4;
  if (number.size() <= area || !AllDigits(number.substr(0, area))) return false;
  if (area == 4 && number[1] < '3') return false;
  number.remove_prefix(area);
  if (number[0] == '-') number.remove_prefix(1);
  size_t hyphen = number.find('-');
  if (hyphen == absl::string_view::npos) return SubscriberNumber(number);
  absl::string_view extension = number.substr(hyphen + 1);
  return SubscriberNumber(number.substr(0, hyphen)) && !extension.empty() &&
         extension.size() <= 6 && AllDigits(extension);
}

int Mod97(absl::string_view digits) {
  int rest = 0;
  for (char c : digits) rest = (rest * 10 + (c - '0')) % 97;
  return rest;
}

}  // namespace

bool ValidUscc(absl::string_view code) {
  if (code.size() != 18 || !AllDigits(code.substr(2, 6))) return false;
  int sum = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    size_t value = kUsccAlphabet.find(code[i]);
    if (value == absl::string_view::npos) return false;
    if (i < kUsccWeights.size()) sum += static_cast<int>(value) * kUsccWeights[i];
  }
  return code[17] == kUsccAlphabet[(31 - sum % 31) % 31] &&
         OrganizationCodeHolds(code.substr(8, 9));
}

bool ValidCitizenId(absl::string_view number) {
  if (number.size() != 18 || !AllDigits(number.substr(0, 17)) || number[0] == '0') return false;
  int year = Number(number.substr(6, 4));
  int month = Number(number.substr(10, 2));
  int day = Number(number.substr(12, 2));
  absl::CivilDay birth(year, month, day);
  // A civil day that does not exist is carried over to another month.
  if (year < 1800 || birth.month() != month) return false;
  int sum = 0;
  for (size_t i = 0; i < kCitizenWeights.size(); ++i) sum += (number[i] - '0') * kCitizenWeights[i];
  return number[17] == kCitizenChecks[sum % 11];
}

bool ValidPhone(absl::string_view number) {
  if (number.size() == 11 && number[0] == '1') return number[1] >= '3' && AllDigits(number);
  if (number.size() == 5) {
    return AllDigits(number) && (absl::StartsWith(number, "12") || absl::StartsWith(number, "95") ||
                                 absl::StartsWith(number, "96"));
  }
  return absl::StartsWith(number, "0") && FixedLine(number);
}

bool ValidDivisionForm(absl::string_view code) {
  if (!AllDigits(code)) return false;
  switch (code.size()) {
    case 2:
    case 4:
    case 6:
      if (absl::EndsWith(code, "00")) return false;
      break;
    case 9:
    case 12:
      if (absl::EndsWith(code, "000")) return false;
      break;
    default:
      return false;
  }
  return code[0] != '0';
}

std::string WithCheckDigit(absl::string_view digits) {
  LJ_CHECK(!digits.empty() && AllDigits(digits));
  int check = 98 - Mod97(absl::StrCat(digits, "00"));
  return absl::StrCat(digits, check / 10, check % 10);
}

bool CheckDigitHolds(absl::string_view digits) {
  return digits.size() > 2 && AllDigits(digits) && Mod97(digits) == 1;
}

}  // namespace linjuli
