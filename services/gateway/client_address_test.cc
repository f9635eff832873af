#include "services/gateway/client_address.h"

#include "absl/strings/match.h"
#include "catch2/catch.hpp"

namespace linjuli {
namespace {

// The address of a request from `peer` with these X-Forwarded-For fields.
std::string Of(const std::vector<std::string>& trusted, absl::string_view peer,
               const std::vector<absl::string_view>& forwarded = {}) {
  auto addresses = ClientAddress::From(trusted);
  REQUIRE(addresses.ok());
  std::vector<HttpField> fields = {{"Host", "a"}};
  for (absl::string_view value : forwarded) fields.push_back({"x-forwarded-for", value});
  HttpRequest request;
  request.peer = peer;
  request.fields = fields;
  return addresses->Of(request);
}

TEST_CASE("without trusted proxies the connection's other end is the address", "[gateway][R39]") {
  CHECK(Of({}, "10.0.0.7") == "10.0.0.7");
  CHECK(Of({}, "10.0.0.7", {"1.2.3.4"}) == "10.0.0.7");
  CHECK(Of({"10.0.0.8", "10.1.0.0/16"}, "10.0.0.7", {"1.2.3.4"}) == "10.0.0.7");
}

TEST_CASE("a trusted proxy's word counts, and nobody's before it", "[gateway][R39]") {
  CHECK(Of({"10.0.0.7"}, "10.0.0.7", {"1.2.3.4"}) == "1.2.3.4");
  CHECK(Of({"10.0.0.0/8"}, "10.9.9.9", {"6.6.6.6, 1.2.3.4"}) == "1.2.3.4");
  CHECK(Of({"10.0.0.0/8"}, "10.9.9.9", {"6.6.6.6, 1.2.3.4 , 10.2.2.2"}) == "1.2.3.4");
  CHECK(Of({"10.0.0.0/8"}, "10.9.9.9", {"6.6.6.6", "1.2.3.4", "10.2.2.2"}) == "1.2.3.4");
  CHECK(Of({"10.0.0.0/8"}, "10.9.9.9", {"10.1.1.1"}) == "10.1.1.1");
  CHECK(Of({"10.0.0.0/8"}, "10.9.9.9") == "10.9.9.9");
}

TEST_CASE("what is no address stands for nobody", "[gateway][R39]") {
  for (const char* said : {"", "unknown", "1.2.3.4:80", "1.2.3.4.5", "_hidden"}) {
    CHECK(Of({"10.0.0.7"}, "10.0.0.7", {said}) == "10.0.0.7");
  }
}

TEST_CASE("an IPv6 client is its first 64 bits, one in the dress of IPv6 is IPv4",
          "[gateway][R39]") {
  CHECK(Of({}, "2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::");
  CHECK(Of({}, "2001:db8:1:2:ffff::1") == "2001:db8:1:2::");
  CHECK(Of({}, "::ffff:10.0.0.7") == "10.0.0.7");
  CHECK(Of({"fd00::/8"}, "fd00::1", {"2001:db8::1"}) == "2001:db8::");
  CHECK(Of({"10.0.0.7"}, "::ffff:10.0.0.7", {"1.2.3.4"}) == "1.2.3.4");
}

TEST_CASE("a proxy that is no address is refused by name", "[gateway]") {
  for (const char* wrong : {"edge", "10.0.0.0/33", "10.0.0", "fd00::/129", ""}) {
    auto made = ClientAddress::From({"10.0.0.7", wrong});
    REQUIRE(absl::IsInvalidArgument(made.status()));
    CHECK(absl::StrContains(made.status().message(), wrong));
  }
}

}  // namespace
}  // namespace linjuli
