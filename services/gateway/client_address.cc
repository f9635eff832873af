#include "services/gateway/client_address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace linjuli {
namespace {

constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

bool ClientAddress::Parse(absl::string_view text, Address& address) {
  std::string plain(absl::StripAsciiWhitespace(text));
  std::copy(std::begin(kMapped), std::end(kMapped), address.begin());
  return inet_pton(AF_INET, plain.c_str(), &address[12]) == 1 ||
         inet_pton(AF_INET6, plain.c_str(), address.data()) == 1;
}

absl::StatusOr<ClientAddress> ClientAddress::From(const std::vector<std::string>& trusted_proxies) {
  ClientAddress made;
  for (const std::string& text : trusted_proxies) {
    std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
    Network network{{}, 128};
    bool is_v4 = !absl::StrContains(text, ':');
    bool good = Parse(parts.first, network.address);
    if (absl::StrContains(text, '/')) {
      good = good && absl::SimpleAtoi(parts.second, &network.bits) && network.bits >= 0 &&
             network.bits <= (is_v4 ? 32 : 128);
      network.bits += is_v4 ? 96 : 0;
    }
    if (!good) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" is neither an address nor a network, as 10.0.0.0/8"));
    }
    made.trusted_.push_back(network);
  }
  return made;
}

bool ClientAddress::IsTrusted(const Address& address) const {
  return std::any_of(trusted_.begin(), trusted_.end(), [&](const Network& network) {
    int bits = network.bits;
    for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
      int differ = address[i] ^ network.address[i];
      if (differ >> std::max(0, 8 - bits) != 0) return false;
    }
    return true;
  });
}

std::string ClientAddress::Of(const HttpRequest& request) const {
  Address address{};
  if (!Parse(request.peer, address)) return "";
  bool goes_on = true;
  for (auto field = request.fields.rbegin(); field != request.fields.rend() && goes_on; ++field) {
    if (!absl::EqualsIgnoreCase(field->name, "X-Forwarded-For")) continue;
    std::vector<absl::string_view> hops = absl::StrSplit(field->value, ',');
    for (auto hop = hops.rbegin(); hop != hops.rend() && goes_on; ++hop) {
      Address said{};
      // What cannot be read says nothing: the proxy itself stands for it.
      goes_on = IsTrusted(address) && Parse(*hop, said);
      if (goes_on) address = said;
    }
  }
  char text[INET6_ADDRSTRLEN] = "";
  if (std::equal(std::begin(kMapped), std::end(kMapped), address.begin())) {
    inet_ntop(AF_INET, &address[12], text, sizeof(text));
  } else {
    std::fill(address.begin() + 8, address.end(), 0);
    inet_ntop(AF_INET6, address.data(), text, sizeof(text));
  }
  return text;
}

}  // namespace linjuli
