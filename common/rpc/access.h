// (linjuli.access) made ready: who may call a method, and on which resources. Deny by default.
#ifndef LINJULI_COMMON_RPC_ACCESS_H_
#define LINJULI_COMMON_RPC_ACCESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/caller.h"
#include "common/store/table.h"
#include "linjuli/options.pb.h"

namespace linjuli {

// One `allow` line.
struct Way {
  uint32_t roles = 0;  // bit 1 << Role
  Allow::Scope scope = Allow::SCOPE_UNSPECIFIED;
  FieldPath field;  // what the scope compares; empty with ANY
  bool masked = false;
  bool nameless = false;  // masked, and the person is not named
  FieldPath item;         // with MANDATE: what the mandate must cover

  bool RoleFits(const Caller& caller) const { return caller.roles & roles; }
  bool Fits(const Caller& caller, const google::protobuf::Message& resource) const;
};

class AccessPlan {
 public:
  AccessPlan() = default;
  // `on` is the type whose fields the scopes compare: the resource, or the request of a method
  // without one. INVALID_ARGUMENT says what the declaration lacks.
  static absl::StatusOr<AccessPlan> From(const Access& access,
                                         const google::protobuf::Descriptor* on,
                                         const Stored* stored);

  bool is_public() const { return public_; }
  bool as_get() const { return as_get_; }
  bool as_list() const { return as_list_; }
  // Whether a resource that is about to be made says already all that decides on the caller.
  bool Decides(const Caller& caller, const google::protobuf::Message& resource) const;
  // Whether the caller gets in by a mandate or not at all.
  bool NeedsMandate(const Caller& caller) const;
  // Whether the caller's mandate is of the resource's owner, though it may not cover its item.
  bool IsBeneficiary(const Caller& caller, const google::protobuf::Message& resource) const;
  // PERMISSION_DENIED, reason ROLE: before anything is looked at. UNAUTHENTICATED without a token.
  absl::Status CheckRole(const Caller& caller) const;
  // The way by which the caller reaches the resource, one without a mask first; null when none.
  const Way* Find(const Caller& caller, const google::protobuf::Message& resource) const;
  // PERMISSION_DENIED, reason SELF_APPROVE, when the four eyes would be two.
  absl::Status CheckFourEyes(const Caller& caller, const google::protobuf::Message& resource) const;
  bool FourEyesHold(const Caller& caller, const google::protobuf::Message& resource) const;
  const std::vector<Way>& ways() const { return ways_; }
  // Every field of the resource that decides.
  std::vector<FieldPath> fields() const;

 private:
  bool public_ = false;
  bool as_get_ = false;
  bool as_list_ = false;
  std::vector<Way> ways_;
  FieldPath distinct_from_;
};

// "COMMUNITY_WORKER LEAD_WORKER: AREA" per line, for the golden file and the reference page.
std::string Describe(const Access& access);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_ACCESS_H_
