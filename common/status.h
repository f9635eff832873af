// Errors with a reason. Every error that leaves a service carries google.rpc.ErrorInfo with a
// reason in capitals (domain "linjuli") and the facts that explain it; a refused field adds
// google.rpc.BadRequest. The reasons are the keys of the texts in the city's standard.
//
// The details travel as payloads of absl::Status, under their type URL, so that every door can
// encode them in its own form.
#ifndef LINJULI_COMMON_STATUS_H_
#define LINJULI_COMMON_STATUS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace linjuli {

inline constexpr char kErrorDomain[] = "linjuli";

using ErrorFacts = std::vector<std::pair<std::string, std::string>>;

// An error with `reason` ("CALL_CLOSED"), a sentence in English that says what to do, and facts.
absl::Status Refuse(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                    const ErrorFacts& facts = {});

// One field that was not accepted; `path` as in the request, "need.division".
struct FieldViolation {
  std::string path;
  std::string reason;
  std::string description;
};

// INVALID_ARGUMENT with all violations; the first one's reason is the error's.
absl::Status RefuseFields(const std::vector<FieldViolation>& violations);

// NOT_FOUND for a resource that is not there, or that the caller may not know of.
absl::Status NotFound(absl::string_view name);

// RESOURCE_EXHAUSTED, reason OVERLOADED: there is more to do than can be done; again in a second.
absl::Status Overloaded(absl::string_view message);

// Tells when the call may be tried again, as google.rpc.RetryInfo; every door has its own form of
// it.
void SetRetryAfter(absl::Status& status, absl::Duration wait);
// Nothing where the error does not say.
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// The reason of an error, empty where it has none.
std::string ReasonOf(const absl::Status& status);
// A fact of an error, empty where it has none.
std::string FactOf(const absl::Status& status, absl::string_view key);

// Adds the text for people in `locale` ("zh-CN") as google.rpc.LocalizedMessage.
void Localize(absl::Status& status, absl::string_view locale, absl::string_view text);

// To and from the wire form of google.rpc.Status, with all details.
google::rpc::Status ToProto(const absl::Status& status);
absl::Status FromProto(const google::rpc::Status& proto);

// Leaves the function when `expr` is an error.
#define LJ_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (absl::Status lj_status = (expr); !lj_status.ok()) return lj_status; \
  } while (false)

// LJ_ASSIGN(Need need, tx.Get<Need>(name)): the value, or leaves the function with the error.
#define LJ_ASSIGN(lhs, expr) LJ_ASSIGN_AT(lhs, expr, __COUNTER__)
#define LJ_ASSIGN_AT(lhs, expr, n) LJ_ASSIGN_NAMED(lhs, expr, n)
#define LJ_ASSIGN_NAMED(lhs, expr, n)                     \
  auto lj_result_##n = (expr);                            \
  if (!lj_result_##n.ok()) return lj_result_##n.status(); \
  lhs = *std::move(lj_result_##n)

// Stops the process with a line in the log when what cannot happen has happened. Always on.
#define LJ_CHECK(condition, ...)                                                          \
  do {                                                                                    \
    if (!(condition)) ::linjuli::FailStop(__FILE__, __LINE__, #condition, {__VA_ARGS__}); \
  } while (false)
[[noreturn]] void FailStop(const char* file, int line, const char* condition,
                           const std::string& why);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STATUS_H_
