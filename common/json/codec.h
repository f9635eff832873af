// JSON to and from protobuf messages, as https://protobuf.dev/programming-guides/proto3/#json says,
// but strict: what RFC 8259 does not allow is refused, and so is every field that is not declared,
// every key that comes twice and every number that would lose digits.
//
// Thread-safe. Messages must be of generated classes (another one stops the process): what is known
// of a type is worked out once from its descriptor and kept for the life of the process.
//
// Errors are INVALID_ARGUMENT and tell the client what to mend. Their reasons:
//   JSON                not JSON: line, column and what is wrong there
//   JSON_SIZE           longer than the limit, or a string in it
//   JSON_DEPTH          nested deeper than the limit
//   JSON_TYPE           the field wants another type or form
//   JSON_ENUM           the enum has no such value; the sentence lists those it has
//   JSON_RANGE          the number, time or duration is out of range
//   JSON_DUPLICATE      the key comes twice, or two members of a oneof are set
//   TOO_MANY            the list has more entries than the field may have, or the text too many
//   values JSON_UNKNOWN_FIELD  the message has no such field (ParseJson) UNKNOWN_FIELD       the
//   message has no such field (SetField)
// A refused field is named by its path as the client wrote it: need.photos[2].fileName,
// labels["colour"].
#ifndef LINJULI_COMMON_JSON_CODEC_H_
#define LINJULI_COMMON_JSON_CODEC_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace linjuli {

struct JsonLimits {
  size_t max_bytes = 1 << 20;
  int max_depth = 32;          // objects and lists within each other; above 100 counts as 100
  // As long as a whole message may be on the gRPC port.
  size_t max_string = 256 << 10;
  size_t max_values = 65'536;  // of texts above 64 KiB; shorter ones cannot have as many
};

// Replaces `out` by what `text` says; after an error `out` holds a part and is to be thrown away.
//
// Fields go by their JSON name or their declared name. Null leaves a field unset, and is refused
// within lists and maps. 64-bit integers may be numbers or strings; any integer may be written 1.0
// or 1e3 as long as it is whole and no digit is lost (2^53). A real number of more digits than 64
// bits hold needs a point or an exponent. Enums go by name or number; bytes are
// base64 in either alphabet, padded or not. google.protobuf.Any must name a type this program
// knows. Value, Struct and ListValue are refused: they would let the client choose the type.
absl::Status ParseJson(absl::string_view text, google::protobuf::Message& out,
                       const JsonLimits& limits = {});

struct JsonPrint {
  bool always_print_lists = false;  // also empty ones: {"needs":[]}
};

// Appends `message` as compact JSON. Fields stand in the order of their declaration, map entries in
// the order of their keys; fields that are not set are left out. The output is always valid JSON:
// bytes of a string that are not UTF-8 come out as U+FFFD, a Timestamp or Duration out of its range
// as null, and an Any of an unknown type (or nested over 32 deep) with its bytes as base64 `value`.
void PrintJson(const google::protobuf::Message& message, std::string& out,
               const JsonPrint& options = {});

// The same for a message of `prototype`'s type that lies in its serialized form, without building
// it: what a store keeps is what its reader gets. False, and nothing appended, where the bytes are
// not as this program serializes messages (in the order of their numbers, nothing twice), or the
// type has maps: then the message must be built. The text is then the same, byte for byte.
bool PrintJsonOfBytes(const google::protobuf::Message& prototype, absl::string_view bytes,
                      std::string& out, const JsonPrint& options = {});

// Sets one field from a query parameter (google.api.http): the path is dotted, each part a JSON or
// declared name, and messages on the way are created. Takes scalars, enums, Timestamp, Duration,
// FieldMask and the wrappers; a list is appended to. Any other message and maps are refused, as are
// lists on the way. A field that already holds something else than its default is refused as
// JSON_DUPLICATE. After an error `message` may hold empty messages on the way to the field.
absl::Status SetField(google::protobuf::Message& message, absl::string_view dotted_path,
                      absl::string_view text);

}  // namespace linjuli

#endif  // LINJULI_COMMON_JSON_CODEC_H_
