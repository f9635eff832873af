// What is wrong with a file of the standard.
#ifndef LINJULI_COMMON_STANDARD_DEFECT_H_
#define LINJULI_COMMON_STANDARD_DEFECT_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace linjuli {

struct Defect {
  std::string file;     // within the standard's folder
  int line = 0;         // from 1; 0: the file as a whole
  std::string message;  // what is wrong and what would be right

  // "clocks.toml:12: value must be at least 1, not -3"
  std::string ToString() const { return absl::StrCat(file, ":", line, ": ", message); }
};

using Defects = std::vector<Defect>;

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_DEFECT_H_
