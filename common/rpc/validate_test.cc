#include "common/rpc/validate.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "common/standard/standard.h"
#include "linjuli/testing/v1/boards.pb.h"
#include "tests/source_dir.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using testing::boards::v1::Form;

// One that passes; each test spoils a field.
Form Good() {
  Form form;
  form.set_required("给");
  form.set_wanted(Form::RED);
  return form;
}

class Checked {
 public:
  explicit Checked(const Standard* standard = nullptr) : validator_(standard) {
    LJ_CHECK(validator_.Add(Form::descriptor()).ok());
  }
  // "short:TEXT_TOO_LONG", empty when it passes.
  std::string operator()(const Form& form) const {
    absl::Status status = validator_.Check(form);
    if (!status.ok()) CHECK(absl::IsInvalidArgument(status));
    return Violations(status);
  }

 private:
  Validator validator_;
};

std::string Times(absl::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) absl::StrAppend(&all, text);
  return all;
}

TEST_CASE("what is required must be there and say something", "[rpc][validate]") {
  Checked check;
  CHECK(check(Good()) == "");
  CHECK(check(Form()) == "required:REQUIRED wanted:REQUIRED");
  for (const char* blank : {" ", "\t\r\n ", "　", " 　\n"}) {
    Form form = Good();
    form.set_required(blank);
    CHECK(check(form) == "required:REQUIRED");
  }
}

TEST_CASE("lengths are counted in characters, not in bytes", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  for (const char* four : {"路灯坏了", "abcd", "😀😀😀😀", "a路😀é"}) {
    form.set_short_(four);
    CHECK(check(form) == "");
    form.set_short_(std::string(four) + "x");
    CHECK(check(form) == "short:TEXT_TOO_LONG");
  }
}

TEST_CASE("a text that says nothing of its length has 256 characters at most",
          "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.set_plain(Times("灯", 256));
  CHECK(check(form) == "");
  form.set_plain(Times("灯", 257));
  CHECK(check(form) == "plain:TEXT_TOO_LONG");
}

TEST_CASE("control characters and turned directions are refused", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  for (int c = 1; c < 0x20; ++c) {
    form.set_plain(absl::StrCat("a", std::string(1, static_cast<char>(c)), "b"));
    bool line = c == '\n' || c == '\r' || c == '\t';
    CAPTURE(c);
    CHECK(check(form) == (line ? "" : "plain:UNSAFE_TEXT"));
  }
  for (std::string bad : {std::string("a\0b", 3), std::string("a\x7F"), std::string("\xE2\x80\xAE灯"),
                          std::string("\xE2\x80\xAA"), std::string("a\xE2\x81\xA6"),
                          std::string("\xE2\x81\xA9"), std::string("\xC2\x80"),
                          std::string("a\xC2\x85"), std::string("\xC2\x9F")}) {
    CAPTURE(bad);
    form.set_plain(bad);
    CHECK(check(form) == "plain:UNSAFE_TEXT");
  }
  // Their neighbours are what people write.
  for (const char* good : {"\xC2\xA0", "é", "\xE2\x80\xA6", "\xE2\x80\x94", "\xE2\x81\xAA", "路"}) {
    form.set_plain(good);
    CHECK(check(form) == "");
  }
}

TEST_CASE("a pattern holds for the whole text", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.set_code("AB1234");
  CHECK(check(form) == "");
  for (const char* bad : {"AB123", "AB12345", "ab1234", " AB1234", "AB1234\n", "xAB1234"}) {
    form.set_code(bad);
    CAPTURE(bad);
    CHECK(check(form) == "code:PATTERN");
  }
}

TEST_CASE("numbers and spans keep within their bounds", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  for (auto [weight, told] : std::vector<std::pair<int, std::string>>{
           {-4, "weight:RANGE"}, {-3, ""}, {0, ""}, {10, ""}, {11, "weight:RANGE"}}) {
    form.set_weight(weight);
    CHECK(check(form) == told);
  }
  form.set_weight(0);
  form.set_fen(-1);
  CHECK(check(form) == "fen:RANGE");
  form.set_fen(1LL << 60);
  form.mutable_span()->set_seconds(59);
  CHECK(check(form) == "span:RANGE");
  form.mutable_span()->set_seconds(3600);
  CHECK(check(form) == "");
  form.mutable_span()->set_seconds(3601);
  CHECK(check(form) == "span:RANGE");
  form.clear_span();
  form.add_numbers(5);
  form.add_numbers(6);
  CHECK(check(form) == "numbers[1]:RANGE");
}

TEST_CASE("national codes are checked by their rules", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.set_uscc("N2331082MF1234567X");
  form.set_citizen("331082195001010011");
  form.set_phone("13800138000");
  form.set_division("331082001001");
  CHECK(check(form) == "");
  form.set_uscc("N2331082MF12345679");
  form.set_citizen("331082201902291234");
  form.set_phone("12");
  form.set_division("3310820");
  CHECK(check(form) ==
        "uscc:USCC_CHECK citizen:RIC_CHECK phone:PHONE_FORMAT division:DIVISION_CODE_FORMAT");
}

TEST_CASE("a division must be one of the city's standard, where there is one",
          "[rpc][validate][A14]") {
  auto standard = Standard::Load(SourceDir() + "/deploy/standards/linhai");
  REQUIRE(standard.ok());
  Checked check(standard->get());
  Form form = Good();
  form.set_division((*standard)->divisions().front().code);
  CHECK(check(form) == "");
  form.set_division("999999999999");
  CHECK(check(form) == "division:DIVISION_UNKNOWN");
}

TEST_CASE("a reference is a name of its collection", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  for (const char* good : {"tickets/0123456789abc", "boards/1/tickets/2"}) {
    form.set_ticket(good);
    CHECK(check(form) == "");
  }
  for (const char* bad : {"tickets", "needs/1", "atickets/1", "/v1/needs/tickets"}) {
    form.set_ticket(bad);
    CAPTURE(bad);
    CHECK(check(form) == "ticket:REFERENCE");
  }
}

TEST_CASE("numbers that no enum has are refused", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.set_colour(static_cast<Form::Colour>(77));
  form.set_wanted(static_cast<Form::Colour>(-1));
  form.add_colours(Form::BLUE);
  form.add_colours(static_cast<Form::Colour>(3));
  CHECK(check(form) == "colour:RANGE wanted:RANGE colours[1]:RANGE");
}

TEST_CASE("lists keep to their size, and each entry to its check", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  for (const char* word : {"一", "", "六个字太长了", "四"}) form.add_words(word);
  CHECK(check(form) == "words:TOO_MANY");
  form.mutable_words()->RemoveLast();
  CHECK(check(form) == "words[1]:REQUIRED words[2]:TEXT_TOO_LONG");
  form.clear_words();
  for (int i = 0; i < 100; ++i) form.add_numbers(1);
  CHECK(check(form) == "");
  form.add_numbers(1);
  CHECK(check(form) == "numbers:TOO_MANY");
}

TEST_CASE("messages inside messages are checked, by their path", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.add_lines()->set_text("好");
  form.add_lines();
  form.mutable_lines(0)->mutable_next()->set_text("四个字了");
  form.mutable_line()->set_text("好");
  form.mutable_line()->mutable_next()->mutable_next()->set_made("x");
  CHECK(check(form) ==
        "lines[0].next.text:TEXT_TOO_LONG lines[1].text:REQUIRED line.next.text:REQUIRED "
        "line.next.next.text:REQUIRED line.next.next.made:OUTPUT_ONLY");
}

TEST_CASE("what the service sets is not taken from a caller", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.set_given("mine");
  CHECK(check(form) == "given:OUTPUT_ONLY");
}

TEST_CASE("all violations come at once, but no more than 20", "[rpc][validate]") {
  Checked check;
  Form form;
  form.set_short_("五个字太长");
  form.set_code("x");
  form.set_weight(99);
  form.set_given("x");
  CHECK(check(form) ==
        "required:REQUIRED short:TEXT_TOO_LONG code:PATTERN weight:RANGE wanted:REQUIRED "
        "given:OUTPUT_ONLY");
  for (int i = 0; i < 90; ++i) form.add_lines();
  std::string many = check(form);
  CHECK(std::count(many.begin(), many.end(), ':') >= 20);
  CHECK(std::count(many.begin(), many.end(), ':') <= 120);
}

TEST_CASE("bytes and maps pass unlooked at", "[rpc][validate]") {
  Checked check;
  Form form = Good();
  form.set_raw(std::string("\0\x01\xFF", 3));
  (*form.mutable_notes())["a"] = "b";
  CHECK(check(form) == "");
}

}  // namespace
}  // namespace linjuli
