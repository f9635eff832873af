// Text as JSON of a message. What is accepted is printed and read again as the same message, and
// where protobuf's own reader accepts it too, it understands the same.
#include "common/json/codec.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "linjuli/testing/v1/json_cases.pb.h"
#include "linjuli/testing/v1/testing.pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text.h"

namespace linjuli {
namespace {

using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

// NaN equals nothing, itself included.
bool Same(const Message& a, const Message& b) {
  google::protobuf::util::DefaultFieldComparator comparator;
  comparator.set_treat_nan_as_equal(true);
  MessageDifferencer differencer;
  differencer.set_field_comparator(&comparator);
  return differencer.Compare(a, b);
}

template <typename M>
void Read(absl::string_view text) {
  M ours;
  if (!ParseJson(text, ours).ok()) return;
  std::string printed;
  PrintJson(ours, printed);
  M again;
  LJ_CHECK(ParseJson(printed, again).ok(), printed);
  LJ_CHECK(Same(ours, again), printed);
  M theirs;
  auto parsed = google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, &theirs);
  if (parsed.ok()) LJ_CHECK(Same(ours, theirs), ours.DebugString() + theirs.DebugString());
}

}  // namespace

// Two lines are a query parameter, its path and its text; anything else is a body.
void Fuzz(absl::string_view input) {
  Read<testing::v1::JsonCases>(input);
  Read<testing::v1::CreateTicketRequest>(input);
  absl::string_view text = input;
  absl::string_view path = TakeLine(text);
  testing::v1::JsonCases message;
  if (!IsText(path) || !IsText(text) || !SetField(message, path, text).ok()) return;
  std::string printed;
  PrintJson(message, printed);
  testing::v1::JsonCases again;
  LJ_CHECK(ParseJson(printed, again).ok(), printed);
  LJ_CHECK(Same(message, again), printed);
}

}  // namespace linjuli
