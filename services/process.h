// One running program: the services it was asked for, in one process or as one of several, with
// its doors. The same code serves `all` and a single name; tests start it like `main` does.
#ifndef LINJULI_SERVICES_PROCESS_H_
#define LINJULI_SERVICES_PROCESS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/crypto/seal.h"
#include "common/rpc/rate_limit.h"

namespace linjuli {

struct ProcessOptions {
  std::vector<std::string> serve;  // names of services, "gateway", or "all"
  std::string data_dir;
  std::string standard_dir;
  // Addresses, "127.0.0.1:0"; an empty one keeps that door shut.
  std::string http;
  std::string grpc;
  std::string metrics;
  std::map<std::string, std::string> backends;  // services elsewhere: name → target
  std::vector<std::string> origins;             // web pages that may call from browsers
  // Whose tokens are trusted. Without a JWKS file: the embedded issuer of the data folder.
  std::string jwks;
  std::string issuer;
  std::string audience;
  // By which personal data is sealed from now on, and the file with the master key of its keys;
  // unsaid: master.key of the data folder, made where there is none.
  Profile crypto = Profile::kIntl;
  std::string master_key;
  // What the gateway allows each person, and each address; nothing is limited where unsaid.
  CallRates person_rates;
  // Whether calls are refused while others wait too long.
  bool shed = false;
  double address_rate = 0;
  // Proxies whose X-Forwarded-For tells the address.
  std::vector<std::string> trusted_proxies;
  Clock* clock = Clock::Real();
  bool due_thread = true;
  // How long it serves on while it says that it is not ready, so that whoever sends it calls hears
  // of it before its doors close. A load balancer asks for some seconds.
  absl::Duration drain_delay = absl::ZeroDuration();
};

class Process {
 public:
  // INVALID_ARGUMENT or FAILED_PRECONDITION says which option, file or declaration is wrong.
  static absl::StatusOr<std::unique_ptr<Process>> Start(ProcessOptions options);
  // Drains: not ready, calls under way end, stores are copied and closed.
  ~Process();

  // {"http":"127.0.0.1:41234",…}: the doors that are open.
  std::string AddressesJson() const;
  int http_port() const;
  int grpc_port() const;
  int metrics_port() const;

  // Says that it is not ready, serves on for drain_delay, then finishes what runs, takes no more.
  void Drain();

  // Due times pass; for tests with a fake clock.
  void RunDue();

 private:
  struct Parts;
  explicit Process(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_PROCESS_H_
