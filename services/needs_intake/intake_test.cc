// Hearing a need: registration, the instant reply, classification, the shared list (E2–E4, E6).
#include <set>

#include "absl/strings/match.h"
#include "common/standard/codes.h"
#include "services/needs_intake/test_village.h"

namespace linjuli::needs_intake {
namespace {

std::string WhyNot(const absl::StatusOr<Need>& need) {
  return need.ok() ? "done" : ReasonOf(need.status());
}

TEST_CASE("a resident's need is received, with a receipt and its clocks", "[intake][E2][E3]") {
  Village village;
  Need need = village.Register();
  CHECK(need.state() == Need::RECEIVED);
  CHECK(need.reporter() == "resident/li");
  CHECK(need.owner().empty());
  CHECK(need.standard_version() == "2026-11-01");
  CHECK(need.receipt_number().substr(0, 8) == "20261123");
  CHECK(CheckDigitHolds(need.receipt_number()));
  CHECK(Shown(need.follow_up()) == "11-23 10:00 / 11-23 11:00");
  CHECK(Shown(need.handle()) == "11-27 17:30 / 11-30 17:30");
  CHECK_FALSE(need.has_feedback());
  CHECK(Shown(need.next_check_time()) == "11-23 10:00");
}

TEST_CASE("every channel leads to the same state", "[intake][E2]") {
  Village village;
  for (int channel = 1; v1::CollectionMethod_IsValid(channel); ++channel) {
    Need need = village.Register(village.worker, [&](Need& n) {
      n.set_channel(static_cast<v1::CollectionMethod>(channel));
    });
    CHECK(need.state() == Need::RECEIVED);
  }
}

TEST_CASE("receipt numbers are distinct and a slip in reading one is noticed", "[intake][E3]") {
  Village village;
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    std::string number = village.Register().receipt_number();
    CHECK(seen.insert(number).second);
    size_t at = i % number.size();
    number[at] = number[at] == '9' ? '0' : number[at] + 1;
    CHECK_FALSE(CheckDigitHolds(number));
  }
}

TEST_CASE("what cannot be registered is refused with its field and reason", "[intake][E2]") {
  Village village;
  struct Row {
    const char* reason;
    void (*spoil)(Need&);
  };
  const Row rows[] = {
      {"REQUIRED", [](Need& n) { n.clear_text(); }},
      {"REQUIRED", [](Need& n) { n.set_text(" \n\t "); }},
      {"REQUIRED", [](Need& n) { n.clear_division(); }},
      {"REQUIRED", [](Need& n) { n.clear_channel(); }},
      {"TEXT_TOO_LONG", [](Need& n) { n.set_text(std::string(10001, 'a')); }},
      {"UNSAFE_TEXT", [](Need& n) { n.set_text("灯\x07"); }},
      {"DIVISION_CODE_FORMAT", [](Need& n) { n.set_division("3310820010"); }},
      {"DIVISION_UNKNOWN", [](Need& n) { n.set_division("331082001999"); }},
      {"PATTERN", [](Need& n) { n.set_division("331082001"); }},
      {"PHONE_FORMAT", [](Need& n) { n.set_reporter_phone("12"); }},
      {"PATTERN", [](Need& n) { n.add_media_hashes("abc"); }},
      {"OUTPUT_ONLY", [](Need& n) { n.set_state(Need::CLOSED); }},
      {"OUTPUT_ONLY", [](Need& n) { n.set_owner("worker/wang"); }},
      {"OUTPUT_ONLY", [](Need& n) { n.mutable_handle(); }},
      {"OUTPUT_ONLY", [](Need& n) { n.set_receipt_number("1"); }},
      {"OUTPUT_ONLY", [](Need& n) { n.set_reporter("resident/chen"); }},
      {"RANGE", [](Need& n) { n.set_category("NO_SUCH"); }},
  };
  for (const Row& row : rows) {
    auto request = Village::Request();
    row.spoil(*request.mutable_need());
    INFO(request.need().ShortDebugString().substr(0, 200));
    CHECK(WhyNot(village.rig.Ask<Need>(request, village.li)) == row.reason);
  }
}

TEST_CASE("a text of 10,000 characters is heard whole", "[intake][E2]") {
  Village village;
  std::string text;
  for (int i = 0; i < 10000; ++i) text += "灯";
  CHECK(village.Register(village.li, [&](Need& n) { n.set_text(text); }).text() == text);
}

TEST_CASE("the same request id gives the same need, another body a conflict", "[intake][E2]") {
  Village village;
  auto request = Village::Request();
  request.set_request_id("phone-17");
  auto first = village.rig.Ask<Need>(request, village.li);
  REQUIRE(first.ok());
  for (int again = 0; again < 2; ++again) {
    auto second = village.rig.Ask<Need>(request, village.li);
    REQUIRE(second.ok());
    CHECK(second->name() == first->name());
    CHECK(second->receipt_number() == first->receipt_number());
    village.rig.Restart();
  }
  // Also once the need has moved on: the answer is what was answered then.
  village.Do<v1::ClaimNeedRequest>(*first, village.worker);
  CHECK(village.rig.Ask<Need>(request, village.li)->state() == Need::RECEIVED);
  // Another person's id is another id.
  auto others = village.rig.Ask<Need>(request, village.chen);
  REQUIRE(others.ok());
  CHECK(others->name() != first->name());
  request.mutable_need()->set_text("电梯坏了");
  auto conflict = village.rig.Ask<Need>(request, village.li);
  CHECK(absl::IsAlreadyExists(conflict.status()));
  CHECK(WhyNot(conflict) == "IDEMPOTENCY_CONFLICT");
}

TEST_CASE("a batch keeps its good rows and names what is wrong with each bad one", "[intake][E2]") {
  Village village;
  v1::BatchCreateNeedsRequest batch;
  for (int i = 0; i < 500; ++i) {
    *batch.add_requests() = Village::Request(absl::StrCat("第", i, "件"));
    batch.mutable_requests(i)->set_request_id(absl::StrCat("row-", i));
    if (i % 10 == 3) batch.mutable_requests(i)->mutable_need()->set_category("NO_SUCH");
    if (i % 10 == 7) batch.mutable_requests(i)->mutable_need()->clear_text();
  }
  auto reply = village.rig.Ask<v1::BatchCreateNeedsResponse>(batch, village.worker);
  REQUIRE(reply.ok());
  REQUIRE(reply->results_size() == 500);
  std::set<std::string> receipts;
  for (int i = 0; i < 500; ++i) {
    const auto& result = reply->results(i);
    if (i % 10 == 3 || i % 10 == 7) {
      CHECK(ReasonOf(FromProto(result.error())) == (i % 10 == 3 ? "RANGE" : "REQUIRED"));
    } else {
      REQUIRE(result.has_need());
      CHECK(result.need().text() == absl::StrCat("第", i, "件"));
      CHECK(CheckDigitHolds(result.need().receipt_number()));
      CHECK(receipts.insert(result.need().receipt_number()).second);
    }
  }
  CHECK(receipts.size() == 400);
  // A device that did not hear the answer sends all of it again.
  auto again = village.rig.Ask<v1::BatchCreateNeedsResponse>(batch, village.worker);
  REQUIRE(again.ok());
  for (int i = 0; i < 500; ++i) {
    CHECK(again->results(i).need().name() == reply->results(i).need().name());
  }
  *batch.add_requests() = Village::Request();
  auto most = village.rig.Ask<v1::BatchCreateNeedsResponse>(batch, village.worker);
  CHECK(ReasonOf(most.status()) == "TOO_MANY");
}

TEST_CASE("a worker registers in the own area only, for somebody or nobody", "[intake][E2]") {
  Village village;
  Need need = village.Register(village.worker, [](Need& n) { n.set_reporter("resident/chen"); });
  CHECK(need.reporter() == "resident/chen");
  CHECK(village.Register(village.worker, [](Need&) {}).reporter().empty());
  auto outside = village.rig.Ask<Need>(Village::Request("x", "331082001201"), village.worker);
  CHECK(absl::IsPermissionDenied(outside.status()));
  CHECK(WhyNot(outside) == "SCOPE");
}

TEST_CASE("an agent names the resident, and both stand on record", "[intake][E2][N5]") {
  Village village;
  auto request = Village::Request();
  CHECK(WhyNot(village.rig.Ask<Need>(request, village.agent)) == "REQUIRED");
  request.set_mandate(village.Mandated(village.chen).name());
  auto need = village.rig.Ask<Need>(request, village.agent);
  INFO(need.status());
  REQUIRE(need.ok());
  CHECK(need->reporter() == "resident/chen");
  auto change = village.ChangesAfter(0).back();
  CHECK(change.caller() == "agent/gu");
  CHECK(change.on_behalf_of() == "resident/chen");
  CHECK(change.mandate() == request.mandate());
}

TEST_CASE("each kind of need has its own handling clock, an urgent one a short follow-up",
          "[intake][E3]") {
  Village village;
  auto handle = [&](Need::Kind kind) {
    return Shown(village.Register(village.li, [&](Need& n) { n.set_kind(kind); }).handle());
  };
  CHECK(handle(Need::CONSULT) == "11-25 17:30 / 11-26 17:30");
  CHECK(handle(Need::HELP) == "11-27 17:30 / 11-30 17:30");
  CHECK(handle(Need::COMPLAINT) == "12-09 17:30 / 12-10 17:30");
  village.Go("2026-11-28 03:00");  // a Saturday night
  Need urgent = village.Register(village.li, [](Need& n) { n.set_urgent(true); });
  CHECK(Shown(urgent.follow_up()) == "11-28 03:15 / 11-28 03:30");
  Need remedial = village.Register(village.li, [](Need& n) { n.set_level(v1::REMEDIAL); });
  CHECK(Shown(remedial.follow_up()) == "11-28 03:15 / 11-28 03:30");
  CHECK(Shown(village.Register().follow_up().due_time()) == "11-30 10:30");
}

TEST_CASE("a complaint of 28 December is heard though next year's calendar is not out",
          "[intake][E3][calendar]") {
  Village village("2026-12-28 10:00");
  Need need = village.Register(village.li, [](Need& n) { n.set_kind(Need::COMPLAINT); });
  CHECK(need.state() == Need::RECEIVED);
  CHECK(need.handle().missing_year() == 2027);
  CHECK_FALSE(need.handle().has_due_time());
  CHECK(need.follow_up().missing_year() == 0);
  CHECK(Shown(need.follow_up().due_time()) == "12-28 12:00");
}

TEST_CASE("articles with the need's item code come with the receipt", "[intake][E3]") {
  Village village;
  auto add = [&](const std::string& item, const std::string& title) {
    v1::CreateArticleRequest request;
    request.mutable_article()->set_item_code(item);
    request.mutable_article()->set_title(title);
    request.mutable_article()->set_text("带身份证到窗口办理。");
    auto article = village.rig.Ask<v1::Article>(request, village.lead);
    REQUIRE(article.ok());
    CHECK(article->state() == v1::Article::PUBLISHED);
    return *article;
  };
  auto retire = [&](const v1::Article& article) {
    v1::RetireArticleRequest request;
    request.set_name(article.name());
    REQUIRE(village.rig.Ask<v1::Article>(request, village.lead).ok());
  };
  auto matched = [&](const std::string& item) {
    Need need = village.Register(village.li, [&](Need& n) { n.set_item_code(item); });
    return std::vector<std::string>(need.matched_articles().begin(), need.matched_articles().end());
  };
  v1::Article old = add("YB-01", "医保旧办法"), now = add("YB-01", "医保办理");
  add("YB-011", "别的事项");
  CHECK(matched("YB-01") == std::vector<std::string>{old.name(), now.name()});
  retire(old);
  CHECK(matched("YB-01") == std::vector<std::string>{now.name()});
  CHECK(matched("YB-02").empty());
  // However many were retired before it, the one in use is found.
  for (int i = 0; i < 6; ++i) retire(add("YB-03", "过期"));
  v1::Article current = add("YB-03", "现行");
  CHECK(matched("YB-03") == std::vector<std::string>{current.name()});
}

TEST_CASE("an article is changed and retired by those who may, and read by anybody",
          "[intake][E3]") {
  Village village;
  v1::CreateArticleRequest create;
  create.mutable_article()->set_item_code("YB-01");
  create.mutable_article()->set_title("医保");
  create.mutable_article()->set_text("到窗口办理。");
  CHECK(ReasonOf(village.rig.Ask<v1::Article>(create, village.li).status()) == "ROLE");
  auto article = village.rig.Ask<v1::Article>(create, village.lead);
  REQUIRE(article.ok());
  v1::UpdateArticleRequest update;
  *update.mutable_article() = *article;
  update.mutable_article()->clear_state();
  update.mutable_article()->clear_create_time();
  update.mutable_article()->clear_update_time();
  update.mutable_article()->clear_allowed_actions();
  update.mutable_article()->set_text("网上办理。");
  update.mutable_update_mask()->add_paths("text");
  auto changed = village.rig.Ask<v1::Article>(update, village.lead);
  INFO(changed.status());
  REQUIRE(changed.ok());
  CHECK(changed->text() == "网上办理。");
  CHECK(ReasonOf(village.rig.Ask<v1::Article>(update, village.lead).status()) == "VERSION");
  *update.mutable_update_mask()->mutable_paths(0) = "item_code";
  update.mutable_article()->set_etag("");
  CHECK(ReasonOf(village.rig.Ask<v1::Article>(update, village.lead).status()) == "OUTPUT_ONLY");
  v1::RetireArticleRequest retire;
  retire.set_name(article->name());
  CHECK(village.rig.Ask<v1::Article>(retire, village.lead)->state() == v1::Article::RETIRED);
  CHECK(ReasonOf(village.rig.Ask<v1::Article>(retire, village.lead).status()) == "STATE");
  v1::GetArticleRequest get;
  get.set_name(article->name());
  CHECK(village.rig.Ask<v1::Article>(get, Caller())->text() == "网上办理。");
  v1::ListArticlesRequest list;
  list.set_state(v1::Article::RETIRED);
  CHECK(village.rig.Ask<v1::ListArticlesResponse>(list, Caller())->articles_size() == 1);
}

TEST_CASE("farming belongs to a village (7+X) and not to an urban community (6+X)",
          "[intake][E4]") {
  Village village;
  auto with = [&](const char* category, const char* division) {
    auto request = Village::Request("x", division);
    request.mutable_need()->set_category(category);
    return WhyNot(village.rig.Ask<Need>(request, village.li));
  };
  for (const Category& category : village.rig.standard().categories()) {
    CHECK(with(category.code.c_str(), kVillage) == "done");
    CHECK(with(category.code.c_str(), kCommunity) == (category.code == "AGRI" ? "RANGE" : "done"));
  }
  Need need = village.Register();
  auto classify = [&](const char* category) {
    return village.Why<v1::ClassifyNeedRequest>(need, village.worker,
                                                [&](auto& q) { q.set_category(category); });
  };
  CHECK(classify("AGRI") == "RANGE");
  CHECK(classify("NO_SUCH") == "RANGE");
  CHECK(classify("HEALTH") == "done");
  CHECK(village.Get(need).category() == "HEALTH");
}

TEST_CASE("classifying sets the axes that are named and leaves the others", "[intake][E4]") {
  Village village;
  Need need = village.Do<v1::ClassifyNeedRequest>(village.Register(), village.worker, [](auto& q) {
    q.set_category("HEALTH");
    q.set_level(v1::SUPPORTIVE);
  });
  need = village.Do<v1::ClassifyNeedRequest>(need, village.lead, [](auto& q) {
    q.set_scope(v1::COMMON);
    q.set_reason("同楼多户反映");
  });
  CHECK(need.category() == "HEALTH");
  CHECK(need.level() == v1::SUPPORTIVE);
  CHECK(need.scope() == v1::COMMON);
  CHECK(need.classification_reason() == "同楼多户反映");
  CHECK(need.state() == Need::RECEIVED);
  CHECK(village.Why<v1::ClassifyNeedRequest>(need, village.li) == "ROLE");
  CHECK(village.Why<v1::ClassifyNeedRequest>(need, village.stranger) == "NOT_FOUND");
  CHECK(village.Why<v1::ClassifyNeedRequest>(village.Answered(), village.worker) == "STATE");
}

TEST_CASE("only the clocks that depend on what has changed start anew", "[intake][E4]") {
  Village village;
  Need need = village.Register();
  village.Go("2026-11-23 09:30");
  Need same = village.Do<v1::ClassifyNeedRequest>(need, village.worker, [](auto& q) {
    q.set_category("HEALTH");
    q.set_scope(v1::SPECIAL);
  });
  CHECK(Shown(same.follow_up()) == Shown(need.follow_up()));
  CHECK(Shown(same.handle()) == Shown(need.handle()));
  Need kind = village.Do<v1::ClassifyNeedRequest>(need, village.worker,
                                                  [](auto& q) { q.set_kind(Need::CONSULT); });
  CHECK(Shown(kind.follow_up()) == Shown(need.follow_up()));
  CHECK(Shown(kind.handle()) == "11-25 17:30 / 11-26 17:30");
  Need urgent = village.Do<v1::ClassifyNeedRequest>(need, village.worker,
                                                    [](auto& q) { q.set_urgent(true); });
  CHECK(Shown(urgent.follow_up()) == "11-23 09:45 / 11-23 10:00");
  CHECK(Shown(urgent.handle()) == Shown(kind.handle()));
  Need calm = village.Do<v1::ClassifyNeedRequest>(need, village.worker,
                                                  [](auto& q) { q.set_urgent(false); });
  CHECK(Shown(calm.follow_up().due_time()) == "11-23 11:30");
}

TEST_CASE("once somebody handles it a new class needs a reason, and the follow-up stays ended",
          "[intake][E4]") {
  Village village;
  Need need = village.InHandling();
  village.Go("2026-11-24 10:00");
  CHECK(village.Why<v1::ClassifyNeedRequest>(
            need, village.worker, [](auto& q) { q.set_kind(Need::COMPLAINT); }) == "REQUIRED");
  Need classed = village.Do<v1::ClassifyNeedRequest>(need, village.worker, [](auto& q) {
    q.set_kind(Need::COMPLAINT);
    q.set_level(v1::REMEDIAL);
    q.set_reason("实为投诉");
  });
  CHECK(classed.state() == Need::IN_HANDLING);
  CHECK(Shown(classed.handle().due_time()) == "12-11 17:30");
  CHECK(Shown(classed.follow_up()) == Shown(need.follow_up()));
}

TEST_CASE("the need list is shared by area, and providers see no name", "[intake][E6]") {
  Village village;
  Need need = village.Register(village.li, [](Need& n) {
    n.set_reporter_name("李建国");
    n.set_reporter_phone("13800001234");
    n.set_place("人民路1号");
  });
  auto listed = [&](const Caller& who) {
    auto reply = village.rig.Ask<v1::ListNeedsResponse>(v1::ListNeedsRequest(), who);
    REQUIRE(reply.ok());
    return std::vector<Need>(reply->needs().begin(), reply->needs().end());
  };
  for (const Caller& who :
       {village.li, village.worker, village.lead, village.leader, village.federation}) {
    REQUIRE(listed(who).size() == 1);
    CHECK(listed(who)[0].reporter_name() == "李建国");
  }
  for (const Caller& who : {village.provider, village.auditor, village.program}) {
    REQUIRE(listed(who).size() == 1);
    CHECK(listed(who)[0].reporter_name() == "李**");
    CHECK(listed(who)[0].reporter_phone() == "1********34");
    CHECK_FALSE(absl::StrContains(listed(who)[0].place(), "人民路"));
    CHECK(listed(who)[0].text() == need.text());
  }
  CHECK(listed(village.chen).empty());
  CHECK(listed(village.stranger).empty());
}

TEST_CASE("the need list narrows by division, state, owner, reporter and receipt, page by page",
          "[intake][E6]") {
  Village village;
  std::vector<Need> needs;
  for (int i = 0; i < 25; ++i) {
    needs.push_back(village.Register(i % 2 ? village.li : village.chen, [&](Need& n) {
      n.set_division(i % 5 == 0 ? kVillage : kCommunity);
    }));
  }
  village.Do<v1::ClaimNeedRequest>(needs[1], village.worker);
  auto count = [&](auto fill) {
    v1::ListNeedsRequest request;
    fill(request);
    std::set<std::string> seen;
    std::string last;
    do {
      auto reply = village.rig.Ask<v1::ListNeedsResponse>(request, village.lead);
      REQUIRE(reply.ok());
      for (const Need& need : reply->needs()) {
        CHECK(seen.insert(need.name()).second);
        CHECK((last.empty() || need.name() < last));  // newest first
        last = need.name();
      }
      request.set_page_token(reply->next_page_token());
    } while (!request.page_token().empty());
    return seen.size();
  };
  CHECK(count([](auto& q) { q.set_page_size(7); }) == 25);
  CHECK(count([](auto& q) { q.set_division(kVillage); }) == 5);
  CHECK(count([](auto& q) {
          q.set_division("331082001");
          q.set_page_size(4);
        }) == 25);
  CHECK(count([](auto& q) { q.set_division(kElsewhere); }) == 0);
  CHECK(count([](auto& q) { q.set_state(Need::CLAIMED); }) == 1);
  CHECK(count([](auto& q) { q.set_owner("worker/wang"); }) == 1);
  CHECK(count([](auto& q) {
          q.set_reporter("resident/li");
          q.set_page_size(3);
        }) == 12);
  CHECK(count([&](auto& q) { q.set_receipt_number(needs[9].receipt_number()); }) == 1);
}

TEST_CASE("whoever follows the list sees every change once, in order, from any place",
          "[intake][E6]") {
  Village village;
  Need need = village.Closed();
  changes::v1::ListChangesRequest request;
  request.set_service("needs_intake");
  request.set_page_size(2);
  const auto* method = changes::v1::ListChangesRequest::descriptor()
                           ->file()
                           ->FindServiceByName("Changes")
                           ->FindMethodByName("ListChanges");
  std::vector<std::string> states;
  while (true) {
    Reply reply = village.rig.Send(method, request, village.program);
    REQUIRE(reply.ok());
    const auto& page = static_cast<const changes::v1::ListChangesResponse&>(**reply);
    if (page.changes().empty()) break;
    for (const auto& change : page.changes()) {
      CHECK(change.sequence() == static_cast<int64_t>(states.size()) + 1);
      states.push_back(change.state_after());
    }
    request.set_epoch(page.epoch());
    request.set_after_sequence(page.next_sequence());
  }
  CHECK(states == std::vector<std::string>{"RECEIVED", "CLAIMED", "IN_HANDLING", "ANSWERED",
                                           "CONFIRMED", "CLOSED"});
  request.set_epoch("another");
  CHECK(ReasonOf(village.rig.Send(method, request, village.program).status()) == "CURSOR_EXPIRED");
  CHECK(ReasonOf(village.rig.Send(method, request, village.li).status()) == "ROLE");
}

}  // namespace
}  // namespace linjuli::needs_intake
