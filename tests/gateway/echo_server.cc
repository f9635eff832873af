// The gateway's HTTP server before a handler that answers "VERB TARGET BODY": what stands behind
// the proxies in desync.py. Prints its port, and then every request that the proxy did not mean to
// send.
//
//   echo_server [STAMP]
//
// With a stamp, the proxy marks what it forwards: "X-Saw: STAMP VERB TARGET". A request without
// that mark, or with another one's, was never a request to the proxy. Ends with standard input.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/gateway/http_server.h"

namespace linjuli {
namespace {

int Main(const std::string& stamp) {
  HttpServerOptions options;
  options.random = [] { return std::uint64_t{7}; };
  auto echo = [&stamp](const HttpRequest& request, HttpRespond respond) {
    std::string line = absl::StrCat(VerbName(request.verb), " ", request.path,
                                    request.query.empty() ? "" : "?", request.query);
    if (!stamp.empty() && request.Find("X-Saw").value_or("") != absl::StrCat(stamp, " ", line)) {
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    }
    HttpResponse response;
    response.body = absl::StrCat(line, " ", request.body);
    std::move(respond)(std::move(response));
  };
  auto server = HttpServer::Start(options, echo);
  if (!server.ok()) return 1;
  std::printf("%d\n", (*server)->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace linjuli

int main(int argc, char** argv) { return linjuli::Main(argc > 1 ? argv[1] : ""); }
