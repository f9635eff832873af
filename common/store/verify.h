// Whether what a store shows is what its change log says.
#ifndef LINJULI_COMMON_STORE_VERIFY_H_
#define LINJULI_COMMON_STORE_VERIFY_H_

#include "absl/status/statusor.h"
#include "common/changes/log.h"
#include "common/store/tx.h"

namespace linjuli {

// The chain (VerifyChain), and then that every resource stands as its last change left it. A row
// that was edited, added or deleted behind the log's back is a flaw.
absl::StatusOr<Verdict> VerifyStore(Connection& db, const Schema& schema);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_VERIFY_H_
