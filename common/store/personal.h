// Personal data in a resource: which values it is, and how they lie in the store.
//
// In a row's body and in the log's snapshots each value of a field marked `personal` is sealed
// (common/crypto) under a key of the person's own, bound to the resource and the field, so that it
// cannot be moved. A sealed string is text again: a U+0001, which no caller can send, and base64.
#ifndef LINJULI_COMMON_STORE_PERSONAL_H_
#define LINJULI_COMMON_STORE_PERSONAL_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace linjuli {

class KeyStore;

bool IsPersonal(const google::protobuf::FieldDescriptor* field);

// The personal fields of a message type and of the messages inside it. Immutable.
class PersonalFields {
 public:
  // Null when there are none. INVALID_ARGUMENT names a field that cannot be sealed: one that is
  // neither string nor bytes, or lies in a map.
  static absl::StatusOr<std::unique_ptr<const PersonalFields>> Of(
      const google::protobuf::Descriptor* type);

  // The fields of the message itself that are personal or lead to one.
  std::vector<const google::protobuf::FieldDescriptor*> Tops() const;
  // Whether any of them has a value.
  bool Holds(const google::protobuf::Message& message) const;
  // Replaces every value by what `change` makes of it. `path` is made of field numbers, as "36.2".
  using Change = absl::FunctionRef<absl::Status(const google::protobuf::FieldDescriptor* field,
                                                absl::string_view path, std::string& value)>;
  absl::Status Each(google::protobuf::Message& message, Change change) const;

 private:
  struct Node {
    std::vector<const google::protobuf::FieldDescriptor*> values;
    std::vector<std::pair<const google::protobuf::FieldDescriptor*, const Node*>> inside;
    bool reaches = false;  // a personal value, itself or through others
  };
  absl::Status Add(const google::protobuf::Descriptor* type);
  static bool Holds(const Node& node, const google::protobuf::Message& message);
  static absl::Status Each(const Node& node, const std::string& path,
                           google::protobuf::Message& message, Change change);

  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<Node>> nodes_;
  const Node* root_ = nullptr;
};

// Seals the values of the resource `name`, which are `person`'s. For the writer thread. A person
// who has no key gets one, made `now`.
absl::Status SealPersonal(const PersonalFields& fields, KeyStore& keys, absl::string_view person,
                          absl::Time now, absl::string_view name,
                          google::protobuf::Message& resource);

// The way back. A value whose key was destroyed becomes empty. DATA_LOSS, reason SEAL, where one
// does not open.
absl::Status OpenPersonal(const PersonalFields& fields, KeyStore& keys, absl::string_view name,
                          google::protobuf::Message& resource);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_PERSONAL_H_
