#include "common/wire_limit.h"

#include <catch2/catch.hpp>

#include "common/status.h"
#include "linjuli/testing/v1/testing.pb.h"

namespace linjuli {
namespace {

using testing::v1::BatchCreateTicketsRequest;

std::string Reason(const std::string& bytes) {
  return ReasonOf(CheckLists(*BatchCreateTicketsRequest::descriptor(), bytes));
}
std::string Times(size_t count, absl::string_view bytes) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all.append(bytes.data(), bytes.size());
  return all;
}

TEST_CASE("a list of as many entries as it may have passes, and of one more does not",
          "[common][R32]") {
  const auto* rows = BatchCreateTicketsRequest::descriptor()->field(0);
  REQUIRE(rows->is_repeated());
  size_t most = MostItems(*rows);
  BatchCreateTicketsRequest request;
  for (size_t i = 0; i < most; ++i) {
    request.add_requests()->mutable_ticket()->set_text("a title of more than a few characters");
  }
  REQUIRE(request.ByteSizeLong() > 4096);
  CHECK(Reason(request.SerializeAsString()) == "");
  request.add_requests();
  CHECK(Reason(request.SerializeAsString()) == "TOO_MANY");
}

TEST_CASE("what hides a list does not hide it: unknown fields before it and between",
          "[common][R32]") {
  const std::string rows = Times(100'000, absl::string_view("\x0a\x00", 2));
  CHECK(Reason(rows) == "TOO_MANY");
  CHECK(Reason(Times(5, "\xf8\x07\x01") + rows) == "TOO_MANY");
  CHECK(Reason(Times(100'000, absl::string_view("\xf8\x07\x01\x0a\x00", 5))) == "TOO_MANY");
}

TEST_CASE("groups are refused, known to nobody as they are", "[common][R32]") {
  const std::string text = "\xfa\x07\x7f" + std::string(127, 'a');
  CHECK(Reason(Times(50, text)) == "");
  CHECK(Reason(Times(50, text) + "\xfb\x07\xfc\x07") == "MALFORMED");
  CHECK(Reason(Times(50, text) + "\xfc\x07") == "MALFORMED");
}

TEST_CASE("a field that is no list comes a thousand times at most", "[common][R32]") {
  // requests[0].ticket, again and again.
  auto row = [](const std::string& inside) {
    testing::v1::CreateTicketRequest request;
    REQUIRE(request.GetDescriptor()->FindFieldByName("ticket") != nullptr);
    int number = request.GetDescriptor()->FindFieldByName("ticket")->number();
    REQUIRE(number < 16);
    std::string tag(1, static_cast<char>(number << 3 | 2));
    std::string many;
    for (int i = 0; i < std::stoi(inside); ++i) many += tag + std::string("\x03\x9a\x3f\x00", 4);
    return many;
  };
  const auto& type = *testing::v1::CreateTicketRequest::descriptor();
  CHECK(ReasonOf(CheckLists(type, row("1000"))) == "");
  CHECK(ReasonOf(CheckLists(type, row("1001"))) == "TOO_MANY");
}

TEST_CASE("what is no message is left to the parser", "[common][R32]") {
  CHECK(Reason(std::string(10'000, '\xff')) == "");
  CHECK(Reason("\x0a\xff\xff\xff\x7f" + std::string(5000, 'a')) == "");
  CHECK(Reason(Times(5000, "\x0f")) == "");
  CHECK(Reason("") == "");
  std::string deep = "\x0a\x00";
  for (int i = 0; i < 5000; ++i) deep = "\x0a\x7f" + deep;
  CHECK(Reason(deep) == "");
}

}  // namespace
}  // namespace linjuli
