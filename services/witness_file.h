// Heads in files: those that the gateway keeps of its services, one JSON object a line, and those
// that an auditor brings.
#ifndef LINJULI_SERVICES_WITNESS_FILE_H_
#define LINJULI_SERVICES_WITNESS_FILE_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/witness.h"

namespace linjuli {

// What the gateway's process keeps, in its data folder.
inline constexpr char kWitnessedHeads[] = "witnessed_heads.jsonl";

// Appends a line for each head, and syncs. When it is first read and now and then after, the file
// is written anew without the heads that later ones of their hour supersede. Thread-safe.
class FileKeeper : public HeadKeeper {
 public:
  explicit FileKeeper(std::string path) : path_(std::move(path)) {}
  absl::StatusOr<std::vector<changes::v1::WitnessedHead>> Read(const std::string& service) override;
  absl::Status Keep(const changes::v1::WitnessedHead& seen) override;

 private:
  absl::Status Compact() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  absl::Mutex mutex_;
  int lines_since_ ABSL_GUARDED_BY(mutex_) = 0;  // it was written anew
};

// The heads of a file: lines of a FileKeeper, and answers of GetHead and ListHeads as the gateway
// gives them, one a line. A last line that was cut short is passed by; NOT_FOUND without the file.
// INVALID_ARGUMENT names the line that is none of these.
absl::StatusOr<std::vector<changes::v1::WitnessedHead>> ReadHeadFile(const std::string& path);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_WITNESS_FILE_H_
