#include "common/store/similar.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

constexpr char kLamp[] = "桃源小区东门路灯坏了三天，晚上看不见路，老人摔了一跤";

bool Every(const Ticket&) { return true; }

std::vector<Likeness> Find(TicketStore& rig, absl::string_view text,
                           absl::FunctionRef<bool(const Ticket&)> counts = Every, int limit = 10) {
  std::vector<Likeness> found;
  absl::Status status = rig.store->Read(Tester(), true, [&](Rx& rx) -> absl::Status {
    LJ_ASSIGN(found, rx.Similar<Ticket>(text, counts, limit));
    return absl::OkStatus();
  });
  INFO(status.ToString());
  REQUIRE(status.ok());
  return found;
}

std::vector<std::string> Names(const std::vector<Likeness>& found) {
  std::vector<std::string> names;
  for (const auto& one : found) names.push_back(one.name);
  return names;
}

using Strings = std::vector<std::string>;

TEST_CASE("the same text is wholly alike, and what tells of something else is not named",
          "[store][similar][E5]") {
  TicketStore rig;
  Ticket lamp = rig.Add(kLamp);
  rig.Add("电梯停在三楼，物业不接电话");
  auto found = Find(rig, kLamp);
  REQUIRE(Names(found) == Strings{lamp.name()});
  CHECK(found[0].share_bp == 10000);
  CHECK(Find(rig, "学校门口堵车，放学时过不了马路").empty());
}

TEST_CASE("small edits lower the share a little, others' words much", "[store][similar][E5]") {
  TicketStore rig;
  Ticket lamp = rig.Add(kLamp);
  auto edited = Find(rig, "您好！桃源小区东门的路灯坏了3天，晚上看不见路，有老人摔了一跤。");
  REQUIRE(Names(edited) == Strings{lamp.name()});
  CHECK(edited[0].share_bp < 10000);
  CHECK(edited[0].share_bp > 6000);
  auto retold = Find(rig, "桃源小区东门没有灯，路灯坏了没人修");
  REQUIRE(Names(retold) == Strings{lamp.name()});
  CHECK(retold[0].share_bp < edited[0].share_bp);
}

TEST_CASE("a share is what its explanation says", "[store][similar][E5]") {
  TicketStore rig;
  // Of ab, bc, cd, de the first two are shared and one has each: (8 + 8) / (8 * 4).
  Ticket half = rig.Add("abc");
  auto found = Find(rig, "abcde");
  REQUIRE(found.size() == 1);
  CHECK(found[0].share_bp == 5000);
  // Once two have them, each of the two weighs 7: 14 / (7 + 7 + 8 + 8).
  rig.Add("abc 一");
  found = Find(rig, "abcde");
  REQUIRE(found.size() == 2);
  CHECK(found[0].share_bp == 4666);
}

TEST_CASE("the most alike come first, and of two alike the older", "[store][similar][E5]") {
  TicketStore rig;
  Ticket part = rig.Add("桃源小区东门路灯坏了三天");
  Ticket first = rig.Add(kLamp);
  Ticket second = rig.Add(kLamp);
  CHECK(Names(Find(rig, kLamp)) == Strings{first.name(), second.name(), part.name()});
  CHECK(Names(Find(rig, kLamp, Every, 2)) == Strings{first.name(), second.name()});
  CHECK(Find(rig, kLamp, Every, 0).empty());
}

TEST_CASE("only what the filter lets pass is named, and it does not use up the limit",
          "[store][similar][E5]") {
  TicketStore rig;
  std::vector<Ticket> tickets(4);
  for (int i = 0; i < 4; ++i) {
    tickets[i].set_text(kLamp);
    tickets[i].set_phone("13800000000");
    tickets[i].set_division(i < 3 ? "331082001001" : "331082002001");
    REQUIRE(rig.Write([&](Tx& tx) { return tx.Create(tickets[i]); }).ok());
  }
  auto elsewhere = [](const Ticket& ticket) {
    // A personal value is not opened for this.
    CHECK(ticket.phone() != "13800000000");
    return ticket.division() == "331082002001";
  };
  CHECK(Names(Find(rig, kLamp, elsewhere, 1)) == Strings{tickets[3].name()});
  CHECK(Find(rig, kLamp, [](const Ticket&) { return false; }).empty());
}

TEST_CASE("empty, short and foreign texts", "[store][similar][E5]") {
  TicketStore rig;
  Ticket lamp = rig.Add("路灯坏");
  Ticket english = rig.Add("Wi-Fi in the READING ROOM is down");
  Ticket wide = rig.Add("ＬＥＤ坏了");
  CHECK(Find(rig, "").empty());
  CHECK(Find(rig, "，。！？\n").empty());
  CHECK(Find(rig, "灯").empty());
  // One pair is chance; two are not.
  CHECK(Find(rig, "路灯").empty());
  CHECK(Names(Find(rig, "路灯坏")) == Strings{lamp.name()});
  CHECK(Names(Find(rig, "reading room wi-fi")) == Strings{english.name()});
  CHECK(Names(Find(rig, "led 坏了")) == Strings{wide.name()});
  CHECK(Find(rig, "Καλημέρα τι κάνετε σήμερα").empty());
  CHECK(Find(rig, "\"NEAR(路灯 OR 坏)\" AND *").size() <= 1);
}

TEST_CASE("what very many say tells nothing", "[store][similar][E5]") {
  TicketStore rig;
  REQUIRE(rig.Write([&](Tx& tx) {
               for (int i = 0; i < 255; ++i) {
                 Ticket ticket;
                 ticket.set_text("请求有关部门尽快解决");
                 LJ_RETURN_IF_ERROR(tx.Create(ticket));
               }
               return absl::OkStatus();
             })
              .ok());
  CHECK(Find(rig, "请求有关部门尽快解决").size() == 10);
  Ticket lamp = rig.Add("桃源小区东门路灯坏了，请求有关部门尽快解决");
  // The 256th: the phrase weighs nothing now, and what is left tells the lamp from the rest.
  CHECK(Find(rig, "请求有关部门尽快解决").empty());
  CHECK(Names(Find(rig, "请求有关部门尽快解决桃源小区东门路灯")) == Strings{lamp.name()});
}

TEST_CASE("no more than so many resources are read", "[store][similar][E5]") {
  TicketStore rig;
  // 250 hold each half of the text, none both: more candidates than are read.
  REQUIRE(rig.Write([&](Tx& tx) {
               for (int i = 0; i < 500; ++i) {
                 Ticket ticket;
                 ticket.set_text(i % 2 ? "桃源小区路灯" : "电梯停在三楼");
                 LJ_RETURN_IF_ERROR(tx.Create(ticket));
               }
               return absl::OkStatus();
             })
              .ok());
  int read = 0;
  CHECK(Find(rig, "桃源小区路灯，电梯停在三楼", [&](const Ticket&) {
          ++read;
          return false;
        }).empty());
  CHECK(read == kMostSimilarRead);
}

TEST_CASE("what was rolled back is not named, what was rewritten by its new text only",
          "[store][similar][E5]") {
  TicketStore rig;
  CHECK_FALSE(rig.Write([&](Tx& tx) {
                   Ticket ticket;
                   ticket.set_text(kLamp);
                   LJ_RETURN_IF_ERROR(tx.Create(ticket));
                   return absl::InternalError("no");
                 })
                  .ok());
  CHECK(Find(rig, kLamp).empty());
  // Nor does it count as one of those who have its pairs.
  Ticket kept = rig.Add("abc");
  CHECK(Find(rig, "abcde")[0].share_bp == 5000);
  REQUIRE(rig.Write([&](Tx& tx) {
               kept.set_text(kLamp);
               return tx.Put(kept);
             })
              .ok());
  CHECK(Find(rig, "abcde").empty());
  CHECK(Names(Find(rig, kLamp)) == Strings{kept.name()});
}

TEST_CASE("a handler sees in its transaction what it wrote", "[store][similar][E5]") {
  TicketStore rig;
  REQUIRE(rig.Write([&](Tx& tx) -> absl::Status {
               Ticket ticket;
               ticket.set_text(kLamp);
               LJ_RETURN_IF_ERROR(tx.Create(ticket));
               LJ_ASSIGN(auto found, tx.Similar<Ticket>(kLamp, Every, 10));
               CHECK(Names(found) == Strings{ticket.name()});
               return absl::OkStatus();
             })
              .ok());
}

TEST_CASE("a store that an earlier program wrote needs nothing new to be searched for likeness",
          "[store][similar][E5]") {
  TicketStore rig;
  Ticket lamp = rig.Add(kLamp);
  int64_t objects = rig.Count("SELECT count(*) FROM sqlite_master");
  rig.Reopen();
  CHECK(Names(Find(rig, kLamp)) == Strings{lamp.name()});
  // The declaration adds no table, no index and no column, so an older file opens as it is.
  CHECK(rig.Count("SELECT count(*) FROM sqlite_master") == objects);
  CHECK(rig.Count("SELECT count(*) FROM sqlite_master WHERE name LIKE '%similar%'") == 0);
}

}  // namespace
}  // namespace linjuli
