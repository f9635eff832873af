#include "services/load.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fstream>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/changes/log.h"
#include "common/json/codec.h"
#include "common/status.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"

namespace linjuli {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr size_t kBatch = 100;

// One keep-alive connection; each call waits for its answer.
class Client {
 public:
  explicit Client(const LoadOptions& options) : options_(options), socket_(context_) {}

  absl::Status Connect() {
    std::vector<std::string> at = absl::StrSplit(options_.http, absl::MaxSplits(':', 1));
    if (at.size() != 2) return absl::InvalidArgumentError("--http must be ADDRESS:PORT");
    boost::system::error_code error;
    boost::asio::ip::tcp::resolver resolver(context_);
    auto found = resolver.resolve(at[0], at[1], error);
    if (!error) boost::asio::connect(socket_, found, error);
    if (!error) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(options_.http, ": ", error.message()));
  }

  absl::StatusOr<std::string> Post(const std::string& path, const std::string& body) {
    http::request<http::string_body> request(http::verb::post, path, 11, body);
    request.set(http::field::host, options_.http);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::authorization, "Bearer " + options_.token);
    request.prepare_payload();
    boost::system::error_code error;
    while (true) {
      http::write(socket_, request, error);
      http::response_parser<http::string_body> answer;
      answer.body_limit(16 << 20);
      if (!error) http::read(socket_, buffer_, answer, error);
      if (error) return absl::UnavailableError(error.message());
      const auto& got = answer.get();
      if (got.result() == http::status::ok) return got.body();
      // Too fast for one person, or too much for the server now: it says when to go on.
      int seconds = 0;
      auto wait = got[http::field::retry_after];
      if (got.result() != http::status::too_many_requests ||
          !absl::SimpleAtoi(absl::string_view(wait.data(), wait.size()), &seconds)) {
        return absl::FailedPreconditionError(
            absl::StrCat("HTTP ", got.result_int(), ": ", got.body()));
      }
      absl::SleepFor(absl::Seconds(seconds));
    }
  }

 private:
  const LoadOptions& options_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  beast::flat_buffer buffer_;
};

}  // namespace

absl::Status Load(const LoadOptions& options, std::ostream& progress) {
  std::ifstream lines(options.file);
  if (!lines) return absl::InvalidArgumentError(absl::StrCat("cannot read ", options.file));
  Client client(options);
  LJ_RETURN_IF_ERROR(client.Connect());
  int64_t line_number = 0, registered = 0, refused = 0;
  std::vector<std::string> rows;
  std::vector<int64_t> numbers;
  auto send = [&]() -> absl::Status {
    if (rows.empty()) return absl::OkStatus();
    LJ_ASSIGN(std::string json,
              client.Post("/v1/needs:batchCreate",
                          absl::StrCat("{\"requests\":[", absl::StrJoin(rows, ","), "]}")));
    needs_intake::v1::BatchCreateNeedsResponse reply;
    LJ_RETURN_IF_ERROR(ParseJson(json, reply, {16 << 20, 32}));
    for (int i = 0; i < reply.results_size(); ++i) {
      if (reply.results(i).has_need()) {
        ++registered;
        continue;
      }
      ++refused;
      progress << "\nline " << numbers[i] << ": " << reply.results(i).error().message() << "\n";
    }
    progress << "\r" << registered << " registered, " << refused << " refused" << std::flush;
    rows.clear();
    numbers.clear();
    return absl::OkStatus();
  };
  for (std::string line; std::getline(lines, line);) {
    ++line_number;
    if (line.empty()) continue;
    std::string id = absl::BytesToHexString(Sha256(absl::StrCat(line_number, "\n", line)));
    rows.push_back(absl::StrCat("{\"need\":", line, ",\"requestId\":\"", id.substr(0, 32), "\"}"));
    numbers.push_back(line_number);
    if (rows.size() == kBatch) LJ_RETURN_IF_ERROR(send());
  }
  LJ_RETURN_IF_ERROR(send());
  progress << "\n";
  if (refused == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(refused, " lines were refused"));
}

}  // namespace linjuli
