// How a service hands its handlers to the runtime: one list of plain functions. The request type
// tells which method a function carries out, its form tells what it may do:
//
//   absl::Status ClaimNeed(Tx&, const ClaimNeedRequest&, Need& need)      a verb or a Create: the
//       resource is loaded (or made), checked and moved; the function changes it, the runtime
//       writes it and answers with it
//   absl::StatusOr<R> WeighNeeds(Rx&, const WeighNeedsRequest&)           reads one snapshot
//   absl::StatusOr<R> MergeNeeds(Tx&, const MergeNeedsRequest&)           writes several things
//   absl::Status OnDue(Tx&, Need& need)                                   its `due` time has passed
//   absl::Status OnContract(Tx&, const Changed<Contract>&)                another service's change
//
// A verb that only moves a state, a Create that only keeps what it was sent, Get, List, Search,
// Update and BatchCreate need no function at all.
#ifndef LINJULI_COMMON_RPC_REGISTRY_H_
#define LINJULI_COMMON_RPC_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/status.h"
#include "common/store/tx.h"
#include "google/protobuf/message.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

// Another service's change, with the resource as it stood after it.
template <typename M>
struct Changed {
  const changes::v1::Change& change;
  M resource;
};

// A handler, whatever its types. Exactly one of the functions is set.
struct Handler {
  using Message = google::protobuf::Message;
  const google::protobuf::Descriptor* type = nullptr;    // request; resource of due and follow
  const google::protobuf::Descriptor* result = nullptr;  // response or resource
  std::function<absl::StatusOr<std::unique_ptr<Message>>(Rx&, const Message&)> read;
  std::function<absl::StatusOr<std::unique_ptr<Message>>(Tx&, const Message&)> write;
  std::function<absl::Status(Tx&, const Message&, Message&)> verb;
  std::function<absl::Status(Tx&, Message&)> due;
  std::function<absl::Status(Tx&, const changes::v1::Change&)> follow;
};

// Something that must never be: SQL that counts its cases, by an index. Looked at once a minute;
// linjuli_invariant_violations tells the count, which must be 0.
struct Invariant {
  std::string name;
  std::string sql;
};

struct ServiceSpec {
  std::string service;  // full name, "linjuli.needs_intake.v1.NeedsIntake"
  std::vector<Handler> handlers;
  std::vector<std::string> migrations;  // SQL of the service's own tables, in order
  std::vector<Invariant> invariants;
};

template <typename Q, typename R>
Handler MakeHandler(absl::StatusOr<R> (*function)(Rx&, const Q&)) {
  Handler handler{Q::descriptor(), R::descriptor()};
  handler.read = [function](Rx& rx, const google::protobuf::Message& request)
      -> absl::StatusOr<std::unique_ptr<google::protobuf::Message>> {
    LJ_ASSIGN(R reply, function(rx, static_cast<const Q&>(request)));
    return std::make_unique<R>(std::move(reply));
  };
  return handler;
}

template <typename Q, typename R>
Handler MakeHandler(absl::StatusOr<R> (*function)(Tx&, const Q&)) {
  Handler handler{Q::descriptor(), R::descriptor()};
  handler.write = [function](Tx& tx, const google::protobuf::Message& request)
      -> absl::StatusOr<std::unique_ptr<google::protobuf::Message>> {
    LJ_ASSIGN(R reply, function(tx, static_cast<const Q&>(request)));
    return std::make_unique<R>(std::move(reply));
  };
  return handler;
}

template <typename Q, typename M>
Handler MakeHandler(absl::Status (*function)(Tx&, const Q&, M&)) {
  Handler handler{Q::descriptor(), M::descriptor()};
  handler.verb = [function](Tx& tx, const google::protobuf::Message& request,
                            google::protobuf::Message& resource) {
    return function(tx, static_cast<const Q&>(request), static_cast<M&>(resource));
  };
  return handler;
}

template <typename M>
Handler MakeHandler(absl::Status (*function)(Tx&, M&)) {
  Handler handler{M::descriptor(), M::descriptor()};
  handler.due = [function](Tx& tx, google::protobuf::Message& resource) {
    return function(tx, static_cast<M&>(resource));
  };
  return handler;
}

template <typename M>
Handler MakeHandler(absl::Status (*function)(Tx&, const Changed<M>&)) {
  Handler handler{M::descriptor(), M::descriptor()};
  handler.follow = [function](Tx& tx, const changes::v1::Change& change) {
    Changed<M> changed{change, {}};
    LJ_CHECK(changed.resource.ParseFromString(change.snapshot().value()));
    return function(tx, changed);
  };
  return handler;
}

// Tells several OnDue functions of one service apart: Due<Need>(OnDue).
template <typename M>
constexpr auto Due(absl::Status (*function)(Tx&, M&)) {
  return function;
}

template <typename... F>
ServiceSpec Implement(absl::string_view service, F... functions) {
  return {std::string(service), {MakeHandler(functions)...}, {}, {}};
}

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_REGISTRY_H_
