#include "services/process.h"

#include <prometheus/exposer.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/auth/issuer.h"
#include "common/auth/signing_key.h"
#include "common/auth/verifier.h"
#include "common/grpc/channel.h"
#include "common/grpc/server.h"
#include "common/grpc/source.h"
#include "common/log.h"
#include "common/rpc/follow.h"
#include "common/rpc/service.h"
#include "common/rpc/witness.h"
#include "common/standard/standard.h"
#include "services/gateway/embedded_descriptors.h"
#include "services/gateway/gateway.h"
#include "services/gateway/history.h"
#include "services/services.h"
#include "services/witness_file.h"

namespace linjuli {
namespace {

constexpr absl::string_view kPrivacy = "privacy";

}  // namespace

// In the order of need: whatever is below ends before what it uses.
struct Process::Parts {
  struct Remote {
    std::string name;
    const google::protobuf::ServiceDescriptor* service;
    GrpcChannel* channel;
  };

  ProcessOptions options;
  // Shared with every service under this version; prometheus-cpp's exposer asks for it shared too.
  std::shared_ptr<const Standard> standard;
  std::shared_ptr<prometheus::Registry> registry;
  std::optional<Issuer> issuer;  // none where another one's tokens are trusted
  std::unique_ptr<Verifier> verifier;
  std::optional<SigningKey> head_key;
  std::vector<std::unique_ptr<Service>> services;
  std::vector<std::unique_ptr<GrpcChannel>> channels;
  std::vector<Remote> remotes;  // what the gateway serves for others
  std::vector<std::unique_ptr<GrpcSource>> sources;
  std::vector<std::unique_ptr<Follower>> followers;
  std::vector<std::unique_ptr<HeadKeeper>> keepers;
  std::unique_ptr<Witnesses> witnesses;
  std::unique_ptr<ChangesBackend> changes;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<prometheus::Exposer> exposer;
  std::atomic<bool> draining{false};

  absl::Status LoadTrust();
  absl::Status StartServices();
  absl::Status FindRemotes();
  absl::Status StartGrpc();
  absl::Status StartFollowers();
  void StartWitnesses();
  // The services that a service has functions for, by name.
  static std::set<std::string> FollowedBy(const Service& service);
  // The log of a service here or elsewhere; null where it is neither.
  ChangeSource* SourceOf(const std::string& name);
  absl::Status StartGateway();
  GrpcChannel* ChannelTo(const std::string& target);
  // Whether the gateway passes a call on; the service that it goes to asks again, and more.
  absl::Status Admit(const google::protobuf::MethodDescriptor& method, absl::string_view token);
  void LocalizeError(absl::Status& status) const;
  // The token that services show each other, of the embedded issuer.
  std::string OwnToken() const;
  absl::Status StartMetrics();
  bool Serves(const std::string& name) const {
    return std::find(options.serve.begin(), options.serve.end(), name) != options.serve.end() ||
           std::find(options.serve.begin(), options.serve.end(), "all") != options.serve.end();
  }
};

absl::Status Process::Parts::LoadTrust() {
  KeySet keys;
  if (options.jwks.empty()) {
    LJ_ASSIGN(issuer, Issuer::LoadOrCreate(options.data_dir + "/issuer.jwk"));
    keys = issuer->keys();
  } else {
    LJ_ASSIGN(keys, KeySet::Load(options.jwks));
  }
  verifier = std::make_unique<Verifier>(
      std::move(keys), options.issuer.empty() ? Issuer::kName : options.issuer,
      options.audience.empty() ? Issuer::kName : options.audience, options.clock);
  return absl::OkStatus();
}

absl::Status Process::Parts::StartServices() {
  LJ_ASSIGN(head_key, SigningKey::LoadOrCreate(options.data_dir + "/heads.jwk"));
  for (const auto& entry : AllServices()) {
    if (!Serves(entry.name)) continue;
    ServiceOptions service;
    service.data_dir = options.data_dir;
    service.clock = options.clock;
    service.verifier = verifier.get();
    service.standard = standard.get();
    service.metrics = registry.get();
    service.head_key = &*head_key;
    service.due_thread = options.due_thread;
    service.shed = options.shed;
    service.master_key = options.master_key;
    service.crypto = options.crypto;
    LJ_ASSIGN(std::unique_ptr<Service> started, Service::Start(entry.spec(), service));
    services.push_back(std::move(started));
  }
  return absl::OkStatus();
}

absl::Status Process::Parts::FindRemotes() {
  if (!Serves("gateway")) return absl::OkStatus();
  for (const auto& entry : AllServices()) {
    auto remote = options.backends.find(entry.name);
    if (Serves(entry.name) || remote == options.backends.end()) continue;
    LJ_ASSIGN(std::unique_ptr<ServicePlan> plan, ServicePlan::From(entry.spec()));
    remotes.push_back({entry.name, plan->service, ChannelTo(remote->second)});
  }
  return absl::OkStatus();
}

absl::Status Process::Parts::Admit(const google::protobuf::MethodDescriptor& method,
                                   absl::string_view token) {
  if (token.empty() && method.options().GetExtension(access).public_()) return absl::OkStatus();
  return verifier->Verify(token).status();
}

void Process::Parts::LocalizeError(absl::Status& status) const {
  std::string text = standard->Text(ReasonOf(status), "zh-CN");
  if (!text.empty()) Localize(status, "zh-CN", text);
}

absl::Status Process::Parts::StartGrpc() {
  if (options.grpc.empty()) return absl::OkStatus();
  GrpcServerOptions server;
  server.address = options.grpc;
  server.clock = options.clock;
  server.reflection = true;
  std::vector<NamedBackend> logs;
  for (const auto& service : services) {
    server.services.push_back({service->plan().service, service.get()});
    logs.push_back({service->name(), service.get()});
  }
  for (const auto& remote : remotes) {
    server.services.push_back({remote.service, nullptr, remote.channel});
    server.logs[remote.name] = remote.channel;
    logs.push_back({remote.name, remote.channel});
  }
  server.admit = [this](const auto& method, absl::string_view token) {
    return Admit(method, token);
  };
  server.localize = [this](absl::Status& status) { LocalizeError(status); };
  server.metrics = registry.get();
  changes = std::make_unique<ChangesBackend>(std::move(logs));
  server.changes = changes.get();
  server.follow = [this](absl::string_view name,
                         absl::string_view token) -> absl::StatusOr<ChangeSource*> {
    for (const auto& service : services) {
      if (service->name() == name) return service->Follow(token);
    }
    return NotFound(name);
  };
  LJ_ASSIGN(grpc, GrpcServer::Start(std::move(server)));
  grpc->SetServing(true);
  return absl::OkStatus();
}

GrpcChannel* Process::Parts::ChannelTo(const std::string& target) {
  for (const auto& channel : channels) {
    if (channel->target() == target) return channel.get();
  }
  GrpcChannelOptions channel;
  channel.target = target;
  channel.metrics = registry.get();
  channels.push_back(std::make_unique<GrpcChannel>(std::move(channel)));
  return channels.back().get();
}

std::set<std::string> Process::Parts::FollowedBy(const Service& service) {
  std::set<std::string> names;
  for (const auto& [type, handler] : service.plan().follows) {
    names.insert(ServiceNameOf(handler->type));
  }
  return names;
}

ChangeSource* Process::Parts::SourceOf(const std::string& name) {
  for (const auto& service : services) {
    if (service->name() == name) return service.get();
  }
  auto remote = options.backends.find(name);
  if (remote == options.backends.end()) return nullptr;
  sources.push_back(std::make_unique<GrpcSource>(
      ChannelTo(remote->second), GrpcSourceOptions{name, [this] { return OwnToken(); }}));
  return sources.back().get();
}

// Each service follows the services whose changes it has functions for, here or elsewhere.
absl::Status Process::Parts::StartFollowers() {
  for (const auto& service : services) {
    for (const std::string& name : FollowedBy(*service)) {
      ChangeSource* source = SourceOf(name);
      if (source == nullptr && name == kPrivacy) {
        // The runtime makes every service with personal data follow it; a town may run without.
        LogInfo("no privacy service: whom it erases is not erased here",
                {{"service", service->name()}, {"mend", "--backend privacy=ADDRESS"}});
        continue;
      }
      if (source == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(
            service->name(), " follows ", name, ": serve it beside, or --backend ", name, "=…"));
      }
      followers.push_back(std::make_unique<Follower>(service.get(), name, source, registry.get()));
    }
  }
  return absl::OkStatus();
}

// Who follows a service is a witness of its log; so is the gateway, of all.
void Process::Parts::StartWitnesses() {
  std::vector<std::unique_ptr<Witness>> looking;
  auto add = [&](const std::string& witness, const std::string& name, HeadKeeper* keeper) {
    ChangeSource* source = SourceOf(name);
    if (source == nullptr) return;
    WitnessOptions witnessing;
    witnessing.service = name;
    witnessing.witness = witness;
    witnessing.source = source;
    witnessing.keeper = keeper;
    witnessing.clock = options.clock;
    witnessing.metrics = registry.get();
    looking.push_back(std::make_unique<Witness>(std::move(witnessing)));
  };
  for (const auto& service : services) {
    std::set<std::string> names = FollowedBy(*service);
    if (names.empty()) continue;
    keepers.push_back(std::make_unique<StoreKeeper>(&service->store()));
    for (const auto& name : names) add(service->name(), name, keepers.back().get());
  }
  if (Serves("gateway")) {
    keepers.push_back(
        std::make_unique<FileKeeper>(absl::StrCat(options.data_dir, "/", kWitnessedHeads)));
    for (const auto& entry : AllServices()) add("gateway", entry.name, keepers.back().get());
  }
  if (!looking.empty()) witnesses = std::make_unique<Witnesses>(std::move(looking));
}

std::string Process::Parts::OwnToken() const {
  if (!issuer.has_value()) return "";
  Caller caller;
  caller.subject = "service";
  caller.roles = 1u << SERVICE;
  return issuer->Sign(caller, absl::Minutes(10), options.clock->Now());
}

absl::Status Process::Parts::StartGateway() {
  if (!Serves("gateway")) return absl::OkStatus();
  GatewayOptions gate;
  gate.descriptor_set = EmbeddedDescriptors();
  size_t colon = options.http.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(options.http.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError("--http must be like 127.0.0.1:8080");
  }
  gate.http.address = options.http.substr(0, colon);
  gate.http.port = port;
  gate.http.clock = options.clock;
  gate.origins = options.origins;
  gate.gate.verifier = verifier.get();
  gate.gate.person = options.person_rates;
  gate.gate.shed = options.shed;
  gate.gate.address_rate = options.address_rate;
  gate.gate.trusted_proxies = options.trusted_proxies;
  gate.gate.clock = options.clock;
  gate.gate.metrics = registry.get();
  for (const auto& service : services) {
    gate.services.push_back({service->plan().service, service.get(), service.get()});
  }
  for (const auto& remote : remotes) {
    sources.push_back(std::make_unique<GrpcSource>(
        remote.channel,
        GrpcSourceOptions{remote.name, [this] { return OwnToken(); }, absl::Seconds(2)}));
    gate.services.push_back({remote.service, remote.channel, sources.back().get()});
  }
  if (gate.services.empty()) {
    return absl::InvalidArgumentError(
        "the gateway has nothing to serve: name services beside it, or --backend NAME=ADDRESS");
  }
  gate.ready = [this] { return draining ? absl::UnavailableError("draining") : absl::OkStatus(); };
  gate.localize = [this](absl::Status& status) { LocalizeError(status); };
  LJ_ASSIGN(gateway, Gateway::Start(std::move(gate)));
  return absl::OkStatus();
}

absl::Status Process::Parts::StartMetrics() {
  if (options.metrics.empty()) return absl::OkStatus();
  try {  // prometheus-cpp tells by exception that it cannot listen
    exposer = std::make_unique<prometheus::Exposer>(options.metrics, 1);
  } catch (const std::exception& e) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on --metrics ", options.metrics, ": ", e.what()));
  }
  exposer->RegisterCollectable(registry);
  return absl::OkStatus();
}

Process::Process(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Process>> Process::Start(ProcessOptions options) {
  std::vector<std::string> known = {"all", "gateway"};
  for (const auto& entry : AllServices()) known.push_back(entry.name);
  for (const auto& name : options.serve) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("no service \"", name, "\"; there are ", absl::StrJoin(known, ", ")));
    }
  }
  std::error_code error;
  std::filesystem::create_directories(options.data_dir, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--data-dir ", options.data_dir, ": ", error.message()));
  }
  auto parts = std::make_unique<Parts>();
  parts->options = std::move(options);
  parts->registry = std::make_shared<prometheus::Registry>();
  LJ_ASSIGN(parts->standard, Standard::Load(parts->options.standard_dir, AllNeeds()));
  LJ_RETURN_IF_ERROR(parts->LoadTrust());
  LJ_RETURN_IF_ERROR(parts->StartServices());
  LJ_RETURN_IF_ERROR(parts->StartFollowers());
  LJ_RETURN_IF_ERROR(parts->FindRemotes());
  LJ_RETURN_IF_ERROR(parts->StartGrpc());
  LJ_RETURN_IF_ERROR(parts->StartGateway());
  LJ_RETURN_IF_ERROR(parts->StartMetrics());
  parts->StartWitnesses();
  return std::unique_ptr<Process>(new Process(std::move(parts)));
}

Process::~Process() { Drain(); }

void Process::Drain() {
  if (parts_->draining.exchange(true)) return;
  // Both doors together, so that the end comes within a bounded time.
  constexpr absl::Duration kFinish = absl::Seconds(20);
  if (parts_->grpc) parts_->grpc->SetServing(false);
  absl::Time closing = parts_->options.clock->Now() + parts_->options.drain_delay;
  while (parts_->options.clock->Now() < closing) absl::SleepFor(absl::Milliseconds(20));
  absl::Time end = absl::Now() + kFinish;
  auto left = [end] { return std::max(end - absl::Now(), absl::ZeroDuration()); };
  if (parts_->gateway) parts_->gateway->Drain(left());
  if (parts_->grpc) parts_->grpc->Drain(absl::ZeroDuration(), left());
  parts_->gateway.reset();
  parts_->grpc.reset();
  parts_->followers.clear();
  // What was written last is signed and witnessed before the services go.
  for (const auto& service : parts_->services) service->SignHead().IgnoreError();
  parts_->witnesses.reset();
  parts_->sources.clear();
  parts_->channels.clear();
  parts_->services.clear();
}

void Process::RunDue() {
  for (auto& service : parts_->services) service->RunDue();
}

int Process::http_port() const { return parts_->gateway ? parts_->gateway->port() : 0; }
int Process::grpc_port() const { return parts_->grpc ? parts_->grpc->port() : 0; }
int Process::metrics_port() const {
  return parts_->exposer ? parts_->exposer->GetListeningPorts().at(0) : 0;
}

std::string Process::AddressesJson() const {
  std::vector<std::string> doors;
  auto add = [&](const char* name, const std::string& asked, int port) {
    bool is_path = absl::StartsWith(asked, "unix:");
    if (port == 0 && !is_path) return;
    std::string at = is_path ? asked : absl::StrCat(asked.substr(0, asked.rfind(':')), ":", port);
    doors.push_back(absl::StrCat("\"", name, "\":\"", at, "\""));
  };
  add("http", parts_->options.http, http_port());
  add("grpc", parts_->options.grpc, grpc_port());
  add("metrics", parts_->options.metrics, metrics_port());
  return absl::StrCat("{", absl::StrJoin(doors, ","), "}");
}

}  // namespace linjuli
