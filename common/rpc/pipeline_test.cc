// The order of the pipeline, and what a verb does to a resource.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>

#include "absl/strings/match.h"
#include "tests/source_dir.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

Ticket Bad() {
  Ticket ticket = TicketOf("", "33108200100");
  ticket.set_weight(11);
  return ticket;
}

TEST_CASE("who calls is looked at before what is asked, and that before what is there",
          "[rpc][pipeline]") {
  TicketRig rig;
  // No token, wrong role, and a request that says nothing: the first is told.
  CHECK(Told(rig.Create(Caller(), Bad()).status()) == "UNAUTHENTICATED TOKEN");
  CHECK(Told(rig.Create(Person("u/x", PROVIDER), Bad()).status()) == "PERMISSION_DENIED ROLE");
  CHECK(Violations(rig.Create(Resident(), Bad()).status()) ==
        "ticket.text:REQUIRED ticket.division:DIVISION_CODE_FORMAT ticket.weight:RANGE");
  // A name that is no name at all is a wrong request, whoever could see it.
  CHECK(Violations(rig.Take(Worker(), "needs/1").status()) == "name:REFERENCE");
  CHECK(Told(rig.Take(Resident(), "needs/1").status()) == "PERMISSION_DENIED ROLE");
  CHECK(Told(rig.Take(Worker(), "tickets/0000000000001").status()) == "NOT_FOUND NOT_FOUND");
}

TEST_CASE("a version, a state and the second eyes are looked at in this order",
          "[rpc][pipeline][X2]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Worker(kTown, "u/worker"), TicketOf("路灯"));
  testing::v1::JudgeTicketRequest request;
  request.set_name(ticket.name());
  request.set_etag("0000000000000");
  auto judge = [&] {
    return Told(rig.Ask<Ticket>(Worker(kTown, "u/worker"), "linjuli.testing.v1.Tickets.JudgeTicket",
                                request)
                    .status());
  };
  CHECK(judge() == "ABORTED VERSION");
  request.set_etag(ticket.etag());
  CHECK(judge() == "FAILED_PRECONDITION STATE");
  request.set_etag(rig.Take(Worker(), ticket.name())->etag());
  CHECK(judge() == "PERMISSION_DENIED SELF_APPROVE");
}

TEST_CASE("a version that has passed is refused with the one that stands",
          "[rpc][pipeline][X2]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  Ticket noted = *rig.Note(Worker(), ticket.name(), "来了");
  CHECK(noted.etag() != ticket.etag());
  auto late = rig.Take(Worker(), ticket.name(), ticket.etag());
  CHECK(Told(late.status()) == "ABORTED VERSION");
  CHECK(FactOf(late.status(), "current") == noted.etag());
  CHECK(rig.Get(Worker(), ticket.name())->state() == Ticket::OPEN);
  CHECK(rig.Take(Worker(), ticket.name(), noted.etag())->state() == Ticket::TAKEN);
}

TEST_CASE("a verb in a wrong state is refused with the state and what is allowed in it",
          "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  auto again = rig.Take(Worker(), ticket.name());
  CHECK(Told(again.status()) == "FAILED_PRECONDITION STATE");
  CHECK(FactOf(again.status(), "from") == "TAKEN");
  CHECK(FactOf(again.status(), "action") == "take");
  CHECK(FactOf(again.status(), "allowed") == "judge,note");
}

TEST_CASE("a verb needs no function to move a state", "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  CHECK(ticket.state() == Ticket::OPEN);
  CHECK(ticket.create_time().seconds() == absl::ToUnixSeconds(rig.clock.Now()));
  rig.clock.Advance(absl::Minutes(7));
  auto taken = rig.Take(Worker(), ticket.name());
  REQUIRE(taken.ok());
  CHECK(taken->state() == Ticket::TAKEN);
  CHECK(taken->etag() > ticket.etag());
  CHECK(taken->create_time().seconds() == ticket.create_time().seconds());
  CHECK(taken->update_time().seconds() == ticket.create_time().seconds() + 420);
  CHECK(taken->text() == "路灯");
}

TEST_CASE("where a transition has several targets, the function chooses", "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  CHECK(rig.Judge(Worker(), ticket.name(), false)->state() == Ticket::OPEN);
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  CHECK(rig.Judge(Worker(), ticket.name(), true)->state() == Ticket::DONE);
  CHECK(Told(rig.Judge(Worker(), ticket.name(), true).status()) == "FAILED_PRECONDITION STATE");
}

TEST_CASE("a verb without an arrow leaves the state", "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  CHECK(rig.Note(Worker(), ticket.name(), "一")->state() == Ticket::OPEN);
  REQUIRE(rig.Take(Worker(), ticket.name()).ok());
  auto noted = rig.Note(Worker(), ticket.name(), "二");
  CHECK(noted->state() == Ticket::TAKEN);
  CHECK(noted->notes_size() == 2);
  REQUIRE(rig.Judge(Worker(), ticket.name(), true).ok());
  CHECK(Told(rig.Note(Worker(), ticket.name(), "三").status()) == "FAILED_PRECONDITION STATE");
}

TEST_CASE("a name, or what the service sets, is not taken from a Create", "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = TicketOf("路灯");
  ticket.set_name("tickets/0000000000001");
  ticket.set_state(Ticket::DONE);
  ticket.add_allowed_actions("take");
  ticket.mutable_create_time()->set_seconds(1);
  CHECK(Violations(rig.Create(Resident(), ticket).status()) ==
        "ticket.name:OUTPUT_ONLY ticket.state:OUTPUT_ONLY ticket.create_time:OUTPUT_ONLY "
        "ticket.allowed_actions:OUTPUT_ONLY");
}

TEST_CASE("a function that fails after writing leaves nothing", "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
  CHECK(Told(rig.Note(Worker(), ticket.name(), "half").status()) == "FAILED_PRECONDITION HALF");
  CHECK(rig.Get(Worker(), ticket.name())->etag() == ticket.etag());
  CHECK(rig.Get(Worker(), ticket.name())->notes_size() == 0);
  CHECK(Told(rig.Create(Resident(), TicketOf("half")).status()) == "FAILED_PRECONDITION HALF");
  CHECK(rig.List(Resident())->tickets_size() == 1);
  CHECK(rig->store().Read("", 0, 10)->changes.size() == 1);
}

TEST_CASE("a value that is taken is refused by its field", "[rpc][pipeline]") {
  TicketRig rig;
  Ticket ticket = TicketOf("路灯");
  ticket.set_code("AB1234");
  REQUIRE(rig.Create(Resident(), ticket).ok());
  auto second = rig.Create(Resident("u/li"), ticket);
  CHECK(Told(second.status()) == "ALREADY_EXISTS UNIQUE");
  CHECK(FactOf(second.status(), "field") == "code");
}

TEST_CASE("a call whose deadline has passed is not begun", "[rpc][pipeline]") {
  TicketRig rig;
  for (const char* method : {"CreateTicket", "ListTickets"}) {
    const auto* input = MethodNamed(absl::StrCat(kTickets, method))->input_type();
    std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(input)->New());
    if (auto* create = dynamic_cast<testing::v1::CreateTicketRequest*>(request.get())) {
      *create = CreateOf(TicketOf("路灯"));
    }
    Call call = rig.MakeCall(Resident(), absl::StrCat(kTickets, method), *request);
    call.deadline = rig.clock.Now();
    CHECK(Told(CallAndWait(*rig, std::move(call)).status()) == "DEADLINE_EXCEEDED DEADLINE");
  }
  CHECK(rig.List(Resident())->tickets_size() == 0);
}

TEST_CASE("a refusal is told in Chinese, by the city's standard", "[rpc][pipeline][X11]") {
  auto standard = Standard::Load(SourceDir() + "/deploy/standards/linhai");
  REQUIRE(standard.ok());
  TicketRig rig(standard->get());
  auto refused = rig.Get(Resident(), "tickets/0000000000001");
  CHECK(ToldPeople(refused.status()) == (*standard)->Text("NOT_FOUND", "zh-CN"));
  CHECK_FALSE(ToldPeople(refused.status()).empty());
}

// A process of its own for what must end one. No thread may run here when it begins.
template <typename F>
int EndOf(F part) {
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(3);
    part();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("a function that moves a state where nothing declares it stops the process",
          "[rpc][pipeline][death]") {
  auto note = [](const char* words) {
    TicketRig rig;
    Ticket ticket = rig.Made(Resident(), TicketOf("路灯"));
    rig.Note(Worker(), ticket.name(), words).status().IgnoreError();
  };
  CHECK(EndOf([&] { note("fine"); }) == 0);
  CHECK(EndOf([&] { note("illegal"); }) == SIGABRT);
}

}  // namespace
}  // namespace linjuli
