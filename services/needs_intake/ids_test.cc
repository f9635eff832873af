// Every id of the domain that the service carries out is named by a test.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "tests/source_dir.h"

namespace linjuli::needs_intake {
namespace {

TEST_CASE("each id of tests/ids/needs_intake.txt is the tag of a test", "[ids]") {
  std::string tests;
  for (const auto& file :
       std::filesystem::directory_iterator(SourceDir() + "/services/needs_intake")) {
    if (!absl::EndsWith(file.path().string(), "_test.cc")) continue;
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    tests += text.str();
  }
  std::ifstream list(SourceDir() + "/tests/ids/needs_intake.txt");
  int ids = 0;
  for (std::string id; std::getline(list, id); ++ids) {
    INFO(id);
    CHECK(absl::StrContains(tests, absl::StrCat("[", id, "]")));
  }
  CHECK(ids >= 16);
}

}  // namespace
}  // namespace linjuli::needs_intake
