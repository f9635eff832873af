// (linjuli.priority) made ready: who is refused while there is more to do than can be done.
//
// One number tells how much too much there is: how long the queue before a call waits (QueueWait).
// Each call has a patience, by its level and, within the level, by its caller; a call whose
// patience is shorter than the wait is refused at once, which costs far less than to carry it out.
// So the wait settles where what is admitted is what can be done: a small overload refuses the
// batches, a larger one the feeds, then a share of the people, and the critical calls last of all.
// Whoever is refused now is refused for a while, and others are served whole: many who each get
// half of their calls through get nothing done.
#ifndef LINJULI_COMMON_RPC_PRIORITY_H_
#define LINJULI_COMMON_RPC_PRIORITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/store/table.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "linjuli/options.pb.h"

namespace linjuli {

class PriorityPlan {
 public:
  PriorityPlan() = default;
  // INVALID_ARGUMENT where `critical_if` names no bool of the request.
  static absl::StatusOr<PriorityPlan> From(const google::protobuf::MethodDescriptor& method);

  Priority::Level Of(const google::protobuf::Message& request) const;

 private:
  Priority::Level level_ = Priority::NORMAL;
  FieldPath critical_if_;  // empty: the level is the method's alone
};

// "BULK", "CRITICAL if need.urgent"; empty where nothing is declared.
std::string Describe(const Priority& priority);

// A queue that waits longer is overloaded.
inline constexpr absl::Duration kOverload = absl::Milliseconds(20);

// How long a queue a call bears: BULK ¼ to ½ of kOverload, SHEDDABLE ½ to 1, NORMAL 1 to 2,
// CRITICAL 8 to 16 of it. Where between the two `caller` decides, and `now`, by which the lot is
// drawn again every hour.
absl::Duration Patience(Priority::Level level, absl::string_view caller, absl::Duration now);

// RESOURCE_EXHAUSTED, reason OVERLOADED, where the queue waits longer than that; always the same
// one, so that doors can keep it encoded.
const absl::Status& TooBusy();
absl::Status Admit(absl::Duration wait, Priority::Level level, absl::string_view caller,
                   absl::Duration now);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_PRIORITY_H_
