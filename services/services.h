// The table of services: one line each. `serve`, `describe`, `verify` and the tests go by it.
#ifndef LINJULI_SERVICES_SERVICES_H_
#define LINJULI_SERVICES_SERVICES_H_

#include <string>
#include <vector>

#include "common/rpc/registry.h"
#include "common/standard/standard.h"

namespace linjuli {

struct ServiceEntry {
  std::string name;  // "needs_intake": folder, package, --serve name, file, metric label
  ServiceSpec (*spec)();
  StandardNeeds (*needs)();
};

const std::vector<ServiceEntry>& AllServices();

// What all of them ask of the city's standard.
StandardNeeds AllNeeds();

}  // namespace linjuli

#endif  // LINJULI_SERVICES_SERVICES_H_
