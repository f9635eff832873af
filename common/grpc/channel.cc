#include "common/grpc/channel.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/grpc/wire.h"
#include "common/status.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace linjuli {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;

// Between services: a page of a hundred changes, each with a resource of up to 256 KiB.
constexpr int kMaxReplyBytes = 32 << 20;

std::shared_ptr<grpc::Channel> Connect(const GrpcChannelOptions& options) {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxReplyBytes);
  // Retries are the caller's, who knows which calls may be sent twice. Without the filter, the
  // probe and the books of channelz a call costs a sixth less.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetString(GRPC_ARG_OPTIMIZATION_TARGET, "throughput");
  // The settings are here and nowhere else: not in DNS, not in the environment.
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  int first = static_cast<int>(absl::ToInt64Milliseconds(options.first_retry));
  int longest = static_cast<int>(absl::ToInt64Milliseconds(options.longest_retry));
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, first);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, longest);
  // Also the time that one attempt is given.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, longest);
  return grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(), args);
}

}  // namespace

// One call under way.
class GrpcChannel::Exchange : public Event {
 public:
  Exchange(GrpcChannel* channel, const google::protobuf::MethodDescriptor* method, Done done)
      : channel_(channel), method_(method), done_(std::move(done)) {}

  void Start(const Message& request, absl::Duration left) {
    context_.set_deadline(absl::ToChronoTime(Clock::Real()->Now() + left));
    reader_ = channel_->stub_.PrepareUnaryCall(&context_, PathOf(*method_), ToBytes(request),
                                               &channel_->queue_);
    if (!Open()) {
      done_(absl::CancelledError("The channel is being closed."));
      delete this;
      return;
    }
    reader_->StartCall();
    reader_->Finish(&bytes_, &status_, this);
  }

  void Cancel() { context_.TryCancel(); }
  grpc::ClientContext& context() { return context_; }
  void Fail(absl::Status status) { done_(std::move(status)); }

  void Proceed(bool) override {
    {
      absl::MutexLock lock(&channel_->mutex_);
      channel_->open_.erase(this);
    }
    done_(Decode());
    delete this;
  }

 private:
  // From here on the queue may not be shut down before Proceed.
  bool Open() {
    absl::MutexLock lock(&channel_->mutex_);
    if (channel_->closing_) return false;
    channel_->open_.insert(this);
    return true;
  }

  Reply Decode() {
    if (!status_.ok()) return FromGrpc(status_, channel_->target());
    std::unique_ptr<Message> reply(
        MessageFactory::generated_factory()->GetPrototype(method_->output_type())->New());
    if (!FromBytes(bytes_, *reply)) {
      return Refuse(absl::StatusCode::kInternal, "MALFORMED",
                    absl::StrCat(channel_->target(), ": the reply's bytes are no ",
                                 method_->output_type()->full_name(), "."));
    }
    return reply;
  }

  GrpcChannel* const channel_;
  const google::protobuf::MethodDescriptor* const method_;
  Done done_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
  grpc::ByteBuffer bytes_;
  grpc::Status status_;
};

GrpcChannel::GrpcChannel(GrpcChannelOptions options)
    : options_(std::move(options)),
      channel_(Connect(options_)),
      stub_(channel_),
      thread_(&queue_, 1) {}

GrpcChannel::~GrpcChannel() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
  for (Exchange* exchange : open_) exchange->Cancel();
  mutex_.Await(absl::Condition(
      +[](absl::flat_hash_set<Exchange*>* open) { return open->empty(); }, &open_));
}

void GrpcChannel::Start(Call call, Done done) {
  auto exchange = std::make_unique<Exchange>(this, call.method, std::move(done));
  absl::Status status = WriteMetadata(call.token, call.trace, exchange->context());
  if (!status.ok()) return exchange->Fail(std::move(status));
  exchange.release()->Start(*call.request,
                            std::min(call.deadline - options_.clock->Now(), kLongestCall));
}

}  // namespace linjuli
