// From which address a request comes, as far as limits go: the other end of its connection, or,
// where that is a proxy which is trusted, what the proxy says.
#ifndef LINJULI_SERVICES_GATEWAY_CLIENT_ADDRESS_H_
#define LINJULI_SERVICES_GATEWAY_CLIENT_ADDRESS_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/gateway/http_message.h"

namespace linjuli {

// Thread-safe.
class ClientAddress {
 public:
  // The proxies, as "10.0.0.7", "10.0.0.0/8" or "fd00::/8". INVALID_ARGUMENT names one that is
  // none.
  static absl::StatusOr<ClientAddress> From(const std::vector<std::string>& trusted_proxies);

  // "10.1.2.3"; of an IPv6 address its first 64 bits, "2001:db8::", since one client has all of the
  // others. X-Forwarded-For is read from its end, where the proxies write, up to the first address
  // that is not a trusted proxy.
  std::string Of(const HttpRequest& request) const;

 private:
  // As of IPv6; an IPv4 address stands in its last four bytes (::ffff:10.0.0.7).
  using Address = std::array<unsigned char, 16>;
  struct Network {
    Address address;
    int bits;
  };
  static bool Parse(absl::string_view text, Address& address);
  bool IsTrusted(const Address& address) const;

  std::vector<Network> trusted_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_CLIENT_ADDRESS_H_
