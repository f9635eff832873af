#include "common/json/syntax.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/json/text_form.h"
#include "common/status.h"

namespace linjuli::json {
namespace {

// Nobody means the digits beyond; to look at them all is all that they are sent for.
constexpr size_t kLongestNumber = 1000;

class Scanner {
 public:
  Scanner(absl::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

  absl::Status Scan() {
    if (absl::StartsWith(text_, "\xEF\xBB\xBF")) {
      Fault("a byte order mark is not part of JSON");
    } else if (Value(0) && Space() && at_ < text_.size()) {
      Fault("nothing may follow the value");
    }
    if (sentence_.empty()) return absl::OkStatus();
    // By hand, as Space and SkipPlain go: a text may be long, and a debug build calls iterators.
    size_t line = 1, column = 1;
    for (const char *at = text_.data(), *const end = at + at_; at < end; ++at) {
      column += (*at & 0xC0) != 0x80;
      if (*at != '\n') continue;
      ++line;
      column = 1;
    }
    return Refuse(absl::StatusCode::kInvalidArgument, reason_,
                  absl::StrCat("line ", line, ", column ", column, ": ", sentence_),
                  {{"line", absl::StrCat(line)}, {"column", absl::StrCat(column)}});
  }

 private:
  bool Fault(absl::string_view sentence, absl::string_view reason = "JSON") {
    sentence_ = std::string(sentence);
    reason_ = std::string(reason);
    return false;
  }

  bool Space() {
    const char* at = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
    at_ = static_cast<size_t>(at - text_.data());
    return true;
  }
  // The next character that is not space; 0 at the end, where no rule expects a NUL.
  char Next() {
    Space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool Value(int depth) {
    switch (char c = Next()) {
      case '{':
      case '[':
        if (depth == max_depth_) {
          return Fault(absl::StrCat("nested deeper than ", max_depth_), "JSON_DEPTH");
        }
        return List(c == '{', depth + 1);
      case '"':
        return String();
      case '\'':
        return Fault("strings stand in double quotes");
      case '-':
        return Number();
      default:
        if (absl::ascii_isdigit(static_cast<unsigned char>(c))) return Number();
        return Word();
    }
  }

  bool List(bool object, int depth) {
    const char close = object ? '}' : ']';
    ++at_;
    if (Next() == close) return ++at_;
    while (true) {
      if (object) {
        if (Next() != '"') {
          return Fault(at_ == text_.size()
                           ? "an object is not closed"
                           : "the name of a field in double quotes must stand here");
        }
        if (!String()) return false;
        if (Next() != ':') return Fault("a colon must follow the name of a field");
        ++at_;
      }
      if (!Value(depth)) return false;
      const char c = Next();
      if (c == close) return ++at_;
      if (c != ',') {
        return Fault(object ? "a comma or } must stand here" : "a comma or ] must stand here");
      }
      ++at_;
      if (Next() == close) return Fault("nothing follows the comma");
    }
  }

  bool String() {
    for (++at_; at_ < text_.size();) {
      SkipPlain();
      if (at_ == text_.size()) break;
      const char c = text_[at_];
      if (c == '"') return ++at_;
      if (static_cast<unsigned char>(c) < 0x20) {
        return Fault("control characters must be escaped in strings");
      }
      if (c == '\\') {
        if (!Escape()) return false;
      } else {
        // One sequence is four bytes at most.
        const size_t valid = Sequence();
        if (valid == 0) return Fault("not UTF-8");
        at_ += valid;
      }
    }
    return Fault("a string is not closed");
  }

  // What of a string is ASCII and itself.
  void SkipPlain() {
    const char* at = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') ++at;  // char is signed
    at_ = static_cast<size_t>(at - text_.data());
  }

  size_t Sequence() const {
    const size_t length = LengthFrom(static_cast<unsigned char>(text_[at_]));
    return ValidUtf8(text_.substr(at_, length)) == length ? length : 0;
  }
  static size_t LengthFrom(unsigned char lead) { return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

  bool Escape() {
    const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c != 'u') {
      if (c == '\0' || !absl::StrContains("\"\\/bfnrt", c)) return Fault("no such escape");
      at_ += 2;
      return true;
    }
    uint32_t unit, low;
    if (!HexUnit(unit)) return Fault("\\u takes four hexadecimal digits");
    if (unit < 0xD800 || unit > 0xDFFF) {
      at_ += 6;
      return true;
    }
    at_ += 6;
    if (unit > 0xDBFF || !HexUnit(low) || low < 0xDC00 || low > 0xDFFF) {
      at_ -= 6;
      return Fault("half of a surrogate pair stands alone");
    }
    at_ += 6;
    return true;
  }

  // Reads \uXXXX at the present place without leaving it.
  bool HexUnit(uint32_t& unit) const {
    const absl::string_view escape = text_.substr(at_, 6);
    if (escape.size() < 6 || escape[0] != '\\' || escape[1] != 'u') return false;
    for (char c : escape.substr(2)) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
    }
    return absl::SimpleHexAtoi(escape.substr(2), &unit);
  }

  bool IsDigit(size_t at) const {
    return at < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[at]));
  }
  bool Digits() {
    const size_t from = at_;
    while (IsDigit(at_) && at_ - from <= kLongestNumber) ++at_;
    return at_ > from;
  }

  bool Number() {
    const size_t from = at_;
    bool whole = true;
    if (text_[at_] == '-') ++at_;
    if (IsDigit(at_) && text_[at_] == '0' && IsDigit(at_ + 1)) {
      return Fault("numbers have no leading zeros");
    }
    if (!Digits()) return Fault("digits must follow the minus");
    if (at_ < text_.size() && text_[at_] == '.') {
      whole = false;
      ++at_;
      if (!Digits()) return Fault("digits must follow the point");
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      whole = false;
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (!Digits()) return Fault("digits must follow the exponent sign");
    }
    const bool is_short = at_ - from <= kLongestNumber;
    const std::string number(text_.substr(from, is_short ? at_ - from : 0));
    int64_t i;
    uint64_t u;
    const bool held = !is_short ? false
                      : whole   ? absl::SimpleAtoi(number, &i) || absl::SimpleAtoi(number, &u)
                                : std::isfinite(std::strtod(number.c_str(), nullptr));
    if (held) return true;
    at_ = from;
    return Fault("the number is too large", "JSON_RANGE");
  }

  bool Word() {
    for (absl::string_view word : {"true", "false", "null"}) {
      if (absl::StartsWith(text_.substr(at_), word)) {
        at_ += word.size();
        return true;
      }
    }
    if (at_ == text_.size()) return Fault("a value is missing");
    return Fault("no value of JSON begins so");
  }

  const absl::string_view text_;
  const int max_depth_;
  size_t at_ = 0;
  std::string sentence_, reason_;
};

// The quote that ends the string which the one at `at` begins, or `end`.
const char* EndOfString(const char* at, const char* end) {
  const char* const begin = at + 1;
  for (const char* from = begin; from < end;) {
    const char* quote =
        static_cast<const char*>(std::memchr(from, '"', static_cast<size_t>(end - from)));
    if (quote == nullptr) return end;
    const char* escape = quote;
    while (escape > from && escape[-1] == '\\') --escape;
    if ((quote - escape) % 2 == 0) return quote;
    from = quote + 1;
  }
  return end;
}

}  // namespace

absl::Status FindSyntaxFault(absl::string_view text, int max_depth) {
  return Scanner(text, max_depth).Scan();
}

absl::Status CheckShape(absl::string_view text, int max_depth, size_t most_commas,
                        size_t longest_string) {
  int depth = 0;
  size_t commas = 0, word = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    switch (*at) {
      case '[':
      case '{':
        if (++depth <= max_depth) break;
        return Refuse(absl::StatusCode::kInvalidArgument, "JSON_DEPTH",
                      absl::StrCat("the request is nested deeper than ", max_depth));
      case ']':
      case '}':
        --depth;
        break;
      case ',':
        if (++commas <= most_commas) break;
        return Refuse(absl::StatusCode::kInvalidArgument, "TOO_MANY",
                      absl::StrCat("the request has more than ", most_commas, " values"));
      case '"': {
        const char* const begin = at;
        at = EndOfString(at, end);
        if (static_cast<size_t>(at - begin) <= longest_string + 1) break;
        return Refuse(absl::StatusCode::kInvalidArgument, "JSON_SIZE",
                      absl::StrCat("a string is longer than ", longest_string, " bytes"));
      }
      case ' ':
      case '\n':
      case '\r':
      case '\t':
      case ':':
        break;
      default:
        if (++word > kLongestNumber) return FindSyntaxFault(text, max_depth);
        continue;
    }
    word = 0;
  }
  return absl::OkStatus();
}

}  // namespace linjuli::json
