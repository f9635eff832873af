// For tests: a folder that is removed at the end.
#ifndef LINJULI_TESTS_TEMP_DIR_H_
#define LINJULI_TESTS_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status.h"

namespace linjuli {

class TempDir {
 public:
  TempDir() {
    std::string form = (std::filesystem::temp_directory_path() / "linjuli-XXXXXX").string();
    LJ_CHECK(mkdtemp(form.data()) != nullptr);
    path_ = form;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace linjuli

#endif  // LINJULI_TESTS_TEMP_DIR_H_
