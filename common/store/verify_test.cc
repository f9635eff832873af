#include "common/store/verify.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "common/store/test_store.h"

namespace linjuli {
namespace {

// What VerifyStore says of a copy of the store's file on which `sql` was carried out.
Verdict Spoilt(TicketStore& rig, const std::string& sql) {
  LJ_CHECK(rig.store->Checkpoint().ok());
  std::string copy = rig.dir.File("copy.db");
  for (const char* rest : {"", "-wal", "-shm"}) std::filesystem::remove(copy + rest);
  std::filesystem::copy_file(rig.path(), copy);
  auto db = Connection::Open(copy, Connection::Access::kWrite);
  LJ_CHECK(db.ok() && (*db)->Exec(sql).ok());
  auto verdict = VerifyStore(**db, TicketSchema());
  LJ_CHECK(verdict.ok(), std::string(verdict.status().message()));
  return *verdict;
}

TEST_CASE("a resource that was edited, added or taken out behind the log's back is found",
          "[store][X6]") {
  TicketStore rig;
  for (int i = 0; i < 5; ++i) rig.Add("路灯坏了");
  CHECK_FALSE(Spoilt(rig, "SELECT 1").flaw.has_value());
  CHECK(Spoilt(rig, "SELECT 1").changes == 5);
  auto edited = Spoilt(rig,
                       "UPDATE ticket SET body=CAST(replace(body,CAST('路灯' AS BLOB),"
                       "CAST('电梯' AS BLOB)) AS BLOB) WHERE id=(SELECT max(id) FROM ticket)");
  REQUIRE(edited.flaw.has_value());
  CHECK(edited.flaw->sequence == 5);
  CHECK(Spoilt(rig, "DELETE FROM ticket WHERE id=(SELECT min(id) FROM ticket)").flaw.has_value());
  CHECK(Spoilt(rig,
               "INSERT INTO ticket(id,state,body) SELECT max(id)+1,state,body FROM ticket")
            .flaw.has_value());
}

}  // namespace
}  // namespace linjuli
