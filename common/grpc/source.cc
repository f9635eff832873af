#include "common/grpc/source.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/grpc/completion.h"
#include "common/grpc/wire.h"
#include "common/status.h"
#include "grpcpp/alarm.h"
#include "linjuli/changes/v1/changes.grpc.pb.h"

namespace linjuli {

using changes::v1::Changes;
using changes::v1::FollowChangesRequest;
using changes::v1::FollowChangesResponse;
using changes::v1::ListChangesRequest;
using changes::v1::ListChangesResponse;

namespace {

constexpr int kMaxPage = 1000;

template <typename Response>
ChangeBatch TakeBatch(Response& response) {
  ChangeBatch batch;
  batch.epoch = response.epoch();
  batch.changes.assign(std::make_move_iterator(response.mutable_changes()->begin()),
                       std::make_move_iterator(response.mutable_changes()->end()));
  if (!batch.changes.empty()) batch.end = batch.changes.back().sequence();
  return batch;
}

}  // namespace

struct GrpcSource::State {
  explicit State(const std::shared_ptr<grpc::Channel>& connection)
      : stub(Changes::NewStub(connection)) {}

  const std::unique_ptr<Changes::Stub> stub;
  absl::Mutex mutex;
  // What the last bell brought, until it is read.
  std::optional<ChangeBatch> ahead ABSL_GUARDED_BY(mutex);
  // The log's life as last read: a bell at a log that has been restored since rings.
  std::string epoch ABSL_GUARDED_BY(mutex);
  absl::flat_hash_set<Bell*> bells ABSL_GUARDED_BY(mutex);
  int failures ABSL_GUARDED_BY(mutex) = 0;
  bool closing ABSL_GUARDED_BY(mutex) = false;
};

// One FollowChanges stream, until its first message or its end.
class GrpcSource::Bell {
 public:
  Bell(GrpcSource* source, absl::AnyInvocable<void()> wake)
      : source_(source),
        wake_(std::move(wake)),
        started_([this](bool ok) { ok ? reader_->Read(&response_, &read_) : End(); }),
        read_([this](bool ok) { Read(ok); }),
        ended_([this](bool) { Ended(); }),
        waited_([this](bool) { Ring(); }) {}

  void Start(int64_t after) {
    State& state = *source_->state_;
    FollowChangesRequest request;
    request.set_service(source_->options_.service);
    request.set_after_sequence(after);
    std::string token = source_->Token();
    bool open = CheckToken(token).ok();
    if (open) WriteMetadata(token, "", absl::InfiniteFuture(), context_);
    context_.set_wait_for_ready(true);
    {
      absl::MutexLock lock(&state.mutex);
      request.set_epoch(state.epoch);
      open = open && !state.closing;
      if (open) {
        reader_ =
            state.stub->PrepareAsyncFollowChanges(&context_, request, source_->channel_->queue());
        state.bells.insert(this);
      }
    }
    if (!open) return Ring();
    reader_->StartCall(&started_);
  }

  // Under the state's lock.
  void Cancel() {
    context_.TryCancel();
    alarm_.Cancel();
  }

 private:
  void Read(bool ok) {
    if (ok) {
      State& state = *source_->state_;
      absl::MutexLock lock(&state.mutex);
      state.ahead = TakeBatch(response_);
      state.failures = 0;
      rung_ = true;
      context_.TryCancel();
    }
    End();
  }

  void End() { reader_->Finish(&status_, &ended_); }

  void Ended() {
    State& state = *source_->state_;
    {
      absl::MutexLock lock(&state.mutex);
      if (!rung_ && !state.closing) {
        const auto& options = source_->options_;
        absl::Duration wait =
            std::min(options.first_retry * (1 << state.failures), options.longest_retry);
        state.failures = std::min(state.failures + 1, 10);
        alarm_.Set(source_->channel_->queue(), absl::ToChronoTime(Clock::Real()->Now() + wait),
                   &waited_);
        return;
      }
    }
    Ring();
  }

  void Ring() {
    wake_();
    State& state = *source_->state_;
    absl::MutexLock lock(&state.mutex);
    state.bells.erase(this);
    delete this;
  }

  GrpcSource* const source_;
  absl::AnyInvocable<void()> wake_;
  FunctionEvent started_, read_, ended_, waited_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<FollowChangesResponse>> reader_;
  FollowChangesResponse response_;
  grpc::Status status_;
  grpc::Alarm alarm_;
  bool rung_ = false;
};

GrpcSource::GrpcSource(GrpcChannel* channel, GrpcSourceOptions options)
    : channel_(channel),
      options_(std::move(options)),
      state_(std::make_unique<State>(channel->connection())) {}

GrpcSource::~GrpcSource() {
  absl::MutexLock lock(&state_->mutex);
  state_->closing = true;
  for (Bell* bell : state_->bells) bell->Cancel();
  state_->mutex.Await(absl::Condition(
      +[](State* state) ABSL_NO_THREAD_SAFETY_ANALYSIS { return state->bells.empty(); },
      state_.get()));
}

Reply GrpcSource::Ask(const char* method, std::unique_ptr<google::protobuf::Message> request) {
  Call call;
  call.method = request->GetDescriptor()->file()->service(0)->FindMethodByName(method);
  call.request = std::move(request);
  call.token = Token();
  call.deadline = channel_->clock().Now() + options_.patience;
  absl::Notification arrived;
  Reply reply;
  channel_->Start(std::move(call), [&](Reply r) {
    reply = std::move(r);
    arrived.Notify();
  });
  arrived.WaitForNotification();
  return reply;
}

absl::StatusOr<changes::v1::Head> GrpcSource::ReadHead() {
  auto request = std::make_unique<changes::v1::GetHeadRequest>();
  request->set_service(options_.service);
  Reply reply = Ask("GetHead", std::move(request));
  if (!reply.ok()) return reply.status();
  return static_cast<changes::v1::Head&>(**reply);
}

absl::StatusOr<std::vector<Digest>> GrpcSource::ProveConsistency(int64_t first, int64_t second) {
  auto request = std::make_unique<changes::v1::GetConsistencyProofRequest>();
  request->set_service(options_.service);
  request->set_first_sequence(first);
  request->set_second_sequence(second);
  Reply reply = Ask("GetConsistencyProof", std::move(request));
  if (!reply.ok()) return reply.status();
  std::vector<Digest> path;
  for (const auto& hash : static_cast<const changes::v1::ConsistencyProof&>(**reply).hashes()) {
    Digest& digest = path.emplace_back();
    if (hash.size() != digest.size()) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE", "a hash of another length");
    }
    std::copy(hash.begin(), hash.end(), digest.begin());
  }
  return path;
}

std::string GrpcSource::Token() const { return options_.token ? options_.token() : ""; }

absl::StatusOr<ChangeBatch> GrpcSource::Read(absl::string_view epoch, int64_t after, int limit) {
  {
    absl::MutexLock lock(&state_->mutex);
    std::optional<ChangeBatch> ahead = std::exchange(state_->ahead, std::nullopt);
    if (ahead.has_value() && !ahead->changes.empty() &&
        ahead->changes.front().sequence() == after + 1 &&
        (epoch.empty() || epoch == ahead->epoch)) {
      if (ahead->changes.size() > static_cast<size_t>(limit)) ahead->changes.resize(limit);
      state_->epoch = ahead->epoch;
      return *std::move(ahead);
    }
  }
  auto request = std::make_unique<ListChangesRequest>();
  request->set_service(options_.service);
  request->set_epoch(std::string(epoch));
  request->set_after_sequence(after);
  request->set_page_size(std::min(limit, kMaxPage));
  Reply reply = Ask("ListChanges", std::move(request));

  absl::MutexLock lock(&state_->mutex);
  if (!reply.ok()) {
    if (ReasonOf(reply.status()) == "CURSOR_EXPIRED") state_->epoch.clear();
    return reply.status();
  }
  auto& response = static_cast<ListChangesResponse&>(**reply);
  ChangeBatch batch = TakeBatch(response);
  batch.end = response.last_sequence();
  state_->epoch = batch.epoch;
  return batch;
}

void GrpcSource::Notify(int64_t after, absl::AnyInvocable<void()> wake) {
  (new Bell(this, std::move(wake)))->Start(after);
}

}  // namespace linjuli
