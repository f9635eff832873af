// Which web pages may call from a browser (CORS, fetch.spec.whatwg.org): those of the listed
// origins, and none where the list is empty. Callers bear tokens, never cookies, so no answer
// allows credentials.
#ifndef LINJULI_SERVICES_GATEWAY_CORS_H_
#define LINJULI_SERVICES_GATEWAY_CORS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// Takes what browsers of listed origins ask before a request. Immutable, so thread-safe.
class CorsDoor : public Door {
 public:
  // Each origin as browsers send it: "https://town.example.cn", "http://127.0.0.1:5173".
  // INVALID_ARGUMENT, reason ORIGIN, for anything else, "*" and "null" among it.
  static absl::StatusOr<std::unique_ptr<CorsDoor>> Of(std::vector<std::string> origins);

  bool Takes(const HttpRequest& request) const override;
  void Handle(const HttpRequest& request, HttpRespond respond) override;

  // Adds to the answer, whatever it will be, that the page which sent the request may read it.
  void Mark(const HttpRequest& request, HttpRespond& respond) const;

 private:
  CorsDoor() = default;

  absl::flat_hash_set<std::string> origins_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_CORS_H_
