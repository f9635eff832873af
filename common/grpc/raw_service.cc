#include "common/grpc/raw_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/grpc/completion.h"
#include "common/grpc/wire.h"
#include "common/status.h"
#include "grpcpp/alarm.h"
#include "grpcpp/impl/rpc_service_method.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/async_unary_call.h"

namespace linjuli {
namespace {

using google::protobuf::MethodDescriptor;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

constexpr char kPushback[] = "grpc-retry-pushback-ms";

absl::Status TooManyCalls() {
  return Overloaded("The server has as many calls as it takes at a time. Try again later.");
}

}  // namespace

struct RawService::Method {
  const MethodDescriptor* descriptor;
  std::string path;  // gRPC keeps a pointer to it
  int index;
  RawService* service;
  CarryBytes carry;
  bool cancels = false;  // whether a call wants to know that its client has gone
  OpenFeed open;
  int most_streams = 0;
  std::atomic<int> streams{0};

  // The call that the bytes and metadata make.
  ByteCall Read(grpc::ServerContext& context, grpc::ByteBuffer& bytes,
                absl::Duration longest) const {
    ByteCall call;
    ReadMetadata(context, service->calls_->clock(), longest, call.call);
    call.call.method = descriptor;
    call.bytes.Swap(&bytes);
    return call;
  }
};

// Waits for a client, has its call carried out, and sends the reply from whichever thread it comes
// on.
class RawService::UnaryCall : public Event {
 public:
  explicit UnaryCall(Method* method)
      : method_(method),
        responder_(&context_),
        gone_([this](bool) { Gone(); }),
        owners_(method->cancels ? 3 : 1) {
    calls().Enter();
    if (method_->cancels) context_.AsyncNotifyWhenDone(&gone_);
    method_->service->RequestAsyncUnary(method_->index, &context_, &bytes_, &responder_,
                                        calls().queue(), calls().queue(), this);
  }
  ~UnaryCall() override {
    if (running_) calls().EndRunning();
    calls().Leave();
  }

  void Proceed(bool ok) override {
    if (matched_) return Release();
    if (!ok) {
      delete this;
      return;
    }
    matched_ = true;
    new UnaryCall(method_);
    // The reply may come, be sent, and end this object before its start returns; one that wants to
    // be told to end stays until the start has returned and its client is known to have gone.
    bool cancels = method_->cancels;
    running_ = calls().BeginRunning();
    if (!running_) {
      absl::Status refused = TooManyCalls();
      Finish({calls().Worded(refused), {}, PushbackOf(refused)});
      if (cancels) Release();
      return;
    }
    CancelCall cancel = method_->carry(method_->Read(context_, bytes_, kLongestCall),
                                       [this](ByteReply reply) { Finish(std::move(reply)); });
    if (!cancels) return;
    {
      absl::MutexLock lock(&mutex_);
      if (!is_gone_) cancel_.swap(cancel);
    }
    if (cancel) cancel();
    Release();
  }

 private:
  OpenCalls& calls() const { return *method_->service->calls_; }

  void Finish(ByteReply reply) {
    if (!reply.pushback.empty()) context_.AddTrailingMetadata(kPushback, reply.pushback);
    if (!reply.status.ok()) return responder_.FinishWithError(reply.status, this);
    responder_.Finish(reply.bytes, grpc::Status::OK, this);
  }

  void Gone() {
    CancelCall cancel;
    {
      absl::MutexLock lock(&mutex_);
      is_gone_ = true;
      cancel_.swap(cancel);
    }
    if (cancel) cancel();
    Release();
  }

  void Release() {
    if (owners_.fetch_sub(1) == 1) delete this;
  }

  Method* const method_;
  grpc::ServerContext context_;
  grpc::ByteBuffer bytes_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  FunctionEvent gone_;
  bool matched_ = false;
  bool running_ = false;
  std::atomic<int> owners_;
  absl::Mutex mutex_;
  bool is_gone_ ABSL_GUARDED_BY(mutex_) = false;
  CancelCall cancel_ ABSL_GUARDED_BY(mutex_);
};

// Waits for a client and sends a feed's messages, one at a time: the next one is taken when the
// client's flow control has let the last one go.
class RawService::StreamCall {
 public:
  explicit StreamCall(Method* method)
      : method_(method),
        writer_(&context_),
        matched_([this](bool ok) { Matched(ok); }),
        written_([this](bool ok) { Written(ok); }),
        woken_([this](bool) { Woken(); }),
        finished_([this](bool) { Finished(); }),
        gone_([this](bool) { Gone(); }),
        waker_(std::make_shared<Waker>([this] {
          // Called with any locks held: it goes on from the queue's thread.
          if (alarm_set_.exchange(true)) return;
          alarm_.Set(calls().queue(), gpr_time_0(GPR_CLOCK_MONOTONIC), &woken_);
        })) {
    calls().Enter();
    context_.AsyncNotifyWhenDone(&gone_);
    method_->service->RequestAsyncServerStreaming(method_->index, &context_, &bytes_, &writer_,
                                                  calls().queue(), calls().queue(), &matched_);
  }
  ~StreamCall() { calls().Leave(); }

 private:
  enum class Step { kIdle, kWriting, kWaiting, kFinishing, kFinished };

  OpenCalls& calls() const { return *method_->service->calls_; }

  void Matched(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    new StreamCall(method_);
    calls().AddStream(waker_.get());
    absl::MutexLock lock(&mutex_);
    if (method_->streams.fetch_add(1) >= method_->most_streams) return Finish(TooManyCalls());
    auto feed = method_->open(method_->Read(context_, bytes_, absl::InfiniteDuration()));
    if (!feed.ok()) return Finish(feed.status());
    feed_ = *std::move(feed);
    // So that a client knows that it is heard before there is anything to send.
    step_ = Step::kWriting;
    writer_.SendInitialMetadata(&written_);
  }

  void Written(bool ok) {
    absl::MutexLock lock(&mutex_);
    step_ = Step::kIdle;
    ok ? Advance() : Finish(absl::CancelledError());
  }

  void Woken() {
    absl::ReleasableMutexLock lock(&mutex_);
    alarm_set_.store(false);
    if (step_ == Step::kWaiting) Advance();
    LeaveIfOver(lock);
  }

  void Gone() {
    absl::ReleasableMutexLock lock(&mutex_);
    is_gone_ = true;
    if (step_ == Step::kWaiting) Finish(absl::CancelledError());
    LeaveIfOver(lock);
  }

  void Finished() {
    calls().RemoveStream(waker_.get());
    waker_->Disarm();
    method_->streams.fetch_sub(1);
    absl::ReleasableMutexLock lock(&mutex_);
    step_ = Step::kFinished;
    LeaveIfOver(lock);
  }

  // No operation is under way.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_gone_) return Finish(absl::CancelledError());
    if (calls().streams_ended()) {
      return Finish(Refuse(absl::StatusCode::kUnavailable, "UNAVAILABLE",
                           "The server is being shut down. Open the stream again elsewhere."));
    }
    auto message = feed_->Next();
    if (!message.ok()) return Finish(message.status());
    if (message->has_value()) {
      step_ = Step::kWriting;
      writer_.Write(**message, &written_);
      return;
    }
    step_ = Step::kWaiting;
    feed_->Wait(waker_);
  }

  void Finish(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    step_ = Step::kFinishing;
    writer_.Finish(calls().Worded(std::move(status)), &finished_);
  }

  // Ends this object when no completion is still to come.
  void LeaveIfOver(absl::ReleasableMutexLock& lock) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    bool over = step_ == Step::kFinished && is_gone_ && !alarm_set_.load();
    lock.Release();
    if (over) delete this;
  }

  Method* const method_;
  grpc::ServerContext context_;
  grpc::ByteBuffer bytes_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
  FunctionEvent matched_, written_, woken_, finished_, gone_;
  std::atomic<bool> alarm_set_{false};
  grpc::Alarm alarm_;
  // Shared with whatever the feed waits for, which may keep it longer.
  std::shared_ptr<Waker> waker_;
  absl::Mutex mutex_;
  Step step_ ABSL_GUARDED_BY(mutex_) = Step::kIdle;
  bool is_gone_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Feed> feed_ ABSL_GUARDED_BY(mutex_);
};

RawService::RawService(OpenCalls* calls) : calls_(calls) {}
RawService::~RawService() = default;

RawService::Method& RawService::Add(const MethodDescriptor* descriptor, bool stream) {
  auto& method = *methods_.emplace_back(std::make_unique<Method>());
  method.descriptor = descriptor;
  method.path = PathOf(*descriptor);
  method.index = static_cast<int>(methods_.size()) - 1;
  method.service = this;
  AddMethod(new RpcServiceMethod(
      method.path.c_str(), stream ? RpcMethod::SERVER_STREAMING : RpcMethod::NORMAL_RPC, nullptr));
  MarkMethodRaw(method.index);
  return method;
}

CarryBytes Decoding(OpenCalls* calls, Backend* backend) {
  return [calls, backend](ByteCall call, BytesDone done) -> CancelCall {
    absl::Status decoded = Decode(call.bytes, call.call);
    if (!decoded.ok()) {
      done({calls->Worded(decoded), {}, PushbackOf(decoded)});
      return nullptr;
    }
    backend->Start(std::move(call.call), [done = std::move(done)](Reply reply) mutable {
      if (!reply.ok()) {
        return done({ToGrpc(reply.status()), {}, PushbackOf(reply.status())});
      }
      LJ_CHECK(*reply != nullptr);
      done({grpc::Status::OK, ToBytes(*reply), {}});
    });
    return nullptr;
  };
}

void RawService::AddUnary(const MethodDescriptor* descriptor, Backend* backend) {
  Add(descriptor, false).carry = Decoding(calls_, backend);
}

void RawService::AddPassed(const MethodDescriptor* descriptor, CarryBytes carry) {
  Method& method = Add(descriptor, false);
  method.carry = std::move(carry);
  method.cancels = true;
}

void RawService::AddStream(const MethodDescriptor* descriptor, OpenFeed open, int most) {
  Method& method = Add(descriptor, true);
  method.open = std::move(open);
  method.most_streams = most;
}

void RawService::Serve(int ahead) {
  for (auto& method : methods_) {
    if (method->open) {
      new StreamCall(method.get());
    } else {
      for (int i = 0; i < ahead; ++i) new UnaryCall(method.get());
    }
  }
}

// Waits for a client of any method that is not registered.
class UnknownCalls::UnknownCall : public Event {
 public:
  explicit UnknownCall(UnknownCalls* unknown) : unknown_(unknown), stream_(&context_) {
    calls().Enter();
    unknown_->service_.RequestCall(&context_, &stream_, calls().queue(), calls().queue(), this);
  }
  ~UnknownCall() override { calls().Leave(); }

  void Proceed(bool ok) override {
    if (matched_ || !ok) {
      delete this;
      return;
    }
    matched_ = true;
    new UnknownCall(unknown_);
    auto status = Refuse(absl::StatusCode::kUnimplemented, "NO_METHOD",
                         "No such method is served here; reflection lists those that are.");
    stream_.Finish(calls().Worded(std::move(status)), this);
  }

 private:
  OpenCalls& calls() const { return *unknown_->calls_; }

  UnknownCalls* const unknown_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  bool matched_ = false;
};

void UnknownCalls::Serve() { new UnknownCall(this); }

grpc::Status OpenCalls::Worded(absl::Status status) const {
  if (localize_ && !status.ok()) localize_(status);
  return ToGrpc(status);
}

OpenCalls::OpenCalls(grpc::ServerCompletionQueue* queue, Clock* clock, int most, Localizer localize,
                     prometheus::Registry* metrics)
    : queue_(queue), clock_(clock), most_(most), localize_(std::move(localize)) {
  if (metrics == nullptr) return;
  calls_open_ = &prometheus::BuildGauge()
                     .Name("linjuli_grpc_calls")
                     .Help("gRPC calls under way")
                     .Register(*metrics)
                     .Add({});
  streams_open_ = &prometheus::BuildGauge()
                       .Name("linjuli_grpc_streams")
                       .Help("gRPC streams that are open")
                       .Register(*metrics)
                       .Add({});
}

void OpenCalls::Enter() {
  absl::MutexLock lock(&mutex_);
  ++count_;
}

void OpenCalls::Leave() {
  absl::MutexLock lock(&mutex_);
  --count_;
}

void OpenCalls::AwaitNone() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* count) { return *count == 0; }, &count_));
}

bool OpenCalls::BeginRunning() {
  if (running_.fetch_add(1) < most_) {
    if (calls_open_ != nullptr) calls_open_->Increment();
    return true;
  }
  running_.fetch_sub(1);
  return false;
}

void OpenCalls::EndRunning() {
  running_.fetch_sub(1);
  if (calls_open_ != nullptr) calls_open_->Decrement();
}

void OpenCalls::AddStream(Waker* waker) {
  if (streams_open_ != nullptr) streams_open_->Increment();
  absl::MutexLock lock(&mutex_);
  streams_.insert(waker);
}

void OpenCalls::RemoveStream(Waker* waker) {
  if (streams_open_ != nullptr) streams_open_->Decrement();
  absl::MutexLock lock(&mutex_);
  streams_.erase(waker);
}

void OpenCalls::EndStreams() {
  streams_ended_.store(true);
  absl::MutexLock lock(&mutex_);
  for (Waker* waker : streams_) waker->Wake();
}

}  // namespace linjuli
