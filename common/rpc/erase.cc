#include "common/rpc/erase.h"

#include "absl/time/time.h"

namespace linjuli {

absl::Status EraseApproved(Tx& tx, const Changed<privacy::v1::Erasure>& changed) {
  using privacy::v1::Erasure;
  if (changed.resource.state() != Erasure::APPROVED) return absl::OkStatus();
  const auto& time = changed.change.commit_time();
  LJ_RETURN_IF_ERROR(
      tx.ErasePerson(changed.resource.person(),
                     absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos())));
  return tx.Note(changed.resource.name());
}

}  // namespace linjuli
