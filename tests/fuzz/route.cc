// Route templates and paths: two templates that fit one path are known to overlap, a narrower one
// fits nothing that the wider does not, and what a route captures is text.
#include "services/gateway/route.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "linjuli/testing/v1/gateway_cases.pb.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text.h"

namespace linjuli {
namespace {

const RouteTable& Table() {
  static const RouteTable* const table = [] {
    std::vector<const google::protobuf::ServiceDescriptor*> services;
    for (const auto* file :
         {testing::v1::Ticket::descriptor()->file(), testing::v1::Notice::descriptor()->file()}) {
      for (int i = 0; i < file->service_count(); ++i) services.push_back(file->service(i));
    }
    auto built = RouteTable::Build(services);
    LJ_CHECK(built.ok(), built.status().ToString());
    return new RouteTable(*std::move(built));
  }();
  return *table;
}

// What the framing of requests lets through as a path (services/gateway/framing.cc).
bool IsFramed(absl::string_view path) {
  return std::all_of(path.begin(), path.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != '\\'; });
}

}  // namespace

// Two templates and a path, a line each.
void Fuzz(absl::string_view input) {
  absl::string_view path = input;
  absl::string_view first = TakeLine(path), second = TakeLine(path);
  auto a = RouteTemplate::Parse(first), b = RouteTemplate::Parse(second);
  for (absl::string_view sent : {path, first}) {
    if (!IsFramed(sent)) continue;
    for (Verb verb : {Verb::kGet, Verb::kPost}) {
      auto match = Table().Match(verb, sent);
      if (!match.ok()) continue;
      for (const auto& [field, value] : match->captures) LJ_CHECK(IsText(value), value);
    }
  }
  if (!a.ok() || !b.ok()) return;
  LJ_CHECK(a->Overlaps(*b) == b->Overlaps(*a));
  LJ_CHECK(a->Within(*a) && a->Overlaps(*a));
  LJ_CHECK(!a->Within(*b) || a->Overlaps(*b));
  if (path.empty() || path[0] != '/') return;
  std::vector<absl::string_view> segments = absl::StrSplit(path.substr(1), '/');
  bool fits_a = a->Fits(segments), fits_b = b->Fits(segments);
  LJ_CHECK(!(fits_a && fits_b) || a->Overlaps(*b));
  LJ_CHECK(!(fits_a && a->Within(*b)) || fits_b);
  for (const auto& variable : a->variables) {
    if (!fits_a) break;
    std::string raw = a->Raw(variable, segments);
    LJ_CHECK(path.find(raw) != absl::string_view::npos, raw);
  }
}

}  // namespace linjuli
