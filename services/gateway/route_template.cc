#include "services/gateway/route_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace linjuli {
namespace {

// Characters of a literal or verb: those that a path may hold without an escape, the grammar's own
// signs apart.
bool IsLiteralChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::StrContains("-._~!$&'()+,;@", c);
}

class TemplateParser {
 public:
  explicit TemplateParser(RouteTemplate& out) : out_(out), rest_(out.text) {}

  absl::Status Parse() {
    if (!Eat('/')) return Wrong("a template begins with '/'");
    LJ_RETURN_IF_ERROR(Segments(false));
    if (Eat(':')) {
      out_.verb = Literal();
      if (out_.verb.empty()) return Wrong("a verb follows ':'");
    }
    if (!rest_.empty()) return Wrong("nothing more was expected");
    auto rest = std::find_if(out_.segments.begin(), out_.segments.end(),
                             [](const Segment& s) { return s.kind == Segment::kRest; });
    bool literals = rest == out_.segments.end() ||
                    std::all_of(rest + 1, out_.segments.end(),
                                [](const Segment& s) { return s.kind == Segment::kLiteral; });
    if (!literals) return Wrong("only literals may follow '**'");
    return absl::OkStatus();
  }

 private:
  absl::Status Segments(bool in_variable) {
    do {
      LJ_RETURN_IF_ERROR(OneSegment(in_variable));
    } while (Eat('/'));
    return absl::OkStatus();
  }

  absl::Status OneSegment(bool in_variable) {
    if (Eat('*')) {
      out_.segments.push_back({Eat('*') ? Segment::kRest : Segment::kOne, ""});
      return absl::OkStatus();
    }
    if (Eat('{')) {
      if (in_variable) return Wrong("a variable may not hold another");
      return Variable();
    }
    std::string literal = Literal();
    if (literal.empty()) return Wrong("a segment was expected");
    out_.segments.push_back({Segment::kLiteral, std::move(literal)});
    return absl::OkStatus();
  }

  absl::Status Variable() {
    PathVariable variable;
    variable.begin = out_.segments.size();
    std::size_t length = 0;
    while (length < rest_.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(rest_[length])) ||
            rest_[length] == '_' || rest_[length] == '.')) {
      ++length;
    }
    variable.field = std::string(rest_.substr(0, length));
    rest_.remove_prefix(length);
    if (variable.field.empty()) return Wrong("a variable names a field");
    if (Eat('=')) {
      LJ_RETURN_IF_ERROR(Segments(true));
    } else {
      out_.segments.push_back({Segment::kOne, ""});
    }
    if (!Eat('}')) return Wrong("'}' was expected");
    variable.end = out_.segments.size();
    for (const PathVariable& other : out_.variables) {
      if (other.field == variable.field) return Wrong("a field stands twice");
    }
    out_.variables.push_back(std::move(variable));
    return absl::OkStatus();
  }

  std::string Literal() {
    std::size_t length = 0;
    while (length < rest_.size() && IsLiteralChar(rest_[length])) ++length;
    std::string literal(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return literal;
  }

  bool Eat(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  absl::Status Wrong(absl::string_view what) const {
    return Refuse(absl::StatusCode::kInvalidArgument, "ROUTE",
                  absl::StrCat("template \"", out_.text, "\", character ",
                               out_.text.size() - rest_.size() + 1, ": ", what));
  }

  RouteTemplate& out_;
  absl::string_view rest_;
};

bool Fit(const Segment& segment, absl::string_view part) {
  return segment.kind != Segment::kLiteral || segment.literal == part;
}

bool BothPossible(const Segment& a, const Segment& b) {
  return a.kind != Segment::kLiteral || b.kind != Segment::kLiteral || a.literal == b.literal;
}

bool SegmentWithin(const Segment& a, const Segment& b) {
  return b.kind == Segment::kOne || (a.kind == Segment::kLiteral && a.literal == b.literal);
}

using Parts = absl::Span<const Segment>;

template <typename Check>
bool ZipFront(Parts a, Parts b, Check check) {
  std::size_t n = std::min(a.size(), b.size());
  return std::equal(a.begin(), a.begin() + n, b.begin(), check);
}

template <typename Check>
bool ZipBack(Parts a, Parts b, Check check) {
  std::size_t n = std::min(a.size(), b.size());
  return std::equal(a.end() - n, a.end(), b.end() - n, check);
}

}  // namespace

absl::StatusOr<RouteTemplate> RouteTemplate::Parse(absl::string_view text) {
  RouteTemplate parsed;
  parsed.text = std::string(text);
  LJ_RETURN_IF_ERROR(TemplateParser(parsed).Parse());
  return parsed;
}

absl::optional<std::size_t> RouteTemplate::Rest() const {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].kind == Segment::kRest) return i;
  }
  return absl::nullopt;
}

Parts RouteTemplate::Before() const {
  return Parts(segments).first(Rest().value_or(segments.size()));
}

Parts RouteTemplate::After() const {
  auto rest = Rest();
  return rest.has_value() ? Parts(segments).subspan(*rest + 1) : Parts();
}

bool RouteTemplate::Fits(absl::Span<const absl::string_view> path) const {
  Parts before = Before(), after = After();
  if (path.size() < before.size() + after.size()) return false;
  if (!Rest().has_value() && path.size() != before.size()) return false;
  return std::equal(before.begin(), before.end(), path.begin(), Fit) &&
         std::equal(after.begin(), after.end(), path.end() - after.size(), Fit);
}

std::string RouteTemplate::Raw(const PathVariable& variable,
                               absl::Span<const absl::string_view> path) const {
  // Template positions after `**` count from the end of the path.
  auto place = [&](std::size_t i) {
    auto rest = Rest();
    return rest.has_value() && i > *rest ? path.size() - (segments.size() - i) : i;
  };
  std::size_t begin = place(variable.begin), end = place(variable.end);
  return absl::StrJoin(path.subspan(begin, end - begin), "/");
}

bool RouteTemplate::IsOneSegment(const PathVariable& variable) const {
  return variable.end - variable.begin == 1 && segments[variable.begin].kind != Segment::kRest;
}

bool RouteTemplate::Overlaps(const RouteTemplate& other) const {
  const RouteTemplate &a = *this, &b = other;
  bool a_open = a.Rest().has_value(), b_open = b.Rest().has_value();
  if (!a_open && !b_open) {
    return a.segments.size() == b.segments.size() && ZipFront(a.Before(), b.Before(), BothPossible);
  }
  if (!a_open) return b.Overlaps(a);
  if (b_open) {
    return ZipFront(a.Before(), b.Before(), BothPossible) &&
           ZipBack(a.After(), b.After(), BothPossible);
  }
  return b.segments.size() + 1 >= a.segments.size() &&
         ZipFront(a.Before(), b.Before(), BothPossible) &&
         ZipBack(a.After(), b.Before(), BothPossible);
}

bool RouteTemplate::Within(const RouteTemplate& other) const {
  bool open = Rest().has_value();
  if (!other.Rest().has_value()) {
    return !open && segments.size() == other.segments.size() &&
           ZipFront(segments, other.segments, SegmentWithin);
  }
  Parts before = Before(), after = open ? After() : Before();
  Parts outer_before = other.Before(), outer_after = other.After();
  if (before.size() < outer_before.size() || after.size() < outer_after.size()) return false;
  if (!open && before.size() < outer_before.size() + outer_after.size()) return false;
  return ZipFront(before, outer_before, SegmentWithin) &&
         ZipBack(after, outer_after, SegmentWithin);
}

}  // namespace linjuli
