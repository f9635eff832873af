#include "common/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "common/changes/heads.h"
#include "common/crypto/master_key.h"
#include "common/failpoint.h"
#include "common/store/row.h"

namespace linjuli {
namespace {

constexpr size_t kMaxQueue = 4096;
constexpr size_t kMaxBatch = 512;
// Under half the load every gap between two batches looks like rest; this long it is rest.
constexpr absl::Duration kQuiet = absl::Milliseconds(20);
constexpr size_t kMaxIdleReaders = 8;

const Caller& Nobody() {
  static const Caller* const nobody = new Caller;
  return *nobody;
}

absl::Status Expired() {
  return Refuse(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                "the deadline passed before the call began; nothing was done");
}

prometheus::Histogram* NewHistogram(const StoreOptions& options, const char* name, const char* help,
                                    const std::vector<double>& buckets) {
  if (options.metrics == nullptr) return nullptr;
  return &prometheus::BuildHistogram()
              .Name(name)
              .Help(help)
              .Register(*options.metrics)
              .Add({{"service", options.service}}, buckets);
}

}  // namespace

Store::Store(Schema schema, StoreOptions options)
    : schema_(std::move(schema)), options_(std::move(options)), wait_(options_.clock) {
  const std::vector<double> seconds = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3};
  queue_wait_ = NewHistogram(options_, "linjuli_store_queue_wait_seconds",
                             "Time a write waited for the writer.", seconds);
  batch_size_ = NewHistogram(options_, "linjuli_store_batch_size", "Writes that shared one commit.",
                             {1, 2, 4, 8, 16, 32, 64, 128, 256});
  commit_time_ = NewHistogram(options_, "linjuli_store_commit_seconds",
                              "Time of a commit with its sync.", seconds);
  if (options_.metrics != nullptr) {
    wal_size_ = &prometheus::BuildGauge()
                     .Name("linjuli_store_wal_bytes")
                     .Help("Bytes of the store's write-ahead log; 0 once it may begin anew.")
                     .Register(*options_.metrics)
                     .Add({{"service", options_.service}});
  }
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Schema schema, StoreOptions options) {
  std::unique_ptr<Store> store(new Store(std::move(schema), std::move(options)));
  const std::string& path = store->options_.path;
  store->lock_fd_ = open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (store->lock_fd_ < 0) {
    return absl::FailedPreconditionError(absl::StrCat("cannot create ", path, ".lock"));
  }
  if (flock(store->lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    return Refuse(absl::StatusCode::kUnavailable, "LOCKED",
                  absl::StrCat(path, " is in use by another process; stop that one first"));
  }
  LJ_RETURN_IF_ERROR(store->OpenKeys());
  LJ_ASSIGN(store->writer_, Connection::Open(path, Connection::Access::kWrite));
  LJ_ASSIGN(store->checkpointer_,
            Checkpointer::Open(path, store->options_.checkpoints, store->options_.may_begin_anew,
                               *store->writer_));
  LJ_RETURN_IF_ERROR(store->Install());
  LJ_RETURN_IF_ERROR(store->checkpointer_->Begin());
  LJ_ASSIGN(ChangeLog log, ChangeLog::Open(*store->writer_));
  store->log_ = std::make_unique<ChangeLog>(std::move(log));
  LJ_ASSIGN(std::vector<Life> lives, ReadLives(*store->writer_));
  store->life_ = lives.back();
  store->committed_ = store->log_->sequence();
  int64_t last = 0;
  for (const auto& table : store->schema_.tables()) {
    StatementScope find(store->writer_->Prepare(absl::StrCat("SELECT max(id) FROM ", table->name)));
    LJ_ASSIGN(bool row, find->Step());
    if (row) last = std::max(last, find->Int(0));
  }
  store->ids_ = IdSource(last);
  store->writer_->Seal();
  store->thread_ = std::thread([s = store.get()] { s->Run(); });
  return store;
}

Store::~Store() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  std::vector<Waiter> waiters;
  {
    absl::MutexLock lock(&waiters_mutex_);
    waiters.swap(waiters_);
  }
  for (auto& waiter : waiters) waiter.wake();
  if (checkpointer_ != nullptr) checkpointer_->Close();
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::Status Store::OpenKeys() {
  bool needed = false;
  for (const auto& table : schema_.tables()) needed |= table->personal != nullptr;
  if (!needed) return absl::OkStatus();
  const std::string& path = options_.path;
  const std::string beside = path.substr(0, path.rfind('/') + 1) + "master.key";
  LJ_ASSIGN(Key master, options_.master_key.empty() ? LoadOrCreateMasterKey(beside)
                                                    : LoadMasterKey(options_.master_key));
  LJ_ASSIGN(keys_, KeyStore::Open(absl::StrCat(absl::StripSuffix(path, ".db"), ".keys.db"), master,
                                  options_.crypto));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Store::Meta(absl::string_view key) {
  StatementScope find(writer_->Prepare("SELECT value FROM meta WHERE key=?1"));
  find->Bind(1, key);
  LJ_ASSIGN(bool row, find->Step());
  return row ? find->Text(0) : "";
}

absl::Status Store::SetMeta(absl::string_view key, absl::string_view value) {
  return writer_->Prepare("INSERT OR REPLACE INTO meta(key,value) VALUES(?1,?2)")
      .Bind(1, key)
      .Bind(2, value)
      .Run();
}

absl::Status Store::CheckKeys(bool fresh) {
  if (keys_ == nullptr) return absl::OkStatus();
  LJ_ASSIGN(std::string needed, Meta("keys"));
  if (needed == keys_->id()) return absl::OkStatus();
  if (!needed.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.path,
                     " is sealed by the keys of another key file than the one beside it; bring "
                     "that one back (its `id` is ",
                     needed, ")"));
  }
  for (const auto& table : schema_.tables()) {
    if (fresh || table->personal == nullptr) continue;
    LJ_ASSIGN(std::string installed, Meta(absl::StrCat("schema.", table->name)));
    if (installed.empty()) continue;
    StatementScope rows(writer_->Prepare(absl::StrCat("SELECT body FROM ", table->name)));
    std::unique_ptr<google::protobuf::Message> resource(table->prototype->New());
    while (true) {
      LJ_ASSIGN(bool row, rows->Step());
      if (!row) break;
      if (!resource->ParseFromString(rows->Text(0)) || !table->personal->Holds(*resource)) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(options_.path,
                       " was written before personal fields were sealed, and its log cannot be "
                       "rewritten; export it with the version that wrote it, and load that anew"));
    }
  }
  return SetMeta("keys", keys_->id());
}

absl::Status Store::Install() {
  LJ_RETURN_IF_ERROR(writer_->Exec("BEGIN IMMEDIATE"));
  for (const auto& sql : ChangeLog::Schema()) LJ_RETURN_IF_ERROR(writer_->Exec(sql));
  for (const auto& sql : HeadSchema()) LJ_RETURN_IF_ERROR(writer_->Exec(sql));
  LJ_ASSIGN(std::vector<Life> lives, ReadLives(*writer_));
  bool fresh = lives.empty();
  if (fresh) LJ_RETURN_IF_ERROR(BeginLife(*writer_));
  LJ_RETURN_IF_ERROR(CheckKeys(fresh));
  for (const auto& table : schema_.tables()) LJ_RETURN_IF_ERROR(InstallTable(*table));
  LJ_ASSIGN(std::string migrated, Meta("migrations"));
  int64_t done = 0;
  // A new store has none.
  if (!fresh && (!absl::SimpleAtoi(migrated, &done) || done < 0)) {
    return Refuse(absl::StatusCode::kDataLoss, "STORE",
                  absl::StrCat(options_.path, " is damaged: its count of migrations is \"",
                               absl::CHexEscape(migrated), "\""));
  }
  if (done > static_cast<int64_t>(options_.migrations.size())) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.path, " was written by a newer version of this program"));
  }
  for (size_t i = done; i < options_.migrations.size(); ++i) {
    LJ_RETURN_IF_ERROR(writer_->Exec(options_.migrations[i]));
  }
  LJ_RETURN_IF_ERROR(SetMeta("migrations", absl::StrCat(options_.migrations.size())));
  return writer_->Exec("COMMIT");
}

// A table whose declaration has changed is built anew from its bodies, which never change form.
absl::Status Store::InstallTable(const Table& table) {
  std::string key = absl::StrCat("schema.", table.name);
  std::string schema = absl::StrJoin(table.Schema(), ";");
  // The hashes in a personal column are of one profile.
  if (table.HasPersonalColumns()) {
    absl::StrAppend(&schema, ";", std::string(1, static_cast<char>(keys_->profile())));
  }
  LJ_ASSIGN(std::string stands, Meta(key));
  if (stands == schema) return absl::OkStatus();
  bool rebuild = !stands.empty();
  if (rebuild) {
    LJ_RETURN_IF_ERROR(writer_->Exec(absl::StrCat(
        "CREATE TEMP TABLE old AS SELECT id,body FROM main.", table.name, ";DROP TABLE main.",
        table.name, ";DROP TABLE IF EXISTS main.", table.name, "_text")));
  }
  for (const auto& sql : table.Schema()) LJ_RETURN_IF_ERROR(writer_->Exec(sql));
  if (rebuild) {
    LJ_RETURN_IF_ERROR(RefillTable(*writer_, keys_.get(), table));
    LJ_RETURN_IF_ERROR(writer_->Exec("DROP TABLE temp.old"));
  }
  return SetMeta(key, schema);
}

void Store::Write(Origin origin, absl::Time deadline, Work work, Written written) {
  auto job = std::make_unique<Job>();
  job->origin = std::move(origin);
  job->deadline = deadline;
  job->queued = options_.clock->Elapsed();
  job->work = std::move(work);
  job->written = std::move(written);
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_ && queue_.size() < kMaxQueue) {
      queue_.push_back(std::move(job));
      return;
    }
  }
  job->written(Overloaded("too many writes wait; try again in a second"));
}

absl::Duration Store::QueueWait() const {
  absl::MutexLock lock(&mutex_);
  return queue_.empty() ? absl::ZeroDuration() : wait_.AtLeast(queue_.front()->queued);
}

absl::Status Store::WriteAndWait(Origin origin, Work work) {
  absl::Status result;
  absl::Notification done;
  Write(std::move(origin), absl::InfiniteFuture(), std::move(work), [&](absl::Status status) {
    result = std::move(status);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

absl::Status Store::Checkpoint() {
  // An empty job behind everything that waits; the writer copies the log when it comes to it.
  {
    absl::MutexLock lock(&mutex_);
    checkpoint_asked_ = true;
  }
  auto nothing = [](Tx&) { return absl::OkStatus(); };
  LJ_RETURN_IF_ERROR(WriteAndWait({&Nobody(), "checkpoint", ""}, nothing));
  // The writer copies after it has answered; it answers again once it has copied.
  return WriteAndWait({&Nobody(), "checkpoint", ""}, nothing);
}

void Store::Run() {
  std::vector<std::unique_ptr<Job>> batch;
  while (true) {
    bool rest = false;
    bool asked = false;
    bool gap = false;
    {
      absl::MutexLock lock(&mutex_);
      auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !queue_.empty() || stopping_;
      };
      if (checkpointer_->wants_rest()) {
        rest = !mutex_.AwaitWithTimeout(absl::Condition(&ready), kQuiet);
      } else {
        mutex_.Await(absl::Condition(&ready));
      }
      if (stopping_ && queue_.empty()) return;
      while (!queue_.empty() && batch.size() < kMaxBatch) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      asked = checkpoint_asked_;
      checkpoint_asked_ = false;
    }
    if (!batch.empty()) RunBatch(batch);
    batch.clear();
    {
      absl::MutexLock lock(&mutex_);
      gap = queue_.empty();
    }
    CopyLog(gap, rest, asked);
  }
}

void Store::CopyLog(bool gap, bool rest, bool asked) {
  absl::Status status = asked  ? checkpointer_->CopyAll()
                        : rest ? checkpointer_->Rest()
                               : checkpointer_->AfterCommit(gap);
  LJ_CHECK(status.ok() || ReasonOf(status) == "DISK_FULL", std::string(status.message()));
  wal_pages_ = writer_->wal_pages();
  if (wal_size_) wal_size_->Set(static_cast<double>(wal_bytes()));
}

void Store::RunBatch(std::vector<std::unique_ptr<Job>>& batch) {
  absl::Duration begun = options_.clock->Elapsed();
  wait_.Observe(begun - batch[0]->queued);
  // Where the time of all has passed, no transaction is begun (A7).
  absl::Time now = options_.clock->Now();
  std::erase_if(batch, [&](std::unique_ptr<Job>& job) {
    if (now < job->deadline) return false;
    job->written(Expired());
    return true;
  });
  if (batch.empty()) return;
  auto mark = log_->mark();
  absl::Status status = writer_->Prepare("BEGIN IMMEDIATE").Run();
  if (status.ok()) {
    status = RunJobs(batch, false);
    if (ReasonOf(status) == kHalfDone) {
      // Each is a deterministic function of the store and its request, so running it again is safe.
      status = writer_->Exec("ROLLBACK");
      log_->Return(mark);
      if (status.ok()) status = writer_->Prepare("BEGIN IMMEDIATE").Run();
      if (status.ok()) status = RunJobs(batch, true);
    }
  }
  if (status.ok() && keys_ != nullptr) {
    // Before the data: what is sealed and committed can be opened.
    status = keys_->Commit();
    LJ_FAILPOINT("store.after_keys");
  }
  if (status.ok()) {
    LJ_FAILPOINT("store.before_commit");
    absl::Time sync = options_.clock->Now();
    status = writer_->Prepare("COMMIT").Run();
    if (commit_time_) {
      commit_time_->Observe(absl::ToDoubleSeconds(options_.clock->Now() - sync));
    }
    LJ_FAILPOINT("store.after_commit");
  }
  if (!status.ok()) {
    // After anything but a full disk nobody knows what is on it: stop, and read it again.
    LJ_CHECK(ReasonOf(status) == "DISK_FULL" || ReasonOf(status) == "BUSY",
             std::string(status.message()));
    if (writer_->in_transaction()) writer_->Exec("ROLLBACK").IgnoreError();
    if (keys_ != nullptr) keys_->Abandon();
    log_->Return(mark);
  }
  committed_ = log_->sequence();
  if (batch_size_) batch_size_->Observe(static_cast<double>(batch.size()));
  for (auto& job : batch) {
    if (queue_wait_) queue_wait_->Observe(absl::ToDoubleSeconds(begun - job->queued));
    job->written(status.ok() ? std::move(job->status) : status);
  }
  std::vector<Waiter> woken;
  {
    absl::MutexLock lock(&waiters_mutex_);
    for (size_t i = 0; i < waiters_.size();) {
      if (waiters_[i].after < committed_.load()) {
        woken.push_back(std::move(waiters_[i]));
        waiters_[i] = std::move(waiters_.back());
        waiters_.pop_back();
      } else {
        ++i;
      }
    }
  }
  for (auto& waiter : woken) waiter.wake();
}

absl::Status Store::RunJobs(std::vector<std::unique_ptr<Job>>& batch, bool savepoints) {
  for (auto& job : batch) {
    int64_t writes = 0;
    job->status = RunJob(*job, savepoints, writes);
    if (job->status.ok()) continue;
    if (EndsTransaction(job->status)) return job->status;
    if (writes > 0 && !savepoints) {
      return Refuse(absl::StatusCode::kAborted, kHalfDone, "a write failed half done");
    }
  }
  return absl::OkStatus();
}

absl::Status Store::RunJob(Job& job, bool savepoint, int64_t& writes) {
  absl::Time now = options_.clock->Now();
  if (now >= job.deadline) return Expired();
  auto mark = log_->mark();
  if (savepoint) LJ_RETURN_IF_ERROR(writer_->Exec("SAVEPOINT job"));
  Tx tx(*writer_, schema_, keys_.get(), options_.standard, now, job.origin, *log_, ids_, savepoint);
  absl::Status status = job.work(tx);
  writes = tx.writes();
  if (!savepoint || !writer_->in_transaction()) return status;
  if (!status.ok()) {
    log_->Return(mark);
    LJ_RETURN_IF_ERROR(writer_->Exec("ROLLBACK TO job"));
  }
  LJ_RETURN_IF_ERROR(writer_->Exec("RELEASE job"));
  return status;
}

std::unique_ptr<Connection> Store::TakeReader() {
  {
    absl::MutexLock lock(&readers_mutex_);
    if (!readers_.empty()) {
      auto reader = std::move(readers_.back());
      readers_.pop_back();
      return reader;
    }
  }
  auto opened = Connection::Open(options_.path, Connection::Access::kRead);
  return opened.ok() ? *std::move(opened) : nullptr;
}

void Store::GiveReader(std::unique_ptr<Connection> reader) {
  absl::MutexLock lock(&readers_mutex_);
  if (readers_.size() < kMaxIdleReaders) readers_.push_back(std::move(reader));
}

absl::Status Store::Read(const Caller& caller, bool snapshot,
                         absl::FunctionRef<absl::Status(Rx&)> read) {
  auto db = TakeReader();
  if (db == nullptr) {
    return Refuse(absl::StatusCode::kUnavailable, "UNAVAILABLE", "the store cannot be read now");
  }
  Rx rx(*db, schema_, keys_.get(), options_.standard, options_.clock->Now(), caller);
  if (snapshot) LJ_RETURN_IF_ERROR(db->Prepare("BEGIN").Run());
  absl::Status status = read(rx);
  if (snapshot) LJ_RETURN_IF_ERROR(db->Prepare("COMMIT").Run());
  GiveReader(std::move(db));
  return status;
}

absl::StatusOr<ChangeBatch> Store::Read(absl::string_view epoch, int64_t after, int limit) {
  if (!epoch.empty() && epoch != life_.epoch) {
    return Refuse(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
                  "this log was restored since; read everything again from 0",
                  {{"epoch", life_.epoch}});
  }
  ChangeBatch batch;
  batch.epoch = life_.epoch;
  batch.end = committed_.load();
  if (after >= committed_.load()) return batch;
  LJ_RETURN_IF_ERROR(Read(Nobody(), false, [&](Rx& rx) {
    LJ_ASSIGN(batch.changes, ReadChanges(rx.db(), after, limit));
    return absl::OkStatus();
  }));
  return batch;
}

void Store::Notify(int64_t after, absl::AnyInvocable<void()> wake) {
  {
    absl::MutexLock lock(&waiters_mutex_);
    if (after >= committed_.load()) {
      waiters_.push_back({after, std::move(wake)});
      return;
    }
  }
  wake();
}

absl::StatusOr<changes::v1::Head> Store::ReadHead() {
  std::optional<changes::v1::Head> head;
  LJ_RETURN_IF_ERROR(Read(Nobody(), false, [&](Rx& rx) {
    LJ_ASSIGN(head, ReadLastHead(rx.db()));
    return absl::OkStatus();
  }));
  if (!head.has_value()) return NotFound("a signed head");
  return *std::move(head);
}

absl::StatusOr<std::vector<Digest>> Store::ProveConsistency(int64_t first, int64_t second) {
  std::vector<Digest> path;
  LJ_RETURN_IF_ERROR(Read(Nobody(), true, [&](Rx& rx) {
    LJ_RETURN_IF_ERROR(CheckSigned(rx.db(), first, second, "first_sequence", "second_sequence"));
    StoredTree tree(rx.db());
    LJ_ASSIGN(path, ConsistencyPath(tree, first, second));
    return absl::OkStatus();
  }));
  return path;
}

}  // namespace linjuli
