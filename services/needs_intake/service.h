// Needs intake (服务需求响应) as the runtime takes it.
#ifndef LINJULI_SERVICES_NEEDS_INTAKE_SERVICE_H_
#define LINJULI_SERVICES_NEEDS_INTAKE_SERVICE_H_

#include "common/rpc/registry.h"
#include "common/standard/standard.h"

namespace linjuli::needs_intake {

ServiceSpec NeedsIntake();

// What the service asks the city's standard for; a standard without it is refused at start.
StandardNeeds Needs();

}  // namespace linjuli::needs_intake

#endif  // LINJULI_SERVICES_NEEDS_INTAKE_SERVICE_H_
