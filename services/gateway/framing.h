// The framing filter: decides where a request ends, and refuses whatever two programs could read
// in two ways (RFC 9112, and stricter where being strict costs no honest client anything).
//
// Boost.Beast takes the head apart; what it lets pass that RFC 9112 does not is refused here. What
// is refused by this file is answered and the connection closed: after it, no byte can be trusted
// to begin a request.
#ifndef LINJULI_SERVICES_GATEWAY_FRAMING_H_
#define LINJULI_SERVICES_GATEWAY_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// What one request may cost.
struct FramingLimits {
  std::size_t head_bytes = 8 * 1024;
  std::size_t fields = 64;
  std::size_t body_bytes = 1024 * 1024;
};

// Why a request is not read: the HTTP code, the error's reason, and a sentence.
struct FramingFault {
  int code = 400;
  const char* reason = "HTTP_FRAMING";
  const char* sentence = "";
};

// Finds the end of a head line by line as its bytes arrive.
class HeadScan {
 public:
  // `bytes` are all bytes of the request so far; only those that are new are looked at. Returns the
  // length of the head with its empty line, 0 while that has not come, or a fault.
  struct Result {
    std::size_t length = 0;
    absl::optional<FramingFault> fault;
  };
  Result Scan(absl::string_view bytes, const FramingLimits& limits);

 private:
  std::size_t line_ = 0;  // where the line begins that has not ended yet
  std::size_t seen_ = 0;
  std::size_t lines_ = 0;
};

// A head taken apart, not yet judged.
struct RequestHead {
  absl::string_view method;
  absl::string_view target;
  int version = 0;  // 10 or 11
  std::vector<HttpField> fields;
};

// What the head says of the request's extent.
struct Framing {
  Verb verb = Verb::kGet;
  absl::string_view path;
  absl::string_view query;
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

// Judges a head and fills `framing`, or returns the fault.
absl::optional<FramingFault> Frame(const RequestHead& head, const FramingLimits& limits,
                                   Framing& framing);

// Decodes a chunked body. Chunk extensions and trailers are refused: nobody needs them, and they
// are where intermediaries disagree. So are thousands of chunks of a byte or two.
class ChunkDecoder {
 public:
  // Takes what it can from `bytes`, appends the data to `body`, and returns how many bytes it took.
  std::size_t Take(absl::string_view bytes, std::size_t limit, std::string& body);
  bool done() const { return state_ == State::kDone; }
  const absl::optional<FramingFault>& fault() const { return fault_; }

 private:
  enum class State { kSize, kSizeLf, kData, kDataCr, kDataLf, kEndCr, kEndLf, kDone };
  void Step(char c, std::size_t limit, std::size_t body_size);

  State state_ = State::kSize;
  std::uint64_t left_ = 0;  // bytes of this chunk still to come
  int digits_ = 0;
  std::size_t overhead_ = 0;  // bytes that are not the body's
  absl::optional<FramingFault> fault_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_FRAMING_H_
