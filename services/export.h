// A store's resources as JSON lines, for whoever leaves with their data.
#ifndef LINJULI_SERVICES_EXPORT_H_
#define LINJULI_SERVICES_EXPORT_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace linjuli {

// One {"type":…,"resource":{…}} a line, oldest first, personal fields in clear. The service must
// not be running: UNAVAILABLE, reason LOCKED, else.
absl::Status Export(const std::string& data_dir, const std::string& service, std::ostream& out);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_EXPORT_H_
