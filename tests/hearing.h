// For tests: a service that follows Tickets and keeps what it hears.
#ifndef LINJULI_TESTS_HEARING_H_
#define LINJULI_TESTS_HEARING_H_

#include <string>

#include "linjuli/testing/v1/broken.pb.h"
#include "tests/tickets.h"

namespace linjuli {

// Keeps the sequence of every change of a ticket that it hears of, in the order of hearing, and the
// ticket's text as it was last told. A text with "deaf" in it cannot be heard.
inline absl::Status HearTicket(Tx& tx, const Changed<Ticket>& changed) {
  if (absl::StrContains(changed.resource.text(), "deaf")) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "DEAF", "as it was told");
  }
  LJ_RETURN_IF_ERROR(
      tx.Sql("INSERT INTO heard(sequence) VALUES(?1)").Bind(1, changed.change.sequence()).Run());
  return tx.Sql("INSERT OR REPLACE INTO told(name,text) VALUES(?1,?2)")
      .Bind(1, changed.resource.name())
      .Bind(2, changed.resource.text())
      .Run();
}

inline ServiceSpec HearingSpec() {
  testing::broken::v1::Thing::descriptor();
  ServiceSpec spec = Implement("linjuli.testing.broken.v1.NoDefect", HearTicket);
  spec.migrations = {"CREATE TABLE heard(id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL)",
                     "CREATE TABLE told(name TEXT PRIMARY KEY, text TEXT NOT NULL)"};
  return spec;
}

// The one number that a statement gives.
inline int64_t Number(Service& service, const std::string& sql) {
  int64_t number = -1;
  absl::Status status = service.store().Read(Caller(), false, [&](Rx& rx) -> absl::Status {
    StatementScope row(rx.Sql(sql));
    LJ_ASSIGN(bool there, row->Step());
    if (there) number = row->Int(0);
    return absl::OkStatus();
  });
  LJ_CHECK(status.ok(), status.ToString());
  return number;
}

}  // namespace linjuli

#endif  // LINJULI_TESTS_HEARING_H_
