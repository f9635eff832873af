// The bytes of a connection, as far as they are requests: head, judgement, body. However they are
// cut into pieces, the same is read; and what is accepted is what RFC 9112 has only one reading
// for.
#include "services/gateway/framing.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/gateway/head_parser.h"
#include "tests/fuzz/fuzz.h"

namespace linjuli {
namespace {

constexpr FramingLimits kLimits = {2048, 16, 4096};

struct Read {
  enum Outcome { kIncomplete, kRefused, kWhole };
  Outcome outcome = kIncomplete;
  int code = 0;              // of a refusal
  size_t head = 0, end = 0;  // bytes of the head, and of all
  RequestHead parts;         // views of the input
  Framing framing;
  std::string body;

  bool operator==(const Read& other) const {
    return outcome == other.outcome && code == other.code && head == other.head &&
           end == other.end && body == other.body;
  }
};

// As a connection does it, `step` bytes at a time.
Read ReadOne(absl::string_view bytes, size_t step) {
  Read read;
  auto refuse = [&](const FramingFault& fault) {
    read.outcome = Read::kRefused;
    read.code = fault.code;
    return read;
  };
  HeadScan scan;
  size_t have = 0;
  while (read.head == 0) {
    if (have == bytes.size()) return read;
    have = std::min(bytes.size(), have + step);
    auto scanned = scan.Scan(bytes.substr(0, have), kLimits);
    if (scanned.fault.has_value()) return refuse(*scanned.fault);
    read.head = scanned.length;
  }
  LJ_CHECK(read.head <= have);
  if (auto fault = ParseHead(bytes.substr(0, read.head), read.parts)) return refuse(*fault);
  if (auto fault = Frame(read.parts, kLimits, read.framing)) return refuse(*fault);
  read.end = read.head;
  if (!read.framing.chunked) {
    if (bytes.size() - read.head < read.framing.content_length) return read;
    read.body = std::string(bytes.substr(read.head, read.framing.content_length));
    read.end += read.body.size();
    read.outcome = Read::kWhole;
    return read;
  }
  ChunkDecoder chunks;
  while (!chunks.done()) {
    if (read.end == bytes.size()) return read;
    have = std::max(have, std::min(bytes.size(), read.end + step));
    read.end += chunks.Take(bytes.substr(read.end, have - read.end), kLimits.body_bytes, read.body);
    if (chunks.fault().has_value()) return refuse(*chunks.fault());
    LJ_CHECK(read.body.size() <= kLimits.body_bytes);
  }
  read.outcome = Read::kWhole;
  return read;
}

// What must hold of an accepted head, looked at without the code that accepted it.
void CheckAccepted(absl::string_view head, const Read& read) {
  LJ_CHECK(head.size() <= kLimits.head_bytes);
  LJ_CHECK(absl::EndsWith(head, "\r\n\r\n"));
  std::vector<absl::string_view> lines = absl::StrSplit(head.substr(0, head.size() - 4), "\r\n");
  LJ_CHECK(lines.size() <= kLimits.fields + 1);
  for (absl::string_view line : lines) {
    LJ_CHECK(!line.empty());
    for (unsigned char c : line) LJ_CHECK(c == '\t' || (c >= ' ' && c != 0x7f));
  }
  std::vector<absl::string_view> request = absl::StrSplit(lines[0], ' ');
  LJ_CHECK(request.size() == 3);
  LJ_CHECK(absl::StartsWith(request[1], "/"));
  LJ_CHECK(request[2] == "HTTP/1.1" || request[2] == "HTTP/1.0");
  int hosts = 0, lengths = 0, codings = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    size_t colon = lines[i].find(':');
    LJ_CHECK(colon != absl::string_view::npos && colon > 0);
    std::string name = absl::AsciiStrToLower(lines[i].substr(0, colon));
    absl::string_view value = absl::StripAsciiWhitespace(lines[i].substr(colon + 1));
    LJ_CHECK(!absl::ascii_isspace(static_cast<unsigned char>(name.front())));
    LJ_CHECK(!absl::ascii_isspace(static_cast<unsigned char>(name.back())));
    hosts += name == "host";
    if (name == "content-length") {
      ++lengths;
      LJ_CHECK(!value.empty() && std::all_of(value.begin(), value.end(), absl::ascii_isdigit));
    }
    if (name == "transfer-encoding") {
      ++codings;
      LJ_CHECK(absl::EqualsIgnoreCase(value, "chunked"));
      LJ_CHECK(request[2] == "HTTP/1.1");
    }
  }
  LJ_CHECK(hosts == 1 || (hosts == 0 && request[2] == "HTTP/1.0"));
  LJ_CHECK(lengths + codings <= 1);
  LJ_CHECK(read.framing.chunked == (codings == 1));
  LJ_CHECK(read.parts.fields.size() == lines.size() - 1);
}

}  // namespace

void Fuzz(absl::string_view input) {
  while (!input.empty()) {
    Read whole = ReadOne(input, input.size());
    LJ_CHECK(whole == ReadOne(input, 1));
    if (whole.outcome != Read::kWhole) return;
    CheckAccepted(input.substr(0, whole.head), whole);
    LJ_CHECK(whole.end >= whole.head && whole.end <= input.size());
    input.remove_prefix(whole.end);
  }
}

}  // namespace linjuli
