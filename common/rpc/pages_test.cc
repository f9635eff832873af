#include "common/rpc/pages.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "tests/tickets.h"

namespace linjuli {
namespace {

using testing::v1::ListTicketsRequest;

ListTicketsRequest PageOf(int size, absl::string_view token = "") {
  ListTicketsRequest request;
  request.set_page_size(size);
  request.set_page_token(std::string(token));
  return request;
}

TEST_CASE("a page has 50 rows where its size is unsaid, newest first", "[rpc][pages]") {
  TicketRig rig;
  for (int i = 0; i < 53; ++i) rig.Made(Resident(), TicketOf(absl::StrCat("ticket ", i)));
  auto page = rig.List(Resident());
  REQUIRE(page.ok());
  REQUIRE(page->tickets_size() == 50);
  CHECK(page->tickets(0).text() == "ticket 52");
  CHECK(page->tickets(49).text() == "ticket 3");
  auto rest = rig.List(Resident(), PageOf(0, page->next_page_token()));
  REQUIRE(rest->tickets_size() == 3);
  CHECK(rest->tickets(2).text() == "ticket 0");
  CHECK(rest->next_page_token().empty());
}

TEST_CASE("a list that ends with its page says so", "[rpc][pages]") {
  TicketRig rig;
  for (int i = 0; i < 4; ++i) rig.Made(Resident(), TicketOf("灯"));
  auto page = rig.List(Resident(), PageOf(4));
  CHECK(page->tickets_size() == 4);
  CHECK(page->next_page_token().empty());
  CHECK(rig.List(Resident(), PageOf(1000))->next_page_token().empty());
}

TEST_CASE("a walk meets every row once while others are added", "[rpc][pages]") {
  TicketRig rig;
  std::set<std::string> before;
  for (int i = 0; i < 60; ++i) {
    rig.clock.Advance(absl::Milliseconds(i % 3));
    before.insert(rig.Made(Resident(), TicketOf(absl::StrCat("old ", i))).name());
  }
  std::mt19937 random(3);
  for (int size : {1, 7, 60, 200}) {
    std::set<std::string> met;
    std::string token, last = "~";
    int pages = 0;
    do {
      auto page = rig.List(Resident(), PageOf(size, token));
      REQUIRE(page.ok());
      CHECK(page->tickets_size() <= size);
      for (const auto& ticket : page->tickets()) {
        CHECK(ticket.name() < last);
        last = ticket.name();
        CHECK(met.insert(ticket.name()).second);
      }
      token = page->next_page_token();
      ++pages;
      if (random() % 2 == 0) rig.Made(Resident(), TicketOf("new"));
    } while (!token.empty());
    for (const auto& name : before) CHECK(met.count(name) == 1);
    CHECK(pages >= 60 / size);
    // The next size begins with what this one added.
    before = met;
  }
}

TEST_CASE("a token is good for its caller, its method and its filters only", "[rpc][pages]") {
  TicketRig rig;
  for (int i = 0; i < 4; ++i) rig.Made(Worker(), TicketOf("灯"));
  ListTicketsRequest request = PageOf(1);
  request.set_division(kTown);
  std::string token = rig.List(Worker(), request)->next_page_token();
  REQUIRE_FALSE(token.empty());

  request.set_page_token(token);
  CHECK(rig.List(Worker(), request).ok());
  request.set_page_size(3);
  CHECK(rig.List(Worker(), request)->tickets_size() == 3);
  CHECK(Violations(rig.List(Worker(kTown, "u/other"), request).status()) ==
        "page_token:PAGE_TOKEN");
  request.set_division(kVillage);
  CHECK(Violations(rig.List(Worker(), request).status()) == "page_token:PAGE_TOKEN");
  request.set_division(kTown);
  request.set_state(Ticket::OPEN);
  CHECK(Violations(rig.List(Worker(), request).status()) == "page_token:PAGE_TOKEN");
  CHECK(Violations(rig.Search(Worker(), "灯", 1, token).status()) == "page_token:PAGE_TOKEN");
}

TEST_CASE("a token that was made up or changed is refused", "[rpc][pages]") {
  TicketRig rig;
  for (int i = 0; i < 3; ++i) rig.Made(Resident(), TicketOf("灯"));
  std::string token = rig.List(Resident(), PageOf(1))->next_page_token();
  for (std::string bad : {std::string("x"), std::string("????"), token + "A", token.substr(1),
                          token.substr(0, token.size() - 4), std::string(512, 'A')}) {
    CAPTURE(bad);
    CHECK(Violations(rig.List(Resident(), PageOf(1, bad)).status()) == "page_token:PAGE_TOKEN");
  }
  CHECK(Violations(rig.List(Resident(), PageOf(1, std::string(513, 'A'))).status()) ==
        "page_token:TEXT_TOO_LONG");
}

TEST_CASE("a token holds over a restart", "[rpc][pages]") {
  TicketRig rig;
  for (int i = 0; i < 3; ++i) rig.Made(Resident(), TicketOf("灯"));
  std::string token = rig.List(Resident(), PageOf(2))->next_page_token();
  rig.Restart();
  CHECK(rig.List(Resident(), PageOf(2, token))->tickets_size() == 1);
}

TEST_CASE("a page has 1000 rows at most, and never fewer than none", "[rpc][pages]") {
  TicketRig rig;
  CHECK(Violations(rig.List(Resident(), PageOf(1001)).status()) == "page_size:RANGE");
  CHECK(Violations(rig.List(Resident(), PageOf(-1)).status()) == "page_size:RANGE");
  CHECK(rig.List(Resident(), PageOf(1000)).ok());
}

TEST_CASE("a division finds all that lies under it", "[rpc][pages]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("一", kVillage));
  rig.Made(Resident(), TicketOf("二", kNeighbour));
  rig.Made(Resident(), TicketOf("三", kFarVillage));
  for (auto [division, count] : std::vector<std::pair<std::string, int>>{{kVillage, 1},
                                                                         {kTown, 2},
                                                                         {"331082", 3},
                                                                         {"3310", 3},
                                                                         {"33", 3},
                                                                         {"331083", 0},
                                                                         {"331082001009", 0},
                                                                         {"32", 0},
                                                                         {"34", 0}}) {
    ListTicketsRequest request;
    request.set_division(division);
    CAPTURE(division);
    CHECK(rig.List(Worker("33"), request)->tickets_size() == count);
    CHECK(rig.List(Resident(), request)->tickets_size() == count);
  }
}

TEST_CASE("filters narrow together", "[rpc][pages]") {
  TicketRig rig;
  Ticket taken = rig.Made(Resident(), TicketOf("一", kVillage));
  rig.Made(Resident(), TicketOf("二", kVillage));
  Ticket far = rig.Made(Resident(), TicketOf("三", kFarVillage));
  REQUIRE(rig.Take(Worker(), taken.name()).ok());
  REQUIRE(rig.Take(Worker("331082100"), far.name()).ok());
  ListTicketsRequest request;
  request.set_state(Ticket::TAKEN);
  CHECK(rig.List(Worker("33"), request)->tickets_size() == 2);
  request.set_division(kTown);
  REQUIRE(rig.List(Worker("33"), request)->tickets_size() == 1);
  CHECK(rig.List(Worker("33"), request)->tickets(0).name() == taken.name());
  request.set_state(Ticket::LAPSED);
  CHECK(rig.List(Worker("33"), request)->tickets_size() == 0);
}

// A property: any page walk is a plain look at every ticket.
TEST_CASE("every filter and caller sees what a look at every row would show", "[rpc][pages]") {
  TicketRig rig;
  std::mt19937 random(11);
  const std::vector<std::string> villages = {kVillage, kNeighbour, kFarVillage, "331003005001"};
  const std::vector<std::string> areas = {"33",        "331082", kTown, kVillage,
                                          "331082100", "331003", "32"};
  const std::vector<std::string> people = {"u/a", "u/b", "u/c"};
  std::vector<Ticket> all;
  for (int i = 0; i < 120; ++i) {
    Ticket made = rig.Made(Resident(people[random() % 3]), TicketOf("灯", villages[random() % 4]));
    if (random() % 2 == 0) made = *rig.Take(Worker("33"), made.name());
    all.push_back(made);
  }
  for (int round = 0; round < 60; ++round) {
    Caller caller = Person(people[random() % 3], RESIDENT);
    if (random() % 3 > 0) {
      caller = Person(people[random() % 3], COMMUNITY_WORKER,
                      {areas[random() % areas.size()], areas[random() % areas.size()]});
      if (random() % 2 == 0) caller.roles |= 1u << RESIDENT;
    }
    ListTicketsRequest request = PageOf(1 + static_cast<int>(random() % 40));
    if (random() % 2 == 0) request.set_division(areas[random() % areas.size()]);
    if (random() % 2 == 0) request.set_state(random() % 2 == 0 ? Ticket::OPEN : Ticket::TAKEN);
    std::vector<std::string> expected, met;
    for (auto ticket = all.rbegin(); ticket != all.rend(); ++ticket) {
      bool sees = (caller.Has(RESIDENT) && ticket->reporter() == caller.subject) ||
                  (caller.Has(COMMUNITY_WORKER) && caller.Covers(ticket->division()));
      bool asked = absl::StartsWith(ticket->division(), request.division()) &&
                   (request.state() == 0 || ticket->state() == request.state());
      if (sees && asked) expected.push_back(ticket->name());
    }
    do {
      auto page = rig.List(caller, request);
      REQUIRE(page.ok());
      for (const auto& ticket : page->tickets()) met.push_back(ticket.name());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    INFO(request.ShortDebugString() << " by " << caller.subject);
    CHECK(met == expected);
  }
}

}  // namespace
}  // namespace linjuli
