#include "common/rpc/follow.h"

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
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

absl::StatusOr<Cursor> FindCursor(Rx& rx, const std::string& from) {
  StatementScope find(rx.Sql("SELECT epoch,seq FROM cursor WHERE source=?1"));
  find->Bind(1, from);
  LJ_ASSIGN(bool row, find->Step());
  return row ? Cursor{find->Text(0), find->Int(1)} : Cursor();
}

absl::StatusOr<Cursor> ReadCursor(Service& service, const std::string& from) {
  Cursor cursor;
  LJ_RETURN_IF_ERROR(service.store().Read(Caller(), false, [&](Rx& rx) -> absl::Status {
    LJ_ASSIGN(cursor, FindCursor(rx, from));
    return absl::OkStatus();
  }));
  return cursor;
}

// A change is applied after the one before it, or not at all, whoever else follows meanwhile.
absl::Status CheckCursor(Tx& tx, const std::string& from, const Cursor& expected) {
  LJ_ASSIGN(Cursor stands, FindCursor(tx, from));
  if (stands.epoch == expected.epoch && stands.sequence == expected.sequence) {
    return absl::OkStatus();
  }
  return Refuse(absl::StatusCode::kAborted, "VERSION", "the change before was not applied");
}

absl::Status SaveCursor(Tx& tx, const std::string& from, const Cursor& cursor) {
  return tx.Sql("INSERT OR REPLACE INTO cursor(source,epoch,seq) VALUES(?1,?2,?3)")
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
  LJ_ASSIGN(const Cursor stands, ReadCursor(into, from));
  auto batch = source.Read(stands.epoch, stands.sequence, kPage);
  if (ReasonOf(batch.status()) == "CURSOR_EXPIRED") {
    LogInfo("a followed log was restored; it is read again", {{"source", from}});
    batch = source.Read("", 0, kPage);
  }
  if (!batch.ok()) return batch.status();
  Caller caller;
  caller.subject = absl::StrCat("follow/", from);
  // All of the page waits for the writer at once, so that it shares commits; each change stands or
  // falls by itself.
  absl::Mutex mutex;
  absl::Status result;
  absl::BlockingCounter waiting(static_cast<int>(batch->changes.size()));
  Cursor before = stands;
  for (const auto& change : batch->changes) {
    auto handler = into.plan().follows.find(TypeOf(change));
    bool last = change.sequence() == batch->changes.back().sequence();
    // A change that means nothing here only moves the cursor, with the next one that does.
    if (handler == into.plan().follows.end() && !last) {
      waiting.DecrementCount();
      continue;
    }
    const Handler* apply = handler == into.plan().follows.end() ? nullptr : handler->second;
    Cursor after{batch->epoch, change.sequence()};
    into.store().Write(
        {&caller, absl::StrCat(change.method(), ".followed"), ""}, absl::InfiniteFuture(),
        [&change, &from, apply, before, after](Tx& tx) -> absl::Status {
          LJ_RETURN_IF_ERROR(CheckCursor(tx, from, before));
          if (apply != nullptr) LJ_RETURN_IF_ERROR(apply->follow(tx, change));
          LJ_FAILPOINT("follow.before_cursor");
          return SaveCursor(tx, from, after);
        },
        // In their order: the first that fails tells why.
        [&](absl::Status status) {
          {
            absl::MutexLock lock(&mutex);
            if (result.ok()) result = std::move(status);
          }
          waiting.DecrementCount();
        });
    before = after;
  }
  waiting.Wait();
  LJ_FAILPOINT("follow.after_commit");
  if (!result.ok()) return result;
  return static_cast<int>(batch->changes.size());
}

Follower::Follower(Service* into, std::string from, ChangeSource* source,
                   prometheus::Registry* metrics)
    : into_(into),
      from_(std::move(from)),
      source_(source),
      caught_up_(into->store().Now()),
      bell_(std::make_shared<Bell>()) {
  if (metrics != nullptr) {
    lag_ =
        &prometheus::BuildGauge()
             .Name("linjuli_feed_lag_seconds")
             .Help("Time since all changes of a followed service were applied; 0 while they are.")
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
    absl::Time now = into_->store().Now();
    if (applied.ok() && *applied < kPage) caught_up_ = now;
    if (lag_ != nullptr) lag_->Set(absl::ToDoubleSeconds(now - caught_up_));
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
