#include "common/grpc/channel.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/grpc/wire.h"
#include "common/random.h"
#include "common/status.h"
#include "grpcpp/alarm.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace linjuli {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr int kMostAttempts = 3;
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
// The target's state is looked at again at least so often, which bounds how long a call that waits
// for it holds up the channel's end.
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr char kPushback[] = "grpc-retry-pushback-ms";
constexpr char kNever[] = "-1";

// Between services: a page of a hundred changes, each with a resource of up to 256 KiB.
constexpr int kMaxReplyBytes = 32 << 20;

std::shared_ptr<grpc::Channel> Connect(const GrpcChannelOptions& options) {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxReplyBytes);
  // Which calls may be sent twice is known here and not there. Without gRPC's own retries, the
  // probe and the books of channelz a call costs a sixth less.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetString(GRPC_ARG_OPTIMIZATION_TARGET, "throughput");
  // The settings are here and nowhere else: not in DNS, not in the environment.
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A target that drains says so some time before it takes no more calls. gRPC listens for it only
  // where it balances between addresses.
  args.SetServiceConfigJSON(
      R"({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}})");
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

// What the target says of trying again; nothing where it does not say it in digits.
std::string PushbackOf(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  auto said = trailers.find(kPushback);
  if (said == trailers.end()) return "";
  std::string value(said->second.data(), said->second.size());
  int64_t number = 0;
  // Unreadable means never (gRFC A6).
  return absl::SimpleAtoi(value, &number) && number >= 0 ? absl::StrCat(number) : kNever;
}

}  // namespace

void RetryBudget::Failed() {
  int now = thousandths_.load();
  while (!thousandths_.compare_exchange_weak(now, std::max(now - 1000, 0))) {
  }
}

void RetryBudget::Succeeded() {
  int now = thousandths_.load();
  while (now < kFull && !thousandths_.compare_exchange_weak(now, std::min(now + 100, kFull))) {
  }
}

// One call, through all its attempts. Shared by itself while it is under way and by whoever may
// cancel it, perhaps later.
class GrpcChannel::Exchange : public Event,
                              public Operation,
                              public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(GrpcChannel* channel, ByteCall call, BytesDone done)
      : channel_(channel), call_(std::move(call)), done_(std::move(done)) {
    absl::Time now = Clock::Real()->Now();
    absl::Duration left =
        std::min(call_.call.deadline - channel_->options_.clock->Now(), kLongestCall);
    end_ = now + left;
    patient_until_ = now + left / 2;
  }

  void Begin() {
    absl::Status status = CheckToken(call_.call.token);
    if (status.ok() && !channel_->Enter(this)) {
      status = absl::CancelledError("The channel is being closed.");
    }
    if (!status.ok()) return done_({ToGrpc(status), {}, {}});
    self_ = shared_from_this();
    Go();
  }

  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    canceled_ = true;
    if (context_.has_value()) context_->TryCancel();
    alarm_.Cancel();
  }

  void Proceed(bool) override { step_ == Step::kSent ? Answered() : Go(); }

 private:
  enum class Step { kWaiting, kSent };

  // Sends the call, waits until it can be sent, or gives up. No operation is under way.
  void Go() {
    if (canceled()) return End({ToGrpc(absl::CancelledError("The client has gone.")), {}, {}});
    absl::Time now = Clock::Real()->Now();
    if (now >= end_) {
      return End({ToGrpc(Refuse(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                                "The deadline passed before the call was sent.")),
                  {},
                  {}});
    }
    grpc_connectivity_state state = channel_->channel_->GetState(/*try_to_connect=*/true);
    if (state == GRPC_CHANNEL_READY) {
      channel_->away_since_.store(0, std::memory_order_relaxed);
      return Send();
    }
    absl::Time until = patient_until_;
    // As long as nothing has failed, it may only be slow.
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) {
      until = std::min(until, channel_->AwaySince(now) + channel_->options_.patience);
    }
    if (now >= until) return End({Away(), {}, kNever});
    step_ = Step::kWaiting;
    channel_->channel_->NotifyOnStateChange(state, absl::ToChronoTime(std::min(now + kLook, until)),
                                            &channel_->queue_, this);
  }

  void Send() {
    ++attempts_;
    reader_.reset();
    {
      absl::MutexLock lock(&mutex_);
      context_.emplace();
      if (canceled_) context_->TryCancel();
    }
    context_->set_deadline(absl::ToChronoTime(end_));
    WriteMetadata(call_.call.token, call_.call.trace, end_, *context_);
    reader_ = channel_->stub_.PrepareUnaryCall(&*context_, PathOf(*call_.call.method), call_.bytes,
                                               &channel_->queue_);
    step_ = Step::kSent;
    reader_->StartCall();
    reader_->Finish(&reply_.bytes, &reply_.status, this);
  }

  void Answered() {
    if (reply_.status.error_code() != grpc::StatusCode::UNAVAILABLE) {
      channel_->budget_.Succeeded();
      if (!reply_.status.ok()) reply_.pushback = PushbackOf(*context_);
      return End(std::move(reply_));
    }
    channel_->budget_.Failed();
    std::string pushback = PushbackOf(*context_);
    bool again = attempts_ < kMostAttempts && pushback != kNever && channel_->budget_.Allows() &&
                 MayRepeat(*call_.call.method, call_.bytes);
    if (!again) {
      reply_.pushback = kNever;
      return End(std::move(reply_));
    }
    if (channel_->retries_ != nullptr) channel_->retries_->Increment();
    reply_ = {};
    step_ = Step::kWaiting;
    absl::MutexLock lock(&mutex_);
    alarm_.Set(&channel_->queue_,
               absl::ToChronoTime(std::min(Clock::Real()->Now() + PauseAfter(pushback), end_)),
               this);
    if (canceled_) alarm_.Cancel();
  }

  // Spread, so that calls that failed together do not come together.
  absl::Duration PauseAfter(const std::string& pushback) const {
    int64_t said = 0;
    if (absl::SimpleAtoi(pushback, &said)) return absl::Milliseconds(said);
    double spread = 0.5 + static_cast<unsigned char>(RandomBytes(1)[0]) / 256.0;
    return kFirstPause * (1 << (attempts_ - 1)) * spread;
  }

  grpc::Status Away() const {
    const std::string& target = channel_->target();
    return ToGrpc(Refuse(absl::StatusCode::kUnavailable, "UNAVAILABLE",
                         absl::StrCat(target, " does not serve."), {{"target", target}}));
  }

  bool canceled() {
    absl::MutexLock lock(&mutex_);
    return canceled_;
  }

  void End(ByteReply reply) {
    std::shared_ptr<Exchange> self = std::move(self_);
    done_(std::move(reply));
    channel_->Leave(this);
  }

  GrpcChannel* const channel_;
  const ByteCall call_;
  BytesDone done_;
  // By the machine's clock.
  absl::Time end_, patient_until_;
  std::shared_ptr<Exchange> self_;
  Step step_ = Step::kWaiting;
  int attempts_ = 0;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
  ByteReply reply_;
  grpc::Alarm alarm_;
  absl::Mutex mutex_;
  bool canceled_ ABSL_GUARDED_BY(mutex_) = false;
  // Made anew for each attempt, by the only thread that uses it without the lock.
  std::optional<grpc::ClientContext> context_;
};

// A stream at the target. Shared by its feed and by itself until its last completion.
class GrpcChannel::Stream : public Operation, public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(GrpcChannel* channel)
      : channel_(channel),
        opened_([this](bool ok) { ok ? Ask() : Finish(); }),
        asked_([this](bool ok) { ok ? Read() : Finish(); }),
        read_([this](bool ok) { ok ? Arrived() : Finish(); }),
        finished_([this](bool) { Finished(); }) {}

  void Begin(ByteCall call) {
    bytes_ = std::move(call.bytes);
    absl::Status status = CheckToken(call.call.token);
    if (status.ok() && !channel_->Enter(this)) {
      status = absl::CancelledError("The channel is being closed.");
    }
    if (!status.ok()) {
      absl::MutexLock lock(&mutex_);
      end_ = std::move(status);
      return;
    }
    WriteMetadata(call.call.token, call.call.trace, absl::InfiniteFuture(), context_);
    self_ = shared_from_this();
    stream_ = channel_->stub_.PrepareCall(&context_, PathOf(*call.call.method), channel_->queue());
    stream_->StartCall(&opened_);
  }

  absl::StatusOr<std::optional<grpc::ByteBuffer>> Next() {
    absl::MutexLock lock(&mutex_);
    if (!has_message_) {
      if (end_.has_value()) return *end_;
      return std::nullopt;
    }
    has_message_ = false;
    grpc::ByteBuffer message;
    message.Swap(&message_);
    Read();
    return message;
  }

  void Wait(std::shared_ptr<Waker> waker) {
    {
      absl::MutexLock lock(&mutex_);
      waker_ = waker;
      if (!has_message_ && !end_.has_value()) return;
    }
    waker->Wake();
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  void Ask() { stream_->WriteLast(bytes_, grpc::WriteOptions(), &asked_); }
  void Read() { stream_->Read(&message_, &read_); }
  void Finish() { stream_->Finish(&status_, &finished_); }

  void Arrived() {
    std::shared_ptr<Waker> waker;
    {
      absl::MutexLock lock(&mutex_);
      has_message_ = true;
      waker = waker_;
    }
    if (waker != nullptr) waker->Wake();
  }

  void Finished() {
    std::shared_ptr<Stream> self = std::move(self_);
    std::shared_ptr<Waker> waker;
    {
      absl::MutexLock lock(&mutex_);
      end_ = status_.ok() ? Refuse(absl::StatusCode::kUnavailable, "UNAVAILABLE",
                                   absl::StrCat(channel_->target(), " ended the stream."))
                          : FromGrpc(status_, channel_->target());
      waker = waker_;
    }
    if (waker != nullptr) waker->Wake();
    channel_->Leave(this);
  }

  GrpcChannel* const channel_;
  FunctionEvent opened_, asked_, read_, finished_;
  std::shared_ptr<Stream> self_;
  grpc::ByteBuffer bytes_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::Status status_;
  absl::Mutex mutex_;
  // Written by a read under way, which there is only while has_message_ is false.
  grpc::ByteBuffer message_;
  bool has_message_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  // Shared with the server's stream, which may end first.
  std::shared_ptr<Waker> waker_ ABSL_GUARDED_BY(mutex_);
};

class GrpcChannel::StreamFeed : public Feed {
 public:
  explicit StreamFeed(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~StreamFeed() override { stream_->Cancel(); }
  absl::StatusOr<std::optional<grpc::ByteBuffer>> Next() override { return stream_->Next(); }
  void Wait(std::shared_ptr<Waker> waker) override { stream_->Wait(std::move(waker)); }

 private:
  const std::shared_ptr<Stream> stream_;
};

GrpcChannel::GrpcChannel(GrpcChannelOptions options)
    : options_(std::move(options)),
      channel_(Connect(options_)),
      stub_(channel_),
      thread_(&queue_, 1) {
  if (options_.metrics == nullptr) return;
  retries_ = &prometheus::BuildCounter()
                  .Name("linjuli_grpc_retries_total")
                  .Help("Calls that were sent again after the target was not available")
                  .Register(*options_.metrics)
                  .Add({{"target", options_.target}});
}

GrpcChannel::~GrpcChannel() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
  for (Operation* operation : open_) operation->Cancel();
  mutex_.Await(absl::Condition(
      +[](absl::flat_hash_set<Operation*>* open) { return open->empty(); }, &open_));
}

bool GrpcChannel::Enter(Operation* operation) {
  absl::MutexLock lock(&mutex_);
  if (closing_) return false;
  open_.insert(operation);
  return true;
}

void GrpcChannel::Leave(Operation* operation) {
  absl::MutexLock lock(&mutex_);
  open_.erase(operation);
}

absl::Time GrpcChannel::AwaySince(absl::Time now) {
  int64_t since = away_since_.load();
  if (since == 0 && away_since_.compare_exchange_strong(since, absl::ToUnixNanos(now))) return now;
  return absl::FromUnixNanos(since);
}

void GrpcChannel::Start(Call call, Done done) {
  const auto* method = call.method;
  ByteCall bytes;
  bytes.bytes = ToBytes(*call.request);
  call.request.reset();
  bytes.call = std::move(call);
  Carry(std::move(bytes), [this, method, done = std::move(done)](ByteReply reply) mutable {
    if (!reply.status.ok()) return done(FromGrpc(reply.status, target()));
    std::unique_ptr<Message> message(
        MessageFactory::generated_factory()->GetPrototype(method->output_type())->New());
    if (!FromBytes(reply.bytes, *message)) {
      return done(Refuse(absl::StatusCode::kInternal, "MALFORMED",
                         absl::StrCat(target(), ": the reply's bytes are no ",
                                      method->output_type()->full_name(), ".")));
    }
    done(std::move(message));
  });
}

CancelCall GrpcChannel::Carry(ByteCall call, BytesDone done) {
  auto exchange = std::make_shared<Exchange>(this, std::move(call), std::move(done));
  exchange->Begin();
  return [exchange] { exchange->Cancel(); };
}

std::unique_ptr<Feed> GrpcChannel::Open(ByteCall call) {
  auto stream = std::make_shared<Stream>(this);
  stream->Begin(std::move(call));
  return std::make_unique<StreamFeed>(std::move(stream));
}

}  // namespace linjuli
