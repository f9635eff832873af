#include "tests/source_dir.h"

namespace linjuli {

// The one object whose compilation names the folder, so that other checkouts share the rest.
std::string SourceDir() { return LINJULI_SOURCE_DIR; }

}  // namespace linjuli
