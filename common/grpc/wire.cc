#include "common/grpc/wire.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/random.h"
#include "common/rpc/wire_field.h"
#include "common/status.h"
#include "common/wire_limit.h"
#include "google/api/annotations.pb.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"

namespace linjuli {
namespace {

using google::protobuf::Message;

constexpr char kAuthorization[] = "authorization";
constexpr char kBearer[] = "Bearer ";
constexpr char kRequestId[] = "x-request-id";
constexpr char kDeadline[] = "linjuli-deadline";
constexpr size_t kMaxTrace = 64;
// gRPC escapes each byte outside ASCII as three; the message is sent twice.
constexpr size_t kMaxMessage = 512;

absl::string_view View(grpc::string_ref ref) { return {ref.data(), ref.size()}; }

// At most `limit` bytes of `text`, never half a character.
std::string Clip(absl::string_view text, size_t limit) {
  if (text.size() > limit) {
    while (limit > 0 && (text[limit] & 0xC0) == 0x80) --limit;
    text = text.substr(0, limit);
  }
  return std::string(text);
}

void KeepSmall(google::rpc::Status& proto) {
  auto& details = *proto.mutable_details();
  while (proto.ByteSizeLong() > kMaxErrorBytes && !details.empty()) {
    auto longest = std::max_element(details.begin(), details.end(), [](auto& a, auto& b) {
      bool a_reason = a.template Is<google::rpc::ErrorInfo>();
      bool b_reason = b.template Is<google::rpc::ErrorInfo>();
      if (a_reason != b_reason) return a_reason;
      return a.value().size() < b.value().size();
    });
    google::rpc::ErrorInfo info;
    // Only the reason is left: it goes without its facts before it goes altogether.
    if (longest->UnpackTo(&info) && info.metadata_size() > 0) {
      info.clear_metadata();
      longest->PackFrom(info);
    } else {
      details.erase(longest);
    }
  }
}

std::string Sent(const grpc::ServerContext& context, const char* name) {
  auto [begin, end] = context.client_metadata().equal_range(name);
  std::vector<absl::string_view> values;
  for (auto at = begin; at != end; ++at) values.push_back(View(at->second));
  // Several are joined, as HTTP joins them: no single one may be chosen in silence.
  return absl::StrJoin(values, ",");
}

// A peer's moments are ours where its clock is.
bool SameMachine(absl::string_view peer) {
  return absl::StartsWith(peer, "unix:") || absl::StartsWith(peer, "ipv4:127.") ||
         absl::StartsWith(peer, "ipv6:%5B::1%5D");
}

bool SafeTrace(absl::string_view trace) {
  return !trace.empty() && trace.size() <= kMaxTrace &&
         std::all_of(trace.begin(), trace.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-' || c == ':';
         });
}

}  // namespace

grpc::ByteBuffer ToBytes(const Message& message) {
  grpc::ByteBuffer bytes;
  bool owned = false;
  auto status = grpc::SerializationTraits<Message>::Serialize(message, &bytes, &owned);
  LJ_CHECK(status.ok());
  return bytes;
}

grpc::ByteBuffer ToBytes(const Answer& answer) {
  if (answer.bytes() == nullptr) return ToBytes(*answer);
  grpc::Slice slice(*answer.bytes());
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status CheckLists(const google::protobuf::Descriptor& type, grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) {
    return absl::OkStatus();  // Which no message is parsed from either.
  }
  return CheckLists(type,
                    absl::string_view(reinterpret_cast<const char*>(slice.begin()), slice.size()));
}

bool FromBytes(grpc::ByteBuffer& bytes, Message& message) {
  return grpc::SerializationTraits<Message>::Deserialize(&bytes, &message).ok();
}

absl::Status Decode(const grpc::ByteBuffer& bytes, Call& call) {
  using google::protobuf::MessageFactory;
  grpc::ByteBuffer copy = bytes;
  const auto* type = call.method->input_type();
  LJ_RETURN_IF_ERROR(CheckLists(*type, copy));
  call.request.reset(MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (FromBytes(copy, *call.request)) return absl::OkStatus();
  return Refuse(absl::StatusCode::kInvalidArgument, "MALFORMED",
                absl::StrCat("The bytes are no ", type->full_name(), "."));
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status proto = ToProto(status);
  proto.set_message(Clip(proto.message(), kMaxMessage));
  KeepSmall(proto);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), proto.message(),
                      proto.SerializeAsString());
}

std::string PushbackOf(const absl::Status& status) {
  std::optional<absl::Duration> wait = RetryAfterOf(status);
  if (!wait.has_value()) return "";
  return absl::StrCat(absl::ToInt64Milliseconds(*wait + absl::Milliseconds(1)));
}

absl::Status FromGrpc(const grpc::Status& status, absl::string_view target) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status proto;
  if (!status.error_details().empty() && proto.ParseFromString(status.error_details()) &&
      proto.code() == static_cast<int>(status.error_code())) {
    return FromProto(proto);
  }
  auto code = absl::Status(static_cast<absl::StatusCode>(status.error_code()), "").code();
  return Refuse(code, absl::StatusCodeToString(code),
                absl::StrCat(target, ": ", status.error_message()),
                {{"target", std::string(target)}});
}

bool HasWords(const grpc::Status& status) {
  google::rpc::Status proto;
  if (!proto.ParseFromString(status.error_details())) return false;
  return std::any_of(proto.details().begin(), proto.details().end(), [](const auto& detail) {
    return detail.template Is<google::rpc::LocalizedMessage>();
  });
}

void ReadMetadata(grpc::ServerContext& context, Clock& clock, absl::Duration longest, Call& call) {
  call.token = Sent(context, kAuthorization);
  // Anything but a bearer token stays as it is: the verifier refuses it, and nobody who sent
  // credentials is served as one who sent none.
  if (absl::StartsWithIgnoreCase(call.token, kBearer)) call.token.erase(0, sizeof(kBearer) - 1);
  call.trace = TraceFor(Sent(context, kRequestId));
  context.AddInitialMetadata(kRequestId, call.trace);
  // On the wire a deadline is a duration; gRPC has added the machine's clock to it.
  absl::Duration left = absl::FromChrono(context.deadline()) - Clock::Real()->Now();
  int64_t moment = 0;
  std::string sent = Sent(context, kDeadline);
  if (!sent.empty() && SameMachine(context.peer()) && absl::SimpleAtoi(sent, &moment)) {
    left = std::min(left, absl::FromUnixMicros(moment) - Clock::Real()->Now());
  }
  call.deadline = clock.Now() + std::min(left, longest);
}

absl::Status CheckToken(absl::string_view token) {
  if (std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) return absl::OkStatus();
  return Refuse(absl::StatusCode::kUnauthenticated, "TOKEN",
                "The token has characters that no token has.");
}

void WriteMetadata(absl::string_view token, absl::string_view trace, absl::Time deadline,
                   grpc::ClientContext& context) {
  // gRPC stops the process on other characters.
  LJ_CHECK(CheckToken(token).ok());
  if (!token.empty()) context.AddMetadata(kAuthorization, absl::StrCat(kBearer, token));
  context.AddMetadata(kRequestId, TraceFor(trace));
  if (deadline < absl::InfiniteFuture()) {
    context.AddMetadata(kDeadline, absl::StrCat(absl::ToUnixMicros(deadline)));
  }
}

bool MayRepeat(const google::protobuf::MethodDescriptor& method, const grpc::ByteBuffer& request) {
  if (method.options().GetExtension(google::api::http).has_get()) return true;
  const auto* request_id = method.input_type()->FindFieldByName("request_id");
  if (request_id == nullptr) return false;
  grpc::Slice bytes;
  if (!request.DumpToSingleSlice(&bytes).ok()) return false;
  return !FieldIn({reinterpret_cast<const char*>(bytes.begin()), bytes.size()}, request_id).empty();
}

std::string TraceFor(absl::string_view sent) {
  if (SafeTrace(sent)) return std::string(sent);
  return absl::BytesToHexString(RandomBytes(8));
}

std::string PathOf(const google::protobuf::MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

}  // namespace linjuli
