// BatchCreate: each row by itself.
#include <catch2/catch.hpp>

#include "tests/tickets.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

using testing::v1::BatchCreateTicketsRequest;
using testing::v1::BatchCreateTicketsResponse;

absl::StatusOr<BatchCreateTicketsResponse> Send(TicketRig& rig, const Caller& caller,
                                                const BatchCreateTicketsRequest& request) {
  return rig.Ask<BatchCreateTicketsResponse>(caller, absl::StrCat(kTickets, "BatchCreateTickets"),
                                             request);
}

// "ok HALF UNIQUE ok": what became of each row.
std::string Results(const absl::StatusOr<BatchCreateTicketsResponse>& response) {
  REQUIRE(response.ok());
  std::string all;
  for (const auto& result : response->results()) {
    std::string told = result.has_ticket() ? "ok" : ReasonOf(FromProto(result.error()));
    absl::StrAppend(&all, all.empty() ? "" : " ", told);
  }
  return all;
}

BatchCreateTicketsRequest Rows(const std::vector<std::string>& texts, bool keys = false) {
  BatchCreateTicketsRequest request;
  for (const auto& text : texts) {
    *request.add_requests() = CreateOf(TicketOf(text), keys ? "key of " + text : "");
  }
  return request;
}

TEST_CASE("every row is made, in order", "[rpc][batch]") {
  TicketRig rig;
  auto response = Send(rig, Resident(), Rows({"一", "二", "三"}));
  CHECK(Results(response) == "ok ok ok");
  CHECK(response->results(1).ticket().text() == "二");
  CHECK(response->results(1).ticket().reporter() == "u/wang");
  CHECK(response->results(1).ticket().state() == Ticket::OPEN);
  CHECK(rig.List(Resident())->tickets_size() == 3);
}

TEST_CASE("a row that is wrong leaves the others", "[rpc][batch]") {
  TicketRig rig;
  auto request = Rows({"一", "二", "refuse", "四"});
  request.mutable_requests(1)->mutable_ticket()->set_weight(11);
  request.mutable_requests(1)->mutable_ticket()->clear_division();
  auto response = Send(rig, Resident(), request);
  CHECK(Results(response) == "ok REQUIRED REFUSED ok");
  CHECK(Violations(FromProto(response->results(1).error())) ==
        "ticket.division:REQUIRED ticket.weight:RANGE");
  CHECK(rig.List(Resident())->tickets_size() == 2);
}

TEST_CASE("a row that fails after it has written is undone alone", "[rpc][batch]") {
  TicketRig rig;
  auto response = Send(rig, Resident(), Rows({"一", "half", "三", "twice", "half"}));
  CHECK(Results(response) == "ok HALF ok ok HALF");
  auto list = rig.List(Resident());
  CHECK(list->tickets_size() == 4);
  for (const auto& ticket : list->tickets()) CHECK(ticket.text() != "beside half");
  CHECK(rig.Search(Resident(), "half")->tickets_size() == 0);
  CHECK(rig->store().Read("", 0, 10)->changes.size() == 4);
}

TEST_CASE("rows that break what is unique among themselves are told apart", "[rpc][batch]") {
  TicketRig rig;
  auto request = Rows({"一", "二", "三"});
  request.mutable_requests(0)->mutable_ticket()->set_code("AB1234");
  request.mutable_requests(2)->mutable_ticket()->set_code("AB1234");
  CHECK(Results(Send(rig, Resident(), request)) == "ok ok UNIQUE");
}

TEST_CASE("rows outside the caller's area are refused, the others are made", "[rpc][batch]") {
  TicketRig rig;
  auto request = Rows({"一", "二"});
  request.mutable_requests(1)->mutable_ticket()->set_division(kFarVillage);
  CHECK(Results(Send(rig, Worker(), request)) == "ok SCOPE");
}

TEST_CASE("rows with ids are made once, also when half of them come again", "[rpc][batch][X1]") {
  TicketRig rig;
  auto first = Send(rig, Resident(), Rows({"一", "half", "三"}, true));
  CHECK(Results(first) == "ok HALF ok");
  rig.Restart();
  auto again = Send(rig, Resident(), Rows({"三", "一", "四"}, true));
  CHECK(Results(again) == "ok ok ok");
  CHECK(again->results(0).SerializeAsString() == first->results(2).SerializeAsString());
  CHECK(again->results(1).SerializeAsString() == first->results(0).SerializeAsString());
  CHECK(rig.List(Resident())->tickets_size() == 3);
}

TEST_CASE("a row and a Create share their ids", "[rpc][batch][X1]") {
  TicketRig rig;
  Ticket alone = *rig.Create(Resident(), TicketOf("一"), "key of 一");
  auto response = Send(rig, Resident(), Rows({"一"}, true));
  REQUIRE(Results(response) == "ok");
  CHECK(response->results(0).ticket().name() == alone.name());
  // Two rows of one batch with one id: the second is the first, or in conflict with it.
  auto request = Rows({"五", "五", "六"}, true);
  request.mutable_requests(2)->set_request_id("key of 五");
  auto twins = Send(rig, Resident(), request);
  CHECK(Results(twins) == "ok ok IDEMPOTENCY_CONFLICT");
  CHECK(twins->results(0).ticket().name() == twins->results(1).ticket().name());
}

TEST_CASE("each row's id is in its change", "[rpc][batch][X6]") {
  TicketRig rig;
  REQUIRE(Send(rig, Resident(), Rows({"一", "二"}, true)).ok());
  auto batch = rig->store().Read("", 0, 10);
  REQUIRE(batch->changes.size() == 2);
  CHECK(batch->changes[0].request_id() == "key of 一");
  CHECK(batch->changes[1].request_id() == "key of 二");
}

TEST_CASE("a batch without rows, or with too many, is refused whole", "[rpc][batch]") {
  TicketRig rig;
  CHECK(Violations(Send(rig, Resident(), {}).status()) == "requests:REQUIRED");
  BatchCreateTicketsRequest many;
  for (int i = 0; i < 501; ++i) *many.add_requests() = CreateOf(TicketOf("灯"));
  CHECK(Violations(Send(rig, Resident(), many).status()) == "requests:TOO_MANY");
  many.mutable_requests()->RemoveLast();
  CHECK(Send(rig, Resident(), many)->results_size() == 500);
  CHECK(Told(Send(rig, Person("u/x", PROVIDER), Rows({"一"})).status()) ==
        "PERMISSION_DENIED ROLE");
}

TEST_CASE("each row tells what the caller may do now", "[rpc][batch][X2]") {
  TicketRig rig;
  auto response = Send(rig, Worker(), Rows({"一"}));
  REQUIRE(response.ok());
  CHECK(response->results(0).ticket().allowed_actions_size() == 2);
}

TEST_CASE("a row's refusal is told in Chinese too", "[rpc][batch][X11]") {
  auto standard = Standard::Load(SourceDir() + "/deploy/standards/linhai");
  REQUIRE(standard.ok());
  TicketRig rig(standard->get());
  auto request = Rows({"一"});
  request.mutable_requests(0)->mutable_ticket()->clear_text();
  request.mutable_requests(0)->mutable_ticket()->set_division(
      std::string((*standard)->divisions().back().code));
  auto response = Send(rig, Resident(), request);
  REQUIRE(response.ok());
  CHECK_FALSE(ToldPeople(FromProto(response->results(0).error())).empty());
}

}  // namespace
}  // namespace linjuli
