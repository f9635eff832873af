// One service's store: one SQLite file with one writer thread and a pool of readers.
//
// Writes queue up; the writer takes what waits, runs all of it in one transaction, commits with one
// sync, and only then answers. A write that fails rolls back alone. A commit is committed, refused
// (the disk is full: nothing written), or unknown: then the process stops at once, and what is on
// the disk decides at the next start. Nothing is ever acknowledged before it is durable.
#ifndef LINJULI_COMMON_STORE_STORE_H_
#define LINJULI_COMMON_STORE_STORE_H_

#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "common/changes/log.h"
#include "common/changes/source.h"
#include "common/clock.h"
#include "common/queue_wait.h"
#include "common/store/checkpointer.h"
#include "common/store/tx.h"

namespace linjuli {

struct StoreOptions {
  std::string path;     // the file; "path.lock" lies beside it
  std::string service;  // short name, a metric label
  Clock* clock = Clock::Real();
  const Standard* standard = nullptr;  // may be null in tests
  // The service's own tables: each runs once, in order, in a transaction with the record of it.
  std::vector<std::string> migrations;
  prometheus::Registry* metrics = nullptr;
  // Where a table has personal fields, their keys lie in "NAME.keys.db" beside "NAME.db", wrapped
  // by the master key in this file; unsaid: "master.key" in the store's folder, made where there is
  // none.
  std::string master_key;
  Profile crypto = Profile::kIntl;
  CheckpointLimits checkpoints;
  MayBeginAnew may_begin_anew;  // for an archive of the log; null lets the store decide
};

// Thread-safe.
class Store : public ChangeSource {
 public:
  // Runs inside the transaction, perhaps twice; what it returns decides whether its writes stay.
  using Work = absl::AnyInvocable<absl::Status(Tx&)>;
  // Told on the writer thread after the commit: OK means durable.
  using Written = absl::AnyInvocable<void(absl::Status)>;

  // UNAVAILABLE, reason LOCKED, when another process has the file.
  static absl::StatusOr<std::unique_ptr<Store>> Open(Schema schema, StoreOptions options);
  // Finishes what waits, then closes.
  ~Store() override;

  // RESOURCE_EXHAUSTED, reason OVERLOADED, when too much waits already. DEADLINE_EXCEEDED when the
  // deadline passed before the work began: it is not run.
  void Write(Origin origin, absl::Time deadline, Work work, Written written);
  // The same, waiting for the end. For start-up, operations and tests.
  absl::Status WriteAndWait(Origin origin, Work work);

  // Runs `read` on a reader's connection, on the calling thread. With `snapshot` all its statements
  // see one state.
  absl::Status Read(const Caller& caller, bool snapshot, absl::FunctionRef<absl::Status(Rx&)> read);

  absl::StatusOr<ChangeBatch> Read(absl::string_view epoch, int64_t after, int limit) override;
  void Notify(int64_t after, absl::AnyInvocable<void()> wake) override;
  absl::StatusOr<changes::v1::Head> ReadHead() override;
  absl::StatusOr<std::vector<Digest>> ProveConsistency(int64_t first, int64_t second) override;

  // Where the change log ends.
  int64_t sequence() const { return committed_.load(); }
  const Life& life() const { return life_; }

  // How long a write that comes now will wait, as far as one can tell.
  absl::Duration QueueWait() const;

  const Schema& schema() const { return schema_; }
  // Null when no table has personal fields.
  KeyStore* keys() { return keys_.get(); }
  absl::Time Now() const { return options_.clock->Now(); }
  // Bytes of the write-ahead log; 0 once the next write begins it anew.
  int64_t wal_bytes() const { return wal_pages_.load() * 4096; }
  // Copies the log into the file. For operations and tests.
  absl::Status Checkpoint();

 private:
  struct Job {
    Origin origin;
    absl::Time deadline;
    absl::Duration queued;  // in Clock::Elapsed
    Work work;
    Written written;
    absl::Status status;
  };
  struct Waiter {
    int64_t after;
    absl::AnyInvocable<void()> wake;
  };

  Store(Schema schema, StoreOptions options);
  absl::Status OpenKeys();
  absl::Status Install();
  absl::Status InstallTable(const Table& table);
  absl::StatusOr<std::string> Meta(absl::string_view key);
  absl::Status SetMeta(absl::string_view key, absl::string_view value);
  // That the store's sealed values are of the key file beside it, and none lies open.
  absl::Status CheckKeys(bool fresh);
  void Run();
  void RunBatch(std::vector<std::unique_ptr<Job>>& batch);
  // Runs every job of the batch in the running transaction. An error voids the whole batch:
  // reason HALF_DONE when a job left writes behind and all must run again with savepoints.
  absl::Status RunJobs(std::vector<std::unique_ptr<Job>>& batch, bool savepoints);
  absl::Status RunJob(Job& job, bool savepoint, int64_t& writes);
  void CopyLog(bool gap, bool rest, bool asked);
  std::unique_ptr<Connection> TakeReader();
  void GiveReader(std::unique_ptr<Connection> reader);

  const Schema schema_;
  const StoreOptions options_;
  int lock_fd_ = -1;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<ChangeLog> log_;
  IdSource ids_;
  std::atomic<int64_t> committed_{0};
  std::atomic<int64_t> wal_pages_{0};
  Life life_;

  linjuli::QueueWait wait_;
  mutable absl::Mutex mutex_;
  std::deque<std::unique_ptr<Job>> queue_ ABSL_GUARDED_BY(mutex_);
  bool checkpoint_asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Mutex waiters_mutex_;
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(waiters_mutex_);
  absl::Mutex readers_mutex_;
  std::vector<std::unique_ptr<Connection>> readers_ ABSL_GUARDED_BY(readers_mutex_);

  prometheus::Histogram* queue_wait_ = nullptr;
  prometheus::Histogram* batch_size_ = nullptr;
  prometheus::Histogram* commit_time_ = nullptr;
  prometheus::Gauge* wal_size_ = nullptr;
  std::thread thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_STORE_H_
