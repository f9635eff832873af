// FollowChanges: the changes of a log as they are committed, to any number of followers.
#ifndef LINJULI_COMMON_GRPC_FOLLOW_H_
#define LINJULI_COMMON_GRPC_FOLLOW_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/changes/source.h"
#include "common/grpc/feed.h"
#include "common/rpc/call.h"

namespace linjuli {

// The log of a service by its short name, for whoever bears the token; or why not.
using FindSource = std::function<absl::StatusOr<ChangeSource*>(absl::string_view service,
                                                               absl::string_view token)>;

// All followers of one log wait at it as one, so that followers that come and go leave nothing
// behind in the log. Thread-safe. Shared by the feeds and by the log's pending wake-up, whichever
// ends last.
class ChangeBell : public std::enable_shared_from_this<ChangeBell> {
 public:
  explicit ChangeBell(ChangeSource* source) : source_(source) {}
  // Wakes once there is a change after `after`, a place that the log has reached.
  void Wait(int64_t after, std::shared_ptr<Waker> waker);

 private:
  void Ring();

  ChangeSource* source_;
  WaitingRoom waiting_;
  absl::Mutex mutex_;
  // The place that the log was asked to tell of.
  std::optional<int64_t> asked_ ABSL_GUARDED_BY(mutex_);
};

// Opens the feeds of FollowChanges. Thread-safe.
class Followers {
 public:
  explicit Followers(FindSource find) : find_(std::move(find)) {}

  // A feed ends with OUT_OF_RANGE, reason CURSOR_EXPIRED, when the log was restored: its epoch is
  // another one, or it ends before the place asked for.
  absl::StatusOr<std::unique_ptr<Feed>> Open(Call call);

 private:
  FindSource find_;
  absl::Mutex mutex_;
  absl::flat_hash_map<ChangeSource*, std::shared_ptr<ChangeBell>> bells_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_FOLLOW_H_
