// What a server-streaming method sends: messages, as bytes, that are taken one at a time, as fast
// as the client reads them, and a bell that rings when there are more.
#ifndef LINJULI_COMMON_GRPC_FEED_H_
#define LINJULI_COMMON_GRPC_FEED_H_

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc/bytes.h"
#include "grpcpp/support/byte_buffer.h"

namespace linjuli {

// Wakes one stream. It may outlive the stream: then it does nothing. Thread-safe.
class Waker {
 public:
  // `wake` must not block, and must bear being called without need.
  explicit Waker(absl::AnyInvocable<void()> wake) : wake_(std::move(wake)) {}
  void Wake();
  // After it, `wake` is not called any more and is not running.
  void Disarm();
  bool armed() const;

 private:
  mutable absl::Mutex mutex_;
  absl::AnyInvocable<void()> wake_ ABSL_GUARDED_BY(mutex_);
};

// The wakers of those who wait for the same thing. Holds no more than wait at one time: those of
// streams that have ended leave as others come. Thread-safe.
class WaitingRoom {
 public:
  void Add(std::shared_ptr<Waker> waker);
  // Wakes and forgets all.
  void WakeAll();

 private:
  absl::Mutex mutex_;
  std::vector<std::shared_ptr<Waker>> wakers_ ABSL_GUARDED_BY(mutex_);
};

// One stream's messages. Used by one thread at a time.
class Feed {
 public:
  virtual ~Feed() = default;
  // The next message, nothing when there is none at present. An error ends the stream.
  virtual absl::StatusOr<std::optional<grpc::ByteBuffer>> Next() = 0;
  // Wakes once there may be a next message: at once when it came since Next() gave null.
  virtual void Wait(std::shared_ptr<Waker> waker) = 0;
};

// Opens the feed that a call asks for, or says why not.
using OpenFeed = std::function<absl::StatusOr<std::unique_ptr<Feed>>(ByteCall)>;

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_FEED_H_
