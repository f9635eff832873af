#include "common/crypto/master_key.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/temp_dir.h"

namespace linjuli {
namespace {

void Fill(const std::string& path, const std::string& contents, mode_t mode = 0600) {
  std::ofstream(path, std::ios::trunc) << contents;
  LJ_CHECK(chmod(path.c_str(), mode) == 0);
}

TEST_CASE("a master key is made once, for its owner only", "[crypto][C15]") {
  TempDir dir;
  const std::string path = dir.File("master.key");
  CHECK(absl::IsFailedPrecondition(LoadMasterKey(path).status()));
  auto made = LoadOrCreateMasterKey(path);
  REQUIRE(made.ok());
  struct stat facts;
  REQUIRE(stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  CHECK(LoadOrCreateMasterKey(path)->bytes() == made->bytes());
  CHECK(LoadMasterKey(path)->bytes() == made->bytes());
  CHECK(LoadOrCreateMasterKey(dir.File("other.key"))->bytes() != made->bytes());
}

TEST_CASE("a master key that is none, or that others may read, is refused", "[crypto][C15]") {
  TempDir dir;
  const std::string path = dir.File("master.key"), digits(64, 'a');
  Fill(path, digits);
  CHECK(LoadMasterKey(path).ok());
  for (const std::string& wrong :
       {std::string(), digits.substr(1), digits + "a", std::string(64, 'g')}) {
    Fill(path, wrong);
    CHECK(absl::IsFailedPrecondition(LoadMasterKey(path).status()));
    CHECK(absl::IsFailedPrecondition(LoadOrCreateMasterKey(path).status()));
  }
  Fill(path, digits, 0644);
  CHECK(absl::IsFailedPrecondition(LoadMasterKey(path).status()));
}

}  // namespace
}  // namespace linjuli
