// The loader behind Standard::Load and Standard::Check.
#ifndef LINJULI_COMMON_STANDARD_READ_STANDARD_H_
#define LINJULI_COMMON_STANDARD_READ_STANDARD_H_

#include <string>

#include "common/standard/standard.h"

namespace linjuli {

// Reads the folder and adds every defect it finds, by file and line. What it returns is to be used
// only when none was added.
Standard::Data ReadStandard(const std::string& dir, const StandardNeeds& needs, Defects* defects);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STANDARD_READ_STANDARD_H_
