#include "common/crypto/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kMaxBytes = 4 << 10;

absl::Status Failed(absl::string_view what, const std::string& path) {
  absl::Status cause = absl::ErrnoToStatus(errno, "");
  return absl::FailedPreconditionError(absl::StrCat("cannot ", what, " ", path, cause.message()));
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }
  bool ok() const { return descriptor_ >= 0; }

 private:
  const int descriptor_;
};

bool WriteAll(int descriptor, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(written);
  }
  return fsync(descriptor) == 0;
}

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.ok()) {
    if (errno == ENOENT) return absl::NotFoundError(path);
    return Failed("open", path);
  }
  struct stat facts;
  if (fstat(file.get(), &facts) != 0) return Failed("look at", path);
  if (!S_ISREG(facts.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  // The group may read: Kubernetes hands mounted secrets to a pod by its group.
  if (facts.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) {
    return absl::FailedPreconditionError(
        absl::StrCat("others have rights on ", path, "; run: chmod 600 ", path));
  }
  std::string contents(kMaxBytes + 1, '\0');
  size_t size = 0;
  while (size < contents.size()) {
    const ssize_t got = read(file.get(), contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path);
    if (got == 0) break;
    size += got;
  }
  if (size > kMaxBytes) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is larger than 4 KiB"));
  }
  contents.resize(size);
  return contents;
}

absl::Status CreateSecretFile(const std::string& path, absl::string_view contents) {
  std::string temporary = path + ".XXXXXX";
  File file(mkostemp(temporary.data(), O_CLOEXEC));  // of mode 0600
  if (!file.ok()) return Failed("create", temporary);
  absl::Status status;
  if (!WriteAll(file.get(), contents)) {
    status = Failed("write", temporary);
  } else if (link(temporary.c_str(), path.c_str()) != 0) {
    // A link, where a rename would replace the key that another process already signs with.
    status = errno == EEXIST ? absl::AlreadyExistsError(path) : Failed("create", path);
  }
  unlink(temporary.c_str());
  if (!status.ok()) return status;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  File directory(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok() || fsync(directory.get()) != 0) return Failed("sync the folder of", path);
  return absl::OkStatus();
}

}  // namespace linjuli
