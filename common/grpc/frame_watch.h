// Looks at the heads of the HTTP/2 frames that a client sends, and tells when to hang up.
//
// gRPC 1.51 bounds what a connection does by what it has finished looking at: a client that is
// faster costs it hundreds of megabytes in a second. What makes that possible shows in nine bytes a
// frame. Headers are not decoded, and nothing that an honest client does is near a bound:
//
//   header     a block of headers of more than 64 KiB as sent (of which 8 KiB are taken)
//   message    more than 1 MiB on one stream (of which 256 KiB are taken)
//   streams    more than 100 before the client has acknowledged that 100 is the bound; afterwards
//              gRPC sees to it
//   resets     streams reset within 50 ms of their beginning: 200, and 100 more a second
//   control    PING, SETTINGS, PRIORITY and what nobody knows: 1,000, and 100 more a second, and
//   one
//              for each frame that has to do with calls
#ifndef LINJULI_COMMON_GRPC_FRAME_WATCH_H_
#define LINJULI_COMMON_GRPC_FRAME_WATCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace linjuli {

// One connection's. Used by one thread at a time.
class FrameWatch {
 public:
  FrameWatch();

  // `bytes` are what came next, in any pieces, by `now` of Clock::Elapsed. The name of the bound
  // that the client is above, as it stands above; empty where it may go on. Once it is not empty,
  // it stays.
  absl::string_view Look(absl::string_view bytes, absl::Duration now);

 private:
  static constexpr size_t kHead = 9;

  // So many, and some more as time goes by. Begins full.
  struct Allowance {
    double most, a_second;
    double left = most;
    absl::Duration at = absl::ZeroDuration();

    bool Take(absl::Duration now);
    void Give(double count) { left = left + count < most ? left + count : most; }
  };

  // A stream that was opened lately.
  struct Opened {
    uint32_t stream;
    uint32_t bytes;
    absl::Duration at;
    bool ended;  // its request is complete
  };

  void BeginFrame(absl::Duration now);
  void Headers(uint8_t flags, uint32_t stream, uint32_t length, absl::Duration now);
  void Data(uint8_t flags, uint32_t stream, uint32_t length);
  void Reset(uint32_t stream, absl::Duration now);
  void Open(uint32_t stream, bool ended, absl::Duration now);
  // Null where it was opened too long ago, or never.
  Opened* Find(uint32_t stream);

  absl::string_view above_;
  size_t skip_;  // bytes of the preface, or of the frame
  std::array<unsigned char, kHead> head_;
  size_t head_size_ = 0;
  bool acknowledged_ = false;
  bool in_block_ = false;  // of headers
  size_t block_bytes_ = 0;
  uint32_t last_stream_ = 0;
  int streams_ = 0;
  size_t other_bytes_ = 0;     // on streams that are not in opened_
  std::deque<Opened> opened_;  // by rising number
  Allowance resets_{200, 100};
  Allowance control_{1000, 100};
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_FRAME_WATCH_H_
