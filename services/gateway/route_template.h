// The path templates of google.api.http:
//
//   Template = "/" Segments [ ":" Verb ]
//   Segments = Segment { "/" Segment }
//   Segment  = "*" | "**" | Literal | "{" Field { "." Field } [ "=" Segments ] "}"
//
// `*` is one segment that is not empty, `**` any number of them; only literals may follow `**`.
#ifndef LINJULI_SERVICES_GATEWAY_ROUTE_TEMPLATE_H_
#define LINJULI_SERVICES_GATEWAY_ROUTE_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace linjuli {

struct Segment {
  enum Kind { kLiteral, kOne, kRest };
  Kind kind = kLiteral;
  std::string literal;
};

// A variable: the segments [begin, end) of the template.
struct PathVariable {
  std::string field;  // "need.name"
  std::size_t begin = 0, end = 0;
};

struct RouteTemplate {
  std::string text;
  std::vector<Segment> segments;
  std::vector<PathVariable> variables;
  std::string verb;  // "claim" of ":claim", empty without

  // INVALID_ARGUMENT with what is wrong and where.
  static absl::StatusOr<RouteTemplate> Parse(absl::string_view text);

  // Whether the segments of a path fit, verbs aside.
  bool Fits(absl::Span<const absl::string_view> path) const;
  // The raw text of a variable in a path that fits.
  std::string Raw(const PathVariable& variable, absl::Span<const absl::string_view> path) const;
  // Whether a variable is one segment, whose escapes are all decoded.
  bool IsOneSegment(const PathVariable& variable) const;

  // Some path fits both.
  bool Overlaps(const RouteTemplate& other) const;
  // Every path that fits this one fits the other.
  bool Within(const RouteTemplate& other) const;

 private:
  // Segments before and after `**`; `after` is empty without one.
  absl::Span<const Segment> Before() const;
  absl::Span<const Segment> After() const;
  absl::optional<std::size_t> Rest() const;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_ROUTE_TEMPLATE_H_
