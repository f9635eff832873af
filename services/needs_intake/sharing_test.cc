// The need list shared in time: who is told of which needs, and what of them (E6, E7, E8).
#include <algorithm>

#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

using changes::v1::Change;

constexpr char kFar[] = "331082106001";

const google::protobuf::MethodDescriptor* ChangesMethod(const char* name) {
  return changes::v1::ListFeedRequest::descriptor()
      ->file()
      ->FindServiceByName("Changes")
      ->FindMethodByName(name);
}

struct Board : Village {
  using Village::Village;

  std::string Reads(const Need& need, const Caller& who) {
    v1::GetNeedRequest request;
    request.set_name(need.name());
    auto got = rig.Ask<Need>(request, who);
    return got.ok() ? "done" : ReasonOf(got.status());
  }
  // The names that a list gives, newest first.
  std::vector<std::string> List(const Caller& who, v1::ListNeedsRequest request = {}) {
    std::vector<std::string> names;
    do {
      auto page = rig.Ask<v1::ListNeedsResponse>(request, who);
      INFO(page.status());
      REQUIRE(page.ok());
      for (const Need& need : page->needs()) names.push_back(need.name());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return names;
  }
  absl::StatusOr<v1::ListNeedsResponse> ListAt(const Caller& who, const std::string& time,
                                               Need::State state = Need::STATE_UNSPECIFIED) {
    v1::ListNeedsRequest request;
    Stamp(request.mutable_as_of_time(), ChinaAt(time));
    request.set_state(state);
    return rig.Ask<v1::ListNeedsResponse>(request, who);
  }

  absl::StatusOr<changes::v1::ListChangesResponse> TryFeed(
      const Caller& who, changes::v1::ListFeedRequest request = {}) {
    if (request.service().empty()) request.set_service("needs_intake");
    if (request.collection().empty()) request.set_collection("needs");
    Reply reply = rig.Send(ChangesMethod("ListFeed"), request, who);
    if (!reply.ok()) return reply.status();
    return static_cast<const changes::v1::ListChangesResponse&>(**reply);
  }
  std::vector<Change> Feed(const Caller& who, const std::string& division = "") {
    std::vector<Change> all;
    changes::v1::ListFeedRequest request;
    request.set_division(division);
    request.set_page_size(3);
    while (true) {
      auto page = TryFeed(who, request);
      INFO(page.status());
      REQUIRE(page.ok());
      for (const Change& change : page->changes()) all.push_back(change);
      CHECK(page->last_sequence() == ChangesAfter(0).back().sequence());
      if (page->next_sequence() == page->last_sequence()) return all;
      REQUIRE(page->next_sequence() > request.after_sequence());
      request.set_after_sequence(page->next_sequence());
      request.set_epoch(page->epoch());
    }
  }
};

Need SnapshotOf(const Change& change) {
  Need need;
  LJ_CHECK(change.snapshot().UnpackTo(&need) || need.ParseFromString(change.snapshot().value()));
  return need;
}

TEST_CASE("whoever a need is given to reads and handles it, wherever they work, while it is theirs",
          "[sharing][E7]") {
  Board village;
  Need need = village.Register(), other = village.Register();
  CHECK(village.Reads(need, village.stranger) == "NOT_FOUND");
  need = village.Do<v1::DispatchNeedRequest>(need, village.lead,
                                             [](auto& q) { q.set_owner("worker/far"); });
  CHECK(village.Reads(need, village.stranger) == "done");
  CHECK(village.List(village.stranger) == std::vector<std::string>{need.name()});
  CHECK(village.Reads(other, village.stranger) == "NOT_FOUND");
  // A person with such a name and no such role is nobody.
  CHECK(village.Reads(need, Person("worker/far", {RESIDENT})) == "NOT_FOUND");
  Need back = village.Do<v1::ReturnNeedRequest>(need, village.stranger);
  CHECK(back.owner().empty());
  CHECK(village.Reads(need, village.stranger) == "NOT_FOUND");
  CHECK(village.List(village.stranger).empty());
  need = village.Do<v1::DispatchNeedRequest>(need, village.lead,
                                             [](auto& q) { q.set_owner("worker/far"); });
  village.Do<v1::StartNeedRequest>(need, village.stranger);
  CHECK(village.Do<v1::AnswerNeedRequest>(need, village.stranger).state() == Need::ANSWERED);
}

TEST_CASE("whoever a need is offered to finds and reads it while the offer stands",
          "[sharing][E8][refer]") {
  Board village;
  auto offer = [&] {
    return village.Do<v1::ReferNeedRequest>(village.InHandling(), village.worker, [](auto& q) {
      q.set_receiver("worker/far");
      q.set_consent(true);
    });
  };
  auto sees = [&](const Need& need) {
    const bool reads = village.Reads(need, village.stranger) == "done";
    CHECK(reads == !village.List(village.stranger).empty());
    return reads;
  };
  Need declined = offer();
  CHECK(sees(declined));
  village.Do<v1::DeclineReferralRequest>(declined, village.stranger);
  CHECK_FALSE(sees(declined));

  Need expired = offer();
  CHECK(sees(expired));
  village.Go("2026-11-24 17:30");
  village.rig.RunDue();
  CHECK_FALSE(sees(expired));

  Need released = offer();
  CHECK(sees(released));
  village.Do<v1::ReleaseNeedRequest>(released, village.lead);
  CHECK_FALSE(sees(released));

  Need withdrawn = offer();
  village.Do<v1::WithdrawNeedRequest>(withdrawn, village.li);
  CHECK_FALSE(sees(withdrawn));

  // Accepted it is theirs as its owner, and no longer once they have given it back.
  Need accepted = offer();
  accepted = village.Do<v1::AcceptReferralRequest>(accepted, village.stranger);
  CHECK(accepted.owner() == "worker/far");
  CHECK(accepted.referral().receiver().empty());
  CHECK(sees(accepted));
  village.Do<v1::ReturnNeedRequest>(accepted, village.stranger);
  CHECK_FALSE(sees(accepted));
}

TEST_CASE("the list is read as it stood at a moment", "[sharing][E6][as-of]") {
  Board village;  // Monday 09:00
  Need first = village.Register();
  village.Go("2026-11-23 10:00");
  Need second = village.Do<v1::ClaimNeedRequest>(village.Register(), village.worker);
  village.Go("2026-11-23 11:00");
  village.Do<v1::ClaimNeedRequest>(first, village.worker);
  village.Do<v1::WithdrawNeedRequest>(second, village.li);
  village.Go("2026-11-24 09:00");
  auto at = [&](const std::string& time, Need::State state = Need::STATE_UNSPECIFIED) {
    std::string told;
    const auto list = village.ListAt(village.worker, time, state);
    for (const Need& need : list->needs()) {
      absl::StrAppend(&told, need.name() == first.name() ? "1" : "2",
                      need.state() == Need::RECEIVED    ? "received "
                      : need.state() == Need::CLAIMED   ? "claimed "
                      : need.state() == Need::WITHDRAWN ? "withdrawn "
                                                        : "? ");
    }
    return told;
  };
  CHECK(at("2026-11-23 08:59").empty());
  CHECK(at("2026-11-23 09:00") == "1received ");
  CHECK(at("2026-11-23 10:30") == "2claimed 1received ");
  CHECK(at("2026-11-23 12:00") == "2withdrawn 1claimed ");
  CHECK(at("2026-11-24 09:00") == "2withdrawn 1claimed ");
  // The state is asked of what it was, not of what it is.
  CHECK(at("2026-11-23 10:30", Need::CLAIMED) == "2claimed ");
  CHECK(at("2026-11-23 10:30", Need::WITHDRAWN).empty());
  CHECK(at("2026-11-23 12:00", Need::CLAIMED) == "1claimed ");
  CHECK(ReasonOf(village.ListAt(village.worker, "2026-11-24 09:01").status()) == "FUTURE");
}

TEST_CASE("of the list as it stood each sees what was theirs to see", "[sharing][E6][as-of]") {
  Board village;
  Need need = village.Register(village.li, [](Need& n) { n.set_reporter_name("李小明"); });
  Need far = village.Register(village.chen, [](Need& n) { n.set_division(kFar); });
  village.Go("2026-11-23 10:00");
  auto at = [&](const Caller& who) { return *village.ListAt(who, "2026-11-23 09:30"); };
  CHECK(at(village.li).needs_size() == 1);
  CHECK(at(village.li).needs(0).reporter_name() == "李小明");
  CHECK(at(village.chen).needs(0).name() == far.name());
  CHECK(at(village.worker).needs(0).reporter_name() == "李小明");
  CHECK(village.ChangesAfter(0).back().access());  // which stays on record
  REQUIRE(at(village.provider).needs_size() == 1);
  CHECK(at(village.provider).needs(0).reporter_name() == "李**");
  CHECK(at(village.provider).needs(0).reporter().empty());
  CHECK(at(village.auditor).needs_size() == 2);
  CHECK(at(village.stranger).needs_size() == 1);
  CHECK(at(Person("resident/nobody", {RESIDENT})).needs_size() == 0);
}

TEST_CASE("the list as it stood has pages, each need once", "[sharing][E6][as-of]") {
  Board village;
  for (int i = 0; i < 7; ++i) village.Register();
  village.Go("2026-11-23 10:00");
  for (int i = 0; i < 3; ++i) village.Register();  // came later
  v1::ListNeedsRequest request;
  Stamp(request.mutable_as_of_time(), ChinaAt("2026-11-23 09:30"));
  request.set_page_size(2);
  auto names = village.List(village.worker, request);
  CHECK(names.size() == 7);
  std::sort(names.begin(), names.end());
  CHECK(std::unique(names.begin(), names.end()) == names.end());
}

TEST_CASE("a provider is told of the needs of its area, and of nobody's name",
          "[sharing][E6][feed][attack]") {
  Board village;
  Need need = village.Register(village.li, [](Need& n) {
    n.set_reporter_name("李小明");
    n.set_reporter_phone("13800138000");
    n.set_place("一幢二单元");
  });
  village.Register(village.chen, [](Need& n) { n.set_division(kFar); });
  // All that the reporter themselves does leaves their mark.
  village.Do<v1::UrgeNeedRequest>(need, village.li);
  village.Do<v1::ClaimNeedRequest>(need, village.worker);
  village.Do<v1::StartNeedRequest>(need, village.worker);
  village.Do<v1::AnswerNeedRequest>(need, village.worker);
  village.Unsolved(need);
  v1::Mandate mandate = village.Mandated(village.li);
  village.Do<v1::UrgeNeedRequest>(need, village.agent,
                                  [&](auto& q) { q.set_mandate(mandate.name()); });

  std::vector<Change> feed = village.Feed(village.provider);
  REQUIRE(feed.size() == 7);
  for (const Change& change : feed) {
    CHECK(change.resource() == need.name());
    const std::string said = change.ShortDebugString() + SnapshotOf(change).ShortDebugString() +
                             change.snapshot().value();
    CHECK(said.find("resident/li") == std::string::npos);
    CHECK(said.find("李小明") == std::string::npos);
    CHECK(said.find("13800138000") == std::string::npos);
    CHECK(said.find("一幢二单元") == std::string::npos);
    CHECK(SnapshotOf(change).division() == kCommunity);
    CHECK(SnapshotOf(change).text() == "楼道灯坏了");
  }
  CHECK(feed[2].caller() == "worker/wang");  // who works for all may be named
  // The same when it reads the need itself, or the list, or its history.
  v1::GetNeedRequest get;
  get.set_name(need.name());
  Need seen = *village.rig.Ask<Need>(get, village.provider);
  CHECK(seen.ShortDebugString().find("resident/li") == std::string::npos);
  CHECK(seen.notices_size() == 2);
  CHECK(seen.notices(0).sender().empty());
  CHECK(seen.callbacks(0).recorder().empty());
  changes::v1::ListHistoryRequest history;
  history.set_name(need.name());
  Reply told = village.rig.Send(ChangesMethod("ListHistory"), history, village.provider);
  REQUIRE(told.ok());
  for (const Change& change :
       static_cast<const changes::v1::ListHistoryResponse&>(**told).changes()) {
    CHECK((change.ShortDebugString() + change.snapshot().value()).find("resident/li") ==
          std::string::npos);
  }
  // Those of the area are told who it was.
  CHECK(village.Feed(village.worker)[0].caller() == "resident/li");
}

TEST_CASE("a resident is told of their own needs, and of those of nobody else",
          "[sharing][E6][feed]") {
  Board village;
  Need own = village.Register(), other = village.Register(village.chen, [](Need&) {});
  village.Do<v1::ClaimNeedRequest>(own, village.worker);
  village.Do<v1::ClaimNeedRequest>(other, village.worker);
  std::vector<Change> feed = village.Feed(village.li);
  REQUIRE(feed.size() == 2);
  for (const Change& change : feed) CHECK(change.resource() == own.name());
  CHECK(feed[1].state_after() == "CLAIMED");
  CHECK(village.Feed(village.agent).empty());
  CHECK(village.Feed(village.stranger).empty());
  CHECK(village.Feed(village.auditor).size() == 4);
  CHECK(village.Feed(village.leader).size() == 4);
}

TEST_CASE("a feed has no personal data in clear, whoever reads it", "[sharing][E6][feed][X10]") {
  Board village;
  village.Register(village.li, [](Need& n) { n.set_reporter_name("李小明"); });
  for (const Caller& who : {village.li, village.worker, village.leader, village.program}) {
    CHECK(SnapshotOf(village.Feed(who).at(0)).reporter_name() == "李**");
  }
}

TEST_CASE("a feed narrows by division", "[sharing][E6][feed]") {
  Board village;
  village.Register();
  Need near = village.Register(village.li, [](Need& n) { n.set_division(kVillage); });
  CHECK(village.Feed(village.lead).size() == 2);
  auto feed = village.Feed(village.lead, kVillage);
  REQUIRE(feed.size() == 1);
  CHECK(feed[0].resource() == near.name());
  CHECK(village.Feed(village.worker, kVillage).empty());  // not theirs, asked for or not
}

TEST_CASE("a feed is asked of a collection of this service, by who may list it",
          "[sharing][E6][feed]") {
  Board village;
  village.Register();
  auto why = [&](const Caller& who, const char* service, const char* collection) {
    changes::v1::ListFeedRequest request;
    request.set_service(service);
    request.set_collection(collection);
    auto page = village.TryFeed(who, request);
    return page.ok() ? "done" : ReasonOf(page.status());
  };
  CHECK(why(village.li, "needs_intake", "needs") == "done");
  CHECK(why(village.li, "needs_intake", "departures") == "ROLE");
  CHECK(why(village.worker, "needs_intake", "departures") == "done");
  CHECK(why(village.li, "needs_intake", "items") == "ROLE");
  CHECK(why(village.worker, "needs_intake", "nothing") == "NOT_FOUND");
  CHECK(why(village.worker, "monitoring", "needs") == "NOT_FOUND");
  CHECK(why(Caller(), "needs_intake", "needs") == "TOKEN");
  changes::v1::ListFeedRequest other_life;
  other_life.set_epoch("another");
  CHECK(ReasonOf(village.TryFeed(village.li, other_life).status()) == "CURSOR_EXPIRED");
}

}  // namespace
}  // namespace linjuli::needs_intake
