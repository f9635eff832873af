#include "common/auth/issuer.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/auth/role_names.h"
#include "common/auth/verifier.h"
#include "common/status.h"

namespace linjuli {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// An empty folder that goes with the test.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/linjuli_issuer_XXXXXX";
    LJ_CHECK(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  int files() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }

 private:
  std::string path_;
};

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
}

Caller Worker() {
  Caller caller;
  caller.subject = "工作者 \"7\" \\";
  caller.roles = 1u << COMMUNITY_WORKER | 1u << SERVICE;
  caller.areas = {"331082", "33108201"};
  caller.organization = "91330000000000000X";
  return caller;
}

TEST_CASE("a signed caller comes back from the token as it was", "[auth]") {
  Folder folder;
  auto issuer = Issuer::LoadOrCreate(folder / "issuer.jwk");
  REQUIRE(issuer.ok());
  FakeClock clock(kNow);
  Verifier verifier(issuer->keys(), Issuer::kName, Issuer::kName, &clock);
  const std::string token = issuer->Sign(Worker(), absl::Minutes(10), kNow);
  auto caller = verifier.Verify(token);
  REQUIRE(caller.ok());
  CHECK((*caller)->subject == Worker().subject);
  CHECK((*caller)->roles == Worker().roles);
  CHECK((*caller)->areas == Worker().areas);
  CHECK((*caller)->organization == Worker().organization);
  CHECK((*caller)->expires == kNow + absl::Minutes(10));
  CHECK(issuer->Sign(Worker(), absl::Minutes(10), kNow) != token);  // jti

  Caller resident;
  resident.subject = "r";
  auto plain = verifier.Verify(issuer->Sign(resident, absl::Seconds(1), kNow));
  REQUIRE(plain.ok());
  CHECK((*plain)->roles == 0);
  CHECK((*plain)->areas.empty());
}

TEST_CASE("the issuer's key is made once, for its owner only, and read again", "[auth]") {
  Folder folder;
  const std::string path = folder / "issuer.jwk";
  auto made = Issuer::LoadOrCreate(path);
  REQUIRE(made.ok());
  struct stat facts;
  REQUIRE(stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  CHECK(folder.files() == 1);  // no temporary file is left
  auto read = Issuer::LoadOrCreate(path);
  REQUIRE(read.ok());
  CHECK(read->Jwks() == made->Jwks());
  CHECK_FALSE(absl::StrContains(made->Jwks(), "\"d\""));
  CHECK(absl::StrContains(Contents(path), "\"d\""));

  auto other = Issuer::LoadOrCreate(folder / "other.jwk");
  REQUIRE(other.ok());
  CHECK(other->Jwks() != made->Jwks());
}

TEST_CASE("issuers that race to make the key all end with the same one", "[auth]") {
  Folder folder;
  std::vector<std::string> jwks(8);
  std::vector<std::thread> threads;
  for (auto& mine : jwks) {
    threads.emplace_back([&folder, &mine] {
      auto issuer = Issuer::LoadOrCreate(folder / "issuer.jwk");
      if (issuer.ok()) mine = issuer->Jwks();
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(std::set<std::string>(jwks.begin(), jwks.end()).size() == 1);
  CHECK_FALSE(jwks[0].empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("a key file that cannot be trusted is refused, never replaced", "[auth]") {
  Folder folder;
  const std::string path = folder / "issuer.jwk";
  REQUIRE(Issuer::LoadOrCreate(path).ok());
  const std::string good = Contents(path);
  auto why = [&path] {
    auto issuer = Issuer::LoadOrCreate(path);
    if (issuer.ok()) return std::string("accepted");
    CHECK(absl::IsFailedPrecondition(issuer.status()));
    CHECK(ReasonOf(issuer.status()) == "SIGNING_KEY");
    return std::string(issuer.status().message());
  };
  chmod(path.c_str(), 0644);
  CHECK_THAT(why(), Catch::Contains("run: chmod 600 " + path));
  chmod(path.c_str(), 0440);  // as Kubernetes mounts secrets
  CHECK(why() == "accepted");
  chmod(path.c_str(), 0600);
  const std::pair<std::string, std::string> cases[] = {
      {"", "not well-formed"},
      {good.substr(0, good.size() / 2), "not well-formed"},
      {absl::StrReplaceAll(good, {{"Ed25519", "Ed448"}}), "crv Ed25519"},
      {absl::StrReplaceAll(good, {{"\"d\"", "\"e\""}}), "no private part"},
      {absl::StrReplaceAll(good, {{"\"d\":\"", "\"d\":\"AAAA"}}), "no private part"},
      {absl::StrReplaceAll(good, {{"\"x\":\"", "\"x\":\"A"}}), "does not belong"},
      {absl::StrReplaceAll(good, {{"\"kid\"", "\"id\""}}), "no kid"},
      {std::string(5000, ' '), "larger than 4 KiB"},
  };
  for (const auto& [text, expected] : cases) {
    Write(path, text);
    CHECK_THAT(why(), Catch::Contains(expected));
    CHECK(Contents(path) == text);
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK_THAT(why(), Catch::Contains("not a regular file"));
  auto nowhere = Issuer::LoadOrCreate(folder / "missing/issuer.jwk");
  CHECK_THAT(std::string(nowhere.status().message()), Catch::Contains("No such file"));
}

TEST_CASE("role names are those of the enum, and nothing else is one", "[auth]") {
  for (int number = Role_MIN + 1; number <= Role_MAX; ++number) {
    const Role role = static_cast<Role>(number);
    CHECK(ParseRole(Role_Name(role)) == role);
    CHECK(RoleNames(1u << role) == std::vector<std::string>{Role_Name(role)});
  }
  CHECK(RoleNames(1u << LEADER | 1u << AGENT) == std::vector<std::string>{"AGENT", "LEADER"});
  CHECK(RoleNames(1u << ROLE_UNSPECIFIED).empty());
  for (const char* name : {"", "ROLE_UNSPECIFIED", "leader", "LEADER ", "12"}) {
    CHECK(ParseRole(name) == std::nullopt);
  }
}

}  // namespace
}  // namespace linjuli
