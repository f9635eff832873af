// A call as every door hands it to the pipeline, whatever the wire.
#ifndef LINJULI_COMMON_RPC_CALL_H_
#define LINJULI_COMMON_RPC_CALL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace linjuli {

struct Call {
  const google::protobuf::MethodDescriptor* method = nullptr;
  // Of the method's generated input type.
  std::unique_ptr<google::protobuf::Message> request;
  // The bearer token as it came, empty where none was sent.
  std::string token;
  // Names the call in logs on every hop; made by the first door where the client sent none.
  std::string trace;
  // Nothing is begun after it.
  absl::Time deadline = absl::InfiniteFuture();
};

// What a call is answered with: a message, or its bytes as they lie in a store, of which a door may
// make what it sends without building the message. Not thread-safe.
class Answer {
 public:
  Answer() = default;
  // NOLINTNEXTLINE: a message is an answer.
  template <typename M,
            typename = std::enable_if_t<std::is_base_of_v<google::protobuf::Message, M>>>
  Answer(std::unique_ptr<M> message) : message_(std::move(message)) {}
  // `bytes` are a serialized message of the prototype's type.
  Answer(const google::protobuf::Message& prototype, std::string bytes)
      : prototype_(&prototype), bytes_(std::move(bytes)) {}

  bool operator==(std::nullptr_t) const { return message_ == nullptr && prototype_ == nullptr; }
  // Null once the message was asked for.
  const std::string* bytes() const { return prototype_ == nullptr ? nullptr : &bytes_; }
  const google::protobuf::Message& prototype() const { return *prototype_; }
  // The message, built from the bytes at the first time.
  google::protobuf::Message* get() const {
    if (prototype_ != nullptr) Build();
    return message_.get();
  }
  google::protobuf::Message& operator*() const { return *get(); }
  google::protobuf::Message* operator->() const { return get(); }

 private:
  void Build() const;

  mutable std::unique_ptr<google::protobuf::Message> message_;
  mutable const google::protobuf::Message* prototype_ = nullptr;
  mutable std::string bytes_;
};

// The method's generated output type, or an error with its reason (common/status.h).
using Reply = absl::StatusOr<Answer>;
// Called exactly once, on any thread, perhaps before Backend::Start returns.
using Done = absl::AnyInvocable<void(Reply)>;

// Whatever carries out calls: a service of this process, or a channel to another one.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual void Start(Call call, Done done) = 0;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_CALL_H_
