// What every service with personal data does when the erasure of a person was approved.
#ifndef LINJULI_COMMON_RPC_ERASE_H_
#define LINJULI_COMMON_RPC_ERASE_H_

#include "absl/status/status.h"
#include "common/rpc/registry.h"
#include "linjuli/privacy/v1/privacy.pb.h"

namespace linjuli {

// Destroys the person's key here, and notes that in this service's log as part of the erasure's
// history. Told a second time it changes nothing: a key that was made since stays.
absl::Status EraseApproved(Tx& tx, const Changed<privacy::v1::Erasure>& changed);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_ERASE_H_
