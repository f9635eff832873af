// Golden files: what the program says, kept beside the tests and compared line by line.
#ifndef LINJULI_TESTS_GOLDEN_H_
#define LINJULI_TESTS_GOLDEN_H_

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace linjuli {

inline std::string ReadWhole(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What differs, "-" for lines of the file and "+" for lines of `now`, at most 40; empty where
// nothing does. Lines are compared between the first and the last that differ.
inline std::string GoldenDiff(const std::string& path, const std::string& now) {
  std::string golden = ReadWhole(path);
  if (golden == now) return "";
  std::vector<std::string> was = absl::StrSplit(golden, '\n'), is = absl::StrSplit(now, '\n');
  size_t from = 0, was_end = was.size(), is_end = is.size();
  while (from < was_end && from < is_end && was[from] == is[from]) ++from;
  while (was_end > from && is_end > from && was[was_end - 1] == is[is_end - 1]) {
    --was_end;
    --is_end;
  }
  std::string diff = absl::StrCat(path, ":", from + 1, "\n");
  int left = 40;
  for (size_t i = from; i < was_end && left-- > 0; ++i) absl::StrAppend(&diff, "- ", was[i], "\n");
  for (size_t i = from; i < is_end && left-- > 0; ++i) absl::StrAppend(&diff, "+ ", is[i], "\n");
  if (left < 0) absl::StrAppend(&diff, "…\n");
  return diff;
}

}  // namespace linjuli

#endif  // LINJULI_TESTS_GOLDEN_H_
