#include "services/gateway/grpc_web.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/status.h"
#include "services/gateway/call_fields.h"
#include "services/gateway/http_error.h"

namespace linjuli {
namespace {

constexpr absl::string_view kMediaType = "application/grpc-web";
constexpr std::size_t kFrameHead = 5;
constexpr char kCompressedFlag = 0x01;
constexpr char kTrailersFlag = static_cast<char>(0x80);
constexpr std::size_t kMaxTimeoutDigits = 8;

void AppendFrame(char flags, absl::string_view bytes, std::string& out) {
  auto length = static_cast<std::uint32_t>(bytes.size());
  out += flags;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  absl::StrAppend(&out, bytes);
}

absl::Status NotOneMessage() {
  return Refuse(absl::StatusCode::kUnimplemented, "MALFORMED",
                "a unary method takes one message, in one frame");
}

// The message of a body of one frame.
absl::StatusOr<absl::string_view> ReadFrame(absl::string_view body) {
  if (body.empty()) return NotOneMessage();
  absl::Status malformed = Wrong("MALFORMED", "the body is no frame of gRPC-Web");
  if (body.size() < kFrameHead) return malformed;
  std::uint32_t length = 0;
  for (std::size_t i = 1; i < kFrameHead; ++i) {
    length = length << 8 | static_cast<unsigned char>(body[i]);
  }
  char flags = body[0];
  body.remove_prefix(kFrameHead);
  if (flags == kCompressedFlag) {
    return Refuse(absl::StatusCode::kInternal, "COMPRESSION",
                  "the message says that it is compressed, and grpc-encoding does not");
  }
  if (flags != 0 || body.size() < length) return malformed;
  if (body.size() > length) return NotOneMessage();
  return body;
}

// Base64 as it is sent in pieces: each may end with padding.
absl::StatusOr<std::string> ReadText(absl::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    std::size_t padding = text.find('=');
    std::size_t end = padding == absl::string_view::npos
                          ? text.size()
                          : std::min(text.find_first_not_of('=', padding), text.size());
    std::string piece;
    if (end % 4 != 0 || !absl::Base64Unescape(text.substr(0, end), &piece)) {
      return Wrong("MALFORMED", "the body is no base64");
    }
    bytes += piece;
    text.remove_prefix(end);
  }
  return bytes;
}

// "200m": at most 8 digits and a unit.
absl::StatusOr<absl::Duration> ReadTimeout(const HttpRequest& http) {
  auto text = http.Find("Grpc-Timeout");
  if (!text.has_value()) return kUsualTimeout;
  const std::pair<char, absl::Duration> units[] = {
      {'H', absl::Hours(1)},        {'M', absl::Minutes(1)},      {'S', absl::Seconds(1)},
      {'m', absl::Milliseconds(1)}, {'u', absl::Microseconds(1)}, {'n', absl::Nanoseconds(1)}};
  absl::string_view digits = text->substr(0, text->empty() ? 0 : text->size() - 1);
  std::int64_t count = 0;
  bool number = !digits.empty() && digits.size() <= kMaxTimeoutDigits &&
                std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
                absl::SimpleAtoi(digits, &count);
  for (const auto& [letter, unit] : units) {
    if (number && text->back() == letter) return std::min(count * unit, kLongestTimeout);
  }
  return Wrong("HEADER", "grpc-timeout must be 1 to 8 digits and one of H M S m u n",
               "grpc-timeout");
}

// As gRPC sends a message in a header field: visible ASCII, the rest escaped.
std::string EscapeMessage(absl::string_view message) {
  std::string escaped;
  for (char c : message) {
    if (c >= ' ' && c <= '~' && c != '%') {
      escaped += c;
    } else {
      absl::StrAppend(&escaped, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return escaped;
}

std::string TrailersOf(const absl::Status& status) {
  std::string trailers = absl::StrCat("grpc-status:", static_cast<int>(status.code()), "\r\n");
  if (status.ok()) return trailers;
  std::string details = absl::Base64Escape(ToProto(status).SerializeAsString());
  absl::StrAppend(&trailers, "grpc-message:", EscapeMessage(status.message()),
                  "\r\ngrpc-status-details-bin:", details.substr(0, details.find('=')), "\r\n");
  return trailers;
}

std::string Sent(std::string bytes, bool text) {
  return text ? absl::Base64Escape(bytes) : std::move(bytes);
}

}  // namespace

absl::optional<bool> GrpcWebIsText(const HttpRequest& request) {
  std::string type = MediaTypeOf(request);
  absl::string_view kind = type;
  if (!absl::ConsumePrefix(&kind, kMediaType)) return absl::nullopt;
  if (kind == "" || kind == "+proto") return false;
  if (kind == "-text" || kind == "-text+proto") return true;
  return absl::nullopt;
}

absl::StatusOr<Call> ReadGrpcWeb(const HttpRequest& http, const RpcMethod& method, bool text,
                                 absl::Time now) {
  if (http.Find("Grpc-Encoding").value_or("identity") != "identity") {
    return Refuse(absl::StatusCode::kUnimplemented, "COMPRESSION",
                  "compressed requests are not taken; send identity");
  }
  std::string decoded;
  absl::string_view body = http.body;
  if (text) {
    LJ_ASSIGN(decoded, ReadText(body));
    body = decoded;
  }
  LJ_ASSIGN(absl::string_view message, ReadFrame(body));
  Call call = NewCall(method);
  LJ_RETURN_IF_ERROR(ParseBinary(message, *call.request));
  LJ_ASSIGN(absl::Duration timeout, ReadTimeout(http));
  call.deadline = now + timeout;
  LJ_RETURN_IF_ERROR(ReadCallFields(http, call));
  return call;
}

const char* GrpcWebMediaType(bool text) {
  return text ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
}

std::string GrpcWebMessage(absl::string_view bytes, bool text) {
  std::string frame;
  AppendFrame(0, bytes, frame);
  return Sent(std::move(frame), text);
}

std::string GrpcWebTrailers(const absl::Status& status, bool text) {
  std::string frame;
  AppendFrame(kTrailersFlag, TrailersOf(status), frame);
  return Sent(std::move(frame), text);
}

HttpResponse GrpcWebError(const absl::Status& status, bool text) {
  HttpResponse response;
  response.content_type = GrpcWebMediaType(text);
  if (ReasonOf(status) == "COMPRESSION") {
    response.fields.emplace_back("Grpc-Accept-Encoding", "identity");
  }
  response.body = GrpcWebTrailers(status, text);
  return response;
}

bool GrpcWebDoor::Takes(const HttpRequest& request) const {
  return methods_->Find(request.path) != nullptr &&
         absl::StartsWith(MediaTypeOf(request), kMediaType);
}

void GrpcWebDoor::Handle(const HttpRequest& request, HttpRespond respond) {
  const RpcMethod* method = methods_->Find(request.path);
  LJ_CHECK(method != nullptr);
  if (request.verb != Verb::kPost) {
    return std::move(respond)(ErrorResponse(VerbNotAllowed("OPTIONS, POST")));
  }
  absl::optional<bool> is_text = GrpcWebIsText(request);
  if (!is_text.has_value()) {
    HttpResponse refusal = ErrorResponse(Refuse(absl::StatusCode::kUnimplemented, "MEDIA_TYPE",
                                                "gRPC-Web is spoken here with +proto messages"));
    refusal.fields.emplace_back("Accept-Post",
                                absl::StrCat(kMediaType, "+proto, ", kMediaType, "-text+proto"));
    return std::move(respond)(std::move(refusal));
  }
  bool text = *is_text;
  auto call = ReadGrpcWeb(request, *method, text, clock_->Now());
  if (!call.ok()) return std::move(respond)(Encode(text, call.status()));
  auto done = [this, text, respond = std::move(respond)](Reply reply) mutable {
    std::move(respond).Later(
        [this, text, reply = std::move(reply)] { return Encode(text, reply); });
  };
  method->backend->Start(*std::move(call), std::move(done));
}

HttpResponse GrpcWebDoor::Encode(bool text, const Reply& reply) const {
  absl::Status status = reply.status();
  if (!status.ok()) {
    if (localize_ != nullptr) localize_(status);
    return GrpcWebError(status, text);
  }
  HttpResponse response;
  response.content_type = GrpcWebMediaType(text);
  // As one piece of base64, which more clients read than two.
  response.body = GrpcWebMessage(BinaryOf(*reply), false) + GrpcWebTrailers(status, false);
  if (text) response.body = absl::Base64Escape(response.body);
  return response;
}

}  // namespace linjuli
