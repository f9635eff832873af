#include "services/gateway/pages.h"

#include "common/status.h"
#include "services/gateway/http_error.h"

namespace linjuli {

bool PagesDoor::Takes(const HttpRequest& request) const {
  return request.path == "/livez" || request.path == "/readyz" || request.path == "/openapi.json" ||
         request.path == "/docs";
}

void PagesDoor::Handle(const HttpRequest& request, HttpRespond respond) {
  std::move(respond)(Answer(request));
}

HttpResponse PagesDoor::Answer(const HttpRequest& request) const {
  constexpr char kAllow[] = "GET, HEAD, OPTIONS";
  HttpResponse response;
  if (request.verb == Verb::kOptions) return OptionsResponse(kAllow);
  if (request.verb != Verb::kGet && request.verb != Verb::kHead) {
    return ErrorResponse(Refuse(absl::StatusCode::kUnimplemented, "METHOD_NOT_ALLOWED",
                                "this page can be read and nothing else", {{"allow", kAllow}}));
  }
  if (request.path == "/docs") {
    response.content_type = "text/html; charset=utf-8";
    response.fields.emplace_back(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response.fields.emplace_back("Referrer-Policy", "no-referrer");
    response.lasting = DocumentationPage();
  } else if (request.path == "/openapi.json") {
    response.lasting = openapi_;
  } else {
    absl::Status ready =
        request.path == "/readyz" && ready_ != nullptr ? ready_() : absl::OkStatus();
    response.content_type = "text/plain; charset=utf-8";
    response.code = ready.ok() ? 200 : 503;
    response.body = ready.ok() ? "ok\n" : std::string(ready.message()) + "\n";
  }
  return response;
}

}  // namespace linjuli
