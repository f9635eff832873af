// Where changes come from: the log of a service of this process, or of another over gRPC.
#ifndef LINJULI_COMMON_CHANGES_SOURCE_H_
#define LINJULI_COMMON_CHANGES_SOURCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/changes/sha256.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

struct ChangeBatch {
  std::string epoch;  // names this life of the log; another value: it was restored
  std::vector<changes::v1::Change> changes;  // oldest first, without gaps
  int64_t end = 0;  // the log's last place when it was read
};

// Thread-safe.
class ChangeSource {
 public:
  virtual ~ChangeSource() = default;
  // At most `limit` committed changes after `after`; perhaps none. An `epoch` that is not empty and
  // not the log's: OUT_OF_RANGE, reason CURSOR_EXPIRED. UNAVAILABLE: try again later.
  virtual absl::StatusOr<ChangeBatch> Read(absl::string_view epoch, int64_t after, int limit) = 0;
  // Calls `wake` once, on any thread, as soon as a change after `after` can be read (at once when
  // there is one already), or when the source ends. It must not block.
  virtual void Notify(int64_t after, absl::AnyInvocable<void()> wake) = 0;

  // The newest signed head. NOT_FOUND: none was signed.
  virtual absl::StatusOr<changes::v1::Head> ReadHead() { return NotFound("a signed head"); }
  // Proof that the log of `first` changes is the beginning of that of `second`, both signed.
  virtual absl::StatusOr<std::vector<Digest>> ProveConsistency(int64_t /*first*/,
                                                               int64_t /*second*/) {
    return NotFound("a signed head");
  }
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_CHANGES_SOURCE_H_
