#include "common/store/grams.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "common/store/sqlite.h"
#include "tests/temp_dir.h"

namespace linjuli {
namespace {

// Texts in a full-text index of their own, as a table keeps them.
class Index {
 public:
  Index() {
    auto opened = Connection::Open(dir_.File("index.db"), Connection::Access::kWrite);
    LJ_CHECK(opened.ok());
    db_ = *std::move(opened);
    LJ_CHECK(db_->Exec("CREATE VIRTUAL TABLE t USING fts5(grams,content='',columnsize=0,"
                       "tokenize='unicode61 remove_diacritics 0')")
                 .ok());
  }
  void Add(int64_t id, const std::string& text) {
    std::string grams = GramsOf(text);
    LJ_CHECK(db_->Prepare("INSERT INTO t(rowid,grams) VALUES(?1,?2)")
                 .Bind(1, id)
                 .Bind(2, grams)
                 .Run()
                 .ok());
  }
  std::set<int64_t> Find(const std::string& query) {
    std::string grams = GramQuery(query);
    StatementScope find(db_->Prepare("SELECT rowid FROM t WHERE t MATCH ?1"));
    find->Bind(1, grams);
    std::set<int64_t> found;
    while (true) {
      auto row = find->Step();
      LJ_CHECK(row.ok(), absl::StrCat(query, " as ", grams));
      if (!*row) return found;
      found.insert(find->Int(0));
    }
  }

 private:
  TempDir dir_;
  std::unique_ptr<Connection> db_;
};

TEST_CASE("every two neighbours make a word, and the last stands alone", "[store][search][X12]") {
  CHECK(GramsOf("路灯坏") == "路灯 灯坏 坏 zz0zz ");
  CHECK(GramsOf("灯") == "灯 zz0zz ");
  CHECK(GramsOf("A座,3") == "a座 座 zz0zz 3 zz0zz ");
  CHECK(GramsOf("，。！").empty());
  CHECK(GramsOf("").empty());
}

TEST_CASE("the first different pairs of a text, over no comma", "[store][similar]") {
  using Strings = std::vector<std::string>;
  CHECK(FirstGrams("路灯坏", 9) == Strings{"路灯", "灯坏"});
  CHECK(FirstGrams("路灯，路灯坏", 9) == Strings{"路灯", "灯坏"});
  CHECK(FirstGrams("Ａ座3", 9) == Strings{"a座", "座3"});
  CHECK(FirstGrams("一二三四", 2) == Strings{"一二", "二三"});
  CHECK(FirstGrams("灯", 9).empty());
  CHECK(FirstGrams("", 9).empty());
}

TEST_CASE("letters are compared in lower case and full-width as plain", "[store][search][X12]") {
  CHECK(FoldText("ＡｂC１２３！") == "abc123!");
  CHECK(FoldText("路灯") == "路灯");
  CHECK(FoldText("Ünïcode é") == "Ünïcode é");
  CHECK(GramQuery("Ａ座") == GramQuery("a座"));
}

TEST_CASE("a query without a word has nothing to look for", "[store][search][X12]") {
  CHECK(GramQuery("").empty());
  CHECK(GramQuery("，。?! ").empty());
  CHECK(GramQuery("😀").empty());
}

TEST_CASE("what people write is never read as the index's own language", "[store][search][X12]") {
  Index index;
  index.Add(1, "路灯 NEAR 电梯 \"坏\"");
  index.Add(2, "别的");
  for (const char* query : {"\"", "路灯\" OR \"别", "路灯*", "NEAR(路灯 电梯)", "路灯 AND 电梯",
                            "t:路灯", "^路灯", "路灯-电梯", "NOT 路灯", "{路灯}", "路灯'--"}) {
    CAPTURE(query);
    if (GramQuery(query).empty()) continue;
    CHECK(index.Find(query).size() <= 1);
  }
}

// A property: whatever contains a query is among what the index finds for it.
TEST_CASE("no text that contains a query is missed", "[store][search][X12]") {
  const std::vector<std::string> alphabet = {"路", "灯", "坏", "了", "电", "梯", "小", "区", "a",
                                             "B",  "z",  "0",  "9",  "Ａ", "１", "ｚ", "，", "。",
                                             " ",  "!",  "-",  "é",  "の", "😀",  "𠀀", "䶵", "　"};
  std::mt19937 random(20260302);
  auto text = [&](int most) {
    std::string made;
    int length = 1 + static_cast<int>(random() % most);
    for (int i = 0; i < length; ++i) made += alphabet[random() % alphabet.size()];
    return made;
  };
  Index index;
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) {
    texts.push_back(text(30));
    index.Add(i, texts.back());
  }
  int asked = 0, hits = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string query = text(4);
    if (GramQuery(query).empty()) continue;
    ++asked;
    std::set<int64_t> found = index.Find(query);
    for (int64_t id = 0; id < 400; ++id) {
      if (!absl::StrContains(FoldText(texts[id]), FoldText(query))) continue;
      ++hits;
      INFO("query \"" << query << "\" text \"" << texts[id] << "\"");
      CHECK(found.count(id) == 1);
    }
  }
  CHECK(asked > 2000);
  CHECK(hits > 2000);
}

TEST_CASE("text that is cut off within a character is read to its end", "[store][search][X12]") {
  for (const char* broken : {"\xE8", "\xE8\xB7", "a\xF0\xA0", "\xC3"}) {
    CHECK(FoldText(broken).size() <= 5);
    CHECK_NOTHROW(GramsOf(broken));
  }
}

}  // namespace
}  // namespace linjuli
