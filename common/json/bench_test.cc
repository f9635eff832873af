// Not part of a normal run: json_test "[.bench]" prints microseconds, the best of several rounds.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "linjuli/testing/v1/json_cases.pb.h"

namespace linjuli {
namespace {

using testing::v1::JsonFlat;
using testing::v1::JsonPage;

template <typename Work>
double Microseconds(int times, Work work) {
  double best = 1e9;
  for (int round = 0; round < 400; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) work();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / times);
  }
  return best;
}

JsonFlat Need(int number) {
  JsonFlat need;
  need.set_name(absl::StrCat("needs/01j8x7m2k3n4p5q6r7s8t9v0", number));
  need.set_receipt_number(absl::StrCat("331082-2025-00", 1000 + number));
  need.set_title("三号楼电梯停运");
  need.set_description("Since Monday the lift has not moved; 两位老人 cannot leave.");
  need.set_division("331082001003");
  need.set_service_category("PROPERTY");
  need.set_urgency(testing::v1::URGENT);
  need.set_reporter("people/8812");
  need.mutable_create_time()->set_seconds(1748737800 + number);
  need.mutable_create_time()->set_nanos(123000000);
  need.mutable_update_time()->set_seconds(1748837800 + number);
  need.mutable_update_time()->set_nanos(456000000);
  need.mutable_due_time()->set_seconds(1748937800);
  need.set_budget_fen(1250000);
  return need;
}

void Measure(const char* what, const google::protobuf::Message& message, int times) {
  std::string text;
  PrintJson(message, text);
  const double print = Microseconds(times, [&] {
    text.clear();
    PrintJson(message, text);
  });
  std::unique_ptr<google::protobuf::Message> back(message.New());
  bool good = true;
  const double parse = Microseconds(times, [&] { good &= ParseJson(text, *back).ok(); });
  CHECK(good);
  std::printf("%-16s %6zu bytes  print %7.2f us  parse %7.2f us\n", what, text.size(), print,
              parse);
}

TEST_CASE("what printing and parsing cost", "[.bench]") {
  Measure("flat message", Need(1), 100);
  JsonPage page;
  for (int i = 0; i < 50; ++i) *page.add_needs() = Need(i);
  Measure("page of 50", page, 5);

  testing::v1::JsonCases cases;
  auto refuse = [&](const char* what, const std::string& text) {
    bool refused = true;
    const double took = Microseconds(1, [&] { refused &= !ParseJson(text, cases).ok(); });
    CHECK(refused);
    std::printf("%-16s %6zu bytes  refused in %8.1f us\n", what, text.size(), took);
  };
  refuse("lists in lists", std::string(200 << 10, '['));
  refuse("objects", R"({"inner":)" + std::string(200 << 10, '{'));
  refuse("no end", R"({"aString":")" + std::string(1 << 19, 'x'));
  refuse("late fault", R"({"strings":[)" + std::string(1 << 19, ' ') + "'");
}

}  // namespace
}  // namespace linjuli
