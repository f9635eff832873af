#include "services/gateway/connect.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "common/json/codec.h"
#include "common/rpc/priority.h"
#include "common/status.h"
#include "services/gateway/call_fields.h"
#include "services/gateway/http_error.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/percent.h"

namespace linjuli {
namespace {

using google::protobuf::Message;

constexpr std::size_t kMaxTimeoutDigits = 10;

// What a message is written in, both ways.
enum class Codec { kJson, kProto };

// The parameters of a GET that mean something; others are nobody's.
struct GetQuery {
  absl::optional<std::string> connect, encoding, message, base64, compression;
};

absl::StatusOr<GetQuery> ReadQuery(absl::string_view text) {
  GetQuery query;
  const std::pair<absl::string_view, absl::optional<std::string>*> known[] = {
      {"connect", &query.connect}, {"encoding", &query.encoding},       {"message", &query.message},
      {"base64", &query.base64},   {"compression", &query.compression},
  };
  for (absl::string_view part : absl::StrSplit(text, '&')) {
    std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    for (const auto& [name, value] : known) {
      if (pair.first != name) continue;
      if (value->has_value()) {
        return Wrong("QUERY", absl::StrCat("\"", name, "\" is given twice"), name);
      }
      *value = PercentDecode(pair.second, Escapes::kBytes);
      if (!value->has_value()) return Wrong("QUERY", "the query holds a malformed escape", name);
    }
  }
  return query;
}

absl::Status NoSuchMediaType() {
  return Refuse(absl::StatusCode::kUnimplemented, "MEDIA_TYPE",
                "a message must be application/json or application/proto");
}

absl::Status NoSuchCompression() {
  return Refuse(absl::StatusCode::kUnimplemented, "COMPRESSION",
                "compressed requests are not taken; send identity");
}

absl::StatusOr<Codec> CodecOf(absl::string_view name) {
  if (name == "json") return Codec::kJson;
  if (name == "proto") return Codec::kProto;
  return NoSuchMediaType();
}

// What the request sends as its message, and in which codec.
struct Payload {
  Codec codec = Codec::kJson;
  std::string decoded;        // of a GET
  absl::string_view message;  // into `decoded`, or the request's body
};

absl::StatusOr<Payload> ReadGet(const HttpRequest& http) {
  LJ_ASSIGN(GetQuery query, ReadQuery(http.query));
  Payload payload;
  LJ_ASSIGN(payload.codec, CodecOf(query.encoding.value_or("")));
  if (!http.body.empty()) return Wrong("BODY", "a GET has its message in the query, and no body");
  if (query.connect.value_or("v1") != "v1") {
    return Wrong("QUERY", "the protocol spoken here is connect=v1", "connect");
  }
  if (query.compression.value_or("identity") != "identity") return NoSuchCompression();
  if (!query.message.has_value()) return Wrong("QUERY", "`message` is missing", "message");
  payload.decoded = *std::move(query.message);
  if (query.base64.value_or("0") == "1") {
    std::string bytes;
    if (!absl::WebSafeBase64Unescape(payload.decoded, &bytes)) {
      return Wrong("QUERY", "`message` is no web-safe base64", "message");
    }
    payload.decoded = std::move(bytes);
  } else if (query.base64.value_or("0") != "0") {
    return Wrong("QUERY", "`base64` is 1, or is left out", "base64");
  }
  return payload;
}

absl::StatusOr<Payload> ReadPost(const HttpRequest& http) {
  std::string type = MediaTypeOf(http);
  absl::string_view name = type;
  Payload payload;
  if (!absl::ConsumePrefix(&name, "application/")) return NoSuchMediaType();
  LJ_ASSIGN(payload.codec, CodecOf(name));
  if (IsCompressed(http)) return NoSuchCompression();
  if (!http.query.empty()) return Wrong("QUERY", "a POST has everything in its body");
  payload.message = http.body;
  return payload;
}

absl::StatusOr<absl::Duration> ReadTimeout(const HttpRequest& http) {
  auto text = http.Find("Connect-Timeout-Ms");
  if (!text.has_value()) return kUsualTimeout;
  std::int64_t milliseconds = 0;
  bool digits = !text->empty() && text->size() <= kMaxTimeoutDigits &&
                std::all_of(text->begin(), text->end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(*text, &milliseconds)) {
    return Wrong("HEADER", "Connect-Timeout-Ms must be 1 to 10 digits", "Connect-Timeout-Ms");
  }
  return std::min(absl::Milliseconds(milliseconds), kLongestTimeout);
}

std::string AllowOf(const RpcMethod& method) {
  return method.only_reads() ? "GET, HEAD, OPTIONS, POST" : "OPTIONS, POST";
}

struct ConnectCall {
  Codec codec;
  Call call;
};

absl::StatusOr<ConnectCall> ReadCall(const HttpRequest& http, const RpcMethod& method,
                                     absl::Time now) {
  bool gets = method.only_reads() && (http.verb == Verb::kGet || http.verb == Verb::kHead);
  if (!gets && http.verb != Verb::kPost) return VerbNotAllowed(AllowOf(method));
  LJ_ASSIGN(Payload payload, gets ? ReadGet(http) : ReadPost(http));
  if (gets) payload.message = payload.decoded;
  if (http.Find("Connect-Protocol-Version").value_or("1") != "1") {
    return Wrong("HEADER", "the protocol spoken here is Connect-Protocol-Version: 1",
                 "Connect-Protocol-Version");
  }
  Call call = NewCall(method);
  LJ_RETURN_IF_ERROR(payload.codec == Codec::kJson ? ParseJson(payload.message, *call.request)
                                                   : ParseBinary(payload.message, *call.request));
  LJ_ASSIGN(absl::Duration timeout, ReadTimeout(http));
  call.deadline = now + timeout;
  LJ_RETURN_IF_ERROR(ReadCallFields(http, call));
  return ConnectCall{payload.codec, std::move(call)};
}

HttpResponse EncodeAnswer(Codec codec, const Answer& answer) {
  HttpResponse response;
  if (codec == Codec::kProto) {
    response.content_type = "application/proto";
    response.body = BinaryOf(answer);
  } else if (answer.bytes() == nullptr ||
             !PrintJsonOfBytes(answer.prototype(), *answer.bytes(), response.body)) {
    PrintJson(*answer, response.body);
  }
  return response;
}

// "not_found".
std::string CodeName(absl::StatusCode code) {
  // The protocol spells this one with a single l.
  if (code == absl::StatusCode::kCancelled) return "canceled";
  return absl::AsciiStrToLower(CanonicalName(code));
}

void WriteDetail(absl::string_view url, const absl::Cord& bytes, JsonWriter& json) {
  std::string value = absl::Base64Escape(std::string(bytes));
  json.BeginObject();
  json.Field("type", absl::StripPrefix(url, "type.googleapis.com/"));
  json.Field("value", absl::string_view(value).substr(0, value.find('=')));
  if (std::unique_ptr<Message> detail = ErrorDetail(url, bytes); detail != nullptr) {
    std::string text;
    PrintJson(*detail, text);
    json.Key("debug").Raw(text);
  }
  json.EndObject();
}

}  // namespace

void ConnectDoor::Handle(const HttpRequest& request, HttpRespond respond) {
  const RpcMethod* method = methods_->Find(request.path);
  LJ_CHECK(method != nullptr);
  if (request.verb == Verb::kOptions) {
    return std::move(respond)(OptionsResponse(AllowOf(*method)));
  }
  auto read = ReadCall(request, *method, clock_->Now());
  if (!read.ok()) return std::move(respond)(EncodeError(read.status()));
  auto done = [this, codec = read->codec, respond = std::move(respond)](Reply reply) mutable {
    std::move(respond).Later([this, codec, reply = std::move(reply)] {
      return reply.ok() ? EncodeAnswer(codec, *reply) : EncodeError(reply.status());
    });
  };
  method->backend->Start(std::move(read->call), std::move(done));
}

ConnectDoor::ConnectDoor(const RpcMethods* methods, LocalizeError localize, Clock* clock)
    : methods_(methods), localize_(std::move(localize)), clock_(clock) {
  busy_ = EncodeError(TooBusy());
}

HttpResponse ConnectDoor::EncodeError(absl::Status status) const {
  if (busy_.has_value() && status == TooBusy()) return busy_->Again();
  if (localize_ != nullptr) localize_(status);
  HttpResponse response = ErrorHead(status);
  if (response.code == 415) {
    response.fields.emplace_back("Accept-Post", "application/json, application/proto");
  }
  // A client goes by the HTTP code where it finds no code of the protocol.
  if (response.code == 405 || response.code == 415) {
    response.body = ErrorBody(status, response.code);
    return response;
  }
  if (ReasonOf(status) == "COMPRESSION") {
    response.fields.emplace_back("Accept-Encoding", "identity");
  }
  JsonWriter json;
  json.BeginObject();
  json.Field("code", CodeName(status.code()));
  json.Field("message", status.message());
  json.Key("details").BeginArray();
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& bytes) { WriteDetail(url, bytes, json); });
  json.EndArray().EndObject();
  response.body = json.Take();
  return response;
}

}  // namespace linjuli
