// Page tokens: what is read was written for this list, and what was written is read.
#include "common/rpc/page_token.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text.h"

namespace linjuli {

// A token, a line's end, and the query of the search that it is sent with.
void Fuzz(absl::string_view input) {
  absl::string_view query = input;
  absl::string_view token = TakeLine(query);
  if (!IsText(query)) return;
  const auto* method =
      testing::v1::Ticket::descriptor()->file()->FindServiceByName("Tickets")->FindMethodByName(
          "SearchTickets");
  Caller caller, other;
  caller.subject = "u/wang";
  other.subject = "u/li";
  testing::v1::SearchTicketsRequest request;
  request.set_query(std::string(query));
  request.set_page_token(std::string(token));
  request.set_page_size(7);
  std::string binding = PageBinding(method, caller, request);
  auto place = DecodePageToken(token, binding);
  if (place.ok()) {
    std::string bytes;
    LJ_CHECK(absl::WebSafeBase64Unescape(token, &bytes));
    LJ_CHECK(std::memcmp(bytes.data(), &*place, sizeof(*place)) == 0);
    LJ_CHECK(!DecodePageToken(token, PageBinding(method, other, request)).ok());
  }
  // Any place goes there and back, and not into another list.
  int64_t any = 0;
  std::memcpy(&any, token.data(), std::min(token.size(), sizeof(any)));
  std::string made = EncodePageToken(any, binding);
  auto back = DecodePageToken(made, binding);
  LJ_CHECK(back.ok() && *back == any);
  request.set_query(request.query() + "x");
  request.clear_page_token();
  LJ_CHECK(!DecodePageToken(made, PageBinding(method, caller, request)).ok());
}

}  // namespace linjuli
