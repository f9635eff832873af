// Where the sources lie, for tests that read files of the repository.
#ifndef LINJULI_TESTS_SOURCE_DIR_H_
#define LINJULI_TESTS_SOURCE_DIR_H_

#include <string>

namespace linjuli {

std::string SourceDir();

}  // namespace linjuli

#endif  // LINJULI_TESTS_SOURCE_DIR_H_
