// The clock of a service: what is due is done, each once, in small transactions.
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/rpc/meter.h"
#include "common/rpc/service.h"

namespace linjuli {
namespace {

constexpr int kDueBatch = 256;
constexpr absl::Duration kLookEvery = absl::Milliseconds(250);
constexpr int kLooksPerCheck = 240;  // invariants: once a minute
constexpr absl::Duration kTellAgain = absl::Minutes(5);

const Caller& TheClock() {
  static const Caller* const clock = [] {
    auto* made = new Caller;
    made->subject = "clock";
    return made;
  }();
  return *clock;
}

}  // namespace

int Service::RunDue() {
  int done = 0;
  for (const auto& [planned, handler] : plan_->dues) {
    const Table& table = *store_->schema().Find(planned->type);
    std::string column = table.FindColumn(table.stored.due())->name;
    std::string sql =
        absl::StrCat("SELECT id,", column, " FROM ", table.name, " WHERE ", column, "<=?1 AND (",
                     column, ",id)>(?2,?3) ORDER BY ", column, ",id LIMIT ", kDueBatch);
    // One that cannot be done now is passed by, and tried at the next look.
    Stuck stuck;
    int64_t last_due = std::numeric_limits<int64_t>::min(), last_id = 0;
    while (true) {
      std::vector<int64_t> ids;
      absl::Status read = store_->Read(TheClock(), false, [&](Rx& rx) -> absl::Status {
        StatementScope rows(rx.db().Prepare(sql));
        rows->Bind(1, absl::ToUnixMicros(rx.now())).Bind(2, last_due).Bind(3, last_id);
        while (true) {
          LJ_ASSIGN(bool row, rows->Step());
          if (!row) return absl::OkStatus();
          ids.push_back(last_id = rows->Int(0));
          last_due = rows->Int(1);
        }
      });
      if (!read.ok()) break;
      for (int64_t id : ids) {
        auto acted = RunOneDue(table, *handler, id);
        if (acted.ok()) {
          done += *acted;
        } else if (stuck.rows++ == 0) {
          stuck.first = table.NameOf("", id);
          stuck.why = acted.status();
        }
      }
      if (ids.size() < kDueBatch) break;
    }
    TellStuck(table, stuck);
  }
  return done;
}

// Counted at every look, told once in a while: looks are many, and what is stuck stays so until a
// person has mended it.
void Service::TellStuck(const Table& table, const Stuck& stuck) {
  meter_->SetStuck(name(), table.type->name(), stuck.rows);
  absl::MutexLock lock(&mutex_);
  if (stuck.rows == 0) {
    stuck_told_.erase(&table);
    return;
  }
  absl::Time now = store_->Now();
  auto told = stuck_told_.find(&table);
  // A clock that was set back tells again.
  if (told != stuck_told_.end() && told->second <= now && now < told->second + kTellAgain) return;
  stuck_told_[&table] = now;
  LogError("due times cannot be dealt with", {{"cases", absl::StrCat(stuck.rows)},
                                              {"resource", stuck.first},
                                              {"reason", ReasonOf(stuck.why)},
                                              {"why", std::string(stuck.why.message())}});
}

absl::StatusOr<bool> Service::RunOneDue(const Table& table, const Handler& handler, int64_t id) {
  bool acted = false;
  LJ_RETURN_IF_ERROR(store_->WriteAndWait(
      {&TheClock(), absl::StrCat(table.type->full_name(), ".OnDue"), ""},
      [&](Tx& tx) -> absl::Status {
        acted = false;
        std::unique_ptr<google::protobuf::Message> resource(table.prototype->New());
        {
          StatementScope row(tx.db().Prepare(table.get_sql));
          row->Bind(1, id);
          LJ_ASSIGN(bool there, row->Step());
          if (!there) return absl::OkStatus();
          LJ_RETURN_IF_ERROR(tx.Parse(table, row->Bytes(0), *resource));
        }
        absl::Time due = TimeAt(*resource, table.due);
        // Somebody else may have moved it since it was seen to be due.
        if (due == absl::InfinitePast() || due > tx.now()) return absl::OkStatus();
        LJ_RETURN_IF_ERROR(handler.due(tx, *resource));
        if (TimeAt(*resource, table.due) == due) {
          LJ_CHECK(table.due.size() == 1);
          resource->GetReflection()->ClearField(resource.get(), table.due[0]);
        }
        acted = true;
        return tx.Write(table, *resource);
      }));
  return acted;
}

int64_t Service::CheckInvariants() {
  int64_t all = 0;
  for (const Invariant& invariant : invariants_) {
    int64_t count = 0;
    absl::Status read = store_->Read(TheClock(), false, [&](Rx& rx) -> absl::Status {
      StatementScope row(rx.db().Prepare(invariant.sql));
      LJ_ASSIGN(bool there, row->Step());
      if (there) count = row->Int(0);
      return absl::OkStatus();
    });
    if (!read.ok()) count = 1;
    if (count != 0) {
      LogError("an invariant does not hold",
               {{"invariant", invariant.name}, {"cases", absl::StrCat(count)}});
    }
    meter_->SetViolations(name(), invariant.name, count);
    all += count;
  }
  return all;
}

void Service::WatchDue() {
  for (int looks = 0;; ++looks) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kLookEvery)) return;
    }
    RunDue();
    if (looks % kLooksPerCheck == 0) CheckInvariants();
  }
}

}  // namespace linjuli
