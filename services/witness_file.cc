#include "services/witness_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/changes/heads.h"
#include "common/json/codec.h"

namespace linjuli {

using changes::v1::Head;
using changes::v1::ListHeadsResponse;
using changes::v1::WitnessedHead;

namespace {

// A head a second would be some 40 MB a day.
constexpr int kLinesBeforeCompacting = 5000;

absl::Status Append(const std::string& path, absl::string_view text, int flags) {
  int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 fdatasync(file) == 0;
  absl::Status status =
      written ? absl::OkStatus() : absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  close(file);
  return status;
}

std::string LineOf(const WitnessedHead& seen) {
  std::string line;
  PrintJson(seen, line);
  line.push_back('\n');
  return line;
}

}  // namespace

absl::StatusOr<std::vector<WitnessedHead>> ReadHeadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file.good()) return absl::NotFoundError(absl::StrCat("there is no ", path));
  std::vector<WitnessedHead> heads;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    WitnessedHead seen;
    ListHeadsResponse page;
    Head head;
    // A page is longer than a request may be.
    JsonLimits limits;
    limits.max_bytes = 4 << 20;
    if (ParseJson(line, seen, limits).ok() && seen.has_head()) {
      heads.push_back(std::move(seen));
    } else if (ParseJson(line, head, limits).ok() && !head.signature().empty()) {
      *heads.emplace_back().mutable_head() = std::move(head);
    } else if (absl::Status status = ParseJson(line, page, limits); status.ok()) {
      for (auto& each : *page.mutable_heads()) *heads.emplace_back().mutable_head() = each;
    } else if (!file.eof()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, " is no head: ", status.message()));
    }
  }
  return heads;
}

absl::StatusOr<std::vector<WitnessedHead>> FileKeeper::Read(const std::string& service) {
  absl::MutexLock lock(&mutex_);
  auto all = ReadHeadFile(path_);
  std::vector<WitnessedHead> heads;
  if (absl::IsNotFound(all.status())) return heads;
  LJ_RETURN_IF_ERROR(all.status());
  for (auto& seen : *all) {
    if (seen.head().service() == service) heads.push_back(std::move(seen));
  }
  LJ_RETURN_IF_ERROR(Compact());
  return heads;
}

absl::Status FileKeeper::Keep(const WitnessedHead& seen) {
  absl::MutexLock lock(&mutex_);
  LJ_RETURN_IF_ERROR(Append(path_, LineOf(seen), 0));
  return ++lines_since_ < kLinesBeforeCompacting ? absl::OkStatus() : Compact();
}

absl::Status FileKeeper::Compact() {
  LJ_ASSIGN(auto all, ReadHeadFile(path_));
  // The last of each service, life and hour.
  std::map<std::tuple<std::string, std::string, int64_t>, size_t> last;
  auto place = [](const Head& head) {
    return std::tuple(head.service(), head.epoch(), HourOf(head));
  };
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].contradiction().empty()) last[place(all[i].head())] = i;
  }
  std::string text;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].contradiction().empty() || last[place(all[i].head())] == i) {
      absl::StrAppend(&text, LineOf(all[i]));
    }
  }
  std::string fresh = path_ + ".new";
  LJ_RETURN_IF_ERROR(Append(fresh, text, O_TRUNC));
  std::error_code error;
  std::filesystem::rename(fresh, path_, error);
  if (error) return absl::UnavailableError(absl::StrCat(path_, ": ", error.message()));
  lines_since_ = 0;
  return absl::OkStatus();
}

}  // namespace linjuli
