// HTTP/2 frames made by hand, for tests that send what no client would.
#ifndef LINJULI_COMMON_GRPC_TEST_FRAMES_H_
#define LINJULI_COMMON_GRPC_TEST_FRAMES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace linjuli {

inline const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum : uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kContinuation = 9 };
enum : uint8_t { kAck = 1, kEndStream = 1, kEndHeaders = 4 };

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  std::string frame;
  for (int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift);
  frame.append(payload.data(), payload.size());
  return frame;
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_TEST_FRAMES_H_
