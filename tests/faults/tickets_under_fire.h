// What the fault tests do to a store, and what must then be in it: tickets that are written and
// written again, many at once, some of them refused half done, with a change log under all of it
// and a log of pages that is begun anew every few dozen writes.
#ifndef LINJULI_TESTS_FAULTS_TICKETS_UNDER_FIRE_H_
#define LINJULI_TESTS_FAULTS_TICKETS_UNDER_FIRE_H_

#include <functional>
#include <map>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/store/store.h"

namespace linjuli {

// What is known of each ticket, by the key in its text.
struct Ledger {
  struct Entry {
    std::string name;      // once acknowledged
    int acknowledged = 0;  // the version; 0: none
    int tried = 0;
  };
  std::map<std::string, Entry> tickets;
  int64_t acknowledgements = 0;

  // One line for each entry, and back; of two lines for one the later counts.
  std::string Print() const;
  static Ledger Parse(const std::string& lines);
};

// Limits so small that a short run copies and begins anew many times.
StoreOptions SmallStore(const std::string& path, Clock* clock, std::mt19937& random);

// Writes through a store as clients would. Thread-safe.
class Workload {
 public:
  // `tell` is told each change of the ledger as a line of it, before anything else happens.
  Workload(Store& store, Ledger ledger, uint32_t seed,
           std::function<void(const std::string& line)> tell = nullptr);
  // Waits for what is on the way.
  ~Workload();

  // Writes `count` times, up to 8 at once. Some are refused, which is told apart from errors of the
  // store: the first of those is returned.
  absl::Status Write(int count);
  // Reads a ticket that was acknowledged. An error is the store's; a wrong answer stops the
  // process.
  absl::Status ReadOne();
  Ledger ledger() const;

 private:
  void Start(int number);
  void Tell(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const std::string& key, int version, const std::string& name, absl::Status status);

  Store& store_;
  std::mt19937 random_;
  const std::function<void(const std::string&)> tell_;
  mutable absl::Mutex mutex_;
  Ledger ledger_ ABSL_GUARDED_BY(mutex_);
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  int on_the_way_ ABSL_GUARDED_BY(mutex_) = 0;
  int next_key_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Opens the store at `path` as a start would and compares: every acknowledged version is there or a
// later one that was tried, nothing refused is, the change log and the file are whole. The error
// says what is wrong. Returns what stands, for the next run.
absl::StatusOr<Ledger> Inspect(const std::string& path, const Ledger& ledger);
// The same in a process of its own, since a broken file may stop it.
absl::StatusOr<Ledger> InspectApart(const std::string& path, const Ledger& ledger);

// A folder in memory where the system has one: power is cut by the test, not by the disk.
void UseMemoryForFiles();

// Printed as the last line of the run.
void Report(const std::string& figures);

}  // namespace linjuli

#endif  // LINJULI_TESTS_FAULTS_TICKETS_UNDER_FIRE_H_
