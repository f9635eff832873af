// (linjuli.check) carried out: one validator for every message, all violations at once.
#ifndef LINJULI_COMMON_RPC_VALIDATE_H_
#define LINJULI_COMMON_RPC_VALIDATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/status.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"
#include "linjuli/options.pb.h"

namespace re2 {
class RE2;
}

namespace linjuli {

class Standard;

// The checks of the message types that were added. Immutable after that, then thread-safe.
class Validator {
 public:
  // Without a standard, divisions are checked for their form only.
  explicit Validator(const Standard* standard);
  ~Validator();

  // Compiles the checks of a type and of every message inside it. INVALID_ARGUMENT names a field
  // whose check cannot be.
  absl::Status Add(const google::protobuf::Descriptor* type);

  // `skip`: a field of the top message that is not looked into (a batch checks each row by itself).
  // With `mask`, only the fields that it names are looked at inside `skip` (an Update).
  absl::Status Check(const google::protobuf::Message& message,
                     const google::protobuf::FieldDescriptor* skip = nullptr,
                     const google::protobuf::FieldMask* mask = nullptr) const;

 private:
  struct Rule;
  struct Rules;
  struct Part;
  void CheckMessage(const google::protobuf::Message& message, const std::string& path,
                    const Part& part, std::vector<FieldViolation>& found) const;
  void CheckText(const Rule& rule, const std::string& text, const std::string& path,
                 std::vector<FieldViolation>& found) const;
  void CheckNumber(const Rule& rule, int64_t number, const std::string& path,
                   std::vector<FieldViolation>& found) const;

  const Standard* const standard_;
  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<Rules>> types_;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_VALIDATE_H_
