// Signs heads of a store's change log as it grows: within a second of a change, or for a thousand
// of them. It reads beside the writer, and asks it for one small write per head.
#ifndef LINJULI_COMMON_STORE_HEAD_SIGNER_H_
#define LINJULI_COMMON_STORE_HEAD_SIGNER_H_

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/changes/heads.h"
#include "common/store/store.h"

namespace linjuli {

struct HeadSignerOptions {
  std::string service;                      // short name, in the heads and as a metric label
  const SigningKey* key = nullptr;          // outlives the signer
  prometheus::Registry* metrics = nullptr;  // null: none are kept
  bool thread = true;                       // false: heads are signed only when Sign is called
};

// Thread-safe.
class HeadSigner {
 public:
  // The store must outlive it.
  HeadSigner(Store* store, HeadSignerOptions options);
  // Signs what is unsigned, then ends.
  ~HeadSigner();

  // Signs a head for what is committed, unless there is one. DATA_LOSS, reason HEAD: the log is not
  // what was signed of it; it is not signed any more, linjuli_log_contradicts_head is 1, and
  // everything else goes on. Any other error: try again.
  absl::Status Sign();

 private:
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SignSome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Signed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();

  Store* const store_;
  const HeadSignerOptions options_;
  prometheus::Gauge* contradicted_ = nullptr;

  absl::Mutex mutex_;
  bool loaded_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status contradiction_ ABSL_GUARDED_BY(mutex_);
  MerkleFrontier frontier_ ABSL_GUARDED_BY(mutex_);
  std::string epoch_ ABSL_GUARDED_BY(mutex_);  // of the last head

  absl::Mutex stop_mutex_;
  bool stopping_ ABSL_GUARDED_BY(stop_mutex_) = false;
  std::thread thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_HEAD_SIGNER_H_
