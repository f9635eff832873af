// Due times: each dealt with once, whatever the clock and the process do.
#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

Ticket DueIn(TicketRig& rig, absl::Duration wait, absl::string_view text = "灯") {
  Ticket ticket = TicketOf(text);
  ticket.mutable_due_time()->set_seconds(absl::ToUnixSeconds(rig.clock.Now() + wait));
  return ticket;
}

std::string Notes(TicketRig& rig, const std::string& name) {
  return absl::StrJoin(rig.Get(Resident(), name)->notes(), " ");
}

TEST_CASE("what is due is dealt with once, and not before", "[rpc][due][X5]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), DueIn(rig, absl::Hours(1)));
  rig.clock.Advance(absl::Hours(1) - absl::Seconds(1));
  CHECK(rig->RunDue() == 0);
  CHECK(rig.Get(Resident(), ticket.name())->state() == Ticket::OPEN);
  rig.clock.Advance(absl::Seconds(1));
  CHECK(rig->RunDue() == 1);
  CHECK(rig->RunDue() == 0);
  auto lapsed = rig.Get(Resident(), ticket.name());
  CHECK(lapsed->state() == Ticket::LAPSED);
  CHECK(Notes(rig, ticket.name()) == "10:00");
  CHECK_FALSE(lapsed->has_due_time());
  rig.clock.Advance(absl::Hours(24));
  CHECK(rig->RunDue() == 0);
}

TEST_CASE("what fell due while the service was away is dealt with when it comes back",
          "[rpc][due][X5]") {
  TicketRig rig;
  for (int i = 1; i <= 5; ++i) rig.Made(Resident(), DueIn(rig, absl::Hours(i)));
  rig.Stop();
  rig.clock.Advance(absl::Hours(3));
  rig.Restart();
  CHECK(rig->RunDue() == 3);
  rig.Restart();
  CHECK(rig->RunDue() == 0);
  rig.clock.Advance(absl::Hours(2));
  CHECK(rig->RunDue() == 2);
}

TEST_CASE("a clock that steps back and forth does nothing twice", "[rpc][due][X5]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), DueIn(rig, absl::Hours(1)));
  int done = 0;
  for (int step = 0; step < 12; ++step) {
    rig.clock.Advance(step % 2 == 0 ? absl::Hours(2) : -absl::Hours(2));
    done += rig->RunDue();
    if (step % 3 == 0) rig.Restart();
  }
  CHECK(done == 1);
  CHECK(rig.Get(Resident(), ticket.name())->notes_size() == 1);
}

TEST_CASE("a new due time is another one", "[rpc][due][X5]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), DueIn(rig, absl::Hours(1), "again"));
  for (int hour = 1; hour <= 3; ++hour) {
    rig.clock.Advance(absl::Hours(1));
    CHECK(rig->RunDue() == 1);
    CHECK(rig->RunDue() == 0);
    rig.Restart();
    CHECK(rig->RunDue() == 0);
  }
  CHECK(Notes(rig, ticket.name()) == "10:00 11:00 12:00");
  CHECK(rig.Get(Resident(), ticket.name())->state() == Ticket::OPEN);
}

TEST_CASE("one that cannot be dealt with holds up no other, and is tried again", "[rpc][due][X5]") {
  TicketRig rig;
  Ticket stuck = rig.Made(Resident(), DueIn(rig, absl::Minutes(1), "stuck"));
  Ticket other = rig.Made(Resident(), DueIn(rig, absl::Minutes(2)));
  rig.clock.Advance(absl::Hours(1));
  CHECK(rig->RunDue() == 1);
  CHECK(rig.Get(Resident(), other.name())->state() == Ticket::LAPSED);
  CHECK(rig.Get(Resident(), stuck.name())->state() == Ticket::OPEN);
  CHECK(rig.Get(Resident(), stuck.name())->has_due_time());
}

TEST_CASE("what cannot be dealt with is counted until it can", "[rpc][due][X5]") {
  TicketRig rig;
  rig.Made(Resident(), DueIn(rig, absl::Minutes(1), "stuck"));
  Ticket second = rig.Made(Resident(), DueIn(rig, absl::Minutes(1), "stuck"));
  auto stuck = [&] {
    rig->RunDue();
    return rig.Metric("linjuli_due_stuck", "Ticket");
  };
  CHECK(stuck() == 0);
  rig.clock.Advance(absl::Hours(1));
  CHECK(stuck() == 2);
  CHECK(stuck() == 2);
  Caller mender = Worker();
  REQUIRE(rig->store()
              .WriteAndWait({&mender, "mend", ""},
                            [&](Tx& tx) -> absl::Status {
                              LJ_ASSIGN(Ticket ticket, tx.Get<Ticket>(second.name()));
                              ticket.set_text("mended");
                              return tx.Put(ticket);
                            })
              .ok());
  CHECK(stuck() == 1);
}

TEST_CASE("many that cannot be dealt with hold up none behind them", "[rpc][due][X5]") {
  TicketRig rig;
  testing::v1::BatchCreateTicketsRequest many;
  for (int i = 0; i < 300; ++i) {
    *many.add_requests() = CreateOf(DueIn(rig, absl::Minutes(1), "stuck"));
  }
  REQUIRE(rig.Ask<testing::v1::BatchCreateTicketsResponse>(
                 Resident(), absl::StrCat(kTickets, "BatchCreateTickets"), many)
              .ok());
  Ticket behind = rig.Made(Resident(), DueIn(rig, absl::Minutes(2)));
  rig.clock.Advance(absl::Hours(1));
  CHECK(rig->RunDue() == 1);
  CHECK(rig.Get(Resident(), behind.name())->state() == Ticket::LAPSED);
}

TEST_CASE("more than one look's worth is dealt with at once", "[rpc][due][X5]") {
  TicketRig rig;
  testing::v1::BatchCreateTicketsRequest many;
  for (int i = 0; i < 400; ++i) {
    *many.add_requests() = CreateOf(DueIn(rig, absl::Minutes(1 + i % 60)));
  }
  REQUIRE(rig.Ask<testing::v1::BatchCreateTicketsResponse>(
                 Resident(), absl::StrCat(kTickets, "BatchCreateTickets"), many)
              .ok());
  rig.clock.Advance(absl::Hours(1));
  CHECK(rig->RunDue() == 400);
  CHECK(rig->RunDue() == 0);
}

TEST_CASE("what the clock does is told in the log, in its name", "[rpc][due][X6]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), DueIn(rig, absl::Hours(1)));
  rig.clock.Advance(absl::Hours(1));
  REQUIRE(rig->RunDue() == 1);
  auto batch = rig->store().Read("", 1, 10);
  REQUIRE(batch->changes.size() == 1);
  CHECK(batch->changes[0].caller() == "clock");
  CHECK(batch->changes[0].method() == "linjuli.testing.v1.Ticket.OnDue");
  CHECK(batch->changes[0].state_before() == "OPEN");
  CHECK(batch->changes[0].state_after() == "LAPSED");
  CHECK(batch->changes[0].resource() == ticket.name());
}

TEST_CASE("one whose due time was taken after it was seen is left alone", "[rpc][due][X5]") {
  TicketRig rig;
  Ticket later = rig.Made(Resident(), DueIn(rig, absl::Minutes(2)));
  Ticket first = DueIn(rig, absl::Minutes(1), "call off");
  first.set_continues(later.name());
  rig.Made(Resident(), first);
  rig.clock.Advance(absl::Hours(1));
  CHECK(rig->RunDue() == 1);
  CHECK(rig.Get(Resident(), later.name())->state() == Ticket::OPEN);
}

TEST_CASE("what has been done in time is left alone", "[rpc][due][X5]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), DueIn(rig, absl::Hours(1)));
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  REQUIRE(rig.Judge(Worker(), ticket.name(), true).ok());
  rig.clock.Advance(absl::Hours(1));
  CHECK(rig->RunDue() == 1);
  CHECK(rig.Get(Resident(), ticket.name())->state() == Ticket::DONE);
  CHECK(rig->RunDue() == 0);
}

}  // namespace
}  // namespace linjuli
