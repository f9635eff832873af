// Search finds exactly the texts that contain what was asked for.
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "absl/strings/str_split.h"
#include "common/store/grams.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

// The texts found, all pages of them, newest first.
std::vector<std::string> Found(TicketRig& rig, const Caller& caller, const std::string& query,
                               int size = 1000) {
  std::vector<std::string> texts;
  std::string token;
  do {
    auto page = rig.Search(caller, query, size, token);
    INFO(query << ": " << page.status().ToString());
    REQUIRE(page.ok());
    for (const auto& ticket : page->tickets()) texts.push_back(ticket.text());
    token = page->next_page_token();
  } while (!token.empty());
  return texts;
}

using Texts = std::vector<std::string>;

TEST_CASE("a word of one, two or more characters is found", "[rpc][search][X12]") {
  TicketRig rig;
  for (const char* text : {"小区路灯坏了", "路边的灯", "电梯停了", "灯"}) {
    rig.Made(Resident(), TicketOf(text));
  }
  CHECK(Found(rig, Resident(), "路灯") == Texts{"小区路灯坏了"});
  CHECK(Found(rig, Resident(), "灯") == Texts{"灯", "路边的灯", "小区路灯坏了"});
  CHECK(Found(rig, Resident(), "小区路灯坏了") == Texts{"小区路灯坏了"});
  CHECK(Found(rig, Resident(), "了") == Texts{"电梯停了", "小区路灯坏了"});
  CHECK(Found(rig, Resident(), "灯路").empty());
  CHECK(Found(rig, Resident(), "水").empty());
}

TEST_CASE("several words must all be there, in any order", "[rpc][search][X12]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("三号楼的电梯停了"));
  rig.Made(Resident(), TicketOf("三号楼的路灯坏了"));
  CHECK(Found(rig, Resident(), "电梯 三号").size() == 1);
  CHECK(Found(rig, Resident(), "三号 楼的").size() == 2);
  CHECK(Found(rig, Resident(), "三号　路灯\t坏").size() == 1);
  CHECK(Found(rig, Resident(), "电梯 路灯").empty());
}

TEST_CASE("letters are found in any case and width, with what stands between them",
          "[rpc][search][X12]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("Ｂ座3-201室"));
  rig.Made(Resident(), TicketOf("b座32-01室"));
  CHECK(Found(rig, Resident(), "b座") == Texts{"b座32-01室", "Ｂ座3-201室"});
  CHECK(Found(rig, Resident(), "3-201") == Texts{"Ｂ座3-201室"});
  CHECK(Found(rig, Resident(), "３－２０１") == Texts{"Ｂ座3-201室"});
  CHECK(Found(rig, Resident(), "3201").empty());
}

TEST_CASE("a query without a word to look for is refused", "[rpc][search][X12]") {
  TicketRig rig;
  for (const char* query : {"，", "!!!", "の", "😀"}) {
    CHECK(Violations(rig.Search(Resident(), query).status()) == "query:PATTERN");
  }
  CHECK(Violations(rig.Search(Resident(), "").status()) == "query:REQUIRED");
  CHECK(Violations(rig.Search(Resident(), " 　 ").status()) == "query:REQUIRED");
  CHECK(Violations(rig.Search(Resident(), std::string(257, 'a')).status()) ==
        "query:TEXT_TOO_LONG");
}

TEST_CASE("what looks like the index's own language is only text", "[rpc][search][X12]") {
  TicketRig rig;
  rig.Made(Resident(), TicketOf("路灯 OR 电梯"));
  rig.Made(Resident(), TicketOf("说\"路灯\"*"));
  CHECK(Found(rig, Resident(), "路灯 OR") == Texts{"路灯 OR 电梯"});
  CHECK(Found(rig, Resident(), "\"路灯\"*") == Texts{"说\"路灯\"*"});
  CHECK(Found(rig, Resident(), "水管 OR 路灯").empty());
}

TEST_CASE("pages of a search have no gaps and nothing twice", "[rpc][search][X12]") {
  TicketRig rig;
  Texts expected;
  for (int i = 0; i < 40; ++i) {
    // Every third holds the grams but not the text: a page looks past them.
    std::string text = i % 3 == 0 ? absl::StrCat("路-灯路灯 ", i) : absl::StrCat("路灯-", i);
    rig.Made(Resident(), TicketOf(text));
    if (i % 3 != 0) expected.insert(expected.begin(), text);
  }
  for (int size : {1, 3, 26, 27, 1000}) CHECK(Found(rig, Resident(), "路灯-", size) == expected);
}

// A property: search is a look at every text.
TEST_CASE("search finds what a look at every text finds, while texts are changed",
          "[rpc][search][X12]") {
  const Texts alphabet = {"路", "灯", "坏", "了", "电", "梯", "a", "B", "z", "0", "9", "Ａ", "ｂ", "１",
                          "，", "。", " ", "!", "-", "é", "の", "😀", "𠀀"};
  TicketRig rig;
  std::mt19937 random(20260302);
  auto make = [&](int most) {
    std::string text;
    int length = 1 + static_cast<int>(random() % most);
    for (int i = 0; i < length; ++i) text += alphabet[random() % alphabet.size()];
    return text;
  };
  Caller caller = Resident();
  std::vector<Ticket> all;
  for (int i = 0; i < 150; ++i) all.push_back(rig.Made(Resident(), TicketOf("x" + make(20))));
  int asked = 0, hits = 0;
  for (int round = 0; round < 600; ++round) {
    if (round % 3 == 0) {
      // As a handler would.
      Ticket& ticket = all[random() % all.size()];
      std::string text = make(20);
      REQUIRE(rig->store()
                  .WriteAndWait({&caller, "test", ""},
                                [&](Tx& tx) -> absl::Status {
                                  LJ_ASSIGN(ticket, tx.Get<Ticket>(ticket.name()));
                                  ticket.set_text(text);
                                  return tx.Put(ticket);
                                })
                  .ok());
    }
    std::string query = make(3);
    if (random() % 3 == 0) query += " " + make(2);
    if (GramQuery(query).empty()) continue;
    ++asked;
    Texts terms = absl::StrSplit(FoldText(query), ' ', absl::SkipEmpty());
    std::multiset<std::string> expected;
    for (const auto& ticket : all) {
      bool holds = true;
      for (const auto& term : terms) {
        holds &= absl::StrContains(FoldText(ticket.text()), term);
      }
      if (holds) expected.insert(ticket.text());
    }
    hits += static_cast<int>(expected.size());
    Texts found = Found(rig, Resident(), query, 50);
    INFO("query \"" << query << "\"");
    CHECK(std::multiset<std::string>(found.begin(), found.end()) == expected);
  }
  CHECK(asked > 300);
  CHECK(hits > 1000);
}

}  // namespace
}  // namespace linjuli
