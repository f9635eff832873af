// For tests: linjuli.testing.v1.Tickets carried out, and short ways to call it.
#ifndef LINJULI_TESTS_TICKETS_H_
#define LINJULI_TESTS_TICKETS_H_

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "tests/service_rig.h"

namespace linjuli {

using testing::v1::Ticket;

inline constexpr char kTickets[] = "linjuli.testing.v1.Tickets.";
// Two villages of one town, and one of another.
inline constexpr char kVillage[] = "331082001001";
inline constexpr char kNeighbour[] = "331082001002";
inline constexpr char kFarVillage[] = "331082100201";
inline constexpr char kTown[] = "331082001";

// The words in a ticket's text or note tell these handlers to misbehave.
inline absl::Status CreateTicket(Tx& tx, const testing::v1::CreateTicketRequest&, Ticket& ticket) {
  ticket.set_reporter(tx.caller().subject);
  if (absl::StrContains(ticket.text(), "refuse")) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "REFUSED", "as it was told");
  }
  // Writes another ticket beside the one it was asked for.
  if (absl::StrContains(ticket.text(), "twice") || absl::StrContains(ticket.text(), "half")) {
    Ticket other = ticket;
    other.clear_name();
    other.set_text(absl::StrCat("beside ", ticket.text()));
    other.clear_code();
    LJ_RETURN_IF_ERROR(tx.Create(other));
  }
  if (absl::StrContains(ticket.text(), "half")) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "HALF", "failed after it had written");
  }
  return absl::OkStatus();
}

inline absl::Status JudgeTicket(Tx& tx, const testing::v1::JudgeTicketRequest& request,
                                Ticket& ticket) {
  tx.Move(ticket, request.done() ? Ticket::DONE : Ticket::OPEN);
  return absl::OkStatus();
}

inline absl::Status NoteTicket(Tx& tx, const testing::v1::NoteTicketRequest& request,
                               Ticket& ticket) {
  if (request.note() == "illegal") tx.Move(ticket, Ticket::DONE);
  if (request.note() == "half") {
    Ticket written = ticket;
    written.add_notes("half");
    LJ_RETURN_IF_ERROR(tx.Put(written));
    return Refuse(absl::StatusCode::kFailedPrecondition, "HALF", "failed after it had written");
  }
  ticket.add_notes(request.note());
  return absl::OkStatus();
}

// Lapses what is not done. "again" is due an hour later, "stuck" cannot be dealt with, "call off"
// takes the due time of the ticket that it continues.
inline absl::Status LapseTicket(Tx& tx, Ticket& ticket) {
  if (absl::StrContains(ticket.text(), "stuck")) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "STUCK", "as it was told");
  }
  if (absl::StrContains(ticket.text(), "call off")) {
    LJ_ASSIGN(Ticket other, tx.Get<Ticket>(ticket.continues()));
    other.clear_due_time();
    LJ_RETURN_IF_ERROR(tx.Put(other));
  }
  ticket.add_notes(absl::FormatTime("%H:%M", tx.now(), ChinaTime()));
  if (absl::StrContains(ticket.text(), "again")) {
    ticket.mutable_due_time()->set_seconds(ticket.due_time().seconds() + 3600);
  } else if (ticket.state() == Ticket::OPEN || ticket.state() == Ticket::TAKEN) {
    tx.Move(ticket, Ticket::LAPSED);
  }
  return absl::OkStatus();
}

inline ServiceSpec TicketsSpec() {
  return Implement("linjuli.testing.v1.Tickets", CreateTicket, JudgeTicket, NoteTicket,
                   LapseTicket);
}

inline Caller Resident(absl::string_view subject = "u/wang") { return Person(subject, RESIDENT); }
inline Caller Worker(absl::string_view area = kTown, absl::string_view subject = "u/worker") {
  return Person(subject, COMMUNITY_WORKER, {std::string(area)});
}

inline Ticket TicketOf(absl::string_view text, absl::string_view division = kVillage) {
  Ticket ticket;
  ticket.set_text(std::string(text));
  ticket.set_division(std::string(division));
  return ticket;
}

inline testing::v1::CreateTicketRequest CreateOf(Ticket ticket, absl::string_view key = "") {
  testing::v1::CreateTicketRequest request;
  *request.mutable_ticket() = std::move(ticket);
  request.set_request_id(std::string(key));
  return request;
}

class TicketRig : public Rig {
 public:
  explicit TicketRig(const Standard* standard = nullptr) : Rig(TicketsSpec(), standard) {}

  absl::StatusOr<Ticket> Create(const Caller& caller, Ticket ticket, absl::string_view key = "") {
    return Ask<Ticket>(caller, absl::StrCat(kTickets, "CreateTicket"),
                       CreateOf(std::move(ticket), key));
  }
  // One that must succeed.
  Ticket Made(const Caller& caller, Ticket ticket) {
    auto made = Create(caller, std::move(ticket));
    LJ_CHECK(made.ok(), made.status().ToString());
    return *std::move(made);
  }
  absl::StatusOr<Ticket> Get(const Caller& caller, absl::string_view name) {
    testing::v1::GetTicketRequest request;
    request.set_name(std::string(name));
    return Ask<Ticket>(caller, absl::StrCat(kTickets, "GetTicket"), request);
  }
  absl::StatusOr<Ticket> Take(const Caller& caller, absl::string_view name,
                              absl::string_view etag = "", absl::string_view key = "") {
    testing::v1::TakeTicketRequest request;
    request.set_name(std::string(name));
    request.set_etag(std::string(etag));
    request.set_request_id(std::string(key));
    return Ask<Ticket>(caller, absl::StrCat(kTickets, "TakeTicket"), request);
  }
  absl::StatusOr<Ticket> Judge(const Caller& caller, absl::string_view name, bool done) {
    testing::v1::JudgeTicketRequest request;
    request.set_name(std::string(name));
    request.set_done(done);
    return Ask<Ticket>(caller, absl::StrCat(kTickets, "JudgeTicket"), request);
  }
  absl::StatusOr<Ticket> Note(const Caller& caller, absl::string_view name, absl::string_view note,
                              absl::string_view key = "") {
    testing::v1::NoteTicketRequest request;
    request.set_name(std::string(name));
    request.set_note(std::string(note));
    request.set_request_id(std::string(key));
    return Ask<Ticket>(caller, absl::StrCat(kTickets, "NoteTicket"), request);
  }
  absl::StatusOr<testing::v1::ListTicketsResponse> List(
      const Caller& caller, const testing::v1::ListTicketsRequest& request = {}) {
    return Ask<testing::v1::ListTicketsResponse>(caller, absl::StrCat(kTickets, "ListTickets"),
                                                 request);
  }
  absl::StatusOr<testing::v1::SearchTicketsResponse> Search(const Caller& caller,
                                                            absl::string_view query, int size = 0,
                                                            absl::string_view token = "") {
    testing::v1::SearchTicketsRequest request;
    request.set_query(std::string(query));
    request.set_page_size(size);
    request.set_page_token(std::string(token));
    return Ask<testing::v1::SearchTicketsResponse>(
        caller, absl::StrCat(kTickets, "SearchTickets"), request);
  }
};

// "ticket.text:REQUIRED ticket.weight:RANGE", in the order in which they were found.
inline std::string Violations(const absl::Status& status) {
  std::string all;
  google::rpc::Status proto = ToProto(status);
  for (const auto& detail : proto.details()) {
    google::rpc::BadRequest bad;
    if (!detail.Is<google::rpc::BadRequest>() || !detail.UnpackTo(&bad)) continue;
    for (const auto& violation : bad.field_violations()) {
      const std::string& why = violation.description();
      absl::StrAppend(&all, all.empty() ? "" : " ", violation.field(), ":",
                      why.substr(0, why.find(':')));
    }
  }
  return all;
}

// What people read, empty where there is nothing for them.
inline std::string ToldPeople(const absl::Status& status) {
  google::rpc::Status proto = ToProto(status);
  google::rpc::LocalizedMessage text;
  for (const auto& detail : proto.details()) {
    if (detail.Is<google::rpc::LocalizedMessage>()) LJ_CHECK(detail.UnpackTo(&text));
  }
  return text.message();
}

// The code's name and the reason: "ABORTED VERSION".
inline std::string Told(const absl::Status& status) {
  std::string told = absl::StatusCodeToString(status.code());
  std::string reason = ReasonOf(status);
  return reason.empty() ? told : absl::StrCat(told, " ", reason);
}

}  // namespace linjuli

#endif  // LINJULI_TESTS_TICKETS_H_
