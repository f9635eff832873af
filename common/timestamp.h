// Moments as protobuf carries them, in whole microseconds.
#ifndef LINJULI_COMMON_TIMESTAMP_H_
#define LINJULI_COMMON_TIMESTAMP_H_

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace linjuli {

inline absl::Time ToTime(const google::protobuf::Timestamp& stamp) {
  return absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
}

inline void Stamp(google::protobuf::Timestamp* stamp, absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  stamp->set_seconds(absl::ToUnixSeconds(time));
  stamp->set_nanos(static_cast<int32_t>((micros - stamp->seconds() * 1000000) * 1000));
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_TIMESTAMP_H_
