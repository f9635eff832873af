// The golden files of tests/api: every method of every service with route, access and transition.
// A change of the API is seen here before anybody else sees it.
#include "catch2/catch.hpp"
#include "common/rpc/plan.h"
#include "services/services.h"
#include "tests/golden.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

TEST_CASE("what a service declares is what its golden file says", "[describe]") {
  REQUIRE_FALSE(AllServices().empty());
  for (const auto& entry : AllServices()) {
    auto plan = ServicePlan::From(entry.spec());
    REQUIRE(plan.ok());
    std::string now = absl::StrCat("# ", entry.name, "\n", Describe(**plan));
    std::string file = absl::StrCat("tests/api/", entry.name, ".txt");
    std::string diff = GoldenDiff(absl::StrCat(SourceDir(), "/", file), now);
    INFO(diff << "If the change is meant, renew it: build/dev/linjuli describe " << entry.name
              << " > " << file);
    CHECK(diff.empty());
  }
}

}  // namespace
}  // namespace linjuli
