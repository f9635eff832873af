// A look at a message in protobuf's wire form before it is parsed: an empty entry of a list costs
// two bytes to send and some fifty to hold, and so does an empty group that nobody knows.
#ifndef LINJULI_COMMON_WIRE_LIMIT_H_
#define LINJULI_COMMON_WIRE_LIMIT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace linjuli {

// Most entries of a repeated field: (linjuli.check).max_items, and 10,000 where that is not said
// (the validator allows 100 of those then, with a better sentence).
size_t MostItems(const google::protobuf::FieldDescriptor& field);

// INVALID_ARGUMENT, reason TOO_MANY, where a list of the message, or of one within it, is longer,
// or where a field that is no list comes more than 1,000 times; reason MALFORMED where there is a
// group, which no message of ours has. Short messages are not looked at. What is no message is left
// to the parser, which refuses it.
absl::Status CheckLists(const google::protobuf::Descriptor& type, absl::string_view bytes);

}  // namespace linjuli

#endif  // LINJULI_COMMON_WIRE_LIMIT_H_
