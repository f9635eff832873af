// For the tests of the store and of its log: tickets in a store of their own, without a service.
#ifndef LINJULI_COMMON_STORE_TEST_STORE_H_
#define LINJULI_COMMON_STORE_TEST_STORE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/store/store.h"
#include "common/store/verify.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "tests/temp_dir.h"

namespace linjuli {

using testing::v1::Ticket;

inline const Caller& Tester() {
  static const Caller* const tester = [] {
    auto* made = new Caller;
    made->subject = "u/tester";
    return made;
  }();
  return *tester;
}

inline Schema TicketSchema() {
  Schema schema;
  LJ_CHECK(schema.Add(Ticket::descriptor()).ok());
  return schema;
}

inline StoreOptions TicketOptions(const std::string& path, Clock* clock) {
  StoreOptions options;
  options.path = path;
  options.service = "testing";
  options.clock = clock;
  return options;
}

inline absl::StatusOr<std::unique_ptr<Store>> OpenTickets(const std::string& path, Clock* clock,
                                                          std::vector<std::string> migrations = {},
                                                          prometheus::Registry* metrics = nullptr) {
  StoreOptions options = TicketOptions(path, clock);
  options.migrations = std::move(migrations);
  options.metrics = metrics;
  return Store::Open(TicketSchema(), std::move(options));
}

struct TicketStore {
  explicit TicketStore(std::vector<std::string> migrations = {}) { Reopen(std::move(migrations)); }

  void Reopen(std::vector<std::string> migrations = {}) {
    StoreOptions options = TicketOptions(path(), &clock);
    options.migrations = std::move(migrations);
    ReopenWith(std::move(options));
  }
  void ReopenWith(StoreOptions options) {
    store.reset();
    auto opened = Store::Open(TicketSchema(), std::move(options));
    LJ_CHECK(opened.ok(), opened.status().ToString());
    store = *std::move(opened);
  }
  std::string path() const { return dir.File("testing.db"); }

  absl::Status Write(Store::Work work) {
    return store->WriteAndWait({&Tester(), "test", ""}, std::move(work));
  }
  // A ticket with this text, which must be written.
  Ticket Add(const std::string& text, const std::string& code = "",
             const std::string& continues = "") {
    Ticket ticket;
    ticket.set_text(text);
    ticket.set_code(code);
    ticket.set_continues(continues);
    absl::Status status = Write([&](Tx& tx) {
      ticket.clear_name();
      return tx.Create(ticket);
    });
    LJ_CHECK(status.ok(), status.ToString());
    return ticket;
  }
  absl::StatusOr<Ticket> Get(const std::string& name) {
    Ticket ticket;
    absl::Status status = store->Read(Tester(), false, [&](Rx& rx) -> absl::Status {
      LJ_ASSIGN(ticket, rx.Get<Ticket>(name));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return ticket;
  }
  // The one number that a statement answers with.
  int64_t Count(const std::string& sql) {
    int64_t count = -1;
    absl::Status status = store->Read(Tester(), false, [&](Rx& rx) -> absl::Status {
      StatementScope rows(rx.Sql(sql));
      LJ_ASSIGN(bool row, rows->Step());
      if (row) count = rows->Int(0);
      return absl::OkStatus();
    });
    LJ_CHECK(status.ok(), status.ToString());
    return count;
  }
  Verdict Verify() {
    Verdict verdict;
    absl::Status status = store->Read(Tester(), false, [&](Rx& rx) -> absl::Status {
      LJ_ASSIGN(verdict, VerifyStore(rx.db(), rx.schema()));
      return absl::OkStatus();
    });
    LJ_CHECK(status.ok(), status.ToString());
    return verdict;
  }

  FakeClock clock{absl::FromUnixSeconds(1'800'000'000)};
  TempDir dir;
  std::unique_ptr<Store> store;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_TEST_STORE_H_
