// `linjuli verify`: whether the stores of a data folder are what was written, signed and witnessed.
#ifndef LINJULI_SERVICES_VERIFY_H_
#define LINJULI_SERVICES_VERIFY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace linjuli {

struct VerifyOptions {
  std::string data_dir;
  // Heads that were kept elsewhere: files as ReadHeadFile takes them. Those that the folder itself
  // holds, of the gateway and of services that follow each other, are looked at besides.
  std::vector<std::string> witness_files;
};

struct ServiceVerdict {
  std::string service;
  std::string text;  // lines for people: what holds, what does not, and how it is mended
  int flaws = 0;
};

// One verdict for each service that has a store in the folder, which must be served by no process.
absl::StatusOr<std::vector<ServiceVerdict>> VerifyAll(const VerifyOptions& options);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_VERIFY_H_
