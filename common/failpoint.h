// Places where tests break the product on purpose. In a build without LINJULI_FAILPOINTS they are
// nothing at all.
//
//   LJ_FAILPOINT("store.before_commit");
//
// The environment variable LINJULI_FAILPOINT="store.before_commit=7" kills the process, as a power
// cut of the process would, at the seventh time it passes the place.
#ifndef LINJULI_COMMON_FAILPOINT_H_
#define LINJULI_COMMON_FAILPOINT_H_

#ifdef LINJULI_FAILPOINTS
#define LJ_FAILPOINT(name) ::linjuli::PassFailpoint(name)
#else
#define LJ_FAILPOINT(name) static_cast<void>(0)
#endif

namespace linjuli {
void PassFailpoint(const char* name);
}  // namespace linjuli

#endif  // LINJULI_COMMON_FAILPOINT_H_
