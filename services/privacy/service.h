// Erasing people (linjuli.privacy.v1): asked for by one, approved by another. Every service with
// personal data follows it; the runtime does that for them (common/rpc/erase.h).
#ifndef LINJULI_SERVICES_PRIVACY_SERVICE_H_
#define LINJULI_SERVICES_PRIVACY_SERVICE_H_

#include "common/rpc/registry.h"
#include "common/standard/standard.h"

namespace linjuli::privacy {

ServiceSpec Privacy();
// What of the city's standard it cannot do without.
StandardNeeds Needs();

}  // namespace linjuli::privacy

#endif  // LINJULI_SERVICES_PRIVACY_SERVICE_H_
