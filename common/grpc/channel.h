// A connection to the services of another process.
#ifndef LINJULI_COMMON_GRPC_CHANNEL_H_
#define LINJULI_COMMON_GRPC_CHANNEL_H_

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/grpc/bytes.h"
#include "common/grpc/completion.h"
#include "common/grpc/feed.h"
#include "common/rpc/call.h"
#include "grpcpp/channel.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"

namespace linjuli {

struct GrpcChannelOptions {
  // "host:port", "dns:///needs-intake:8080" or "unix:/path/of/socket".
  std::string target;
  // A connection that was lost is tried again after the first time, and then ever more rarely.
  absl::Duration first_retry = absl::Milliseconds(100);
  absl::Duration longest_retry = absl::Seconds(5);
  // How long calls wait for a target that does not serve, counted from when it ceased to: a restart
  // is waited for, an outage is not.
  absl::Duration patience = absl::Seconds(2);
  prometheus::Registry* metrics = nullptr;  // outlives the channel; null: none are kept
  Clock* clock = Clock::Real();
};

// How many of a target's failures may be answered by trying again (gRFC A6): each failure takes one
// of ten tokens, each success gives a tenth back, and with five or fewer left nothing is tried
// again. A target that is down is so not asked three times as much as one that is up. Thread-safe.
class RetryBudget {
 public:
  void Failed();
  void Succeeded();
  bool Allows() const { return thousandths_.load() > kFull / 2; }

 private:
  static constexpr int kFull = 10'000;
  std::atomic<int> thousandths_{kFull};
};

// Carries out calls of any service at the target. Connects with the first call, and again when the
// connection is lost. Watches the target's health: one that says NOT_SERVING gets no new calls.
//
// A call is sent while the target serves. Where it does not, a call waits for it within `patience`,
// and for half of its own time at most. A call that fails with UNAVAILABLE after it was sent is
// sent up to three times in all, with growing pauses, if it may be repeated (wire.h) and the budget
// allows. This is the only layer that tries again: clients are told not to.
//
// Errors are the target's own, with all details. UNAVAILABLE, reason UNAVAILABLE, fact `target`:
// there is no connection, or it was lost, and then the call may have been carried out or not.
// INTERNAL, reason MALFORMED: the reply's bytes are not of the method's type.
//
// Thread-safe. Replies come on the channel's own thread: they must not block it.
class GrpcChannel : public Backend {
 public:
  explicit GrpcChannel(GrpcChannelOptions options);
  // Cancels what is under way and waits until every Done has been called.
  ~GrpcChannel() override;

  // A call without a deadline is given 30 s.
  void Start(Call call, Done done) override;
  // The same without a look at the bytes.
  CancelCall Carry(ByteCall call, BytesDone done);
  // A stream of the target's as it comes: the next message is asked for when the last one was
  // taken, and the stream is canceled when the feed ends. It is opened once and never again.
  std::unique_ptr<Feed> Open(ByteCall call);

  const std::string& target() const { return options_.target; }
  Clock& clock() const { return *options_.clock; }
  // For streams: their completions come on the same queue, whose tags are Events.
  const std::shared_ptr<grpc::Channel>& connection() const { return channel_; }
  grpc::CompletionQueue* queue() { return &queue_; }

 private:
  // What keeps the channel's destructor waiting.
  class Operation {
   public:
    virtual ~Operation() = default;
    virtual void Cancel() = 0;
  };
  class Exchange;
  class Stream;
  class StreamFeed;

  // False: the channel is being closed. From a yes to Leave the queue is not shut down.
  bool Enter(Operation* operation);
  void Leave(Operation* operation);
  // Since when the target has not been serving, by the machine's clock; from now on if it was.
  absl::Time AwaySince(absl::Time now);

  const GrpcChannelOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  RetryBudget budget_;
  prometheus::Counter* retries_ = nullptr;
  // Nanoseconds since 1970; 0 while it serves.
  std::atomic<int64_t> away_since_{0};
  absl::Mutex mutex_;
  absl::flat_hash_set<Operation*> open_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that it ends first.
  PollingThreads thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_CHANNEL_H_
