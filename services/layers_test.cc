// Who may include whom: a service knows common/ and its own folder and protos, and common/ knows
// no service.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "catch2/catch.hpp"
#include "services/services.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

namespace fs = std::filesystem;

struct Include {
  std::string file;  // from the root of the tree
  int line;
  std::string path;
};

std::vector<Include> IncludesUnder(const std::string& folder) {
  static const std::regex include(R"re(^\s*#\s*include\s*[<"]([^">]+)[">])re");
  const fs::path root = SourceDir();
  std::vector<Include> found;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
    std::ifstream file(entry.path());
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      std::smatch match;
      if (std::regex_search(line, match, include)) {
        found.push_back({fs::relative(entry.path(), root).string(), number, match[1]});
      }
    }
  }
  return found;
}

bool IsTest(const std::string& file) {
  std::string name = fs::path(file).filename().string();
  return absl::EndsWith(name, "_test.cc") || absl::StartsWith(name, "test_");
}

// "changes" of "linjuli/changes/v1/changes.pb.h"; "" of "linjuli/options.pb.h".
std::string ProtoPackage(const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  return parts.size() < 3 ? "" : parts[1];
}

// Why an include is not allowed; empty where it is. `own` is the folder under services/, empty for
// common/.
std::string Breach(const Include& include, const std::string& own) {
  const std::string& path = include.path;
  if (absl::StartsWith(path, "services/")) {
    if (!own.empty() && absl::StartsWith(path, "services/" + own + "/")) return "";
    return "another service's folder";
  }
  if (absl::StartsWith(path, "linjuli/")) {
    std::string package = ProtoPackage(path);
    // Those are the runtime's.
    if (package.empty() || package == "changes" || package == "privacy" ||
        (!own.empty() && package == own))
      return "";
    if (package == "testing" && IsTest(include.file)) return "";
    return "another service's proto";
  }
  if (absl::StartsWith(path, "tests/") && !IsTest(include.file)) return "a helper of tests";
  if (absl::StartsWith(path, ".")) return "a path that is not from the root";
  return "";
}

void CheckFolder(const std::string& folder, const std::string& own) {
  auto includes = IncludesUnder(folder);
  REQUIRE(includes.size() > 10);
  for (const auto& include : includes) {
    INFO(include.file << ":" << include.line << " includes " << include.path);
    CHECK(Breach(include, own) == "");
  }
}

TEST_CASE("common/ includes no service and no service's proto", "[layers]") {
  CheckFolder("common", "");
}

TEST_CASE("a service includes common/, its own folder and its own protos only", "[layers]") {
  std::set<std::string> known;
  for (const auto& entry : AllServices()) known.insert(entry.name);
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(SourceDir()) / "services")) {
    if (!entry.is_directory()) continue;
    std::string name = entry.path().filename().string();
    INFO(name);
    CHECK((name == "gateway" || known.count(name) == 1));
    CheckFolder("services/" + name, name);
    ++folders;
  }
  CHECK(folders == static_cast<int>(known.size()) + 1);
}

TEST_CASE("a breach of the layers would be seen", "[layers]") {
  auto breach = [](const char* file, const char* path, const char* own) {
    return Breach({file, 1, path}, own);
  };
  CHECK(breach("services/a/x.cc", "services/b/y.h", "a") == "another service's folder");
  CHECK(breach("services/a/x.cc", "services/process.h", "a") == "another service's folder");
  CHECK(breach("services/a/x.cc", "linjuli/b/v1/b.pb.h", "a") == "another service's proto");
  CHECK(breach("common/rpc/x.cc", "linjuli/needs_intake/v1/needs_intake.pb.h", "") ==
        "another service's proto");
  CHECK(breach("common/rpc/x.cc", "services/services.h", "") == "another service's folder");
  CHECK(breach("common/rpc/x.cc", "linjuli/testing/v1/testing.pb.h", "") ==
        "another service's proto");
  CHECK(breach("common/rpc/x.cc", "tests/city_rig.h", "") == "a helper of tests");
  CHECK(breach("common/rpc/x_test.cc", "linjuli/testing/v1/testing.pb.h", "") == "");
  CHECK(breach("services/a/x.cc", "linjuli/a/v1/a.pb.h", "a") == "");
  CHECK(breach("services/a/x.cc", "linjuli/changes/v1/changes.pb.h", "a") == "");
}

}  // namespace
}  // namespace linjuli
