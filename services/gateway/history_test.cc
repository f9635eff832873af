#include "services/gateway/history.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "catch2/catch.hpp"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {
namespace {

using changes::v1::ListChangesRequest;
using changes::v1::ListChangesResponse;
using changes::v1::ListHistoryRequest;
using changes::v1::ListHistoryResponse;

// A service whose history has an entry at each of `times`, and which gives pages of at most `most`.
class FakeService : public Backend {
 public:
  FakeService(std::string name, std::vector<int> times, int most = 1000)
      : name_(std::move(name)), times_(std::move(times)), most_(most) {}

  void Start(Call call, Done done) override {
    ++asked;
    token = call.token;
    if (!error.ok()) return done(error);
    if (call.method->name() == "ListChanges") {
      auto page = std::make_unique<ListChangesResponse>();
      page->set_epoch(name_);
      return done(Reply(std::move(page)));
    }
    if (times_.empty()) return done(NotFound("needs/a"));
    const auto& request = dynamic_cast<const ListHistoryRequest&>(*call.request);
    std::size_t from = 0;
    REQUIRE((request.page_token().empty() || absl::SimpleAtoi(request.page_token(), &from)));
    int size = std::min(most_, request.page_size() > 0 ? request.page_size() : 100);
    auto page = std::make_unique<ListHistoryResponse>();
    for (; from < times_.size() && page->changes_size() < size; ++from) {
      auto* change = page->add_changes();
      change->mutable_commit_time()->set_seconds(times_[from]);
      change->set_method(name_);
    }
    if (request.tail() || from < times_.size()) page->set_next_page_token(absl::StrCat(from));
    done(Reply(std::move(page)));
  }

  // Something more happens.
  void Happen(int time) { times_.push_back(time); }

  absl::Status error;
  std::string token;
  int asked = 0;

 private:
  const std::string name_;
  std::vector<int> times_;
  const int most_;
};

const google::protobuf::ServiceDescriptor& Service() {
  return *changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
}

Reply Ask(Backend& backend, const std::string& method,
          std::unique_ptr<google::protobuf::Message> request) {
  Call call;
  call.method = Service().FindMethodByName(method);
  call.request = std::move(request);
  call.token = "token";
  absl::optional<Reply> answer;
  backend.Start(std::move(call), [&](Reply reply) { answer = std::move(reply); });
  REQUIRE(answer.has_value());
  return *std::move(answer);
}

Reply AskHistory(Backend& backend, int page_size, const std::string& page_token = "") {
  auto request = std::make_unique<ListHistoryRequest>();
  request->set_name("needs/a");
  request->set_page_size(page_size);
  request->set_page_token(page_token);
  return Ask(backend, "ListHistory", std::move(request));
}

// "1a 2b …" of all pages; `pages` counts them.
std::string Story(Backend& backend, int page_size, int* pages = nullptr) {
  std::vector<std::string> entries;
  std::string page_token;
  do {
    Reply reply = AskHistory(backend, page_size, page_token);
    REQUIRE(reply.ok());
    const auto& page = dynamic_cast<const ListHistoryResponse&>(**reply);
    CHECK(page.changes_size() <= page_size);
    for (const auto& change : page.changes()) {
      entries.push_back(absl::StrCat(change.commit_time().seconds(), change.method()));
    }
    page_token = page.next_page_token();
    if (pages != nullptr) ++*pages;
    REQUIRE(entries.size() < 1000);
  } while (!page_token.empty());
  return absl::StrJoin(entries, " ");
}

TEST_CASE("histories of several services are one story in the order of time", "[gateway]") {
  FakeService a("a", {1, 4, 5, 9}), b("b", {2, 3, 10}), none("c", {});
  ChangesBackend changes({{"a", &a}, {"b", &b}, {"c", &none}});
  CHECK(Story(changes, 100) == "1a 2b 3b 4a 5a 9a 10b");
  CHECK(a.token == "token");
}

TEST_CASE("a story is told one by one, and goes on where somebody has something new", "[gateway]") {
  FakeService a("a", {1, 4}), b("b", {2}), late("c", {});
  ChangesBackend changes({{"a", &a}, {"b", &b}, {"c", &late}});
  std::string token;
  auto next = [&] {
    auto request = std::make_unique<ListHistoryRequest>();
    request->set_name("needs/a");
    request->set_page_size(1);
    request->set_tail(true);
    request->set_page_token(token);
    Reply reply = Ask(changes, "ListHistory", std::move(request));
    REQUIRE(reply.ok());
    const auto& page = dynamic_cast<const ListHistoryResponse&>(**reply);
    REQUIRE(page.changes_size() <= 1);
    token = page.next_page_token();
    CHECK(token != "");
    return page.changes().empty() ? "" : absl::StrCat(page.changes(0).commit_time().seconds(),
                                                      page.changes(0).method());
  };
  for (const char* wanted : {"1a", "2b", "4a", "", ""}) CHECK(next() == wanted);
  late.Happen(5);
  CHECK(next() == "5c");
  b.Happen(6);
  a.Happen(7);
  for (const char* wanted : {"6b", "7a", ""}) CHECK(next() == wanted);
}

TEST_CASE("pages of any size tell the same story", "[gateway]") {
  for (int most : {1, 2, 3, 1000}) {
    for (int page_size : {1, 2, 3, 4, 7, 100}) {
      INFO("page_size " << page_size << ", services give at most " << most);
      FakeService a("a", {1, 4, 5, 9, 11, 12, 13}, most), b("b", {2, 3, 10, 10, 14}, most),
          c("c", {6, 7, 8}, most);
      ChangesBackend changes({{"a", &a}, {"b", &b}, {"c", &c}});
      CHECK(Story(changes, page_size) == "1a 2b 3b 4a 5a 6c 7c 8c 9a 10b 10b 11a 12a 13a 14b");
    }
  }
}

TEST_CASE("a history that no service knows is not found", "[gateway]") {
  FakeService a("a", {}), b("b", {});
  ChangesBackend changes({{"a", &a}, {"b", &b}});
  CHECK(ReasonOf(AskHistory(changes, 10).status()) == "NOT_FOUND");
}

TEST_CASE("one service that cannot answer makes the history unavailable", "[gateway]") {
  FakeService a("a", {1}), b("b", {2});
  b.error = Refuse(absl::StatusCode::kUnavailable, "DOWN", "down");
  ChangesBackend changes({{"a", &a}, {"b", &b}});
  CHECK(absl::IsUnavailable(AskHistory(changes, 10).status()));
}

TEST_CASE("a backend that carries several services is asked once, and alone as it is",
          "[gateway]") {
  FakeService all("a", {1, 2, 3});
  ChangesBackend changes({{"a", &all}, {"b", &all}});
  CHECK(Story(changes, 2) == "1a 2a 3a");
  CHECK(all.asked == 2);
}

TEST_CASE("a page token of somebody else is refused", "[gateway]") {
  FakeService a("a", {1}), b("b", {2});
  ChangesBackend changes({{"a", &a}, {"b", &b}});
  // The last three are "c,0,", "a,-1," and "a,0,;a,0," in base64.
  for (const char* token : {"x", "!", "YWJj", "YywwLA", "YSwtMSw", "YSwwLDthLDAs"}) {
    CHECK(ReasonOf(AskHistory(changes, 10, token).status()) == "PAGE_TOKEN");
  }
}

TEST_CASE("a log is read from the service that is named", "[gateway]") {
  FakeService a("a", {}), b("b", {});
  ChangesBackend changes({{"a", &a}, {"b", &b}});
  auto ask = [&](const std::string& service) {
    auto request = std::make_unique<ListChangesRequest>();
    request->set_service(service);
    return Ask(changes, "ListChanges", std::move(request));
  };
  Reply reply = ask("b");
  REQUIRE(reply.ok());
  CHECK(dynamic_cast<const ListChangesResponse&>(**reply).epoch() == "b");
  CHECK(absl::IsNotFound(ask("c").status()));
  CHECK(a.asked == 0);
}

}  // namespace
}  // namespace linjuli
