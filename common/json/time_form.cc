#include "common/json/time_form.h"

#include <charconv>
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/time/civil_time.h"

namespace linjuli::json {
namespace {

constexpr int64_t kFirstSecond = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z
constexpr int64_t kLongestDuration = 315576000000;
constexpr int64_t kDay = 24 * 60 * 60;
constexpr int32_t kSecond = 1000000000;  // in nanoseconds

// Takes exactly `count` digits off the front of `text`.
bool TakeDigits(absl::string_view& text, size_t count, int& value) {
  if (text.size() < count) return false;
  value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool Take(absl::string_view& text, char expected) {
  if (text.empty() || text[0] != expected) return false;
  text.remove_prefix(1);
  return true;
}

// ".5" to 500000000; without a point, 0.
bool TakeFraction(absl::string_view& text, int32_t& nanos) {
  nanos = 0;
  if (!Take(text, '.')) return true;
  int digits = 0;
  for (; !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0])); ++digits) {
    if (digits == 9) return false;
    nanos = nanos * 10 + (text[0] - '0');
    text.remove_prefix(1);
  }
  if (digits == 0) return false;
  for (; digits < 9; ++digits) nanos *= 10;
  return true;
}

char* WriteDigits(char* at, uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + count;
}

// Nothing for a whole second, else a point and three, six or nine digits.
char* WriteFraction(char* at, uint32_t nanos) {
  if (nanos == 0) return at;
  *at++ = '.';
  if (nanos % 1000000 == 0) return WriteDigits(at, nanos / 1000000, 3);
  if (nanos % 1000 == 0) return WriteDigits(at, nanos / 1000, 6);
  return WriteDigits(at, nanos, 9);
}

}  // namespace

Reading ReadTimestamp(absl::string_view text, int64_t& seconds, int32_t& nanos) {
  int year, month, day, hour, minute, second;
  if (!TakeDigits(text, 4, year) || !Take(text, '-') || !TakeDigits(text, 2, month) ||
      !Take(text, '-') || !TakeDigits(text, 2, day) || !Take(text, 'T') ||
      !TakeDigits(text, 2, hour) || !Take(text, ':') || !TakeDigits(text, 2, minute) ||
      !Take(text, ':') || !TakeDigits(text, 2, second) || !TakeFraction(text, nanos)) {
    return Reading::kMalformed;
  }
  int64_t offset = 0;
  if (!Take(text, 'Z')) {
    const bool east = Take(text, '+');
    int hours, minutes;
    if ((!east && !Take(text, '-')) || !TakeDigits(text, 2, hours) || !Take(text, ':') ||
        !TakeDigits(text, 2, minutes) || hours > 23 || minutes > 59) {
      return Reading::kMalformed;
    }
    offset = (hours * 60 + minutes) * (east ? 60 : -60);
  }
  if (!text.empty()) return Reading::kMalformed;
  const absl::CivilDay date(year, month, day);
  // CivilDay carries a day that is not in the calendar over into the next month.
  if (month < 1 || month > 12 || date.month() != month || date.day() != day || hour > 23 ||
      minute > 59 || second > 59) {
    return Reading::kMalformed;
  }
  seconds =
      (date - absl::CivilDay(1970, 1, 1)) * kDay + hour * 3600 + minute * 60 + second - offset;
  return seconds < kFirstSecond || seconds > kLastSecond ? Reading::kOutOfRange : Reading::kOk;
}

void AppendTimestamp(int64_t seconds, int32_t nanos, std::string& out) {
  if (seconds < kFirstSecond || seconds > kLastSecond || nanos < 0 || nanos >= kSecond) {
    out += "null";
    return;
  }
  int64_t days = seconds / kDay;
  auto rest = static_cast<int32_t>(seconds % kDay);
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  // Integer arithmetic only; absl's civil days took a sixteenth of a page's time.
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  char text[40];
  char* at = text;
  *at++ = '"';
  at = WriteDigits(at, static_cast<uint32_t>(static_cast<int>(date.year())), 4);
  *at++ = '-';
  at = WriteDigits(at, static_cast<unsigned>(date.month()), 2);
  *at++ = '-';
  at = WriteDigits(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = WriteDigits(at, rest / 3600, 2);
  *at++ = ':';
  at = WriteDigits(at, rest / 60 % 60, 2);
  *at++ = ':';
  at = WriteDigits(at, rest % 60, 2);
  at = WriteFraction(at, nanos);
  *at++ = 'Z';
  *at++ = '"';
  out.append(text, at - text);
}

Reading ReadDuration(absl::string_view text, int64_t& seconds, int32_t& nanos) {
  const bool negative = Take(text, '-');
  const char* end = text.data() + text.size();
  // from_chars would take a second sign.
  if (text.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    return Reading::kMalformed;
  }
  auto [stop, error] = std::from_chars(text.data(), end, seconds);
  text.remove_prefix(stop - text.data());
  if (!TakeFraction(text, nanos) || text != "s") return Reading::kMalformed;
  if (error == std::errc::result_out_of_range || seconds > kLongestDuration) {
    return Reading::kOutOfRange;
  }
  if (negative) {
    seconds = -seconds;
    nanos = -nanos;
  }
  return Reading::kOk;
}

void AppendDuration(int64_t seconds, int32_t nanos, std::string& out) {
  const bool negative = seconds < 0 || nanos < 0;
  if (seconds < -kLongestDuration || seconds > kLongestDuration || nanos <= -kSecond ||
      nanos >= kSecond || (negative && (seconds > 0 || nanos > 0))) {
    out += "null";
    return;
  }
  char text[40];
  char* at = text;
  *at++ = '"';
  if (negative) *at++ = '-';
  at = std::to_chars(at, text + sizeof(text), negative ? -seconds : seconds).ptr;
  at = WriteFraction(at, negative ? -nanos : nanos);
  *at++ = 's';
  *at++ = '"';
  out.append(text, at - text);
}

}  // namespace linjuli::json
