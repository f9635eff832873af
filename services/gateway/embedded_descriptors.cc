#include "services/gateway/embedded_descriptors.h"

// The assembler puts the file in: no generated source, no limit on its size.
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    "linjuli_descriptors_begin:\n"
    ".incbin \"" LINJULI_DESCRIPTOR_SET
    "\"\n"
    "linjuli_descriptors_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern const char linjuli_descriptors_begin[];
extern const char linjuli_descriptors_end[];
}

namespace linjuli {

absl::string_view EmbeddedDescriptors() {
  return absl::string_view(linjuli_descriptors_begin,
                           linjuli_descriptors_end - linjuli_descriptors_begin);
}

}  // namespace linjuli
