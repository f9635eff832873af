#include "common/grpc/server.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/grpc/completion.h"
#include "common/grpc/health.h"
#include "common/grpc/raw_service.h"
#include "common/status.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr int kMaxRequestBytes = 256 << 10;

const ServiceDescriptor* ServiceOf(const FileDescriptor* file, const char* name) {
  const ServiceDescriptor* service = file->FindServiceByName(name);
  LJ_CHECK(service != nullptr);
  return service;
}

// Linking gRPC's reflection library gives it to every server of the process; whether this one has
// it is for its options to say.
class Reflection : public grpc::ServerBuilderOption {
 public:
  explicit Reflection(bool wanted) : wanted_(wanted) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    auto own = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& plugin) { return plugin->name() == own->name(); });
    if (wanted_) plugins->push_back(std::move(own));
  }

 private:
  const bool wanted_;
};

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  // The limit counts compressed bytes: a small request could become a large one.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  // Reflection is a synchronous service, and brings threads of its own: the fewest there can be.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);
  // A second process on the same port would take half of the calls in silence.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_OPTIMIZATION_TARGET, "throughput");
  // Followers sit on quiet connections: both sides may ask whether the other is still there, the
  // client every 30 s (channel.cc), and one that asks much oftener is cut off.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
}

absl::Status CheckServices(const GrpcServerOptions& options,
                           absl::flat_hash_set<std::string>& names) {
  auto refuse = [](absl::string_view name, absl::string_view why) {
    return Refuse(absl::StatusCode::kInvalidArgument, "SERVICE",
                  absl::StrCat(name, " cannot be served: ", why), {{"service", std::string(name)}});
  };
  for (const auto& [service, backend] : options.services) {
    if (service == nullptr || backend == nullptr) return refuse("null", "something is missing");
    if (!names.insert(service->full_name()).second) return refuse(service->full_name(), "twice");
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      if (method->client_streaming() || method->server_streaming()) {
        return refuse(method->full_name(), "it streams");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

struct GrpcServer::Parts {
  Parts(const GrpcServerOptions& options, absl::flat_hash_set<std::string> names,
        std::unique_ptr<grpc::ServerCompletionQueue> cq)
      : health(std::move(names)),
        followers(options.follow),
        queue(std::move(cq)),
        calls(queue.get(), options.clock, options.max_calls) {}

  Health health;
  Followers followers;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  OpenCalls calls;
  std::vector<std::unique_ptr<RawService>> services;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<PollingThreads> threads;
  int port = 0;
  bool drained = false;

  RawService& AddService() { return *services.emplace_back(std::make_unique<RawService>(&calls)); }
};

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(GrpcServerOptions options) {
  const ServiceDescriptor* changes =
      ServiceOf(changes::v1::Change::descriptor()->file(), "Changes");
  const ServiceDescriptor* health =
      ServiceOf(grpc::health::v1::HealthCheckRequest::descriptor()->file(), "Health");
  bool has_changes = options.changes != nullptr && options.follow != nullptr;

  absl::flat_hash_set<std::string> names{health->full_name()};
  if (has_changes) names.insert(changes->full_name());
  LJ_RETURN_IF_ERROR(CheckServices(options, names));

  grpc::ServerBuilder builder;
  SetLimits(builder);
  builder.SetOption(std::make_unique<Reflection>(options.reflection));
  auto parts = std::make_unique<Parts>(options, std::move(names), builder.AddCompletionQueue());
  Parts& p = *parts;

  for (const auto& [service, backend] : options.services) {
    RawService& raw = p.AddService();
    for (int i = 0; i < service->method_count(); ++i) raw.AddUnary(service->method(i), backend);
  }
  RawService& raw_health = p.AddService();
  raw_health.AddUnary(health->FindMethodByName("Check"), &p.health);
  raw_health.AddStream(
      health->FindMethodByName("Watch"),
      [&p](Call call) { return p.health.Watch(std::move(call)); }, options.max_followers);
  if (has_changes) {
    RawService& raw = p.AddService();
    raw.AddUnary(changes->FindMethodByName("ListChanges"), options.changes);
    raw.AddUnary(changes->FindMethodByName("ListHistory"), options.changes);
    raw.AddStream(
        changes->FindMethodByName("FollowChanges"),
        [&p](Call call) { return p.followers.Open(std::move(call)); }, options.max_followers);
  }
  for (auto& service : p.services) builder.RegisterService(service.get());

  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &p.port);
  p.server = builder.BuildAndStart();
  auto server = std::unique_ptr<GrpcServer>(new GrpcServer(std::move(parts)));
  if (p.server == nullptr) {
    return Refuse(absl::StatusCode::kUnavailable, "ADDRESS",
                  absl::StrCat("Cannot listen on ", options.address, "."),
                  {{"address", options.address}});
  }
  for (auto& service : p.services) service->Serve(options.calls_ahead);
  p.threads = std::make_unique<PollingThreads>(p.queue.get(), options.polling_threads);
  return server;
}

GrpcServer::GrpcServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

GrpcServer::~GrpcServer() {
  if (parts_->server != nullptr) {
    Drain(absl::ZeroDuration(), absl::ZeroDuration());
    return;
  }
  PollingThreads empties(parts_->queue.get(), 1);
}

int GrpcServer::port() const { return parts_->port; }

void GrpcServer::SetServing(bool serving) { parts_->health.SetServing(serving); }

void GrpcServer::Drain(absl::Duration not_serving, absl::Duration finish) {
  Parts& p = *parts_;
  if (std::exchange(p.drained, true)) return;
  p.health.SetServing(false);
  // Load balancers need this long to hear of it; nothing here can tell when they have.
  absl::Notification told;
  told.WaitForNotificationWithTimeout(not_serving);
  p.calls.EndStreams();
  p.server->Shutdown(absl::ToChronoTime(Clock::Real()->Now() + finish));
  p.calls.AwaitNone();
  p.threads.reset();
}

}  // namespace linjuli
