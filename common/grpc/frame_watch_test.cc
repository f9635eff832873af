#include "common/grpc/frame_watch.h"

#include <catch2/catch.hpp>

#include "common/grpc/test_frames.h"

namespace linjuli {
namespace {

constexpr absl::Duration kStart = absl::Seconds(100);

std::string Opened(uint32_t stream) {
  return Frame(kHeaders, kEndHeaders | kEndStream, stream, "h");
}
std::string Reset(uint32_t stream) { return Frame(kReset, 0, stream, std::string(4, '\0')); }
// What every client begins with.
std::string Hello() {
  return kPreface + Frame(kSettings, 0, 0, "") + Frame(kSettings, kAck, 0, "");
}

// Streams that end at once, begun at `from`.
std::string Calls(int count, uint32_t from = 1) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += Opened(from + 2 * static_cast<uint32_t>(i));
  return bytes;
}
std::string OpenedAndReset(int count, uint32_t from = 1) {
  std::string bytes;
  for (uint32_t stream = from; stream < from + 2 * static_cast<uint32_t>(count); stream += 2) {
    bytes += Opened(stream) + Reset(stream);
  }
  return bytes;
}
std::string Many(int count, const std::string& frame) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += frame;
  return bytes;
}

std::string Bound(const std::string& bytes) {
  FrameWatch watch;
  return std::string(watch.Look(Hello() + bytes, kStart));
}

TEST_CASE("calls may go on for ever", "[grpc][R28]") {
  FrameWatch watch;
  CHECK(watch.Look(Hello(), kStart).empty());
  uint32_t stream = 1;
  for (int i = 0; i < 500; ++i, stream += 200) {
    // A thousand of them each hundredth of a second.
    CHECK(watch.Look(Calls(100, stream), kStart + absl::Milliseconds(i)).empty());
  }
}

TEST_CASE("streams that are reset as they begin are counted, those that have lasted are not",
          "[grpc][R28]") {
  CHECK(Bound(OpenedAndReset(200)) == "");
  CHECK(Bound(OpenedAndReset(201)) == "resets");
  FrameWatch slow;
  slow.Look(Hello(), kStart);
  for (int i = 0; i < 100; ++i) {
    const absl::Duration now = kStart + absl::Milliseconds(100) * i;
    const auto stream = static_cast<uint32_t>(1 + i * 200);
    CHECK(slow.Look(Calls(100, stream), now).empty());
    std::string resets;
    for (uint32_t j = 0; j < 200; j += 2) resets += Reset(stream + j);
    CHECK(slow.Look(resets, now + absl::Milliseconds(51)).empty());
  }
  // Time gives some back.
  FrameWatch watch;
  CHECK(watch.Look(Hello() + OpenedAndReset(200), kStart).empty());
  CHECK(watch.Look(OpenedAndReset(100, 1001), kStart + absl::Seconds(1)).empty());
  CHECK(watch.Look(OpenedAndReset(1, 2001), kStart + absl::Seconds(1)) == "resets");
}

TEST_CASE("a stream is reset once, whatever a client says", "[grpc][R28]") {
  CHECK(Bound(Opened(1) + Many(1000, Reset(3))) == "");
  // The same one again and again still counts: nobody does that.
  CHECK(Bound(Opened(1) + Many(1000, Reset(1))) == "resets");
}

TEST_CASE("a header ends", "[grpc][R28]") {
  const std::string part(16'384, 'h');
  const std::string begun = Frame(kHeaders, 0, 1, part);
  CHECK(Bound(begun + Many(3, Frame(kContinuation, 0, 1, part))) == "");
  CHECK(Bound(begun + Many(4, Frame(kContinuation, 0, 1, part))) == "header");
  CHECK(Bound(Frame(kHeaders, kEndHeaders, 1, std::string(65'537, 'h'))) == "header");
  // Each begins anew.
  std::string headers;
  for (uint32_t stream = 1; stream < 41; stream += 2) {
    headers += Frame(kHeaders, 0, stream, part) + Frame(kContinuation, kEndHeaders, stream, part);
  }
  CHECK(Bound(headers) == "");
}

TEST_CASE("a stream carries no more than one large message", "[grpc][R28][R32]") {
  const std::string part(16'384, 'd');
  const std::string open = Frame(kHeaders, kEndHeaders, 1, "h");
  CHECK(Bound(open + Many(64, Frame(kData, 0, 1, part))) == "");
  CHECK(Bound(open + Many(64, Frame(kData, 0, 1, part)) + Frame(kData, kEndStream, 1, "d")) ==
        "message");
  // Others have theirs, and those that are forgotten have one together.
  std::string two = open + Frame(kHeaders, kEndHeaders, 3, "h");
  CHECK(Bound(two + Many(64, Frame(kData, 0, 1, part) + Frame(kData, 0, 3, part))) == "");
  CHECK(Bound(open + Calls(1023, 3) + Many(65, Frame(kData, 0, 1, part))) == "message");
  CHECK(Bound(open + Calls(1024, 3) + Many(65, Frame(kData, 0, 1, part))) == "message");
}

TEST_CASE("before the client has heard how many streams there may be, there may be as many",
          "[grpc][R28]") {
  FrameWatch watch;
  CHECK(watch.Look(kPreface + Frame(kSettings, 0, 0, "") + Calls(100), kStart).empty());
  SECTION("it goes on") { CHECK(watch.Look(Calls(1, 201), kStart) == "streams"); }
  SECTION("it hears") {
    CHECK(watch.Look(Frame(kSettings, kAck, 0, "") + Calls(1000, 201), kStart).empty());
  }
}

TEST_CASE("pings and settings want calls beside them", "[grpc][R28]") {
  const std::string ping = Frame(kPing, 0, 0, "12345678");
  CHECK(Bound(Many(999, ping)) == "");  // and the settings of the beginning
  CHECK(Bound(Many(1000, ping)) == "control");
  CHECK(Bound(Many(5000, Frame(kPing, kAck, 0, "12345678"))) == "");
  CHECK(Bound(Many(1000, Frame(kSettings, 0, 0, ""))) == "control");
  CHECK(Bound(Many(1000, Frame(99, 0, 0, ""))) == "control");
  std::string beside;
  for (uint32_t stream = 1; stream < 10'001; stream += 2) beside += Opened(stream) + ping;
  CHECK(Bound(beside) == "");
}

TEST_CASE("pieces of any size tell the same, and what is over stays over", "[grpc][R28]") {
  const std::string bytes = Hello() + OpenedAndReset(201);
  for (size_t size : {1, 2, 3, 7, 100}) {
    CAPTURE(size);
    FrameWatch watch;
    size_t told = 0;
    for (size_t at = 0; at < bytes.size(); at += size) {
      if (watch.Look(absl::string_view(bytes).substr(at, size), kStart).empty()) told = at + size;
    }
    // Nine bytes of the last frame are enough.
    CHECK(told <= bytes.size() - 4);
    CHECK(told + size > bytes.size() - 4 - size);
    CHECK(watch.Look("", kStart + absl::Hours(1)) == "resets");
  }
}

}  // namespace
}  // namespace linjuli
