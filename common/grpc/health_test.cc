#include "common/grpc/health.h"

#include <catch2/catch.hpp>

#include "common/grpc/server.h"
#include "common/grpc/test_parts.h"
#include "common/grpc/wire.h"
#include "google/protobuf/text_format.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"

namespace linjuli {
namespace {

using google::protobuf::Message;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

// One question to the reflection service, both in protobuf's text form.
std::unique_ptr<Message> AskReflection(const GrpcServer& server, const std::string& question,
                                       grpc::Status& status) {
  // The messages are known from the library that serves them.
  auto make = [](const char* name) {
    const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
        absl::StrCat("grpc.reflection.v1alpha.", name));
    LJ_CHECK(type != nullptr);
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  };
  auto request = make("ServerReflectionRequest");
  auto response = make("ServerReflectionResponse");
  LJ_CHECK(google::protobuf::TextFormat::ParseFromString(question, request.get()));

  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  grpc::GenericStub stub(ConnectTo(server));
  auto call = stub.PrepareCall(&context, kReflection, &queue);
  void* tag = nullptr;
  bool ok = false;
  grpc::ByteBuffer bytes;
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  call->Write(ToBytes(*request), nullptr);
  queue.Next(&tag, &ok);
  call->Read(&bytes, nullptr);
  queue.Next(&tag, &ok);
  if (ok) LJ_CHECK(FromBytes(bytes, *response));
  call->WritesDone(nullptr);
  queue.Next(&tag, &ok);
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return response;
}

TEST_CASE("health tells of every service, and watchers hear of each change", "[grpc]") {
  FunctionBackend backend(Echo);
  auto server = StartOrFail(TicketsBy(&backend));
  auto stub = grpc::health::v1::Health::NewStub(ConnectTo(*server));
  auto check = [&](const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    HealthCheckResponse response;
    request.set_service(service);
    auto status = stub->Check(&context, request, &response);
    return status.ok() ? HealthCheckResponse::ServingStatus_Name(response.status())
                       : ReasonOf(FromGrpc(status, "test"));
  };
  server->SetServing(false);
  CHECK(check("") == "NOT_SERVING");
  server->SetServing(true);
  CHECK(check("") == "SERVING");
  CHECK(check("linjuli.testing.v1.Tickets") == "SERVING");
  CHECK(check("grpc.health.v1.Health") == "SERVING");
  CHECK(check("linjuli.nowhere.v1.Nothing") == "SERVICE_UNKNOWN");

  grpc::ClientContext context, unknown;
  HealthCheckRequest request;
  HealthCheckResponse response;
  auto watch = stub->Watch(&context, request);
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVING);
  server->SetServing(false);
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
  server->SetServing(true);
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVING);
  context.TryCancel();
  CHECK_FALSE(watch->Read(&response));
  CHECK(watch->Finish().error_code() == grpc::StatusCode::CANCELLED);

  request.set_service("linjuli.nowhere.v1.Nothing");
  auto nothing = stub->Watch(&unknown, request);
  REQUIRE(nothing->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVICE_UNKNOWN);
  unknown.TryCancel();
  nothing->Finish();
}

TEST_CASE("reflection lists and describes the services where it is asked for", "[grpc]") {
  FunctionBackend backend(Echo);
  auto options = TicketsBy(&backend);
  options.reflection = true;
  auto server = StartOrFail(options);
  grpc::Status status;
  std::string list = AskReflection(*server, "list_services: ''", status)->DebugString();
  CHECK(list.find("\"linjuli.testing.v1.Tickets\"") != std::string::npos);
  CHECK(list.find("\"grpc.health.v1.Health\"") != std::string::npos);
  for (std::string name : {"linjuli.testing.v1.Tickets", "grpc.health.v1.Health"}) {
    auto answer =
        AskReflection(*server, absl::StrCat("file_containing_symbol: '", name, "'"), status);
    CHECK(answer->DebugString().find("file_descriptor_proto") != std::string::npos);
    CHECK(answer->DebugString().find("error_response") == std::string::npos);
  }
  auto closed = StartOrFail(TicketsBy(&backend));
  AskReflection(*closed, "list_services: ''", status);
  CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace linjuli
