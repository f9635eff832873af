// The change logs of all services as one: linjuli.changes.v1.Changes, asked of each of them.
#ifndef LINJULI_SERVICES_GATEWAY_HISTORY_H_
#define LINJULI_SERVICES_GATEWAY_HISTORY_H_

#include <string>
#include <vector>

#include "common/rpc/call.h"

namespace linjuli {

// A service's short name, as "needs_intake", and who carries out its calls.
struct NamedBackend {
  std::string name;
  Backend* backend = nullptr;
};

// ListHistory asks every service and merges what they say by commit time. One that does not know
// the resource adds nothing; NOT_FOUND is the answer only where it is everybody's. Any other error
// of one is the answer: a story with a hole looks like a whole one. A page may be shorter than
// asked for before the end. With `tail` the token remembers every service, also those that had
// nothing to say.
// Every other method goes to the service that its request names; NOT_FOUND where there is none of
// that name.
//
// Thread-safe where the backends are.
class ChangesBackend : public Backend {
 public:
  // Two services may share a backend; it is asked once.
  explicit ChangesBackend(std::vector<NamedBackend> services);

  void Start(Call call, Done done) override;

 private:
  void ListHistory(Call call, Done done);

  std::vector<NamedBackend> services_;
  std::vector<NamedBackend> distinct_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HISTORY_H_
