// What a caller is shown of a stored resource: whether at all, its personal fields in clear or
// masked, and the verbs that the caller may use on it now (`allowed_actions`).
#ifndef LINJULI_COMMON_RPC_VIEW_H_
#define LINJULI_COMMON_RPC_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/caller.h"
#include "common/rpc/plan.h"

namespace linjuli {

// What is known of one kind of resource for all its readers. Immutable.
class View {
 public:
  // The plan outlives it.
  View(const ServicePlan& plan, const Table& table);

  // What is shown of a resource's personal data.
  enum class Sight : uint8_t {
    kPlain,     // none, one's own, or masked
    kClear,     // somebody else's, in clear
    kWithheld,  // masked, for want of a purpose or of the person's consent to it
  };
  // Completes a resource that was built for a reader who came by `access`. Where no way of it fits
  // any more (a verb took the resource out of the caller's sight), personal fields are masked.
  // `purpose`: that of the request; 0 for none.
  Sight Dress(const Caller& caller, const AccessPlan& access, int purpose, absl::Time now,
              google::protobuf::Message& resource) const;

 private:
  friend class Reading;

  // What of a field is needed to decide on access.
  enum class Part : uint8_t { kNone, kDecides, kPersonal };

  // Calls `use` with each verb that the caller may use on a resource like `known`.
  template <typename Use>
  void ForAllowed(const Caller& caller, const google::protobuf::Message& known, Use use) const;
  // The fields of `body` that decide. False: the whole must be built, because it holds personal
  // fields.
  bool Pick(absl::string_view body, std::string& picked) const;

  const Table& table_;
  std::vector<Part> parts_;  // by field number
  // Each verb, with its name as an entry of `allowed_actions` on the wire.
  std::vector<std::pair<const MethodPlan*, std::string>> verbs_;
};

// One caller's reading of resources of one kind by one method: from stored bytes to the bytes that
// are shown. A resource that has nothing to hide is not built for it. Not thread-safe.
class Reading {
 public:
  // All outlive it.
  Reading(const View& view, Rx& rx, const AccessPlan& access, int purpose = 0);

  // Appends what is shown of `body`. False, and nothing appended: the caller may not see it.
  absl::StatusOr<bool> Show(absl::string_view body, std::string& out);
  // The names of the resources of which somebody else's personal data was shown in clear.
  const std::vector<std::string>& shown() const { return shown_; }
  // Whether personal data was withheld, for want of a purpose or of consent.
  bool withheld() const { return withheld_; }

 private:
  absl::StatusOr<bool> ShowBuilt(absl::string_view body, std::string& out);

  const View& view_;
  Rx& rx_;
  const AccessPlan& access_;
  const int purpose_;
  bool withheld_ = false;
  std::vector<std::string> shown_;
  std::string picked_;
  std::unique_ptr<google::protobuf::Message> known_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_VIEW_H_
