#include "common/grpc/follow.h"

#include <string>
#include <utility>

#include "common/grpc/wire.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {
namespace {

using changes::v1::FollowChangesRequest;
using changes::v1::FollowChangesResponse;

constexpr int kPage = 100;
// A message holds at least one change, and no further ones past this size.
constexpr size_t kPageBytes = 1 << 20;

class FollowFeed : public Feed {
 public:
  FollowFeed(ChangeSource* source, std::shared_ptr<ChangeBell> bell,
             const FollowChangesRequest& request)
      : source_(source),
        bell_(std::move(bell)),
        epoch_(request.epoch()),
        after_(request.after_sequence()) {}

  absl::StatusOr<std::optional<grpc::ByteBuffer>> Next() override {
    LJ_ASSIGN(ChangeBatch batch, source_->Read(epoch_, after_, kPage));
    if (batch.changes.empty()) {
      LJ_RETURN_IF_ERROR(CheckPlace());
      return std::nullopt;
    }
    reached_ = true;
    FollowChangesResponse response;
    response.set_epoch(batch.epoch);
    epoch_ = std::move(batch.epoch);
    size_t bytes = 0;
    for (auto& change : batch.changes) {
      bytes += change.ByteSizeLong();
      if (bytes > kPageBytes && response.changes_size() > 0) break;
      after_ = change.sequence();
      *response.add_changes() = std::move(change);
    }
    return ToBytes(response);
  }

  void Wait(std::shared_ptr<Waker> waker) override { bell_->Wait(after_, std::move(waker)); }

 private:
  // That the log has reached the place at which the follower wants to go on.
  absl::Status CheckPlace() {
    if (reached_ || after_ == 0) return absl::OkStatus();
    LJ_ASSIGN(ChangeBatch last, source_->Read(epoch_, after_ - 1, 1));
    if (last.changes.empty()) {
      return Refuse(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
                    "The log ends before this place: it was restored. Read it from 0.");
    }
    reached_ = true;
    return absl::OkStatus();
  }

  ChangeSource* source_;
  std::shared_ptr<ChangeBell> bell_;
  std::string epoch_;
  int64_t after_;
  bool reached_ = false;
};

}  // namespace

void ChangeBell::Wait(int64_t after, std::shared_ptr<Waker> waker) {
  bool ask = false;
  bool behind = false;
  // First in the room, then at the log: a change in between rings for this one too.
  waiting_.Add(waker);
  {
    absl::MutexLock lock(&mutex_);
    ask = !asked_.has_value();
    behind = !ask && after < *asked_;
    if (ask) asked_ = after;
  }
  if (ask) source_->Notify(after, [bell = shared_from_this()] { bell->Ring(); });
  // Somebody has read further: there is something to read here.
  if (behind) waker->Wake();
}

void ChangeBell::Ring() {
  {
    absl::MutexLock lock(&mutex_);
    asked_.reset();
  }
  waiting_.WakeAll();
}

absl::StatusOr<std::unique_ptr<Feed>> Followers::Open(Call call) {
  const auto& request = static_cast<const FollowChangesRequest&>(*call.request);
  LJ_ASSIGN(ChangeSource * source, find_(request.service(), call.token));
  if (request.after_sequence() < 0) {
    return RefuseFields({{"after_sequence", "RANGE", "must not be below 0"}});
  }
  absl::MutexLock lock(&mutex_);
  auto& bell = bells_[source];
  if (bell == nullptr) bell = std::make_shared<ChangeBell>(source);
  return std::make_unique<FollowFeed>(source, bell, request);
}

}  // namespace linjuli
