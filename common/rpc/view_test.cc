#include "common/rpc/view.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/rpc/wire_field.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

TEST_CASE("what is shown of stored bytes is what is shown of the resource built from them",
          "[rpc][access]") {
  TicketRig rig;
  for (int i = 0; i < 32; ++i) {
    Ticket ticket = TicketOf(absl::StrCat("路灯", i), i / 2 % 2 == 0 ? kVillage : kFarVillage);
    if (i / 4 % 2 == 0) ticket.set_phone("13800138000");
    ticket = rig.Made(Resident(i % 2 == 0 ? "u/wang" : "u/li"), ticket);
    if (i / 8 % 2 == 0) REQUIRE(rig.Take(Worker("331082"), ticket.name()).ok());
  }
  const ServicePlan& plan = rig->plan();
  const Table& table = *plan.schema.Find(Ticket::descriptor());
  const View view(plan, table);
  const Caller callers[] = {Resident("u/wang"), Resident("u/li"),
                            Worker(kVillage),   Worker("331082100", "u/wang"),
                            Caller(),           Person("u/provider", PROVIDER)};
  int shown = 0, hidden = 0, recorded = 0;
  for (const auto& method : plan.methods) {
    if (method->kind != MethodKind::kGet && method->kind != MethodKind::kSearch) continue;
    for (const Caller& caller : callers) {
      auto status = rig->store().Read(caller, true, [&](Rx& rx) -> absl::Status {
        StatementScope rows(rx.Sql("SELECT body FROM ticket"));
        Reading reading(view, rx, method->access);
        size_t in_clear = 0;
        while (true) {
          LJ_ASSIGN(bool row, rows->Step());
          if (!row) break;
          Ticket built, read;
          LJ_RETURN_IF_ERROR(rx.Parse(table, rows->Bytes(0), built));
          const bool may = method->access.Find(caller, built) != nullptr;
          std::string out = "before";
          LJ_ASSIGN(bool visible, reading.Show(rows->Bytes(0), out));
          INFO(method->verb << " " << caller.subject << " " << built.ShortDebugString());
          REQUIRE(visible == may);
          if (!may) {
            REQUIRE(out == "before");
            ++hidden;
            continue;
          }
          in_clear += view.Dress(caller, method->access, 0, rx.now(), built) == View::Sight::kClear;
          REQUIRE(read.ParseFromString(out.substr(6)));
          REQUIRE(read.SerializeAsString() == built.SerializeAsString());
          ++shown;
        }
        REQUIRE(reading.shown().size() == in_clear);
        recorded += static_cast<int>(in_clear);
        return absl::OkStatus();
      });
      REQUIRE(status.ok());
    }
  }
  CHECK(shown > 100);
  CHECK(hidden > 100);
  CHECK(recorded > 10);
}

TEST_CASE("a field is found in serialized bytes, and an appended one is the message's", "[rpc]") {
  Ticket ticket = TicketOf("路灯");
  const auto* etag = Ticket::descriptor()->FindFieldByName("etag");
  std::string bytes = ticket.SerializeAsString();
  CHECK(FieldIn(bytes, etag).empty());
  AppendField(etag, "v1", bytes);
  CHECK(FieldIn(bytes, etag) == "v1");
  Ticket read;
  REQUIRE(read.ParseFromString(bytes));
  CHECK(read.etag() == "v1");
  CHECK(FieldIn(bytes, Ticket::descriptor()->FindFieldByName("text")) == "路灯");
  // Bytes that end too early hold nothing.
  CHECK(FieldIn(absl::string_view(bytes).substr(0, bytes.size() - 1), etag).empty());
}

}  // namespace
}  // namespace linjuli
