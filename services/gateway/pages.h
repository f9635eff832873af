// The door of what the gateway says of itself: documentation and probes.
#ifndef LINJULI_SERVICES_GATEWAY_PAGES_H_
#define LINJULI_SERVICES_GATEWAY_PAGES_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// /docs: one page without anything from outside, which shows /openapi.json.
absl::string_view DocumentationPage();

// GET and HEAD of /livez, /readyz, /openapi.json and /docs. Thread-safe where `ready` is.
class PagesDoor : public Door {
 public:
  // `ready` may be null: always.
  PagesDoor(std::string openapi, std::function<absl::Status()> ready)
      : openapi_(std::move(openapi)), ready_(std::move(ready)) {}

  bool Takes(const HttpRequest& request) const override;
  void Handle(const HttpRequest& request, HttpRespond respond) override;

 private:
  HttpResponse Answer(const HttpRequest& request) const;

  const std::string openapi_;
  const std::function<absl::Status()> ready_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_PAGES_H_
