// The gateway as a witness of a service in another process, and what `linjuli verify` makes of what
// it kept (R41).
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "catch2/catch.hpp"
#include "common/changes/heads.h"
#include "common/json/codec.h"
#include "services/gateway/test_client.h"
#include "services/process.h"
#include "services/verify.h"
#include "services/witness_file.h"
#include "tests/city_rig.h"

namespace linjuli {
namespace {

namespace fs = std::filesystem;
using changes::v1::Head;
using changes::v1::WitnessedHead;

constexpr char kService[] = "needs_intake";

// A service in one process, the gateway in another; both in one folder, which is that of the test.
class Town {
 public:
  Town() : desk(folder.path()) { QuietLog(); }
  void Start() {
    ProcessOptions options = Options(kService);
    options.grpc = "unix:" + folder.path() + "/socket";
    service_ = MustStart(options);
    ProcessOptions gate = Options("gateway");
    gate.http = "127.0.0.1:0";
    gate.backends = {{kService, options.grpc}};
    gateway_ = MustStart(gate);
    client_ = std::make_unique<TestClient>(gateway_->http_port());
  }
  void Stop() {
    client_.reset();
    gateway_.reset();
    service_.reset();
  }
  std::string Get(const std::string& path, const Caller& who) {
    ClientResponse response =
        client_->Ask(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
                                  desk.TokenOf(who), "\r\n\r\n"));
    return response.code == 200 ? response.body : "";
  }
  void Register(int count) {
    for (int i = 0; i < count; ++i) {
      std::string json = R"({"text":"路灯坏了","division":"331082001001","channel":"ONLINE"})";
      ClientResponse response = client_->Ask(
          absl::StrCat("POST /v1/needs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
                       desk.TokenOf(Person("resident/li", {RESIDENT})),
                       "\r\nContent-Type: application/json\r\nContent-Length: ", json.size(),
                       "\r\n\r\n", json));
      INFO(response.body);
      REQUIRE(response.code == 200);
    }
  }
  // Until the gateway has kept a head for so many changes.
  void AwaitWitnessed(int64_t changes) {
    while (true) {
      auto kept = ReadHeadFile(WitnessFile());
      if (kept.ok() && !kept->empty() && kept->back().head().sequence() >= changes) return;
      std::this_thread::yield();
    }
  }
  std::string WitnessFile() { return absl::StrCat(folder.path(), "/", kWitnessedHeads); }
  std::string Store() { return absl::StrCat(folder.path(), "/", kService, ".db"); }
  ServiceVerdict Verify(const std::vector<std::string>& files = {}) {
    auto verdicts = VerifyAll({folder.path(), files});
    INFO(verdicts.status());
    REQUIRE(verdicts.ok());
    REQUIRE(verdicts->size() == 1);
    return verdicts->at(0);
  }

  MemoryDir folder;
  TokenDesk desk;

 private:
  ProcessOptions Options(const std::string& name) {
    ProcessOptions options;
    options.serve = {name};
    options.data_dir = folder.path();
    options.standard_dir = LinhaiFolder();
    return options;
  }
  static std::unique_ptr<Process> MustStart(const ProcessOptions& options) {
    auto started = Process::Start(options);
    INFO(started.status());
    REQUIRE(started.ok());
    return *std::move(started);
  }

  std::unique_ptr<Process> service_, gateway_;
  std::unique_ptr<TestClient> client_;
};

const Caller& TheAuditor() {
  static const auto* const auditor = new Caller(Person("auditor/jin", {AUDITOR}));
  return *auditor;
}

TEST_CASE("a file that is put back is found by what the gateway or an auditor kept",
          "[process][R41]") {
  Town town;
  town.Start();
  town.Register(3);
  town.AwaitWitnessed(3);
  town.Stop();
  CHECK(town.Verify().flaws == 0);
  std::string older = town.folder.path() + "/older.db";
  fs::copy_file(town.Store(), older);

  town.Start();
  town.Register(2);
  town.AwaitWitnessed(5);
  // What an auditor keeps with curl: a page of heads and the newest one.
  std::string exported = town.folder.path() + "/auditor.jsonl";
  {
    std::ofstream file(exported);
    file << town.Get("/v1/changes/needs_intake/heads", TheAuditor()) << "\n"
         << town.Get("/v1/changes/needs_intake/head", TheAuditor()) << "\n";
  }
  auto heads = ReadHeadFile(exported);
  REQUIRE(heads.ok());
  REQUIRE(heads->size() >= 2);
  for (const auto& seen : *heads) CHECK(HeadIsSigned(seen.head()));
  CHECK(heads->back().head().sequence() == 5);
  CHECK(town.Get("/v1/changes/needs_intake/head", Person("resident/li", {RESIDENT})).empty());
  town.Stop();
  ServiceVerdict whole = town.Verify({exported});
  INFO(whole.text);
  CHECK(whole.flaws == 0);
  CHECK(absl::StrContains(whole.text, "needs_intake: 5 changes hold"));
  CHECK(absl::StrContains(whole.text, "signed up to 5"));

  fs::copy_file(older, town.Store(), fs::copy_options::overwrite_existing);
  for (const char* rest : {"-wal", "-shm"}) fs::remove(town.Store() + rest);
  ServiceVerdict rolled_back = town.Verify();
  INFO(rolled_back.text);
  CHECK(rolled_back.flaws == 1);
  CHECK(absl::StrContains(rolled_back.text, "rolled back to an older file"));
  // Whoever reaches the gateway's file too is found by the auditor's.
  std::string kept = town.WitnessFile();
  fs::rename(kept, kept + ".saved");
  CHECK(town.Verify().flaws == 0);
  CHECK(absl::StrContains(town.Verify({exported}).text, "rolled back to an older file"));
  fs::rename(kept + ".saved", kept);

  // Served again, it is found while it runs, and the evidence is kept.
  town.Start();
  town.Register(1);
  while (true) {
    auto seen = ReadHeadFile(kept);
    REQUIRE(seen.ok());
    if (!seen->back().contradiction().empty()) break;
    std::this_thread::yield();
  }
  town.Stop();
  CHECK(absl::StrContains(town.Verify().text, "contradicts what it had seen"));
}

TEST_CASE("a file of heads keeps the last of each hour, all evidence, and no half lines",
          "[process][R41]") {
  MemoryDir folder;
  std::string path = folder.path() + "/heads.jsonl";
  auto head = [](int i) {
    WitnessedHead seen;
    seen.mutable_head()->set_service(i % 4 == 3 ? "other" : "bidding");
    seen.mutable_head()->set_sequence(i);
    seen.mutable_head()->mutable_sign_time()->set_seconds(i * 900);
    if (i == 5) seen.set_contradiction("it was rolled back");
    return seen;
  };
  {
    FileKeeper keeper(path);
    CHECK(keeper.Read("bidding")->empty());
    for (int i = 0; i < 12; ++i) REQUIRE(keeper.Keep(head(i)).ok());
    CHECK(ReadHeadFile(path)->size() == 12);
  }
  // The process was killed while it wrote.
  std::ofstream(path, std::ios::app) << R"({"head":{"service":"bid)";
  FileKeeper keeper(path);
  std::vector<int64_t> places;
  auto kept = keeper.Read("bidding");
  REQUIRE(kept.ok());
  CHECK(kept->size() == 9);
  REQUIRE(keeper.Keep(head(12)).ok());
  kept = ReadHeadFile(path);
  REQUIRE(kept.ok());
  for (const auto& seen : *kept) places.push_back(seen.head().sequence());
  CHECK(places == std::vector<int64_t>{2, 3, 5, 6, 7, 10, 11, 12});
  std::ofstream(path, std::ios::app) << "no head\n";
  CHECK(absl::StrContains(ReadHeadFile(path).status().message(), "heads.jsonl:9 is no head"));
  CHECK(absl::IsNotFound(ReadHeadFile(path + "x").status()));
}

}  // namespace
}  // namespace linjuli
