#include "common/standard/codes.h"
#include "tests/source_dir.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace linjuli {
namespace {

// The values of a key in testdata/vectors.json, in order. The file is ours and flat enough.
std::vector<std::string> Vectors(const std::string& section, const std::string& key) {
  std::ifstream in(SourceDir() + "/common/standard/testdata/vectors.json");
  std::stringstream all;
  all << in.rdbuf();
  std::string text = all.str();
  size_t begin = text.find("\"" + section + "\"");
  REQUIRE(begin != std::string::npos);
  text = text.substr(begin, text.find(']', begin) - begin);
  std::vector<std::string> values;
  const std::string before = "\"" + key + "\": \"";
  for (size_t at = 0; (at = text.find(before, at)) != std::string::npos;) {
    at += before.size();
    values.push_back(text.substr(at, text.find('"', at) - at));
  }
  return values;
}

TEST_CASE("known and synthetic credit codes hold, and each with one wrong character does not",
          "[codes]") {
  auto known = Vectors("uscc_known", "n");
  CHECK(known.size() == 6);
  for (const auto& code : known) CHECK(ValidUscc(code));
  auto valid = Vectors("uscc_synthetic_331082", "valid");
  CHECK(valid.size() == 40);
  for (const auto& code : valid) CHECK(ValidUscc(code));
  auto wrong = Vectors("uscc_synthetic_331082", "one_char_error");
  CHECK(wrong.size() == 40);
  for (const auto& code : wrong) CHECK_FALSE(ValidUscc(code));
}

TEST_CASE("a rural collective's credit code begins with a letter and holds", "[codes]") {
  for (const char* code : {"N2331082MF1234567X", "52331082MJ12345613", "53331082MJ7654321F",
                           "91331082MA2ABCDEXG", "11331082002698123X", "51331082MJ0000018T"}) {
    INFO(code);
    CHECK(ValidUscc(code));
  }
}

TEST_CASE("a credit code of other length, alphabet or case is refused", "[codes]") {
  CHECK_FALSE(ValidUscc(""));
  CHECK_FALSE(ValidUscc("91110000600037341"));
  CHECK_FALSE(ValidUscc("91110000600037341LL"));
  CHECK_FALSE(ValidUscc("91110000600037341l"));
  CHECK_FALSE(ValidUscc("I1110000600037341L"));
  CHECK_FALSE(ValidUscc(std::string("91110000600037341\0", 18)));
}

TEST_CASE("a credit code whose inner organisation code is wrong is refused", "[codes]") {
  // 60003734-2 in place of 60003734-1, and an outer check character that fits it.
  CHECK(ValidUscc("91110000600037341L"));
  for (char check : std::string("0123456789ABCDEFGHJKLMNPQRTUWXY")) {
    CHECK_FALSE(ValidUscc(std::string("91110000600037342") + check));
  }
}

TEST_CASE("known and synthetic citizen numbers hold, and each with one wrong digit does not",
          "[codes]") {
  auto known = Vectors("ric_known", "n");
  CHECK(known.size() == 3);
  for (const auto& number : known) CHECK(ValidCitizenId(number));
  auto valid = Vectors("ric_synthetic_331082", "valid_checksum");
  CHECK(valid.size() == 40);
  for (const auto& number : valid) CHECK(ValidCitizenId(number));
  auto wrong = Vectors("ric_synthetic_331082", "one_digit_error");
  CHECK(wrong.size() == 40);
  for (const auto& number : wrong) CHECK_FALSE(ValidCitizenId(number));
}

TEST_CASE("a citizen number needs a birth date that exists", "[codes]") {
  CHECK(ValidCitizenId("331082202002291233"));  // leap day
  for (char check : std::string("0123456789X")) {
    CHECK_FALSE(ValidCitizenId(std::string("33108220190229123") + check));
    CHECK_FALSE(ValidCitizenId(std::string("33108219901301001") + check));
    CHECK_FALSE(ValidCitizenId(std::string("33108219900010001") + check));
  }
  CHECK_FALSE(ValidCitizenId("11010519491231002x"));
  CHECK_FALSE(ValidCitizenId("1101051949123100"));
}

TEST_CASE("telephone numbers are taken as people write them", "[codes]") {
  for (const char* number : {"13857612345", "19912345678", "0576-85112345", "057685112345",
                             "010-62345678", "02162345678", "021-62345678", "0576-8511234",
                             "0576-85112345-801", "12345", "12349", "95588", "96345"}) {
    INFO(number);
    CHECK(ValidPhone(number));
  }
  for (const char* number : {"",
                             "1",
                             "12857612345",
                             "138576123456",
                             "1385761234",
                             "1385761234a",
                             "0576-",
                             "0576",
                             "0576-15112345",
                             "0576-851123456",
                             "0576--85112345",
                             "0576-85112345-",
                             "0576-85112345-1234567",
                             "0576-85112345-80a",
                             "0176-85112345",
                             "85112345",
                             "54321",
                             "1234a",
                             "+8613857612345",
                             "0-85112345"}) {
    INFO(number);
    CHECK_FALSE(ValidPhone(number));
  }
}

TEST_CASE("a division code has a group for each level and is never padded", "[codes]") {
  for (const char* code : {"33", "3310", "331082", "331082005", "331082005201", "441900003"}) {
    INFO(code);
    CHECK(ValidDivisionForm(code));
  }
  for (const char* code :
       {"", "3", "331", "33108", "3310820", "331082000", "331082005000", "331000", "3300", "00",
        "0310", "33108200520", "3310820052011", "33108a", "331082000000"}) {
    INFO(code);
    CHECK_FALSE(ValidDivisionForm(code));
  }
}

TEST_CASE("the check digits of a receipt catch every wrong digit and every exchange of two",
          "[codes]") {
  int mistakes = 0;
  for (const char* digits : {"0", "9", "20261105000001", "3310820052026110512345"}) {
    const std::string receipt = WithCheckDigit(digits);
    CHECK(CheckDigitHolds(receipt));
    for (size_t i = 0; i < receipt.size(); ++i) {
      for (char c = '0'; c <= '9'; ++c) {
        if (c == receipt[i]) continue;
        std::string wrong = receipt;
        wrong[i] = c;
        mistakes += CheckDigitHolds(wrong);
      }
      for (size_t k = i + 1; k < receipt.size(); ++k) {
        std::string exchanged = receipt;
        std::swap(exchanged[i], exchanged[k]);
        mistakes += exchanged != receipt && CheckDigitHolds(exchanged);
      }
    }
  }
  CHECK(mistakes == 0);
}

TEST_CASE("check digits are those of ISO 7064 MOD 97-10", "[codes]") {
  CHECK(WithCheckDigit("794") == "79444");  // the standard's own example
  CHECK_FALSE(CheckDigitHolds(""));
  CHECK_FALSE(CheckDigitHolds("01"));
  CHECK_FALSE(CheckDigitHolds("7944x"));
}

}  // namespace
}  // namespace linjuli
