#include "common/grpc/server.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/grpc/acceptor.h"
#include "common/grpc/completion.h"
#include "common/grpc/health.h"
#include "common/grpc/wire.h"
#include "common/status.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr int kMaxRequestBytes = 256 << 10;
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr size_t kMaxBufferedBytes = 64 << 20;

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
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 5 * 60'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 60 * 60'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 60'000);
  builder.SetResourceQuota(grpc::ResourceQuota("linjuli").Resize(kMaxBufferedBytes));
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
  bool passes = !options.logs.empty();
  for (const auto& [service, backend, channel] : options.services) {
    if (service == nullptr) return refuse("null", "something is missing");
    if ((backend == nullptr) == (channel == nullptr)) {
      return refuse(service->full_name(), "it has not one of backend and channel");
    }
    passes = passes || channel != nullptr;
    if (!names.insert(service->full_name()).second) return refuse(service->full_name(), "twice");
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      if (method->client_streaming() || method->server_streaming()) {
        return refuse(method->full_name(), "it streams");
      }
    }
  }
  if (passes && options.admit == nullptr) return refuse("what is passed on", "nobody admits calls");
  return absl::OkStatus();
}

// The field by which a method of Changes names one service's log; null where it asks all.
const google::protobuf::FieldDescriptor* LogField(
    const google::protobuf::MethodDescriptor& method) {
  return method.input_type()->FindFieldByName("service");
}

// The channel to the log that a request names, null where that is not elsewhere.
absl::StatusOr<GrpcChannel*> LogOf(const GrpcServerOptions& options, const ByteCall& call) {
  Call decoded;
  decoded.method = call.call.method;
  LJ_RETURN_IF_ERROR(Decode(call.bytes, decoded));
  const auto& request = *decoded.request;
  auto log =
      options.logs.find(request.GetReflection()->GetString(request, LogField(*decoded.method)));
  return log == options.logs.end() ? nullptr : log->second;
}

}  // namespace

struct GrpcServer::Parts {
  Parts(GrpcServerOptions asked, absl::flat_hash_set<std::string> names,
        std::unique_ptr<grpc::ServerCompletionQueue> cq)
      : options(std::move(asked)),
        health(std::move(names)),
        followers(options.follow),
        queue(std::move(cq)),
        calls(queue.get(), options.clock, options.max_calls, options.localize, options.metrics),
        unknown(&calls) {}

  const GrpcServerOptions options;
  Health health;
  Followers followers;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  OpenCalls calls;
  std::vector<std::unique_ptr<RawService>> services;
  UnknownCalls unknown;
  std::unique_ptr<Acceptor> acceptor;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> handover;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<PollingThreads> threads;
  bool drained = false;

  RawService& AddService() { return *services.emplace_back(std::make_unique<RawService>(&calls)); }
  void AddChanges(const ServiceDescriptor* service);
  CancelCall Pass(GrpcChannel* channel, ByteCall call, BytesDone done);
  absl::StatusOr<std::unique_ptr<Feed>> Follow(ByteCall call);
};

CancelCall GrpcServer::Parts::Pass(GrpcChannel* channel, ByteCall call, BytesDone done) {
  absl::Status admitted = options.admit(*call.call.method, call.call.token);
  if (!admitted.ok()) {
    done({calls.Worded(std::move(admitted)), {}, {}});
    return nullptr;
  }
  return channel->Carry(std::move(call),
                        [this, channel, done = std::move(done)](ByteReply reply) mutable {
                          // An error of the service's own goes through as it is; one of gRPC's or
                          // the channel's has no words yet.
                          if (!reply.status.ok() && !HasWords(reply.status)) {
                            reply.status = calls.Worded(FromGrpc(reply.status, channel->target()));
                          }
                          done(std::move(reply));
                        });
}

absl::StatusOr<std::unique_ptr<Feed>> GrpcServer::Parts::Follow(ByteCall call) {
  LJ_ASSIGN(GrpcChannel * channel, LogOf(options, call));
  if (channel == nullptr) {
    LJ_RETURN_IF_ERROR(Decode(call.bytes, call.call));
    return followers.Open(std::move(call.call));
  }
  LJ_RETURN_IF_ERROR(options.admit(*call.call.method, call.call.token));
  return channel->Open(std::move(call));
}

void GrpcServer::Parts::AddChanges(const ServiceDescriptor* service) {
  RawService& raw = AddService();
  for (int i = 0; i < service->method_count(); ++i) {
    const auto* method = service->method(i);
    if (method->server_streaming()) {
      raw.AddStream(
          method, [this](ByteCall call) { return Follow(std::move(call)); }, options.max_followers);
    } else if (options.logs.empty() || LogField(*method) == nullptr) {
      // Also where some logs are elsewhere: a history is made of all, here.
      raw.AddUnary(method, options.changes);
    } else {
      raw.AddPassed(method,
                    [this, here = Decoding(&calls, options.changes)](ByteCall call,
                                                                     BytesDone done) -> CancelCall {
                      absl::StatusOr<GrpcChannel*> channel = LogOf(options, call);
                      if (!channel.ok()) {
                        done({calls.Worded(channel.status()), {}, {}});
                        return nullptr;
                      }
                      if (*channel == nullptr) return here(std::move(call), std::move(done));
                      return Pass(*channel, std::move(call), std::move(done));
                    });
    }
  }
}

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
  auto parts =
      std::make_unique<Parts>(std::move(options), std::move(names), builder.AddCompletionQueue());
  Parts& p = *parts;
  auto server = std::unique_ptr<GrpcServer>(new GrpcServer(std::move(parts)));

  for (const auto& [service, backend, channel] : p.options.services) {
    RawService& raw = p.AddService();
    for (int i = 0; i < service->method_count(); ++i) {
      if (backend != nullptr) {
        raw.AddUnary(service->method(i), backend);
      } else {
        raw.AddPassed(service->method(i), [&p, to = channel](ByteCall call, BytesDone done) {
          return p.Pass(to, std::move(call), std::move(done));
        });
      }
    }
  }
  RawService& raw_health = p.AddService();
  raw_health.AddUnary(health->FindMethodByName("Check"), &p.health);
  raw_health.AddStream(
      health->FindMethodByName("Watch"),
      [&p](ByteCall call) -> absl::StatusOr<std::unique_ptr<Feed>> {
        LJ_RETURN_IF_ERROR(Decode(call.bytes, call.call));
        return p.health.Watch(std::move(call.call));
      },
      p.options.max_followers);
  if (has_changes) p.AddChanges(changes);
  for (auto& service : p.services) builder.RegisterService(service.get());
  builder.RegisterAsyncGenericService(p.unknown.service());

  LJ_ASSIGN(p.acceptor, Acceptor::Listen({p.options.address, p.options.max_connections,
                                          p.options.max_connections_per_peer, p.options.metrics}));
  p.handover = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  p.server = builder.BuildAndStart();
  if (p.server == nullptr) {
    return Refuse(absl::StatusCode::kInternal, "SERVICE", "gRPC does not start this server.");
  }
  for (auto& service : p.services) service->Serve(p.options.calls_ahead);
  p.unknown.Serve();
  p.threads = std::make_unique<PollingThreads>(p.queue.get(), p.options.polling_threads);
  p.acceptor->Start([&p](int connection) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters handed;
    handed.fd = connection;
    p.handover->HandleNewConnection(&handed);
  });
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

int GrpcServer::port() const { return parts_->acceptor->port(); }

void GrpcServer::SetServing(bool serving) { parts_->health.SetServing(serving); }

void GrpcServer::Drain(absl::Duration not_serving, absl::Duration finish) {
  Parts& p = *parts_;
  if (std::exchange(p.drained, true)) return;
  p.health.SetServing(false);
  // Load balancers need this long to hear of it; nothing here can tell when they have.
  absl::Notification told;
  told.WaitForNotificationWithTimeout(not_serving);
  p.acceptor->Stop();
  p.calls.EndStreams();
  p.server->Shutdown(absl::ToChronoTime(Clock::Real()->Now() + finish));
  p.calls.AwaitNone();
  p.threads.reset();
}

}  // namespace linjuli
