// What a store does when it finds a file that an earlier declaration wrote.
#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/store/grams.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

// Changes a file that no store has open.
void Alter(const std::string& path, const std::string& sql) {
  auto db = Connection::Open(path, Connection::Access::kWrite);
  REQUIRE(db.ok());
  absl::Status status = (*db)->Exec(sql);
  INFO(status.ToString());
  REQUIRE(status.ok());
}

constexpr char kByDivision[] = "SELECT count(*) FROM sqlite_master WHERE name='ticket_by_division'";

TEST_CASE("a table whose declaration has changed is built anew from its bodies",
          "[store][schema]") {
  TicketStore rig;
  for (int i = 0; i < 30; ++i) rig.Add(absl::StrCat("路灯 ", i), absl::StrCat("AB", 1000 + i));
  Ticket kept = rig.Add("电梯停了");
  rig.store.reset();
  // As an earlier program left it: without an index, with a column filled wrong, without words.
  Alter(rig.path(),
        "DROP INDEX ticket_by_division; UPDATE ticket SET reporter='nonsense';"
        "INSERT INTO ticket_text(ticket_text) VALUES('delete-all');"
        "UPDATE meta SET value='older' WHERE key='schema.ticket'");
  rig.Reopen();
  CHECK(rig.Count(kByDivision) == 1);
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 31);
  CHECK(rig.Count("SELECT count(*) FROM ticket WHERE reporter='nonsense'") == 0);
  CHECK(rig.Count("SELECT count(*) FROM ticket_text WHERE ticket_text MATCH '路灯'") == 30);
  CHECK(rig.Get(kept.name())->text() == "电梯停了");
  CHECK_FALSE(rig.Verify().flaw.has_value());
  // The words can be taken out and put in again: the index is the one that was declared.
  CHECK(rig.Write([&](Tx& tx) {
             kept.set_text("水管");
             return tx.Put(kept);
           })
            .ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket_text WHERE ticket_text MATCH '电梯'") == 0);
  CHECK(rig.Count("SELECT count(*) FROM ticket_text WHERE ticket_text MATCH '水管'") == 1);
}

TEST_CASE("a table whose declaration stands is left as it is", "[store][schema]") {
  TicketStore rig;
  rig.Add("one");
  rig.store.reset();
  Alter(rig.path(), "DROP INDEX ticket_by_division");
  rig.Reopen();
  CHECK(rig.Count(kByDivision) == 0);
}

TEST_CASE("rows that break a new declaration keep the store from opening, unchanged",
          "[store][schema]") {
  TicketStore rig;
  rig.Add("one", "AB1234");
  rig.Add("two", "AB1235");
  rig.store.reset();
  // Two rows with one code, as if `unique` were new.
  Ticket twin;
  twin.set_code("AB1234");
  std::string hex = absl::BytesToHexString(twin.SerializeAsString());
  Alter(rig.path(), absl::StrCat("DROP INDEX ticket_by_code_once; UPDATE ticket SET body=x'", hex,
                                 "'; UPDATE meta SET value='older' WHERE key='schema.ticket'"));
  auto opened = OpenTickets(rig.path(), &rig.clock);
  CHECK(absl::IsAlreadyExists(opened.status()));
  auto db = Connection::Open(rig.path(), Connection::Access::kRead);
  REQUIRE(db.ok());
  StatementScope rows((*db)->Prepare("SELECT count(*) FROM ticket"));
  REQUIRE(rows->Step().ok());
  CHECK(rows->Int(0) == 2);
}

TEST_CASE("each migration runs once", "[store][schema]") {
  TicketStore rig({"CREATE TABLE tally(n INTEGER)", "INSERT INTO tally VALUES(1)"});
  CHECK(rig.Count("SELECT sum(n) FROM tally") == 1);
  rig.Reopen({"CREATE TABLE tally(n INTEGER)", "INSERT INTO tally VALUES(1)",
              "INSERT INTO tally VALUES(10)"});
  CHECK(rig.Count("SELECT sum(n) FROM tally") == 11);
  rig.Reopen({"CREATE TABLE tally(n INTEGER)", "INSERT INTO tally VALUES(1)",
              "INSERT INTO tally VALUES(10)"});
  CHECK(rig.Count("SELECT sum(n) FROM tally") == 11);
}

TEST_CASE("an older program does not open a newer program's file", "[store][schema]") {
  TicketStore rig({"CREATE TABLE tally(n INTEGER)"});
  rig.store.reset();
  auto opened = OpenTickets(rig.path(), &rig.clock);
  CHECK(absl::IsFailedPrecondition(opened.status()));
  CHECK(absl::StrContains(std::string(opened.status().message()), "newer version"));
}

TEST_CASE("a migration that fails changes nothing", "[store][schema]") {
  TicketStore rig;
  rig.store.reset();
  CHECK_FALSE(OpenTickets(rig.path(), &rig.clock,
                          {"CREATE TABLE tally(n INTEGER)", "INSERT INTO nothing VALUES(1)"})
                  .ok());
  rig.Reopen({"CREATE TABLE tally(n INTEGER)"});
  CHECK(rig.Count("SELECT count(*) FROM tally") == 0);
}

TEST_CASE("another program's file is not touched", "[store][schema]") {
  TicketStore rig;
  std::string path = rig.dir.File("other.db");
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA application_id=77; CREATE TABLE a(b)", nullptr, nullptr,
                       nullptr) == SQLITE_OK);
  sqlite3_close(db);
  auto opened = OpenTickets(path, &rig.clock);
  CHECK(absl::IsFailedPrecondition(opened.status()));
  CHECK(absl::StrContains(std::string(opened.status().message()), "belongs to another program"));
}

TEST_CASE("handlers cannot change the schema, nor readers anything", "[store][schema]") {
  TicketStore rig;
  auto denied = [](Connection& db, const std::string& sql) {
    return sqlite3_exec(db.handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK;
  };
  REQUIRE(rig.Write([&](Tx& tx) {
               CHECK(denied(tx.db(), "DROP TABLE ticket"));
               CHECK(denied(tx.db(), "CREATE TABLE other(a)"));
               CHECK(denied(tx.db(), "ATTACH ':memory:' AS other"));
               CHECK(denied(tx.db(), "CREATE TEMP TABLE other(a)"));
               return absl::OkStatus();
             })
              .ok());
  rig.Add("one");
  REQUIRE(rig.store
              ->Read(Tester(), false,
                     [&](Rx& rx) {
                       CHECK(denied(rx.db(), "DELETE FROM ticket"));
                       return absl::OkStatus();
                     })
              .ok());
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 1);
}

}  // namespace
}  // namespace linjuli
