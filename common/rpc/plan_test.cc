#include "common/rpc/plan.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "linjuli/testing/v1/broken.pb.h"
#include "linjuli/testing/v1/broken_graph.pb.h"
#include "linjuli/testing/v1/broken_tables.pb.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

// What Start says against a service; "started" where it has nothing to say.
std::string Defects(ServiceSpec spec) {
  // The generated code of services is linked in for its messages.
  testing::broken::v1::Thing::descriptor();
  testing::tables::v1::Twin::descriptor();
  testing::graph::v1::Door::descriptor();
  TempDir dir;
  FakeClock clock(RigTime());
  ServiceOptions options;
  options.data_dir = dir.path();
  options.clock = &clock;
  options.due_thread = false;
  auto started = Service::Start(spec, options);
  if (started.ok()) return "started";
  CHECK(absl::IsInvalidArgument(started.status()));
  CHECK(std::filesystem::is_empty(dir.path()));
  return std::string(started.status().message());
}

// The one defect of a service in broken.proto.
std::string Broken(const std::string& service) {
  return Defects(Implement("linjuli.testing.broken.v1." + service));
}

TEST_CASE("a service without a defect starts", "[rpc][plan]") {
  CHECK(Broken("NoDefect") == "started");
  CHECK(Defects(Implement("linjuli.testing.v1.Nothing")) ==
        "linjuli.testing.v1.Nothing: no such service");
}

TEST_CASE("a method that does not say who may call keeps its service from starting",
          "[rpc][plan][access]") {
  const std::string get = "linjuli.testing.broken.v1.";
  CHECK(Broken("NoAccess") ==
        get + "NoAccess.GetThing: (linjuli.access) is missing: say who may call it");
  CHECK(Broken("EmptyAccess") ==
        get +
            "EmptyAccess.GetThing: (linjuli.access) must say who may call: either `allow`, or "
            "`public`, `as_get`, `as_list`");
  CHECK(Broken("PublicAndNot") ==
        get +
            "PublicAndNot.GetThing: (linjuli.access) must say who may call: either `allow`, or "
            "`public`, `as_get`, `as_list`");
  CHECK(Broken("NoScope") == get + "NoScope.GetThing: an `allow` without a scope");
  CHECK(Broken("NoRole") == get + "NoRole.GetThing: an `allow` without a role");
  CHECK(Broken("RoleOfNobody") == get + "RoleOfNobody.GetThing: an `allow` names an unknown role");
  CHECK(Broken("NoOwner") ==
        get +
            "NoOwner.GetThing: scope OWNER: linjuli.testing.broken.v1.Thing has no field \"\" to "
            "compare");
  CHECK(Broken("DistinctFromNothing") ==
        get + "DistinctFromNothing.FinishThing: no singular field \"author\"");
  CHECK(Broken("PublicWrite") == get + "PublicWrite.FinishThing: nobody writes without a token");
}

TEST_CASE("a method that reads by its verb and writes by its nature is refused", "[rpc][plan]") {
  CHECK(Broken("WritingGet") ==
        "linjuli.testing.broken.v1.WritingGet.FinishThing: a GET must not write");
  CHECK(Broken("HarmlessWrite") ==
        "linjuli.testing.broken.v1.HarmlessWrite.FinishThing: it writes, so it has no "
        "NO_SIDE_EFFECTS");
}

TEST_CASE("a read says that it has no side effects, and goes by GET", "[rpc][plan]") {
  CHECK(Broken("ReadThatDoesNotSaySo") ==
        "linjuli.testing.broken.v1.ReadThatDoesNotSaySo.ListThings: it only reads: say so with "
        "idempotency_level = NO_SIDE_EFFECTS");
  CHECK(Broken("ReadByPost") ==
        "linjuli.testing.broken.v1.ReadByPost.ListThings: it only reads, so its route is a GET");
}

TEST_CASE("a verb's transition must name states, and fit its kind", "[rpc][plan][X4]") {
  const std::string verb = ".FinishThing: ", create = ".CreateThing: ";
  auto why = [](const std::string& service) {
    std::string prefix = "linjuli.testing.broken.v1." + service;
    std::string defects = Broken(service);
    CHECK(absl::StartsWith(defects, prefix + "."));
    CHECK_FALSE(absl::StrContains(defects, "\n"));
    return defects.substr(prefix.size());
  };
  CHECK(why("UnknownState") == verb +
                                   "transition \"OPEN -> GONE\": linjuli.testing.broken.v1.Thing."
                                   "State has no state \"GONE\"");
  CHECK(why("SeveralTargets") ==
        verb + "a transition with several targets needs a function that chooses");
  CHECK(why("IdleVerb") ==
        verb + "a verb that keeps the state needs a function that does something");
  CHECK(why("CreateFromAState") ==
        create + "a Create's transition has nothing before the arrow, a verb's has");
  CHECK(absl::StartsWith(why("CreateToNoState"), create + "a Create's transition"));
  CHECK(why("CreateWithoutTransition") ==
        create + "(linjuli.transition) is missing: say in which states it is allowed");
  CHECK(why("TransitionOfAGet") ==
        ".ListThings: (linjuli.transition) is for verbs on a resource with a `state`");
}

TEST_CASE("a method lacks no standard field of its kind", "[rpc][plan]") {
  auto broken = [](const std::string& service) {
    std::string defects = Broken(service);
    CHECK_FALSE(absl::StrContains(defects, "\n"));
    return defects.substr(defects.find(": ") + 2);
  };
  CHECK(broken("NoEtag") == "a verb has `string etag`");
  CHECK(broken("NoRequestId") == "a call that writes has `string request_id`");
  CHECK(broken("NoName") == "needs `string name` of the resource");
  CHECK(broken("CreateOfNothing") == "a Create carries the resource to be made");
  CHECK(broken("UpdateWithoutMask") == "an Update carries the resource and `update_mask`");
  CHECK(broken("MaskOfWords") == "an Update carries the resource and `update_mask`");
  CHECK(broken("NoPages") == "a list has pages: page_size, page_token, next_page_token");
  CHECK(broken("SearchWithoutText") == "(linjuli.stored) declares no text to search");
}

TEST_CASE("every defect of a service is named at once, one a line", "[rpc][plan]") {
  std::vector<std::string> lines = absl::StrSplit(Broken("SearchWithoutQuery"), '\n');
  REQUIRE(lines.size() == 2);
  CHECK(absl::EndsWith(lines[0], "SearchThings: needs `string query`"));
  CHECK(absl::EndsWith(lines[1], "SearchThings: (linjuli.stored) declares no text to search"));

  lines = absl::StrSplit(Defects(Implement("linjuli.testing.tables.v1.Tables")), '\n');
  CHECK(lines.size() == 15);
  for (const auto& line : lines) {
    CHECK(absl::StartsWith(line, "linjuli.testing.tables.v1."));
  }
}

TEST_CASE("a list filters and scopes by what has an index only", "[rpc][plan]") {
  CHECK(Broken("NoIndex") ==
        "linjuli.testing.broken.v1.NoIndex.ListThings: filters by \"colour\", which "
        "(linjuli.stored) has no index for");
  CHECK(Broken("ScopeWithoutIndex") ==
        "linjuli.testing.broken.v1.ScopeWithoutIndex.ListThings: scope OWNER compares \"colour\", "
        "which (linjuli.stored) has no index for");
}

TEST_CASE("a service lists and makes nothing that is another's", "[rpc][plan]") {
  CHECK(absl::StartsWith(Broken("ForeignList"),
                         "linjuli.testing.broken.v1.ForeignList.ListTickets: "));
  CHECK(Broken("ForeignBatch") ==
        "linjuli.testing.broken.v1.ForeignBatch.BatchCreateTickets: its `requests` are not those "
        "of a Create of this service");
  CHECK(Broken("BatchOfOne") ==
        "linjuli.testing.broken.v1.BatchOfOne.BatchCreateThings: a BatchCreate has `repeated "
        "requests` and answers with `repeated results`");
}

TEST_CASE("a state that no verb leads to keeps its service from starting", "[rpc][plan][X4]") {
  CHECK(Defects(Implement("linjuli.testing.graph.v1.Doors")) ==
        "linjuli.testing.graph.v1.Door: no verb leads to state WALLED\n"
        "linjuli.testing.graph.v1.Door: no verb leads to state PAINTED");
}

TEST_CASE("floats and checks that cannot be are refused", "[rpc][plan][X9]") {
  CHECK(Broken("FloatField") ==
        "linjuli.testing.broken.v1.FloatRequest.price: money and measures are integers here, never "
        "floats");
  CHECK(
      absl::StartsWith(Broken("BadPattern"), "linjuli.testing.broken.v1.BadPatternRequest.name: "));
  CHECK(Broken("PatternOnNumber") ==
        "linjuli.testing.broken.v1.PatternOnNumberRequest.Inside.number: pattern, code and "
        "reference are for strings");
}

absl::Status OtherJudge(Tx&, const testing::v1::JudgeTicketRequest&, Ticket&) {
  return absl::OkStatus();
}
absl::Status DueThing(Tx&, testing::broken::v1::Thing&) { return absl::OkStatus(); }
absl::StatusOr<Ticket> WrongForm(Tx&, const testing::v1::JudgeTicketRequest&) { return Ticket(); }
absl::Status WrongResource(Tx&, const testing::v1::JudgeTicketRequest&,
                           testing::broken::v1::Thing&) {
  return absl::OkStatus();
}
absl::Status OfNoMethod(Tx&, const testing::broken::v1::PonderRequest&, Ticket&) {
  return absl::OkStatus();
}

TEST_CASE("a method that nothing carries out is named", "[rpc][plan]") {
  CHECK(Broken("NobodyDoesIt") ==
        "linjuli.testing.broken.v1.NobodyDoesIt.Ponder: nothing carries it out: give Implement a "
        "function that takes PonderRequest");
}

absl::StatusOr<testing::broken::v1::PonderResponse> PonderReading(
    Rx&, const testing::broken::v1::PonderRequest&) {
  return testing::broken::v1::PonderResponse();
}
absl::StatusOr<testing::broken::v1::PonderResponse> PonderWriting(
    Tx&, const testing::broken::v1::PonderRequest&) {
  return testing::broken::v1::PonderResponse();
}

TEST_CASE("a function that writes is open to nobody without a token", "[rpc][plan][access]") {
  const std::string broken = "linjuli.testing.broken.v1.";
  CHECK(Defects(Implement(broken + "NobodyDoesIt", PonderReading)) == "started");
  CHECK(Defects(Implement(broken + "NobodyDoesIt", PonderWriting)) ==
        broken + "NobodyDoesIt.Ponder: it writes, so it has no NO_SIDE_EFFECTS\n" + broken +
            "NobodyDoesIt.Ponder: nobody writes without a token");
  std::string as_get = broken +
                       "AsGetFunction.Ponder: `as_get` is for the history of a resource, which "
                       "the runtime serves";
  CHECK(Defects(Implement(broken + "AsGetFunction", PonderWriting)) == as_get);
  CHECK(Defects(Implement(broken + "AsGetFunction", PonderReading)) ==
        broken +
            "AsGetFunction.Ponder: it only reads: say so with idempotency_level = "
            "NO_SIDE_EFFECTS\n" +
            as_get);
}

TEST_CASE("each function belongs to one method, in the form that it needs", "[rpc][plan]") {
  auto tickets = [](auto... more) {
    return Defects(
        Implement("linjuli.testing.v1.Tickets", CreateTicket, NoteTicket, LapseTicket, more...));
  };
  CHECK(tickets(JudgeTicket) == "started");
  CHECK(tickets(JudgeTicket, OtherJudge) ==
        "linjuli.testing.v1.JudgeTicketRequest: a function takes it, but not exactly one method "
        "does");
  CHECK(tickets(JudgeTicket, OfNoMethod) ==
        "linjuli.testing.broken.v1.PonderRequest: a function takes it, but not exactly one method "
        "does");
  CHECK(tickets(JudgeTicket, DueThing) ==
        "linjuli.testing.broken.v1.Thing: OnDue needs (linjuli.stored).due");
  CHECK(absl::StrContains(tickets(WrongForm),
                          "Tickets.JudgeTicket: its function takes the "
                          "resource: (Tx&, const Request&, Resource&)"));
  CHECK(absl::StrContains(tickets(WrongResource),
                          "Tickets.JudgeTicket: its function takes another resource than it "
                          "answers with"));
}

absl::Status LapseAgain(Tx&, Ticket&) { return absl::OkStatus(); }
absl::Status HearTicket(Tx&, const Changed<Ticket>&) { return absl::OkStatus(); }
absl::Status HearAgain(Tx&, const Changed<Ticket>&) { return absl::OkStatus(); }

TEST_CASE("two functions for one due time, or for one resource that is followed, are refused",
          "[rpc][plan][X5]") {
  CHECK(Defects(Implement("linjuli.testing.v1.Tickets", CreateTicket, JudgeTicket, NoteTicket,
                          LapseTicket, LapseAgain)) ==
        "linjuli.testing.v1.Ticket: has two OnDue functions");
  const std::string service = "linjuli.testing.broken.v1.NoDefect";
  CHECK(Defects(Implement(service, HearTicket)) == "started");
  CHECK(Defects(Implement(service, HearTicket, HearAgain)) ==
        "linjuli.testing.v1.Ticket: two functions follow it");
}

TEST_CASE("a due time that nobody deals with keeps its service from starting", "[rpc][plan][X5]") {
  CHECK(Defects(Implement("linjuli.testing.v1.Tickets", CreateTicket, JudgeTicket, NoteTicket)) ==
        "linjuli.testing.v1.Ticket: (linjuli.stored).due needs an OnDue function");
}

TEST_CASE("a service is described by its methods, with route, access and moves", "[rpc][plan]") {
  auto plan = ServicePlan::From(TicketsSpec());
  REQUIRE(plan.ok());
  std::string text = Describe(**plan);
  CHECK(absl::StrContains(text,
                          "JudgeTicket\n  POST /v1/{name=tickets/*}:judge\n"
                          "  COMMUNITY_WORKER@AREA; not by reporter\n  TAKEN -> DONE | OPEN\n"));
  CHECK(absl::StrContains(text,
                          "GetTicket\n  GET /v1/{name=tickets/*}\n  RESIDENT@OWNER; "
                          "COMMUNITY_WORKER@AREA; PROVIDER@ANY masked\n"));
  CHECK(absl::EndsWith(text, "Ticket by itself\n  OPEN | TAKEN -> LAPSED\n"));
}

}  // namespace
}  // namespace linjuli
