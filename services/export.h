// A store's resources as JSON lines, for whoever leaves with their data.
#ifndef LINJULI_SERVICES_EXPORT_H_
#define LINJULI_SERVICES_EXPORT_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace linjuli {

struct ExportOptions {
  std::string data_dir;
  std::string service;
  std::string master_key;  // as of the service
  // Personal fields in clear, each resource's recorded in its history before it is printed. False:
  // masked.
  bool personal = false;
};

// One {"type":…,"resource":{…}} a line, oldest first. The service must not be running: UNAVAILABLE,
// reason LOCKED, else.
absl::Status Export(const ExportOptions& options, std::ostream& out);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_EXPORT_H_
