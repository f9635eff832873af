#include "services/gateway/framing.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace linjuli {
namespace {

FramingFault Bad(const char* sentence) { return {400, "HTTP_FRAMING", sentence}; }

constexpr FramingFault kHeadTooLarge = {431, "HEADER_TOO_LARGE",
                                        "the header is longer than is accepted"};
constexpr FramingFault kTooManyFields = {431, "HEADER_TOO_LARGE",
                                         "the header has more fields than are accepted"};
constexpr FramingFault kBodyTooLarge = {413, "BODY_TOO_LARGE",
                                        "the body is longer than is accepted"};

// Bytes around chunks beyond those within: a body of 1 MiB in chunks of one byte is 6 MiB to read.
constexpr std::size_t kChunkOverhead = 16 * 1024;

// Fields that mean something here and of which there may be one: a second one could be the one
// that an intermediary believed.
constexpr absl::string_view kSingle[] = {
    "host",
    "content-length",
    "transfer-encoding",
    "content-type",
    "authorization",
    "expect",
    "if-match",
    "idempotency-key",
    "x-request-id",
    "x-request-timeout",
    "content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "grpc-encoding",
    "grpc-timeout",
    "last-event-id",
    "origin",
};
constexpr std::size_t kSingleCount = sizeof(kSingle) / sizeof(kSingle[0]);
enum Single { kHost, kContentLength, kTransferEncoding, kContentType, kAuthorization, kExpect };

absl::optional<Verb> VerbOf(absl::string_view method) {
  for (Verb verb :
       {Verb::kGet, Verb::kPost, Verb::kPatch, Verb::kDelete, Verb::kHead, Verb::kOptions}) {
    if (method == VerbName(verb)) return verb;
  }
  return absl::nullopt;
}

bool IsOriginForm(absl::string_view target) {
  if (target.empty() || target[0] != '/') return false;
  return std::all_of(target.begin(), target.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != '\\'; });
}

bool IsMadeOf(absl::string_view text, absl::string_view marks) {
  return std::all_of(text.begin(), text.end(), [marks](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains(marks, c);
  });
}

// A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
bool IsHost(absl::string_view host) {
  bool bracketed = absl::ConsumePrefix(&host, "[");
  std::size_t end = std::min(host.find(bracketed ? ']' : ':'), host.size());
  absl::string_view name = host.substr(0, end);
  host.remove_prefix(end);
  if (name.empty() || !IsMadeOf(name, bracketed ? ":." : ".-_~")) return false;
  if (bracketed && !absl::ConsumePrefix(&host, "]")) return false;
  return host.empty() || (absl::ConsumePrefix(&host, ":") &&
                          std::all_of(host.begin(), host.end(), absl::ascii_isdigit));
}

absl::optional<FramingFault> FrameBody(const absl::optional<absl::string_view>* single, int version,
                                       const FramingLimits& limits, Framing& framing) {
  const auto& coding = single[kTransferEncoding];
  const auto& length = single[kContentLength];
  if (coding.has_value()) {
    if (version != 11) return Bad("Transfer-Encoding does not exist in HTTP/1.0");
    if (length.has_value()) return Bad("Transfer-Encoding and Content-Length say two things");
    if (!absl::EqualsIgnoreCase(*coding, "chunked")) {
      return Bad("the only Transfer-Encoding is chunked");
    }
    framing.chunked = true;
  }
  if (length.has_value()) {
    if (length->empty() || !std::all_of(length->begin(), length->end(), absl::ascii_isdigit)) {
      return Bad("Content-Length must be digits");
    }
    if (length->size() > 18 || !absl::SimpleAtoi(*length, &framing.content_length) ||
        framing.content_length > limits.body_bytes) {
      return kBodyTooLarge;
    }
  }
  return absl::nullopt;
}

absl::optional<FramingFault> FrameConnection(absl::string_view value, Framing& framing) {
  for (absl::string_view token : absl::StrSplit(value, ',')) {
    token = absl::StripAsciiWhitespace(token);
    if (absl::EqualsIgnoreCase(token, "close")) framing.keep_alive = false;
    for (Single field : {kHost, kContentLength, kTransferEncoding, kAuthorization}) {
      if (absl::EqualsIgnoreCase(token, kSingle[field])) {
        return Bad("Connection names a field that belongs to the request");
      }
    }
  }
  return absl::nullopt;
}

}  // namespace

absl::string_view VerbName(Verb verb) {
  switch (verb) {
    case Verb::kGet:
      return "GET";
    case Verb::kHead:
      return "HEAD";
    case Verb::kPost:
      return "POST";
    case Verb::kPatch:
      return "PATCH";
    case Verb::kDelete:
      return "DELETE";
    case Verb::kOptions:
      return "OPTIONS";
  }
  return "";
}

HeadScan::Result HeadScan::Scan(absl::string_view bytes, const FramingLimits& limits) {
  if (!bytes.empty() && !absl::ascii_isupper(static_cast<unsigned char>(bytes[0]))) {
    return {0, Bad("a request begins with its method")};
  }
  while (seen_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + seen_, '\n', bytes.size() - seen_);
    if (found == nullptr) {
      seen_ = bytes.size();
      break;
    }
    std::size_t end = static_cast<const char*>(found) - bytes.data();
    // First, as for a line whose end has not come: what lies behind the limit is not judged.
    if (end + 1 > limits.head_bytes) return {0, kHeadTooLarge};
    if (end == line_ || bytes[end - 1] != '\r') return {0, Bad("a line ends with CR and LF")};
    std::size_t begin = line_;
    line_ = seen_ = end + 1;
    if (end - 1 == begin) return {line_, absl::nullopt};
    if (lines_ > 0 && (bytes[begin] == ' ' || bytes[begin] == '\t')) {
      return {0, Bad("a field may not be folded over lines")};
    }
    if (++lines_ > limits.fields + 1) return {0, kTooManyFields};
  }
  if (bytes.size() > limits.head_bytes) return {0, kHeadTooLarge};
  return {};
}

absl::optional<FramingFault> Frame(const RequestHead& head, const FramingLimits& limits,
                                   Framing& framing) {
  framing = Framing();
  if (head.version != 10 && head.version != 11) {
    return FramingFault{505, "HTTP_VERSION", "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  }
  absl::optional<Verb> verb = VerbOf(head.method);
  if (!verb.has_value()) {
    return FramingFault{501, "HTTP_METHOD",
                        "the methods are GET, POST, PATCH, DELETE, HEAD and OPTIONS"};
  }
  framing.verb = *verb;
  framing.keep_alive = head.version == 11;
  if (!IsOriginForm(head.target)) return Bad("the target must be a path, with '/' first");
  std::size_t question = head.target.find('?');
  framing.path = head.target.substr(0, question);
  if (question != absl::string_view::npos) framing.query = head.target.substr(question + 1);

  absl::optional<absl::string_view> single[kSingleCount];
  for (const HttpField& field : head.fields) {
    for (std::size_t i = 0; i < kSingleCount; ++i) {
      if (!absl::EqualsIgnoreCase(field.name, kSingle[i])) continue;
      if (single[i].has_value()) return Bad("a field that may stand once stands twice");
      single[i] = field.value;
    }
    if (absl::EqualsIgnoreCase(field.name, "connection")) {
      if (auto fault = FrameConnection(field.value, framing)) return fault;
    }
  }
  if (single[kHost].has_value() ? !IsHost(*single[kHost]) : head.version == 11) {
    return Bad("Host must name one host");
  }
  if (auto fault = FrameBody(single, head.version, limits, framing)) return fault;
  // HTTP/1.0 knows no expectations, and a proxy that speaks it may have passed one on unread.
  if (single[kExpect].has_value() && head.version == 11) {
    if (!absl::EqualsIgnoreCase(*single[kExpect], "100-continue")) {
      return FramingFault{417, "EXPECTATION", "the only expectation is 100-continue"};
    }
    framing.expects_continue = true;
  }
  return absl::nullopt;
}

std::size_t ChunkDecoder::Take(absl::string_view bytes, std::size_t limit, std::string& body) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::kDone && !fault_.has_value()) {
    if (state_ == State::kData) {
      std::size_t part = std::min<std::uint64_t>(left_, bytes.size() - at);
      body.append(bytes.data() + at, part);
      at += part;
      left_ -= part;
      if (left_ == 0) state_ = State::kDataCr;
    } else if (++overhead_ > kChunkOverhead + body.size()) {
      fault_ = Bad("the chunks are too small");
    } else {
      Step(bytes[at++], limit, body.size());
    }
  }
  return at;
}

void ChunkDecoder::Step(char c, std::size_t limit, std::size_t body_size) {
  auto expect = [&](char wanted, State next, const char* sentence) {
    if (c != wanted) {
      fault_ = Bad(sentence);
    } else {
      state_ = next;
    }
  };
  switch (state_) {
    case State::kSize:
      if (absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
        if (++digits_ > 8) {
          fault_ = Bad("a chunk's size has at most 8 digits");
          return;
        }
        unsigned digit = absl::ascii_isdigit(static_cast<unsigned char>(c))
                             ? c - '0'
                             : absl::ascii_tolower(static_cast<unsigned char>(c)) - 'a' + 10;
        left_ = left_ * 16 + digit;
      } else if (digits_ == 0) {
        fault_ = Bad("a chunk begins with its size in hexadecimal digits");
      } else {
        expect('\r', State::kSizeLf, "a chunk's size is followed by the end of the line");
      }
      return;
    case State::kSizeLf:
      if (left_ + body_size > limit) {
        fault_ = kBodyTooLarge;
        return;
      }
      expect('\n', left_ == 0 ? State::kEndCr : State::kData, "a line ends with CR and LF");
      return;
    case State::kDataCr:
      expect('\r', State::kDataLf, "a chunk is longer than it said");
      return;
    case State::kDataLf:
      digits_ = 0;
      expect('\n', State::kSize, "a line ends with CR and LF");
      return;
    case State::kEndCr:
      expect('\r', State::kEndLf, "a chunked body ends without trailers");
      return;
    case State::kEndLf:
      expect('\n', State::kDone, "a line ends with CR and LF");
      return;
    case State::kData:
    case State::kDone:
      return;
  }
}

}  // namespace linjuli
