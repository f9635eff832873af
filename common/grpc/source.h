// The change log of a service in another process.
#ifndef LINJULI_COMMON_GRPC_SOURCE_H_
#define LINJULI_COMMON_GRPC_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/changes/source.h"
#include "common/grpc/channel.h"

namespace linjuli {

struct GrpcSourceOptions {
  // The followed service's short name, as "needs_intake".
  std::string service;
  // Gives this service's own token, for each call anew. Called on any thread.
  std::function<std::string()> token;
  // How long one Read may take.
  absl::Duration patience = absl::Seconds(10);
  // A stream that ends early is waited for before Notify wakes: first this, then ever longer. A
  // connection that is lost has the channel's own waiting times besides.
  absl::Duration first_retry = absl::Milliseconds(100);
  absl::Duration longest_retry = absl::Seconds(5);
};

// Read asks for a page with ListChanges; Notify opens FollowChanges as a bell, and what the bell's
// first message brings is kept for the next Read, so that a change crosses the wire once. Nothing
// else is kept: whoever reads holds the cursor, and a restart at either end needs no repair.
//
// Whatever reads blocks, and must not be called on the channel's thread, where `wake` is called.
// Without a connection Read gives UNAVAILABLE, while Notify waits for one and wakes then.
class GrpcSource : public ChangeSource {
 public:
  // `channel` must outlive this.
  GrpcSource(GrpcChannel* channel, GrpcSourceOptions options);
  // Ends the open bells: each `wake` is called.
  ~GrpcSource() override;

  absl::StatusOr<ChangeBatch> Read(absl::string_view epoch, int64_t after, int limit) override;
  void Notify(int64_t after, absl::AnyInvocable<void()> wake) override;
  absl::StatusOr<changes::v1::Head> ReadHead() override;
  absl::StatusOr<std::vector<Digest>> ProveConsistency(int64_t first, int64_t second) override;

 private:
  class Bell;
  struct State;

  std::string Token() const;
  // Calls a unary method of Changes and waits.
  Reply Ask(const char* method, std::unique_ptr<google::protobuf::Message> request);

  GrpcChannel* const channel_;
  const GrpcSourceOptions options_;
  const std::unique_ptr<State> state_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_GRPC_SOURCE_H_
