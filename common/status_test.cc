#include "common/status.h"

#include <catch2/catch.hpp>

#include "google/rpc/error_details.pb.h"

namespace linjuli {
namespace {

TEST_CASE("an error keeps its reason, facts and fields over the wire", "[status]") {
  absl::Status status = RefuseFields({{"need.text", "REQUIRED", "must be given"},
                                      {"need.division", "DIVISION_UNKNOWN", "is no division"}});
  Localize(status, "zh-CN", "请填写");
  absl::Status back = FromProto(ToProto(status));
  CHECK(back == status);
  CHECK(ReasonOf(back) == "REQUIRED");
  CHECK(FactOf(back, "field") == "need.text");
  CHECK(FactOf(back, "nothing").empty());
  google::rpc::BadRequest bad;
  bool found = false;
  google::rpc::Status proto = ToProto(back);
  for (const auto& any : proto.details()) found |= any.UnpackTo(&bad);
  REQUIRE(found);
  REQUIRE(bad.field_violations_size() == 2);
  CHECK(bad.field_violations(1).field() == "need.division");
}

TEST_CASE("a status without details has no reason", "[status]") {
  CHECK(ReasonOf(absl::OkStatus()).empty());
  CHECK(ReasonOf(absl::AbortedError("x")).empty());
}

}  // namespace
}  // namespace linjuli
