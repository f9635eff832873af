#include "common/rpc/call.h"

#include "common/status.h"

namespace linjuli {

void Answer::Build() const {
  message_.reset(prototype_->New());
  prototype_ = nullptr;
  LJ_CHECK(message_->ParseFromString(bytes_), "an answer's bytes are not of its type");
  bytes_.clear();
}

}  // namespace linjuli
