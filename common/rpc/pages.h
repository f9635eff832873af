// List and Search: typed, indexed filters, the caller's scope in the query, newest first, pages by
// key. The SQL is made of declared names only; what callers send is always bound.
#ifndef LINJULI_COMMON_RPC_PAGES_H_
#define LINJULI_COMMON_RPC_PAGES_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/rpc/plan.h"

namespace linjuli {

// Told of a resource of a page, by its stored bytes; false: it does not count.
using RowReader = absl::FunctionRef<absl::StatusOr<bool>(absl::string_view body)>;
// Reads the page that a kList or kSearch asks for, filtered to what the caller may see. Returns the
// token of the next page, empty at the end.
absl::StatusOr<std::string> ReadPage(Rx& rx, const MethodPlan& plan,
                                     const google::protobuf::Message& request, RowReader row);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_PAGES_H_
