// A running service: its store, and the one pipeline that carries out every call on it, whatever
// door the call came through:
//
//   identify → admit → authorize → validate → begin → replay? → load, etag, transition → handler →
//   changes and reply → commit
//
// A short read runs where it arrives, a long one in a pool; a write runs on the store's writer
// thread and is answered there after its commit.
#ifndef LINJULI_COMMON_RPC_SERVICE_H_
#define LINJULI_COMMON_RPC_SERVICE_H_

#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/auth/verifier.h"
#include "common/changes/source.h"
#include "common/clock.h"
#include "common/rpc/call.h"
#include "common/rpc/plan.h"
#include "common/rpc/read_pool.h"
#include "common/rpc/registry.h"
#include "common/rpc/validate.h"
#include "common/rpc/view.h"
#include "common/standard/standard.h"
#include "common/store/head_signer.h"
#include "common/store/store.h"

namespace linjuli {

struct ServiceOptions {
  std::string data_dir;             // the store is data_dir/NAME.db
  std::string master_key;           // a file; unsaid: data_dir/master.key, made where there is none
  Profile crypto = Profile::kIntl;  // by which personal data is sealed from now on
  Clock* clock = Clock::Real();
  Verifier* verifier = nullptr;             // outlives the service
  const Standard* standard = nullptr;       // outlives the service; tests may leave it out
  prometheus::Registry* metrics = nullptr;  // outlives the service; null: none are kept
  const SigningKey* head_key = nullptr;     // outlives the service; null: no heads are signed
  // False: due times pass only when RunDue is called, and heads are signed only when SignHead is.
  // For tests with a fake clock.
  bool due_thread = true;
  // False: nobody is refused because others wait too long (common/rpc/priority.h).
  bool shed = true;
};

// Thread-safe.
class Service : public Backend, public ChangeSource {
 public:
  // INVALID_ARGUMENT with every defect of the declarations; UNAVAILABLE when the store is in use.
  static absl::StatusOr<std::unique_ptr<Service>> Start(const ServiceSpec& spec,
                                                        ServiceOptions options);
  ~Service() override;

  // Also takes the unary methods of linjuli.changes.v1.Changes, for its own store.
  void Start(Call call, Done done) override;

  // This, when the token's caller may follow the changes.
  absl::StatusOr<ChangeSource*> Follow(absl::string_view token);
  // The changes with personal fields masked, as they may leave the service.
  absl::StatusOr<ChangeBatch> Read(absl::string_view epoch, int64_t after, int limit) override;
  void Notify(int64_t after, absl::AnyInvocable<void()> wake) override;
  absl::StatusOr<changes::v1::Head> ReadHead() override { return store_->ReadHead(); }
  absl::StatusOr<std::vector<Digest>> ProveConsistency(int64_t first, int64_t second) override {
    return store_->ProveConsistency(first, second);
  }

  // Signs a head for what is committed; does nothing without a key. Errors are HeadSigner's.
  absl::Status SignHead();

  // Calls OnDue for every resource whose time has passed; returns how many. Each in a transaction
  // of its own, each once for a time, whatever stops in between.
  int RunDue();

  // Counts every broken invariant, and sets the gauges.
  int64_t CheckInvariants();

  const std::string& name() const { return plan_->name; }
  const ServicePlan& plan() const { return *plan_; }
  Store& store() { return *store_; }

 private:
  struct Running;
  class Meter;
  Service(std::unique_ptr<ServicePlan> plan, ServiceOptions options,
          std::vector<Invariant> invariants);

  absl::StatusOr<std::shared_ptr<const Caller>> Identify(absl::string_view token) const;
  absl::Status Validate(const MethodPlan& plan, const google::protobuf::Message& request) const;
  // Whether the queue before the call is short enough for it.
  absl::Status Admit(const MethodPlan& plan, const Running& running) const;
  absl::Status CheckDeadline(const Running& running) const;
  static std::string PurposeOf(const Running& running);
  void StartRead(const MethodPlan& plan, std::unique_ptr<Running> running);
  void Read(const MethodPlan& plan, std::unique_ptr<Running> running);
  void StartWrite(const MethodPlan& plan, std::unique_ptr<Running> running);
  // The readings add the names of resources whose personal data they show in clear to `shown`.
  Reply RunRead(Rx& rx, const MethodPlan& plan, const google::protobuf::Message& request,
                std::vector<std::string>& shown);
  Reply ReadOne(Rx& rx, const MethodPlan& plan, const google::protobuf::Message& request,
                std::vector<std::string>& shown);
  Reply ReadSome(Rx& rx, const MethodPlan& plan, const google::protobuf::Message& request,
                 std::vector<std::string>& shown);
  absl::Status RunWrite(Tx& tx, const MethodPlan& plan, Running& running);
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Apply(
      Tx& tx, const MethodPlan& plan, const google::protobuf::Message& request);
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Make(
      Tx& tx, const MethodPlan& plan, const google::protobuf::Message& request);
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Change(
      Tx& tx, const MethodPlan& plan, const google::protobuf::Message& request);
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> MakeMany(
      Tx& tx, const MethodPlan& plan, const google::protobuf::Message& request);
  // Once a request id was used: the same reply again, or a conflict. Nothing: it is new.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Once(
      Tx& tx, const MethodPlan& plan, const google::protobuf::Message& request);
  // A resource with personal data in clear that is about somebody else than the caller.
  struct Shown {
    const Table* table;
    google::protobuf::Message* resource;  // inside the reply
  };
  // Masks what the caller may not see and adds what the caller may do. Tells what stays in clear.
  std::vector<Shown> Dress(const Caller& caller, const MethodPlan& plan,
                           const google::protobuf::Message& request,
                           google::protobuf::Message& reply) const;
  static void Show(const Caller& caller, const Table& table, google::protobuf::Message& resource,
                   std::vector<Shown>& shown);
  // Finishes a read. Where it shows the personal data of resources in clear that is recorded first,
  // durably; where it cannot be, `hide` masks the reply.
  void FinishRead(std::unique_ptr<Running> running, Answer reply, std::vector<std::string> shown,
                  absl::AnyInvocable<void(google::protobuf::Message&)> hide);
  // Masks the personal data in the snapshot of a change: sealed, or opened already.
  void MaskSnapshot(changes::v1::Change& change, bool opened);
  // Shows it in clear; true when there is any that is not the caller's own.
  // Takes the person out whom a snapshot is about, and who caused the change where it was they.
  static void Unname(const Table& table, changes::v1::Change& change);
  absl::StatusOr<bool> OpenSnapshot(const Caller& caller, changes::v1::Change& change);
  // Every unary method of Changes but ListHistory.
  Reply AnswerChanges(const Caller& caller, const google::protobuf::MethodDescriptor& method,
                      const google::protobuf::Message& request);
  Reply ListChanges(const google::protobuf::Message& request);
  Reply ListFeed(const Caller& caller, const google::protobuf::Message& request);
  Reply GetHead(const google::protobuf::Message& request);
  Reply ListHeads(const google::protobuf::Message& request);
  Reply GetConsistencyProof(const google::protobuf::Message& request);
  Reply GetChangeProof(const google::protobuf::Message& request);
  // `shown`: whether some of it is somebody else's personal data in clear.
  Reply ListHistory(const Caller& caller, const google::protobuf::Message& request, bool& shown);
  void Finish(Running& running, Reply reply);
  // Whether there still was something to do.
  absl::StatusOr<bool> RunOneDue(const Table& table, const Handler& handler, int64_t id);
  struct Stuck {
    int64_t rows = 0;
    std::string first;
    absl::Status why;
  };
  void TellStuck(const Table& table, const Stuck& stuck);
  void WatchDue();

  const std::unique_ptr<ServicePlan> plan_;
  const ServiceOptions options_;
  const std::vector<Invariant> invariants_;
  absl::flat_hash_map<const Table*, View> views_;
  Validator validator_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Meter> meter_;
  std::unique_ptr<ReadPool> long_reads_;
  std::unique_ptr<HeadSigner> heads_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<const Table*, absl::Time> stuck_told_ ABSL_GUARDED_BY(mutex_);
  std::thread due_thread_;
};

// A gRPC client of one's own process, for tests: waits for the answer.
Reply CallAndWait(Backend& backend, Call call);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_SERVICE_H_
