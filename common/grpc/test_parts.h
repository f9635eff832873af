// For the tests of this folder: a backend made of a function, and a log in memory.
#ifndef LINJULI_COMMON_GRPC_TEST_PARTS_H_
#define LINJULI_COMMON_GRPC_TEST_PARTS_H_

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/changes/source.h"
#include "common/grpc/channel.h"
#include "common/grpc/server.h"
#include "common/rpc/call.h"
#include "common/status.h"
#include "grpcpp/create_channel.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/testing/v1/testing.pb.h"

namespace linjuli {

inline const google::protobuf::ServiceDescriptor* TicketsService() {
  return testing::v1::Ticket::descriptor()->file()->FindServiceByName("Tickets");
}

// A call of Tickets.CreateTicket for a ticket with this text.
inline Call CreateTicket(const std::string& text) {
  auto request = std::make_unique<testing::v1::CreateTicketRequest>();
  request->mutable_ticket()->set_text(text);
  Call call;
  call.method = TicketsService()->FindMethodByName("CreateTicket");
  call.request = std::move(request);
  return call;
}

inline std::string TextOf(const Call& call) {
  return static_cast<const testing::v1::CreateTicketRequest&>(*call.request).ticket().text();
}

inline Reply TicketWith(const std::string& text) {
  auto ticket = std::make_unique<testing::v1::Ticket>();
  ticket->set_text(text);
  return ticket;
}

class FunctionBackend : public Backend {
 public:
  explicit FunctionBackend(std::function<void(Call, Done)> start) : start_(std::move(start)) {}
  void Start(Call call, Done done) override { start_(std::move(call), std::move(done)); }

 private:
  std::function<void(Call, Done)> start_;
};

// Gives the ticket back that was sent.
inline void Echo(Call call, Done done) { done(TicketWith(TextOf(call))); }

// Waits for the reply.
inline Reply Carry(Backend& backend, Call call) {
  Reply reply;
  absl::Notification arrived;
  backend.Start(std::move(call), [&](Reply r) {
    reply = std::move(r);
    arrived.Notify();
  });
  arrived.WaitForNotification();
  return reply;
}

// A folder that goes with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "grpc-XXXXXX").string();
    LJ_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string Socket() const { return absl::StrCat("unix:", path_, "/socket"); }

 private:
  std::string path_;
};

class MemoryLog : public ChangeSource {
 public:
  explicit MemoryLog(std::string epoch = "first") : epoch_(std::move(epoch)) {}

  // Changes of so many bytes, or as small as they are.
  void Append(int count, size_t bytes = 0) {
    std::vector<absl::AnyInvocable<void()>> waiting;
    {
      absl::MutexLock lock(&mutex_);
      for (int i = 0; i < count; ++i) {
        auto& change = changes_.emplace_back();
        change.set_sequence(static_cast<int64_t>(changes_.size()));
        change.set_resource(absl::StrCat("tickets/", changes_.size()));
        change.set_caller(std::string(bytes, 'x'));
      }
      waiting.swap(waiting_);
    }
    for (auto& wake : waiting) wake();
  }

  absl::StatusOr<ChangeBatch> Read(absl::string_view epoch, int64_t after, int limit) override {
    absl::MutexLock lock(&mutex_);
    ++reads_;
    if (!epoch.empty() && epoch != epoch_) {
      return Refuse(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED", "Another epoch.");
    }
    ChangeBatch batch{epoch_, {}};
    int64_t end = static_cast<int64_t>(changes_.size());
    for (int64_t i = after; i < end && limit > 0; ++i, --limit) {
      batch.changes.push_back(changes_[i]);
    }
    return batch;
  }

  void Notify(int64_t after, absl::AnyInvocable<void()> wake) override {
    {
      absl::MutexLock lock(&mutex_);
      if (after >= static_cast<int64_t>(changes_.size())) {
        waiting_.push_back(std::move(wake));
        return;
      }
    }
    wake();
  }

  // Until `count` wait to be told of a change.
  void AwaitWaiting(size_t count) {
    absl::MutexLock lock(&mutex_);
    auto reached = [this, count] { return waiting_.size() >= count; };
    mutex_.Await(absl::Condition(&reached));
  }
  size_t waiting() {
    absl::MutexLock lock(&mutex_);
    return waiting_.size();
  }
  int reads() {
    absl::MutexLock lock(&mutex_);
    return reads_;
  }

 private:
  absl::Mutex mutex_;
  std::string epoch_;
  std::vector<changes::v1::Change> changes_;
  std::vector<absl::AnyInvocable<void()>> waiting_;
  int reads_ = 0;
};

// ListChanges of a log, as the pipeline would carry it out.
class LogBackend : public Backend {
 public:
  explicit LogBackend(ChangeSource* log) : log_(log) {}
  void Start(Call call, Done done) override {
    if (call.method->name() != "ListChanges") {
      return done(absl::UnimplementedError("only ListChanges"));
    }
    const auto& request = static_cast<const changes::v1::ListChangesRequest&>(*call.request);
    auto batch = log_->Read(request.epoch(), request.after_sequence(), request.page_size());
    if (!batch.ok()) return done(batch.status());
    auto response = std::make_unique<changes::v1::ListChangesResponse>();
    response->set_epoch(batch->epoch);
    for (const auto& change : batch->changes) *response->add_changes() = change;
    done(std::move(response));
  }

 private:
  ChangeSource* log_;
};

// A server of Tickets.
inline GrpcServerOptions TicketsBy(Backend* backend) {
  GrpcServerOptions options;
  options.services = {{TicketsService(), backend}};
  return options;
}

// A connection for generated stubs.
inline std::shared_ptr<grpc::Channel> ConnectTo(const GrpcServer& server) {
  return grpc::CreateChannel(absl::StrCat("127.0.0.1:", server.port()),
                             grpc::InsecureChannelCredentials());
}

inline std::unique_ptr<GrpcServer> StartOrFail(GrpcServerOptions options) {
  auto server = GrpcServer::Start(std::move(options));
  LJ_CHECK(server.ok());
  (*server)->SetServing(true);
  return *std::move(server);
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_TEST_PARTS_H_
