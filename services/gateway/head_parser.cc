#include "services/gateway/head_parser.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "boost/asio/buffer.hpp"
#include "boost/beast/http/basic_parser.hpp"

namespace linjuli {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

// Whether the request line has three parts, and the last is a version, if not one spoken here.
bool HasVersion(absl::string_view head) {
  absl::string_view line = head.substr(0, head.find('\r'));
  absl::string_view version = line.substr(line.rfind(' ') + 1);
  return std::count(line.begin(), line.end(), ' ') == 2 && version.size() == 8 &&
         absl::ConsumePrefix(&version, "HTTP/") &&
         absl::ascii_isdigit(static_cast<unsigned char>(version[0])) && version[1] == '.' &&
         absl::ascii_isdigit(static_cast<unsigned char>(version[2]));
}

absl::string_view View(string_view text) { return {text.data(), text.size()}; }

// Bodies are not for Beast: with assertions on, 1.74 stops the process on a last chunk whose final
// bytes come one by one.
class Parser : public http::basic_parser<true> {
 public:
  explicit Parser(RequestHead& head) : head_(head) {}

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    head_.method = View(method);
    head_.target = View(target);
    head_.version = version;
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    head_.fields.push_back({View(name), View(value)});
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  RequestHead& head_;
};

}  // namespace

absl::optional<FramingFault> ParseHead(absl::string_view bytes, RequestHead& head) {
  head.fields.clear();
  Parser parser(head);
  // Both limits are ours to judge, with codes of their own. (1.74 takes no limit for a limit of 0.)
  parser.header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  error_code error;
  std::size_t taken = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::bad_version && HasVersion(bytes)) {
    return FramingFault{505, "HTTP_VERSION", "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  }
  if (error || !parser.is_header_done() || taken != bytes.size()) {
    return FramingFault{400, "HTTP_FRAMING", "the header is malformed"};
  }
  return absl::nullopt;
}

}  // namespace linjuli
