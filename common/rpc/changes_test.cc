// Who reads the change log of a service, and what of it.
#include <catch2/catch.hpp>

#include "absl/synchronization/notification.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using changes::v1::Change;
using changes::v1::ListChangesRequest;
using changes::v1::ListChangesResponse;
using changes::v1::ListHistoryRequest;
using changes::v1::ListHistoryResponse;

Caller Auditor() { return Person("u/auditor", AUDITOR); }
Caller OtherService() { return Person("s/bidding", SERVICE); }

absl::StatusOr<ListChangesResponse> Changes(TicketRig& rig, const Caller& caller,
                                            int64_t after = 0, int size = 0,
                                            absl::string_view epoch = "",
                                            absl::string_view service = "testing") {
  ListChangesRequest request;
  request.set_service(std::string(service));
  request.set_after_sequence(after);
  request.set_page_size(size);
  request.set_epoch(std::string(epoch));
  return rig.Ask<ListChangesResponse>(caller, "linjuli.changes.v1.Changes.ListChanges", request);
}

absl::StatusOr<ListHistoryResponse> History(TicketRig& rig, const Caller& caller,
                                            absl::string_view name, int size = 0,
                                            absl::string_view token = "") {
  ListHistoryRequest request;
  request.set_name(std::string(name));
  request.set_page_size(size);
  request.set_page_token(std::string(token));
  return rig.Ask<ListHistoryResponse>(caller, "linjuli.changes.v1.Changes.ListHistory", request);
}

Ticket SnapshotOf(const Change& change) {
  Ticket ticket;
  LJ_CHECK(change.snapshot().UnpackTo(&ticket));
  return ticket;
}

Ticket WithPhone(absl::string_view text) {
  Ticket ticket = TicketOf(text);
  ticket.set_phone("13800138000");
  return ticket;
}

TEST_CASE("services and auditors read the log, nobody else does", "[rpc][changes][X6]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("灯"));
  CHECK(Changes(rig, Auditor())->changes_size() == 1);
  CHECK(Changes(rig, OtherService())->changes_size() == 1);
  for (Role role : {RESIDENT, COMMUNITY_WORKER, LEADER, SYSTEM_ADMIN, SECURITY_ADMIN}) {
    CHECK(Told(Changes(rig, Person("u/x", role, {"33"})).status()) == "PERMISSION_DENIED ROLE");
  }
  CHECK(Told(Changes(rig, Caller()).status()) == "UNAUTHENTICATED TOKEN");
}

TEST_CASE("the log never leaves with personal data", "[rpc][changes][X10]") {
  TicketRig rig;
  rig.Made(Resident(), WithPhone("灯"));
  auto page = Changes(rig, Auditor());
  REQUIRE(page->changes_size() == 1);
  CHECK(SnapshotOf(page->changes(0)).phone() == "1********00");
  CHECK(SnapshotOf(page->changes(0)).text() == "灯");
  CHECK(SnapshotOf(rig->Read("", 0, 10)->changes[0]).phone() == "1********00");
}

TEST_CASE("a page of the log tells where the next begins", "[rpc][changes][X6]") {
  TicketRig rig;
  for (int i = 0; i < 7; ++i) rig.Made(Resident(), TicketOf("灯"));
  auto first = Changes(rig, Auditor(), 0, 5);
  CHECK(first->changes_size() == 5);
  CHECK(first->next_sequence() == 5);
  auto second = Changes(rig, Auditor(), first->next_sequence(), 5, first->epoch());
  CHECK(second->changes_size() == 2);
  CHECK(second->next_sequence() == 7);
  auto third = Changes(rig, Auditor(), 7, 5, first->epoch());
  CHECK(third->changes_size() == 0);
  CHECK(third->next_sequence() == 7);
}

TEST_CASE("a cursor from another life of the log has expired", "[rpc][changes][X6]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("灯"));
  CHECK(Told(Changes(rig, Auditor(), 1, 0, "0123").status()) == "OUT_OF_RANGE CURSOR_EXPIRED");
  CHECK(Told(Changes(rig, Auditor(), 0, 0, "", "other").status()) == "NOT_FOUND NOT_FOUND");
}

TEST_CASE("pages of the log keep to their bounds", "[rpc][changes]") {
  TicketRig rig;
  CHECK(Violations(Changes(rig, Auditor(), -1, 1001).status()) ==
        "after_sequence:RANGE page_size:RANGE");
  CHECK(Violations(Changes(rig, Auditor(), 0, 0, "", "").status()) == "service:REQUIRED");
}

TEST_CASE("who may see a resource may read its history", "[rpc][changes]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), WithPhone("灯"));
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  for (const Caller& caller : {Resident(), Worker()}) {
    auto history = History(rig, caller, ticket.name());
    REQUIRE(history.ok());
    REQUIRE(history->changes_size() == 2);
    CHECK(history->changes(0).method() == "linjuli.testing.v1.Tickets.CreateTicket");
    CHECK(history->changes(1).state_after() == "TAKEN");
    CHECK(SnapshotOf(history->changes(1)).phone() == "13800138000");
  }
  for (const Caller& caller : {Person("u/x", PROVIDER), Auditor()}) {
    auto history = History(rig, caller, ticket.name());
    REQUIRE(history.ok());
    CHECK(SnapshotOf(history->changes(0)).phone() == "1********00");
  }
  for (const Caller& caller : {Resident("u/li"), Worker(kFarVillage), Person("u/x", LEADER)}) {
    CHECK(Told(History(rig, caller, ticket.name()).status()) == "NOT_FOUND NOT_FOUND");
  }
  CHECK(Told(History(rig, Caller(), ticket.name()).status()) == "UNAUTHENTICATED TOKEN");
}

TEST_CASE("a history tells of what names the resource, but not what it says",
          "[rpc][changes]") {
  TicketRig rig;
  Ticket first = rig.Made(Resident("u/wang"), TicketOf("灯"));
  Ticket next = WithPhone("还是灯");
  next.set_continues(first.name());
  Ticket second = rig.Made(Resident("u/li"), next);
  auto history = History(rig, Resident("u/wang"), first.name());
  REQUIRE(history->changes_size() == 2);
  CHECK(history->changes(1).resource() == second.name());
  CHECK_FALSE(history->changes(1).has_snapshot());
  auto audited = History(rig, Auditor(), first.name());
  CHECK(SnapshotOf(audited->changes(1)).text() == "还是灯");
  CHECK(SnapshotOf(audited->changes(1)).phone() == "1********00");
}

TEST_CASE("a history has pages, which are their reader's only", "[rpc][changes]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("灯"));
  for (int i = 0; i < 6; ++i) REQUIRE(rig.Note(Worker(), ticket.name(), "来了").ok());
  std::string token;
  int64_t sequence = 0;
  int pages = 0;
  do {
    auto page = History(rig, Resident(), ticket.name(), 3, token);
    REQUIRE(page.ok());
    for (const auto& change : page->changes()) CHECK(change.sequence() == ++sequence);
    token = page->next_page_token();
    if (++pages == 1) {
      CHECK(Violations(History(rig, Worker(), ticket.name(), 3, token).status()) ==
            "page_token:PAGE_TOKEN");
    }
  } while (!token.empty());
  CHECK(sequence == 7);
}

TEST_CASE("what is not there has no history", "[rpc][changes]") {
  TicketRig rig;
  for (const Caller& caller : {Resident(), Auditor()}) {
    CHECK(Told(History(rig, caller, "tickets/0000000000001").status()) == "NOT_FOUND NOT_FOUND");
    CHECK(Told(History(rig, caller, "nonsense").status()) == "NOT_FOUND NOT_FOUND");
  }
  CHECK(Violations(History(rig, Resident(), "").status()) == "name:REQUIRED");
}

TEST_CASE("only services and auditors follow the log", "[rpc][changes][X6]") {
  TicketRig rig;
  CHECK(rig->Follow(rig.Token(OtherService())).ok());
  CHECK(rig->Follow(rig.Token(Auditor())).ok());
  CHECK(Told(rig->Follow(rig.Token(Worker())).status()) == "PERMISSION_DENIED ROLE");
  CHECK(Told(rig->Follow("").status()) == "UNAUTHENTICATED TOKEN");
  CHECK(Told(rig->Follow("x.y.z").status()) == "UNAUTHENTICATED TOKEN");
}

TEST_CASE("who follows is woken by the next change", "[rpc][changes][X6]") {
  TicketRig rig;
  auto source = rig->Follow(rig.Token(OtherService()));
  REQUIRE(source.ok());
  absl::Notification woken;
  (*source)->Notify(0, [&] { woken.Notify(); });
  CHECK_FALSE(woken.HasBeenNotified());
  rig.Made(Resident(), WithPhone("灯"));
  woken.WaitForNotification();
  auto batch = (*source)->Read("", 0, 10);
  REQUIRE(batch->changes.size() == 1);
  CHECK(SnapshotOf(batch->changes[0]).phone() == "1********00");
}

}  // namespace
}  // namespace linjuli
