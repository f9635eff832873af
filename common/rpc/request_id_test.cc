// Requests that carry an id are carried out once.
#include <catch2/catch.hpp>

#include "absl/synchronization/blocking_counter.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

TEST_CASE("ten of the same request at once have one effect and one answer", "[rpc][X1]") {
  TicketRig rig;
  std::vector<Reply> replies;
  for (int i = 0; i < 10; ++i) replies.emplace_back(absl::UnknownError(""));
  absl::BlockingCounter waiting(10);
  for (int i = 0; i < 10; ++i) {
    Call call = rig.MakeCall(Resident(), absl::StrCat(kTickets, "CreateTicket"),
                             CreateOf(TicketOf("路灯"), "key"));
    rig->Start(std::move(call), [&, i](Reply reply) {
      replies[i] = std::move(reply);
      waiting.DecrementCount();
    });
  }
  waiting.Wait();
  for (const auto& reply : replies) {
    REQUIRE(reply.ok());
    CHECK((*reply)->SerializeAsString() == (*replies[0])->SerializeAsString());
  }
  CHECK(rig.List(Resident())->tickets_size() == 1);
  CHECK(rig->store().Read("", 0, 10)->changes.size() == 1);
}

TEST_CASE("the same request is answered the same after a restart and an hour", "[rpc][X1]") {
  TicketRig rig;
  Ticket first = *rig.Create(Resident(), TicketOf("路灯"), "key");
  // What has become of it since does not change the answer.
  REQUIRE(rig.Note(Worker(), first.name(), "来了").ok());
  rig.clock.Advance(absl::Hours(1));
  rig.Restart();
  auto again = rig.Create(Resident(), TicketOf("路灯"), "key");
  REQUIRE(again.ok());
  CHECK(again->SerializeAsString() == first.SerializeAsString());
  CHECK(rig.List(Resident())->tickets_size() == 1);
}

TEST_CASE("an id that was used for another request is refused", "[rpc][X1]") {
  TicketRig rig;
  REQUIRE(rig.Create(Resident(), TicketOf("路灯"), "key").ok());
  auto other = rig.Create(Resident(), TicketOf("电梯"), "key");
  CHECK(Told(other.status()) == "ALREADY_EXISTS IDEMPOTENCY_CONFLICT");
  CHECK(FactOf(other.status(), "request_id") == "key");
  rig.Restart();
  CHECK(Told(rig.Create(Resident(), TicketOf("电梯"), "key").status()) ==
        "ALREADY_EXISTS IDEMPOTENCY_CONFLICT");
  CHECK(rig.List(Resident())->tickets_size() == 1);
}

TEST_CASE("the same id of two callers, or of two methods, is two requests", "[rpc][X1]") {
  TicketRig rig;
  Ticket wang = *rig.Create(Resident("u/wang"), TicketOf("路灯"), "key");
  auto li = rig.Create(Resident("u/li"), TicketOf("电梯"), "key");
  REQUIRE(li.ok());
  CHECK(li->name() != wang.name());
  CHECK(rig.Take(Worker(), wang.name(), "", "key").ok());
  CHECK(rig.Note(Worker(), wang.name(), "来了", "key").ok());
}

TEST_CASE("a verb with an id is done once, though its state has moved on", "[rpc][X1]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  Ticket taken = *rig.Take(Worker(), ticket.name(), ticket.etag(), "key");
  REQUIRE(rig.Judge(Worker(), ticket.name(), true).ok());
  auto again = rig.Take(Worker(), ticket.name(), ticket.etag(), "key");
  REQUIRE(again.ok());
  CHECK(again->SerializeAsString() == taken.SerializeAsString());
  // Without the id it is another request.
  CHECK(Told(rig.Take(Worker(), ticket.name()).status()) == "FAILED_PRECONDITION STATE");
}

TEST_CASE("a note with an id is added once", "[rpc][X1]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  for (int i = 0; i < 3; ++i) REQUIRE(rig.Note(Worker(), ticket.name(), "来了", "key").ok());
  CHECK(rig.Get(Worker(), ticket.name())->notes_size() == 1);
  for (int i = 0; i < 2; ++i) REQUIRE(rig.Note(Worker(), ticket.name(), "来了").ok());
  CHECK(rig.Get(Worker(), ticket.name())->notes_size() == 3);
}

TEST_CASE("a request that was refused may be sent again with its id", "[rpc][X1]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  CHECK_FALSE(rig.Judge(Worker(), ticket.name(), true).ok());
  testing::v1::JudgeTicketRequest request;
  request.set_name(ticket.name());
  request.set_done(true);
  request.set_request_id("key");
  std::string method = absl::StrCat(kTickets, "JudgeTicket");
  CHECK(Told(rig.Ask<Ticket>(Worker(), method, request).status()) == "FAILED_PRECONDITION STATE");
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  CHECK(rig.Ask<Ticket>(Worker(), method, request)->state() == Ticket::DONE);
  CHECK(rig.Ask<Ticket>(Worker(), method, request)->state() == Ticket::DONE);
}

TEST_CASE("an answer after several writes is kept whole", "[rpc][X1]") {
  TicketRig rig;
  Ticket first = *rig.Create(Resident(), TicketOf("twice"), "key");
  CHECK(rig.List(Resident())->tickets_size() == 2);
  auto again = rig.Create(Resident(), TicketOf("twice"), "key");
  REQUIRE(again.ok());
  CHECK(again->SerializeAsString() == first.SerializeAsString());
  CHECK(rig.List(Resident())->tickets_size() == 2);
}

TEST_CASE("an id is kept in the change", "[rpc][X1][X6]") {
  TicketRig rig;
  REQUIRE(rig.Create(Resident(), TicketOf("路灯"), "key-7").ok());
  auto batch = rig->store().Read("", 0, 10);
  REQUIRE(batch->changes.size() == 1);
  CHECK(batch->changes[0].request_id() == "key-7");
  CHECK(batch->changes[0].caller() == "u/wang");
  CHECK(batch->changes[0].method() == "linjuli.testing.v1.Tickets.CreateTicket");
}

TEST_CASE("an id that is too long is refused", "[rpc][X1]") {
  TicketRig rig;
  CHECK(rig.Create(Resident(), TicketOf("路灯"), std::string(128, 'k')).ok());
  CHECK(Violations(rig.Create(Resident(), TicketOf("路灯"), std::string(129, 'k')).status()) ==
        "request_id:TEXT_TOO_LONG");
}

}  // namespace
}  // namespace linjuli
