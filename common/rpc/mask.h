// Hides the fields marked `personal` from whoever may not see them.
#ifndef LINJULI_COMMON_RPC_MASK_H_
#define LINJULI_COMMON_RPC_MASK_H_

#include <string>

#include "absl/strings/string_view.h"
#include "common/store/personal.h"
#include "common/store/table.h"
#include "google/protobuf/message.h"

namespace linjuli {

// The first character, and for long ones the last two, with stars between: 王**, 1*********78.
std::string MaskText(absl::string_view text);

// Masks every personal string of the message, and empties personal bytes.
void MaskPersonal(const PersonalFields& fields, google::protobuf::Message& message);

// Empties the field with the person whom the resource is about, and whatever else names them: who
// spoke, who urged.
void HidePerson(const Table& table, google::protobuf::Message& resource);

// Empties every personal value.
void DropPersonal(const PersonalFields& fields, google::protobuf::Message& message);

}  // namespace linjuli

#endif  // LINJULI_COMMON_RPC_MASK_H_
