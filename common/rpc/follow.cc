#include "common/rpc/follow.h"

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/log.h"

namespace linjuli {
namespace {

constexpr int kPage = 100;
constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kLookAnyway = absl::Seconds(30);

struct Cursor {
  std::string epoch;
  int64_t sequence = 0;
};

absl::StatusOr<Cursor> ReadCursor(Service& service, const std::string& from) {
  Cursor cursor;
  LJ_RETURN_IF_ERROR(service.store().Read(Caller(), false, [&](Rx& rx) -> absl::Status {
    StatementScope find(rx.db().Prepare("SELECT epoch,seq FROM cursor WHERE source=?1"));
    find->Bind(1, from);
    LJ_ASSIGN(bool row, find->Step());
    if (row) cursor = {find->Text(0), find->Int(1)};
    return absl::OkStatus();
  }));
  return cursor;
}

absl::Status SaveCursor(Tx& tx, const std::string& from, const Cursor& cursor) {
  return tx.db()
      .Prepare("INSERT OR REPLACE INTO cursor(source,epoch,seq) VALUES(?1,?2,?3)")
      .Bind(1, from)
      .Bind(2, cursor.epoch)
      .Bind(3, cursor.sequence)
      .Run();
}

std::string TypeOf(const changes::v1::Change& change) {
  const std::string& url = change.snapshot().type_url();
  return url.substr(url.rfind('/') + 1);
}

}  // namespace

absl::StatusOr<int> FollowOnce(Service& into, const std::string& from, ChangeSource& source) {
  LJ_ASSIGN(Cursor cursor, ReadCursor(into, from));
  auto batch = source.Read(cursor.epoch, cursor.sequence, kPage);
  if (ReasonOf(batch.status()) == "CURSOR_EXPIRED") {
    LogInfo("a followed log was restored; it is read again", {{"source", from}});
    cursor = Cursor();
    batch = source.Read("", 0, kPage);
  }
  if (!batch.ok()) return batch.status();
  Caller caller;
  caller.subject = absl::StrCat("follow/", from);
  int applied = 0;
  for (const auto& change : batch->changes) {
    auto handler = into.plan().follows.find(TypeOf(change));
    Cursor after{batch->epoch, change.sequence()};
    // A change that means nothing here only moves the cursor, with the next one that does.
    bool last = change.sequence() == batch->changes.back().sequence();
    if (handler != into.plan().follows.end() || last) {
      LJ_RETURN_IF_ERROR(into.store().WriteAndWait(
          {&caller, absl::StrCat(change.method(), ".followed"), ""}, [&](Tx& tx) -> absl::Status {
            if (handler != into.plan().follows.end()) {
              LJ_RETURN_IF_ERROR(handler->second->follow(tx, change));
            }
            LJ_FAILPOINT("follow.before_cursor");
            return SaveCursor(tx, from, after);
          }));
      LJ_FAILPOINT("follow.after_commit");
    }
    ++applied;
  }
  return applied;
}

Follower::Follower(Service* into, std::string from, ChangeSource* source,
                   prometheus::Registry* metrics)
    : into_(into), from_(std::move(from)), source_(source), bell_(std::make_shared<Bell>()) {
  if (metrics != nullptr) {
    lag_ = &prometheus::BuildGauge()
                .Name("linjuli_feed_waiting")
                .Help("1 while changes of a followed service cannot be applied.")
                .Register(*metrics)
                .Add({{"service", into->name()}, {"source", from_}});
  }
  thread_ = std::thread([this] { Run(); });
}

Follower::~Follower() {
  {
    absl::MutexLock lock(&bell_->mutex);
    bell_->stopping = true;
  }
  thread_.join();
}

bool Follower::WaitForRing(absl::Duration at_most) {
  absl::MutexLock lock(&bell_->mutex);
  auto rung = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(bell_->mutex) {
    return bell_->rung || bell_->stopping;
  };
  bell_->mutex.AwaitWithTimeout(absl::Condition(&rung), at_most);
  return !bell_->stopping;
}

void Follower::Run() {
  while (true) {
    auto applied = FollowOnce(*into_, from_, *source_);
    if (lag_ != nullptr) lag_->Set(applied.ok() ? 0 : 1);
    if (!applied.ok()) {
      LogError("following stands still",
               {{"source", from_}, {"why", std::string(applied.status().message())}});
      {
        absl::MutexLock lock(&bell_->mutex);
        bell_->rung = false;
      }
      if (!WaitForRing(kRetry)) return;
      continue;
    }
    if (*applied == kPage) continue;
    auto cursor = ReadCursor(*into_, from_);
    {
      absl::MutexLock lock(&bell_->mutex);
      bell_->rung = false;
    }
    source_->Notify(cursor.ok() ? cursor->sequence : 0, [bell = bell_] {
      absl::MutexLock lock(&bell->mutex);
      bell->rung = true;
    });
    if (!WaitForRing(kLookAnyway)) return;
  }
}

}  // namespace linjuli
