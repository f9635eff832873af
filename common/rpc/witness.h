// A witness of another service's change log: it keeps the heads that the service signs, where the
// service's operator should not reach, and compares each new one with those it has. A log that is
// rolled back or rewritten contradicts them, whoever holds its key.
#ifndef LINJULI_COMMON_RPC_WITNESS_H_
#define LINJULI_COMMON_RPC_WITNESS_H_

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/changes/source.h"
#include "common/clock.h"
#include "common/store/store.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

// Where a witness keeps what it saw. Of the heads of one hour and one life of a log, only the last
// is kept; those that contradict are kept for good.
class HeadKeeper {
 public:
  virtual ~HeadKeeper() = default;
  // Oldest first.
  virtual absl::StatusOr<std::vector<changes::v1::WitnessedHead>> Read(
      const std::string& service) = 0;
  virtual absl::Status Keep(const changes::v1::WitnessedHead& seen) = 0;
};

// In the store of a service that follows another. Thread-safe; the store must outlive it.
class StoreKeeper : public HeadKeeper {
 public:
  explicit StoreKeeper(Store* store) : store_(store) {}
  absl::StatusOr<std::vector<changes::v1::WitnessedHead>> Read(const std::string& service) override;
  absl::Status Keep(const changes::v1::WitnessedHead& seen) override;

 private:
  Store* const store_;
};
// What such a store kept of that service, or of all where it is empty.
absl::StatusOr<std::vector<changes::v1::WitnessedHead>> ReadWitnessed(Connection& db,
                                                                      const std::string& service);

struct WitnessOptions {
  std::string service;             // whose heads
  std::string witness;             // who looks; a metric label
  ChangeSource* source = nullptr;  // of the service; all three outlive the witness
  HeadKeeper* keeper = nullptr;
  Clock* clock = Clock::Real();
  prometheus::Registry* metrics = nullptr;  // null: none are kept
};

// Not thread-safe.
class Witness {
 public:
  explicit Witness(WitnessOptions options);

  // Looks at the newest head, once. A contradiction is kept as evidence, logged, and counted in
  // linjuli_witness_contradictions; it is OK all the same: an error is only that one could not look.
  absl::Status Look();

  // How many of the heads seen contradict others, in this life of the program and before.
  int contradictions() const { return contradictions_; }
  const std::string& service() const { return options_.service; }

 private:
  absl::Status Load();
  // How the head contradicts those seen before; empty where it does not.
  absl::StatusOr<std::string> Compare(const changes::v1::Head& head);
  absl::StatusOr<bool> Continues(const changes::v1::Head& first, const changes::v1::Head& second);
  void Raise(int contradictions);

  const WitnessOptions options_;
  prometheus::Gauge* gauge_ = nullptr;
  bool loaded_ = false;
  std::vector<changes::v1::Head> seen_;        // that do not contradict, oldest first
  std::optional<changes::v1::Head> evidence_;  // the last that did
  int contradictions_ = 0;
};

// Looks for all its witnesses once a second, in a thread of its own.
class Witnesses {
 public:
  explicit Witnesses(std::vector<std::unique_ptr<Witness>> witnesses);
  // Looks a last time.
  ~Witnesses();

 private:
  void LookAll();
  void Run();

  const std::vector<std::unique_ptr<Witness>> witnesses_;
  std::set<const Witness*> failing_;  // of the thread, then of the destructor
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_WITNESS_H_
