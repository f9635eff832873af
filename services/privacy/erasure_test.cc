// Erasing a person: asked for by one, approved by another, carried out by every service that follows.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/rpc/follow.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/privacy/v1/privacy.pb.h"
#include "services/privacy/service.h"
#include "tests/tickets.h"

namespace linjuli::privacy {
namespace {

using v1::Erasure;

Caller Admin(absl::string_view subject = "u/admin") { return Person(subject, SECURITY_ADMIN); }
Caller Leader(absl::string_view subject = "u/leader") { return Person(subject, LEADER); }

class Desk : public Rig {
 public:
  Desk() : Rig(Privacy()) {}

  absl::StatusOr<Erasure> Create(const Caller& caller, absl::string_view person) {
    v1::CreateErasureRequest request;
    request.mutable_erasure()->set_person(std::string(person));
    request.mutable_erasure()->set_reason("asked for it in writing");
    return Ask<Erasure>(caller, "linjuli.privacy.v1.Privacy.CreateErasure", request);
  }
  template <typename Q>
  absl::StatusOr<Erasure> Do(const Caller& caller, const char* method, const std::string& name,
                             Q request) {
    request.set_name(name);
    return Ask<Erasure>(caller, absl::StrCat("linjuli.privacy.v1.Privacy.", method), request);
  }
  absl::StatusOr<Erasure> Approve(const Caller& caller, const std::string& name) {
    return Do(caller, "ApproveErasure", name, v1::ApproveErasureRequest());
  }
  absl::StatusOr<Erasure> Hold(const Caller& caller, const std::string& name) {
    v1::HoldErasureRequest request;
    request.set_reason("a lawsuit");
    return Do(caller, "HoldErasure", name, request);
  }
};

TEST_CASE("nobody erases alone", "[privacy][R47][X10]") {
  Desk desk;
  CHECK(Told(desk.Create(Leader(), "u/wang").status()) == "PERMISSION_DENIED ROLE");
  auto asked = desk.Create(Admin(), "u/wang");
  REQUIRE(asked.ok());
  CHECK(asked->requester() == "u/admin");
  const std::string name = asked->name();
  CHECK(Told(desk.Approve(Admin(), name).status()) == "PERMISSION_DENIED SELF_APPROVE");
  CHECK(Told(desk.Approve(Worker(), name).status()) == "PERMISSION_DENIED ROLE");
  CHECK(Told(desk.Approve(Person("u/system", SYSTEM_ADMIN), name).status()) ==
        "PERMISSION_DENIED ROLE");
  auto approved = desk.Approve(Admin("u/other"), name);
  REQUIRE(approved.ok());
  CHECK(approved->state() == Erasure::APPROVED);
  CHECK(approved->decider() == "u/other");
  CHECK(Told(desk.Approve(Leader(), name).status()) == "FAILED_PRECONDITION STATE");
}

TEST_CASE("what is on legal hold is not erased", "[privacy][R47][X10]") {
  Desk desk;
  const std::string name = desk.Create(Admin(), "u/wang")->name();
  CHECK(desk.Hold(Admin(), name)->hold_reason() == "a lawsuit");
  CHECK(Told(desk.Approve(Leader(), name).status()) == "FAILED_PRECONDITION STATE");
  v1::ReleaseErasureRequest release;
  CHECK(Told(desk.Do(Admin(), "ReleaseErasure", name, release).status()) ==
        "PERMISSION_DENIED ROLE");
  CHECK(desk.Do(Leader(), "ReleaseErasure", name, release)->state() == Erasure::REQUESTED);
  v1::DeclineErasureRequest decline;
  decline.set_reason("it is another person");
  CHECK(Told(desk.Do(Admin(), "DeclineErasure", name, decline).status()) ==
        "PERMISSION_DENIED SELF_APPROVE");
  auto declined = desk.Do(Leader(), "DeclineErasure", name, decline);
  CHECK(declined->state() == Erasure::DECLINED);
  CHECK(declined->decline_reason() == "it is another person");
}

TEST_CASE("a service that follows erases who was approved, once, and notes it",
          "[privacy][R47][X10]") {
  Desk desk;
  TicketRig tickets;
  auto reported = [&](const Caller& resident) {
    Ticket ticket = TicketOf("灯");
    ticket.set_phone("13800138000");
    return tickets.Made(resident, ticket).name();
  };
  auto phone = [&](const Caller& resident, const std::string& name) {
    return tickets.Get(resident, name)->phone();
  };
  auto follow = [&] {
    auto applied = FollowOnce(*tickets, "privacy", *desk);
    LJ_CHECK(applied.ok(), applied.status().ToString());
  };
  const Caller wang = Resident("u/wang"), li = Resident("u/li");
  const std::string one = reported(wang), other = reported(li);
  const std::string asked = desk.Create(Admin(), "u/wang")->name();
  REQUIRE(desk.Hold(Admin(), desk.Create(Admin(), "u/li")->name()).ok());
  desk.clock.Advance(absl::Minutes(1));
  follow();
  CHECK(phone(wang, one) == "13800138000");
  REQUIRE(desk.Approve(Leader(), asked).ok());
  follow();
  CHECK(phone(wang, one).empty());
  CHECK(phone(li, other) == "13800138000");

  changes::v1::ListHistoryRequest history;
  history.set_name(asked);
  auto told = tickets.Ask<changes::v1::ListHistoryResponse>(
      Person("u/auditor", AUDITOR), "linjuli.changes.v1.Changes.ListHistory", history);
  REQUIRE(told.ok());
  REQUIRE(told->changes_size() == 1);
  CHECK(told->changes(0).caller() == "follow/privacy");
  CHECK_FALSE(told->changes(0).access());

  // Who comes back stays, also when the whole log is told again from its beginning.
  tickets.clock.Advance(absl::Hours(1));
  const std::string again = reported(wang);
  REQUIRE(tickets->store()
              .WriteAndWait({&wang, "test", ""},
                            [](Tx& tx) { return tx.db().Exec("DELETE FROM cursor"); })
              .ok());
  follow();
  CHECK(phone(wang, one).empty());
  CHECK(phone(wang, again) == "13800138000");
}

}  // namespace
}  // namespace linjuli::privacy
