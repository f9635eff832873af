// The contact with gRPC's internals, all of it: methods that are registered by descriptor instead
// of by generated code, and receive and send bytes. A registered method is listed by reflection;
// UnknownCalls answers for every other one.
//
// Every call is an object that lives from the moment gRPC is asked for the next call of its method
// until its last completion has come back from the queue.
#ifndef LINJULI_COMMON_GRPC_RAW_SERVICE_H_
#define LINJULI_COMMON_GRPC_RAW_SERVICE_H_

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/grpc/bytes.h"
#include "common/grpc/feed.h"
#include "common/rpc/call.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/impl/service_type.h"

namespace linjuli {

// Adds words for people to an error.
using Localizer = std::function<void(absl::Status&)>;

// The call objects of a server. Thread-safe.
class OpenCalls {
 public:
  // Above `most` calls at a time, new ones are refused. `localize` and `metrics` may be null.
  OpenCalls(grpc::ServerCompletionQueue* queue, Clock* clock, int most, Localizer localize,
            prometheus::Registry* metrics);

  grpc::ServerCompletionQueue* queue() const { return queue_; }
  Clock& clock() const { return *clock_; }

  // An error of this door as it is sent.
  grpc::Status Worded(absl::Status status) const;

  // Every call object counts, also one that waits for its client.
  void Enter();
  void Leave();
  // Until no object is left; the server must have been shut down.
  void AwaitNone();

  // Whether one more call may be carried out; each yes is given back with EndRunning.
  bool BeginRunning();
  void EndRunning();

  // Streams, by their wakers. After EndStreams every stream ends at its next step.
  void AddStream(Waker* waker);
  void RemoveStream(Waker* waker);
  void EndStreams();
  bool streams_ended() const { return streams_ended_.load(); }

 private:
  grpc::ServerCompletionQueue* const queue_;
  Clock* const clock_;
  const int most_;
  const Localizer localize_;
  prometheus::Gauge* calls_open_ = nullptr;
  prometheus::Gauge* streams_open_ = nullptr;
  std::atomic<int> running_{0};
  std::atomic<bool> streams_ended_{false};
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_set<Waker*> streams_ ABSL_GUARDED_BY(mutex_);
};

// Carries calls out by a backend, which is given messages. Both outlive what it makes.
CarryBytes Decoding(OpenCalls* calls, Backend* backend);

// One service of a server. Made whole before the server starts, and not changed after.
class RawService : public grpc::Service {
 public:
  explicit RawService(OpenCalls* calls);
  ~RawService() override;

  void AddUnary(const google::protobuf::MethodDescriptor* method, Backend* backend);
  // A method whose bytes are not read. The call is ended when its client has gone.
  void AddPassed(const google::protobuf::MethodDescriptor* method, CarryBytes carry);
  // At most `most` streams at a time: further ones get RESOURCE_EXHAUSTED, reason OVERLOADED.
  void AddStream(const google::protobuf::MethodDescriptor* method, OpenFeed open, int most);

  // Asks gRPC for calls, once the server has started: `ahead` of each unary method.
  void Serve(int ahead);

 private:
  struct Method;
  class UnaryCall;
  class StreamCall;

  Method& Add(const google::protobuf::MethodDescriptor* method, bool stream);

  OpenCalls* const calls_;
  std::vector<std::unique_ptr<Method>> methods_;
};

// Answers the calls of methods that are not served: UNIMPLEMENTED, reason NO_METHOD.
class UnknownCalls {
 public:
  explicit UnknownCalls(OpenCalls* calls) : calls_(calls) {}

  grpc::AsyncGenericService* service() { return &service_; }
  // Asks gRPC for calls, once the server has started.
  void Serve();

 private:
  class UnknownCall;

  OpenCalls* const calls_;
  grpc::AsyncGenericService service_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_RAW_SERVICE_H_
