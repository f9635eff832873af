// Completion queues: gRPC says that an operation has ended by handing back a tag, and every tag of
// ours is an Event.
#ifndef LINJULI_COMMON_GRPC_COMPLETION_H_
#define LINJULI_COMMON_GRPC_COMPLETION_H_

#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "grpcpp/completion_queue.h"

namespace linjuli {

class Event {
 public:
  virtual ~Event() = default;
  // `ok` is false when the operation came to nothing: the peer has gone, or the queue's owner ends.
  virtual void Proceed(bool ok) = 0;
};

// An event that calls a function; for objects that wait for several kinds of event.
class FunctionEvent : public Event {
 public:
  explicit FunctionEvent(absl::AnyInvocable<void(bool)> function)
      : function_(std::move(function)) {}
  void Proceed(bool ok) override { function_(ok); }

 private:
  absl::AnyInvocable<void(bool)> function_;
};

// Threads that carry out a queue's events until the queue has been shut down and is empty.
class PollingThreads {
 public:
  // `queue` must outlive this.
  PollingThreads(grpc::CompletionQueue* queue, int count);
  // Shuts the queue down, lets it run empty, and joins. No operation may be started meanwhile.
  ~PollingThreads();
  PollingThreads(const PollingThreads&) = delete;
  PollingThreads& operator=(const PollingThreads&) = delete;

 private:
  grpc::CompletionQueue* queue_;
  std::vector<std::thread> threads_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_COMPLETION_H_
