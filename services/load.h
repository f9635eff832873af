// Loads needs through the HTTP door, as an office would that brings its old register along.
#ifndef LINJULI_SERVICES_LOAD_H_
#define LINJULI_SERVICES_LOAD_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace linjuli {

struct LoadOptions {
  std::string file;   // one need a line, as the `need` of POST /v1/needs
  std::string http;   // ADDRESS:PORT
  std::string token;  // bearer token of whoever registers
};

// Sends batches of 100. Each line's request id is made of the line itself, so a load that broke off
// is simply started again. Rows that are refused are shown with their line number; an error at the
// end says how many there were.
absl::Status Load(const LoadOptions& options, std::ostream& progress);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_LOAD_H_
