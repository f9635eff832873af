// A connection to the services of another process.
#ifndef LINJULI_COMMON_GRPC_CHANNEL_H_
#define LINJULI_COMMON_GRPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/grpc/completion.h"
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
  Clock* clock = Clock::Real();
};

// Carries out calls of any service at the target. Connects with the first call, and again when the
// connection is lost; calls are never sent twice.
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

  const std::string& target() const { return options_.target; }
  Clock& clock() const { return *options_.clock; }
  // For streams: their completions come on the same queue, whose tags are Events.
  const std::shared_ptr<grpc::Channel>& connection() const { return channel_; }
  grpc::CompletionQueue* queue() { return &queue_; }

 private:
  class Exchange;

  const GrpcChannelOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  absl::Mutex mutex_;
  absl::flat_hash_set<Exchange*> open_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that it ends first.
  PollingThreads thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_CHANNEL_H_
