// A store file that is not what it was: opening it is an error with a reason, and no crash.
#include <catch2/catch.hpp>
#include <fstream>

#include "common/store/test_store.h"

namespace linjuli {
namespace {

absl::Status Reopened(const TicketStore& rig) {
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000));
  return OpenTickets(rig.path(), &clock).status();
}

TEST_CASE("a store whose list of tables is damaged is refused", "[store][R08]") {
  TicketStore rig;
  rig.Add("灯");
  rig.store.reset();
  {
    std::fstream file(rig.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);  // behind the header: the page that lists the tables
    file << std::string(64, '\xff');
  }
  absl::Status status = Reopened(rig);
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(ReasonOf(status) == "STORE");
}

TEST_CASE("a store that does not tell how far its migrations went is refused", "[store][R08]") {
  for (const char* count : {"x", "", "-1", "99999999999999999999"}) {
    CAPTURE(count);
    TicketStore rig;
    rig.store.reset();
    {
      auto db = Connection::Open(rig.path(), Connection::Access::kWrite);
      REQUIRE(db.ok());
      REQUIRE((*db)
                  ->Prepare("UPDATE meta SET value=?1 WHERE key='migrations'")
                  .Bind(1, count)
                  .Run()
                  .ok());
    }
    absl::Status status = Reopened(rig);
    CHECK(status.code() == absl::StatusCode::kDataLoss);
    CHECK(ReasonOf(status) == "STORE");
  }
}

TEST_CASE("a statement that cannot be prepared is an error each time it is run", "[store]") {
  TicketStore rig;
  for (int i = 0; i < 2; ++i) {
    absl::Status status = rig.store->Read(Tester(), false, [](Rx& rx) -> absl::Status {
      StatementScope rows(rx.Sql("SELECT n FROM not_there WHERE n=?1"));
      rows->Bind(1, int64_t{7}).Bind(2, "x").BindNull(3);
      LJ_ASSIGN(bool row, rows->Step());
      return row ? absl::OkStatus() : NotFound("row");
    });
    CHECK(status.code() == absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace linjuli
