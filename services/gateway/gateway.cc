#include "services/gateway/gateway.h"

#include <sys/random.h>

#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "services/gateway/connect.h"
#include "services/gateway/cors.h"
#include "services/gateway/grpc_web.h"
#include "services/gateway/history.h"
#include "services/gateway/http_error.h"
#include "services/gateway/openapi.h"
#include "services/gateway/pages.h"
#include "services/gateway/readiness.h"
#include "services/gateway/route.h"

namespace linjuli {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// From the kernel, as many at a time as it gives at once.
std::uint64_t RandomBits() {
  thread_local std::array<std::uint64_t, 32> pool;
  thread_local std::size_t left = 0;
  if (left == 0) {
    LJ_CHECK(getentropy(pool.data(), sizeof(pool)) == 0, "the kernel gives no random bits");
    left = pool.size();
  }
  return pool[--left];
}

// "needs_intake" of linjuli.needs_intake.v1.NeedsIntake.
std::string ShortName(const ServiceDescriptor& service) {
  std::vector<std::string> parts = absl::StrSplit(service.full_name(), '.');
  return parts.size() > 1 ? parts[1] : parts[0];
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(GatewayOptions options) {
  auto gateway = std::unique_ptr<Gateway>(new Gateway());
  LJ_ASSIGN(gateway->gate_, Gate::From(std::move(options.gate)));
  options.http.wait = &gateway->gate_->wait();
  absl::flat_hash_map<const ServiceDescriptor*, Backend*> backends;
  std::vector<const ServiceDescriptor*> services;
  std::vector<NamedBackend> named;
  std::vector<ChangeSource*> logs;
  for (const ServedBy& served : options.services) {
    LJ_CHECK(served.service != nullptr && served.backend != nullptr);
    services.push_back(served.service);
    LJ_ASSIGN(backends[served.service], gateway->Guard(served.service, served.backend));
    named.push_back({ShortName(*served.service), served.backend});
    if (served.log != nullptr) logs.push_back(served.log);
  }
  const ServiceDescriptor* changes =
      changes::v1::Change::descriptor()->file()->FindServiceByName("Changes");
  LJ_CHECK(changes != nullptr);
  if (!named.empty()) {
    services.push_back(changes);
    gateway->changes_ = std::make_unique<ChangesBackend>(std::move(named));
    LJ_ASSIGN(backends[changes], gateway->Guard(changes, gateway->changes_.get()));
  }

  LJ_ASSIGN(RouteTable routes, RouteTable::Build(services));
  LJ_ASSIGN(std::string openapi, OpenApiDocument(services, options.descriptor_set));
  LJ_ASSIGN(std::unique_ptr<CorsDoor> made, CorsDoor::Of(std::move(options.origins)));
  const CorsDoor* cors = made.get();
  gateway->doors_.push_back(std::move(made));
  gateway->doors_.push_back(std::make_unique<PagesDoor>(std::move(openapi), options.ready));
  if (gateway->changes_ != nullptr) {
    LJ_ASSIGN(RouteTable live, RouteTable::Build({changes}));
    gateway->doors_.push_back(std::make_unique<EventDoor>(std::move(live), gateway->changes_.get(),
                                                          std::move(logs), options.events,
                                                          options.localize, options.http.clock));
  }
  absl::flat_hash_set<std::string> names;
  for (const ServiceDescriptor* service : services) names.insert(service->full_name());
  gateway->readiness_ =
      std::make_unique<ReadinessBackend>(std::move(names), std::move(options.ready));
  backends[ReadinessBackend::Service()] = gateway->readiness_.get();
  Resolve resolve = [backends = std::move(backends)](const MethodDescriptor* method) {
    auto found = backends.find(method->service());
    return found == backends.end() ? nullptr : found->second;
  };
  services.push_back(ReadinessBackend::Service());
  gateway->methods_ = std::make_unique<RpcMethods>(services, resolve);
  gateway->doors_.push_back(
      std::make_unique<GrpcWebDoor>(gateway->methods_.get(), options.localize, options.http.clock));
  gateway->doors_.push_back(
      std::make_unique<ConnectDoor>(gateway->methods_.get(), options.localize, options.http.clock));
  gateway->doors_.push_back(std::make_unique<RestDoor>(
      std::move(routes), std::move(resolve), options.localize, options.http.clock));

  if (options.http.random == nullptr) options.http.random = RandomBits;
  auto handle = [&gate = *gateway->gate_, &doors = gateway->doors_, cors,
                 localize = std::move(options.localize)](const HttpRequest& request,
                                                         HttpRespond respond) {
    cors->Mark(request, respond);
    if (absl::Status status = gate.AdmitAddress(request); !status.ok()) {
      if (localize != nullptr) localize(status);
      return std::move(respond)(ErrorResponse(status));
    }
    for (const auto& door : doors) {
      if (door->Takes(request)) return door->Handle(request, std::move(respond));
    }
  };
  LJ_ASSIGN(gateway->server_, HttpServer::Start(std::move(options.http), std::move(handle)));
  return gateway;
}

absl::StatusOr<Backend*> Gateway::Guard(const ServiceDescriptor* service, Backend* behind) {
  LJ_ASSIGN(std::unique_ptr<Backend> made, gate_->Guard(service, behind));
  return guarded_.emplace_back(std::move(made)).get();
}

Gateway::~Gateway() = default;

}  // namespace linjuli
