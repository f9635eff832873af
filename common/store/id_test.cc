#include "common/store/id.h"

#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <set>

namespace linjuli {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST_CASE("ids grow with time, and so do their texts", "[store][id]") {
  IdSource ids;
  std::string before;
  for (int i = 0; i < 1000; ++i) {
    std::string text = EncodeId(ids.Next(kNow + absl::Milliseconds(i / 10)));
    CHECK(text.size() == 13);
    CHECK(before < text);
    before = text;
  }
}

TEST_CASE("ids go on growing when the clock steps back", "[store][id]") {
  IdSource ids;
  int64_t before = ids.Next(kNow);
  for (int i = 0; i < 1000; ++i) {
    int64_t next = ids.Next(kNow - absl::Hours(i));
    CHECK(next == before + 1);
    before = next;
  }
  // Time that has caught up with the counter takes the lead again.
  CHECK(ids.Next(kNow + absl::Hours(1)) == absl::ToUnixMillis(kNow + absl::Hours(1)) << 20);
}

TEST_CASE("an id source goes on after the last id that was stored", "[store][id]") {
  IdSource first;
  int64_t last = first.Next(kNow);
  IdSource second(last);
  CHECK(second.Next(kNow - absl::Hours(24)) == last + 1);
  CHECK(second.last() == last + 1);
}

TEST_CASE("every id is read back from its text, in an order that texts keep", "[store][id]") {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int64_t> any(0, std::numeric_limits<int64_t>::max());
  std::set<int64_t> numbers = {0, 1, 31, 32, std::numeric_limits<int64_t>::max()};
  for (int i = 0; i < 5000; ++i) numbers.insert(any(random));
  std::string before;
  for (int64_t number : numbers) {
    std::string text = EncodeId(number);
    CHECK(DecodeId(text) == number);
    CHECK(before < text);
    before = text;
  }
}

TEST_CASE("what is no id is read as none", "[store][id]") {
  std::string good = EncodeId(IdSource().Next(kNow));
  REQUIRE(DecodeId(good).has_value());
  for (std::string bad :
       {std::string(), good + "0", good.substr(1), std::string("8") + good.substr(1),
        std::string("i") + good.substr(1), good.substr(1) + "u", good.substr(0, 12) + "A",
        good.substr(0, 12) + " ", good.substr(0, 12) + std::string(1, '\0')}) {
    CAPTURE(bad);
    CHECK_FALSE(DecodeId(bad).has_value());
  }
}

}  // namespace
}  // namespace linjuli
