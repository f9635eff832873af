// The whole program in one process, on real residents' messages: all of them registered through
// the HTTP door into Linhai's villages, every one found again, by name, by list and by word.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "catch2/catch.hpp"
#include "common/grpc/channel.h"
#include "common/json/codec.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"
#include "services/gateway/test_client.h"
#include "services/process.h"
#include "services/services.h"
#include "tests/city_rig.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

namespace v1 = needs_intake::v1;
using google::protobuf::Message;

constexpr size_t kMessages = 4326;
constexpr size_t kSingly = 300;
constexpr JsonLimits kBig = {64 << 20, 64};

struct Petition {
  std::string user;
  std::string text;
  std::string division;
  std::string name;  // of the need, once it is registered
};

std::string PetitionsFile() {
  return SourceDir() + "/../shared/data/petitions/votes4326.jsonl";
}

std::vector<Petition> ReadPetitions(const std::vector<std::string>& villages) {
  std::vector<Petition> petitions;
  std::ifstream file(PetitionsFile());
  for (std::string line; std::getline(file, line);) {
    google::protobuf::Struct row;
    auto parsed = google::protobuf::util::JsonStringToMessage(line, &row);
    REQUIRE(parsed.ok());
    auto text = [&](const char* key) { return row.fields().at(key).string_value(); };
    petitions.push_back({"resident/" + text("user"),
                         absl::StrCat(text("subject"), "\n", text("detail")),
                         villages[petitions.size() % villages.size()], ""});
  }
  return petitions;
}

std::string Percent(const std::string& text) {
  std::string out;
  for (unsigned char c : text) {
    absl::ascii_isalnum(c) ? out.push_back(c)
                           : absl::StrAppend(&out, "%", absl::Hex(c, absl::kZeroPad2));
  }
  return out;
}

// The program, and one connection to its HTTP door.
class Town {
 public:
  Town() : desk(folder.path()) {
    QuietLog();
    ProcessOptions options;
    options.serve = {"all"};
    options.data_dir = folder.path();
    options.standard_dir = LinhaiFolder();
    options.http = "127.0.0.1:0";
    options.grpc = "127.0.0.1:0";
    options.clock = &clock;
    options.due_thread = false;
    auto started = Process::Start(std::move(options));
    INFO(started.status());
    REQUIRE(started.ok());
    process = *std::move(started);
    client = std::make_unique<TestClient>(process->http_port());
    auto loaded = Standard::Load(LinhaiFolder(), AllNeeds());
    REQUIRE(loaded.ok());
    for (const Division& division : (*loaded)->divisions()) {
      if (division.level() == 5) villages.push_back(division.code);
    }
  }

  // `line` as "GET /v1/needs".
  ClientResponse Ask(const std::string& line, const Caller& who, const Message* body = nullptr) {
    std::string json;
    if (body != nullptr) PrintJson(*body, json);
    return client->Ask(absl::StrCat(
        line, " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", desk.TokenOf(who),
        "\r\nContent-Type: application/json\r\nContent-Length: ", json.size(), "\r\n\r\n", json));
  }
  template <typename R>
  R Must(const std::string& line, const Caller& who, const Message* body = nullptr) {
    ClientResponse response = Ask(line, who, body);
    INFO(line << ": " << response.code << " " << response.body.substr(0, 500));
    REQUIRE(response.code == 200);
    R reply;
    auto parsed = ParseJson(response.body, reply, kBig);
    INFO(parsed);
    REQUIRE(parsed.ok());
    return reply;
  }
  // All pages of a list or search.
  template <typename R>
  std::vector<v1::Need> All(const std::string& path, const std::string& filter,
                            const Caller& who) {
    std::vector<v1::Need> needs;
    std::string token;
    do {
      R page = Must<R>(
          absl::StrCat("GET ", path, "?pageSize=1000", token.empty() ? "" : "&pageToken=",
                       Percent(token), filter.empty() ? "" : "&", filter),
          who);
      needs.insert(needs.end(), page.needs().begin(), page.needs().end());
      token = page.next_page_token();
    } while (!token.empty());
    return needs;
  }
  std::vector<v1::Need> List(const std::string& filter, const Caller& who) {
    return All<v1::ListNeedsResponse>("/v1/needs", filter, who);
  }
  std::vector<v1::Need> Search(const std::string& query, const Caller& who,
                               const std::string& filter = "") {
    return All<v1::SearchNeedsResponse>("/v1/needs:search",
                                        absl::StrCat("query=", Percent(query), filter), who);
  }

  const Caller worker = Person("worker/wang", {COMMUNITY_WORKER}, {"331082"});
  MemoryDir folder;
  FakeClock clock{ChinaAt("2026-11-23 09:00")};
  TokenDesk desk;
  std::unique_ptr<Process> process;
  std::unique_ptr<TestClient> client;
  std::vector<std::string> villages;
};

std::set<std::string> NamesOf(const std::vector<v1::Need>& needs) {
  std::set<std::string> names;
  for (const auto& need : needs) names.insert(need.name());
  return names;
}

void RegisterAll(Town& town, std::vector<Petition>& petitions) {
  std::set<std::string> receipts;
  auto fill = [](const Petition& petition, v1::Need& need) {
    need.set_text(petition.text);
    need.set_division(petition.division);
    need.set_channel(v1::ONLINE);
  };
  // Some by their reporters themselves, one at a time; the rest by a worker, a hundred at a time.
  for (size_t i = 0; i < kSingly; ++i) {
    v1::Need need;
    fill(petitions[i], need);
    need = town.Must<v1::Need>("POST /v1/needs", Person(petitions[i].user, {RESIDENT}), &need);
    REQUIRE(need.state() == v1::Need::RECEIVED);
    REQUIRE(need.reporter() == petitions[i].user);
    REQUIRE(receipts.insert(need.receipt_number()).second);
    petitions[i].name = need.name();
  }
  for (size_t from = kSingly; from < petitions.size(); from += 100) {
    size_t to = std::min(from + 100, petitions.size());
    v1::BatchCreateNeedsRequest batch;
    for (size_t i = from; i < to; ++i) {
      auto* request = batch.add_requests();
      fill(petitions[i], *request->mutable_need());
      request->mutable_need()->set_reporter(petitions[i].user);
      request->set_request_id(absl::StrCat("petition-", i));
    }
    auto reply =
        town.Must<v1::BatchCreateNeedsResponse>("POST /v1/needs:batchCreate", town.worker, &batch);
    REQUIRE(reply.results_size() == static_cast<int>(to - from));
    for (size_t i = from; i < to; ++i) {
      const auto& result = reply.results(static_cast<int>(i - from));
      INFO(i << " " << result.error().ShortDebugString());
      REQUIRE(result.has_need());
      REQUIRE(receipts.insert(result.need().receipt_number()).second);
      petitions[i].name = result.need().name();
    }
  }
  REQUIRE(receipts.size() == kMessages);
}

void CheckGetAndList(Town& town, const std::vector<Petition>& petitions) {
  std::map<std::string, const Petition*> by_name;
  std::map<std::string, std::set<std::string>> by_division;
  for (const auto& petition : petitions) {
    by_name[petition.name] = &petition;
    by_division[petition.division].insert(petition.name);
    auto need = town.Must<v1::Need>("GET /v1/" + petition.name, town.worker);
    REQUIRE(need.text() == petition.text);
    REQUIRE(need.division() == petition.division);
    REQUIRE(need.reporter() == petition.user);
  }
  auto listed = town.List("", town.worker);
  REQUIRE(listed.size() == kMessages);
  for (const auto& need : listed) {
    auto found = by_name.find(need.name());
    REQUIRE(found != by_name.end());
    REQUIRE(need.text() == found->second->text);
    by_name.erase(found);
  }
  CHECK(by_name.empty());
  std::map<std::string, std::set<std::string>> by_town;
  for (const auto& [division, names] : by_division) {
    CHECK(NamesOf(town.List("division=" + division, town.worker)) == names);
    by_town[division.substr(0, 9)].insert(names.begin(), names.end());
  }
  CHECK(by_town.size() == 19);
  for (const auto& [division, names] : by_town) {
    CHECK(NamesOf(town.List("division=" + division + "&state=RECEIVED", town.worker)) == names);
  }
}

void CheckSearch(Town& town, const std::vector<Petition>& petitions) {
  size_t hits = 0;
  for (const char* query :
       {"停车", "物业", "垃圾", "噪音", "公交", "学校", "医保", "路灯", "小区", "拆迁", "广场舞",
        "油烟", "电梯", "房产证", "幼儿园", "自来水", "充电桩", "公积金", "扰民", "施工", "地铁",
        "消防通道", "狗", "ktv", "A3区", "物业 停车", "小区 垃圾 物业", "，", "没有这个词的"}) {
    INFO(query);
    std::vector<std::string> parts = absl::StrSplit(query, ' ');
    std::set<std::string> scanned;
    for (const auto& petition : petitions) {
      bool all = true;
      for (const auto& part : parts) {
        all &= absl::StrContains(absl::AsciiStrToLower(petition.text), absl::AsciiStrToLower(part));
      }
      if (all) scanned.insert(petition.name);
    }
    if (std::string(query) == "，") {  // a sign alone finds nothing to look for
      CHECK(town.Ask("GET /v1/needs:search?query=" + Percent(query), town.worker).code == 400);
      continue;
    }
    auto found = town.Search(query, town.worker);
    CHECK(found.size() == scanned.size());
    CHECK(NamesOf(found) == scanned);
    hits += found.size();
  }
  CHECK(hits > 3000);
  // Inside one town only.
  std::set<std::string> there;
  for (const auto& petition : petitions) {
    if (absl::StrContains(petition.text, "小区") &&
        absl::StartsWith(petition.division, "331082001")) {
      there.insert(petition.name);
    }
  }
  CHECK(NamesOf(town.Search("小区", town.worker, "&division=331082001")) == there);
}

void CheckResidents(Town& town, const std::vector<Petition>& petitions) {
  std::map<std::string, std::set<std::string>> of_user;
  for (const auto& petition : petitions) of_user[petition.user].insert(petition.name);
  int residents = 0;
  for (size_t i = 0; i < petitions.size(); i += 97) {
    const Caller resident = Person(petitions[i].user, {RESIDENT});
    const auto& own = of_user[resident.subject];
    CHECK(NamesOf(town.List("", resident)) == own);
    CHECK(NamesOf(town.List("division=331082", resident)) == own);
    for (const auto& need : town.Search("小区", resident)) CHECK(own.count(need.name()) == 1);
    const Petition& other = petitions[(i + 1) % petitions.size()];
    if (own.count(other.name) != 0) continue;
    ++residents;
    CHECK(town.Ask("GET /v1/" + petitions[i].name, resident).code == 200);
    CHECK(town.Ask("GET /v1/history/" + petitions[i].name, resident).code == 200);
    ClientResponse absent = town.Ask("GET /v1/needs/0000000000000", resident);
    ClientResponse got = town.Ask("GET /v1/" + other.name, resident);
    CHECK(got.code == 404);
    CHECK(absent.code == 404);
    CHECK_FALSE(absl::StrContains(got.body, other.text.substr(0, 9)));
    CHECK(town.Ask("GET /v1/history/" + other.name, resident).code == 404);
    CHECK(town.List("reporter=" + Percent(other.user), resident).empty());
    CHECK(town.List("reporter=" + Percent(other.user) + "&division=" + other.division, resident)
              .empty());
    CHECK(town.Ask("POST /v1/" + other.name + ":withdraw", resident).code == 404);
  }
  CHECK(residents > 30);
}

void CheckLife(Town& town, const Petition& petition) {
  const Caller resident = Person(petition.user, {RESIDENT});
  v1::AnswerNeedRequest answer;
  answer.mutable_answer()->set_text("已办理");
  v1::RecordCallbackRequest callback;
  callback.mutable_callback()->set_solved(true);
  const std::string at = "POST /v1/" + petition.name;
  town.Must<v1::Need>(at + ":claim", town.worker);
  town.Must<v1::Need>(at + ":start", town.worker);
  town.Must<v1::Need>(at + ":urge", resident);
  town.Must<v1::Need>(at + ":answer", town.worker, &answer);
  town.Must<v1::Need>(at + ":recordCallback", resident, &callback);
  v1::Need closed = town.Must<v1::Need>(at + ":close", town.worker);
  CHECK(closed.state() == v1::Need::CLOSED);
  CHECK(closed.outcome() == v1::Need::SOLVED);
  for (const Caller& who : {town.worker, resident}) {
    auto history =
        town.Must<changes::v1::ListHistoryResponse>("GET /v1/history/" + petition.name, who);
    std::vector<std::string> states, callers;
    for (const auto& change : history.changes()) {
      CHECK(change.resource() == petition.name);
      CHECK(change.state_before() == (states.empty() ? "" : states.back()));
      states.push_back(change.state_after());
      callers.push_back(change.caller());
      v1::Need then;
      REQUIRE(change.snapshot().UnpackTo(&then));
      CHECK(then.text() == petition.text);
      CHECK(v1::Need::State_Name(then.state()) == states.back());
    }
    CHECK(states == std::vector<std::string>{"RECEIVED", "CLAIMED", "IN_HANDLING", "IN_HANDLING",
                                             "ANSWERED", "CONFIRMED", "CLOSED"});
    CHECK(callers == std::vector<std::string>{petition.user, "worker/wang", "worker/wang",
                                              petition.user, "worker/wang", petition.user,
                                              "worker/wang"});
  }
}

TEST_CASE("4,326 real messages go in through the HTTP door and every one is found again",
          "[petitions][E2][E6][X12]") {
  if (!std::filesystem::exists(PetitionsFile())) {
    WARN("skipped: there is no " << PetitionsFile());
    return;
  }
  Town town;
  REQUIRE(town.villages.size() > 600);
  auto petitions = ReadPetitions(town.villages);
  REQUIRE(petitions.size() == kMessages);
  RegisterAll(town, petitions);
  CheckGetAndList(town, petitions);
  CheckSearch(town, petitions);
  CheckResidents(town, petitions);
  CheckLife(town, petitions[17]);
}

TEST_CASE("a need through the gRPC door and the HTTP door is one need", "[petitions][grpc]") {
  Town town;
  GrpcChannelOptions options;
  options.target = absl::StrCat("127.0.0.1:", town.process->grpc_port());
  GrpcChannel channel(std::move(options));
  auto call = [&](const char* name, const Message& request, const Caller& who) {
    Call call;
    call.method = google::protobuf::DescriptorPool::generated_pool()
                      ->FindServiceByName("linjuli.needs_intake.v1.NeedsIntake")
                      ->FindMethodByName(name);
    call.request.reset(request.New());
    call.request->CopyFrom(request);
    call.token = town.desk.TokenOf(who);
    return CallAndWait(channel, std::move(call));
  };
  const Caller li = Person("resident/li", {RESIDENT}), chen = Person("resident/chen", {RESIDENT});
  v1::CreateNeedRequest create;
  create.mutable_need()->set_text("楼下停车位被占");
  create.mutable_need()->set_division("331082001001");
  create.mutable_need()->set_channel(v1::HOTLINE);
  Reply made = call("CreateNeed", create, li);
  INFO(made.status());
  REQUIRE(made.ok());
  const std::string name = static_cast<const v1::Need&>(**made).name();
  CHECK(town.Must<v1::Need>("GET /v1/" + name, li).text() == "楼下停车位被占");
  v1::ClaimNeedRequest claim;
  claim.set_name(name);
  REQUIRE(call("ClaimNeed", claim, town.worker).ok());
  Reply again = call("ClaimNeed", claim, town.worker);
  CHECK(absl::IsFailedPrecondition(again.status()));
  CHECK(ReasonOf(again.status()) == "STATE");
  CHECK(FactOf(again.status(), "from") == "CLAIMED");
  CHECK(town.Ask("POST /v1/" + name + ":claim", town.worker).code == 400);
  v1::GetNeedRequest get;
  get.set_name(name);
  Reply got = call("GetNeed", get, li);
  REQUIRE(got.ok());
  CHECK(static_cast<const v1::Need&>(**got).owner() == "worker/wang");
  CHECK(ReasonOf(call("GetNeed", get, chen).status()) == "NOT_FOUND");
  CHECK(ReasonOf(call("GetNeed", get, Caller()).status()) == "TOKEN");
  v1::SearchNeedsRequest search;
  search.set_query("停车");
  Reply found = call("SearchNeeds", search, town.worker);
  REQUIRE(found.ok());
  CHECK(static_cast<const v1::SearchNeedsResponse&>(**found).needs_size() == 1);
  found = call("SearchNeeds", search, chen);
  REQUIRE(found.ok());
  CHECK(static_cast<const v1::SearchNeedsResponse&>(**found).needs_size() == 0);
  town.clock.Set(ChinaAt("2026-11-27 17:30"));
  town.process->RunDue();
  CHECK(town.Must<v1::Need>("GET /v1/" + name, li).handle().alarm() == v1::Clock::WARNED);
}

}  // namespace
}  // namespace linjuli
