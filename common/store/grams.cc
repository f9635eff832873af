#include "common/store/grams.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace linjuli {
namespace {

// The next code point at `at`, which moves on. Texts are valid UTF-8 by the time they get here.
char32_t Next(absl::string_view text, size_t& at) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0x80; };
  uint8_t lead = byte(at);
  int extra = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t point = extra == 0 ? lead : lead & (0x3F >> extra);
  for (int i = 1; i <= extra; ++i) point = point << 6 | (byte(at + i) & 0x3F);
  at += extra + 1;
  return point;
}

void Append(char32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

char32_t Fold(char32_t point) {
  if (point >= 0xFF01 && point <= 0xFF5E) point -= 0xFEE0;
  if (point >= 'A' && point <= 'Z') point += 'a' - 'A';
  return point;
}

// What the index knows: ASCII letters and digits, and the ideographs of Unicode 6.1, which is as
// far as SQLite's tokenizer goes. Everything else parts words.
bool IsWord(char32_t point) {
  return (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') ||
         (point >= 0x3400 && point <= 0x4DB5) || (point >= 0x4E00 && point <= 0x9FCC) ||
         (point >= 0xF900 && point <= 0xFA6D) || (point >= 0x20000 && point <= 0x2A6D6);
}

// The runs of word characters of a query, each as its characters.
std::vector<std::vector<std::string>> Runs(absl::string_view text) {
  std::vector<std::vector<std::string>> runs;
  bool within = false;
  for (size_t at = 0; at < text.size();) {
    char32_t point = Fold(Next(text, at));
    if (IsWord(point)) {
      if (!within) runs.emplace_back();
      runs.back().emplace_back();
      Append(point, runs.back().back());
    }
    within = IsWord(point);
  }
  return runs;
}

}  // namespace

std::string FoldText(absl::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  for (size_t at = 0; at < text.size();) Append(Fold(Next(text, at)), folded);
  return folded;
}

std::string GramsOf(absl::string_view text) {
  std::string grams;
  grams.reserve(text.size() * 3);
  char32_t previous = 0;
  auto end_run = [&] {
    if (previous == 0) return;
    // The last character alone, for queries of one; then a word that no gram holds, which keeps
    // phrases from running on over a comma.
    Append(previous, grams);
    grams += " zz0zz ";
    previous = 0;
  };
  for (size_t at = 0; at < text.size();) {
    char32_t point = Fold(Next(text, at));
    if (!IsWord(point)) {
      end_run();
      continue;
    }
    if (previous != 0) {
      Append(previous, grams);
      Append(point, grams);
      grams += ' ';
    }
    previous = point;
  }
  end_run();
  return grams;
}

std::vector<std::string> FirstGrams(absl::string_view text, size_t most) {
  std::vector<std::string> grams;
  absl::flat_hash_set<std::string> seen;
  char32_t previous = 0;
  for (size_t at = 0; at < text.size() && grams.size() < most;) {
    char32_t point = Fold(Next(text, at));
    if (!IsWord(point)) {
      previous = 0;
      continue;
    }
    if (previous != 0) {
      std::string gram;
      Append(previous, gram);
      Append(point, gram);
      if (seen.insert(gram).second) grams.push_back(std::move(gram));
    }
    previous = point;
  }
  return grams;
}

std::string GramQuery(absl::string_view query) {
  std::vector<std::string> phrases;
  for (const auto& run : Runs(query)) {
    if (run.size() == 1) {
      phrases.push_back(absl::StrCat("\"", run[0], "\"*"));
      continue;
    }
    std::vector<std::string> grams;
    for (size_t i = 0; i + 1 < run.size(); ++i) grams.push_back(absl::StrCat(run[i], run[i + 1]));
    phrases.push_back(absl::StrCat("\"", absl::StrJoin(grams, " "), "\""));
  }
  return absl::StrJoin(phrases, " AND ");
}

}  // namespace linjuli
