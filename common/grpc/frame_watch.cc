#include "common/grpc/frame_watch.h"

#include <algorithm>

namespace linjuli {
namespace {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr uint8_t kAcknowledges = 1;  // of SETTINGS and PING
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;

constexpr size_t kPreface = 24;
constexpr size_t kMostHeaderBytes = 64 << 10;
constexpr size_t kMostMessageBytes = 1 << 20;
constexpr int kMostUnacknowledged = 100;
constexpr absl::Duration kHasty = absl::Milliseconds(50);
// More than ten times as many as may be open.
constexpr size_t kRemembered = 1024;

}  // namespace

FrameWatch::FrameWatch() : skip_(kPreface) {}

bool FrameWatch::Allowance::Take(absl::Duration now) {
  Give(absl::ToDoubleSeconds(now - at) * a_second);
  at = now;
  if (left < 1) return false;
  --left;
  return true;
}

absl::string_view FrameWatch::Look(absl::string_view bytes, absl::Duration now) {
  while (above_.empty()) {
    size_t skipped = std::min(skip_, bytes.size());
    skip_ -= skipped;
    bytes.remove_prefix(skipped);
    size_t taken = std::min(kHead - head_size_, bytes.size());
    std::copy_n(bytes.begin(), taken, head_.begin() + head_size_);
    bytes.remove_prefix(taken);
    head_size_ += taken;
    if (head_size_ < kHead) break;
    head_size_ = 0;
    BeginFrame(now);
  }
  return above_;
}

void FrameWatch::BeginFrame(absl::Duration now) {
  const uint32_t length = uint32_t{head_[0]} << 16 | uint32_t{head_[1]} << 8 | head_[2];
  const uint8_t flags = head_[4];
  const uint32_t stream = (uint32_t{head_[5]} & 0x7f) << 24 | uint32_t{head_[6]} << 16 |
                          uint32_t{head_[7]} << 8 | head_[8];
  skip_ = length;
  switch (head_[3]) {
    case kHeaders:
    case kContinuation:
      return Headers(flags, head_[3] == kHeaders ? stream : 0, length, now);
    case kData:
      return Data(flags, stream, length);
    case kReset:
      return Reset(stream, now);
    case kWindowUpdate:
      return control_.Give(1);
    case kGoAway:
      return;  // The client's own end.
    case kSettings:
    case kPing:
      if ((flags & kAcknowledges) != 0) {
        acknowledged_ = acknowledged_ || head_[3] == kSettings;
        return;
      }
      break;
    default:
      break;
  }
  if (!control_.Take(now)) above_ = "control";
}

// `stream` is 0 where the block of another frame goes on.
void FrameWatch::Headers(uint8_t flags, uint32_t stream, uint32_t length, absl::Duration now) {
  if (!in_block_) block_bytes_ = 0;
  block_bytes_ += length;
  in_block_ = (flags & kEndHeaders) == 0;
  if (block_bytes_ > kMostHeaderBytes) above_ = "header";
  if (stream > last_stream_) Open(stream, (flags & kEndStream) != 0, now);
}

void FrameWatch::Open(uint32_t stream, bool ended, absl::Duration now) {
  control_.Give(1);
  last_stream_ = stream;
  if (!acknowledged_ && ++streams_ > kMostUnacknowledged) above_ = "streams";
  while (!opened_.empty() && (opened_.size() >= kRemembered ||
                              (opened_.front().ended && now - opened_.front().at > kHasty))) {
    opened_.pop_front();
  }
  opened_.push_back({stream, 0, now, ended});
}

void FrameWatch::Data(uint8_t flags, uint32_t stream, uint32_t length) {
  control_.Give(1);
  if (Opened* opened = Find(stream); opened != nullptr) {
    opened->bytes += length;
    opened->ended = opened->ended || (flags & kEndStream) != 0;
    if (opened->bytes > kMostMessageBytes) above_ = "message";
  } else {
    // Of a stream that is forgotten, since it began long ago, or of none: together no more.
    other_bytes_ += length;
    if (other_bytes_ > kMostMessageBytes) above_ = "message";
  }
}

void FrameWatch::Reset(uint32_t stream, absl::Duration now) {
  Opened* opened = Find(stream);
  if (opened == nullptr) return;
  opened->ended = true;
  if (now - opened->at <= kHasty && !resets_.Take(now)) above_ = "resets";
}

FrameWatch::Opened* FrameWatch::Find(uint32_t stream) {
  auto found = std::lower_bound(
      opened_.begin(), opened_.end(), stream,
      [](const Opened& opened, uint32_t number) { return opened.stream < number; });
  return found != opened_.end() && found->stream == stream ? &*found : nullptr;
}

}  // namespace linjuli
