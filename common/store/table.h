// How a message with (linjuli.stored) lies in the store: one table with its serialized body and,
// beside it, plain columns for what is looked up. Built once from the descriptor; immutable.
#ifndef LINJULI_COMMON_STORE_TABLE_H_
#define LINJULI_COMMON_STORE_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/store/personal.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "linjuli/options.pb.h"

namespace linjuli {

// A field reached through singular messages, as "referral.to". Empty: not there.
using FieldPath = std::vector<const google::protobuf::FieldDescriptor*>;
absl::StatusOr<FieldPath> FindPath(const google::protobuf::Descriptor* type,
                                   absl::string_view dotted);
// The message that holds the path's last field; null when one on the way is not set.
const google::protobuf::Message* HolderOf(const google::protobuf::Message& message,
                                          const FieldPath& path);
// The text of the string or enum name at a path, empty where it is not set.
std::string TextAt(const google::protobuf::Message& message, const FieldPath& path);

// Timestamps, both ways. A timestamp that is not set is InfinitePast.
absl::Time TimeAt(const google::protobuf::Message& message, const FieldPath& path);
void SetTime(google::protobuf::Message& message, const google::protobuf::FieldDescriptor* field,
             absl::Time time);

// A declared move of the state, "RECEIVED | CLAIMED -> REFUSED".
struct Transition {
  // INVALID_ARGUMENT when it cannot be read or names a state that the enum lacks.
  static absl::StatusOr<Transition> Parse(absl::string_view text,
                                          const google::protobuf::EnumDescriptor* states);
  bool From(int state) const { return from >> state & 1; }
  bool Allows(int before, int after) const;

  uint64_t from = 0;    // bit 1 << state; bit 0 alone: a new resource
  std::vector<int> to;  // empty: the state stays
};

struct Column {
  std::string name;
  FieldPath path;
  bool text = false;      // else an integer: enum, bool, number, or microseconds of a timestamp
  bool division = false;  // has a second column with the town, nine digits
  bool personal = false;  // holds a keyed hash (KeyStore::IndexHash)
};

// The fields of a stored message that is a written mandate.
struct MandateForm {
  const google::protobuf::FieldDescriptor* principal = nullptr;
  const google::protobuf::FieldDescriptor* agent = nullptr;
  const google::protobuf::FieldDescriptor* items = nullptr;
  const google::protobuf::FieldDescriptor* all_items = nullptr;
  const google::protobuf::FieldDescriptor* end_time = nullptr;
  int active = 0;  // the state in which it is in force
};

// Where a resource says for which purposes its personal fields may be read.
struct ConsentForm {
  const google::protobuf::FieldDescriptor* consent = nullptr;
  const google::protobuf::FieldDescriptor* purposes = nullptr;
  const google::protobuf::FieldDescriptor* end_time = nullptr;

  // Whether the person agreed to it, and still does.
  bool Covers(const google::protobuf::Message& resource, int purpose, absl::Time now) const;
};

class Table {
 public:
  // INVALID_ARGUMENT names the message and what is wrong with its declaration.
  static absl::StatusOr<std::unique_ptr<Table>> From(const google::protobuf::Descriptor* type);

  // The id in a name of this table's pattern, nothing when it is not one.
  std::optional<int64_t> IdOf(absl::string_view name) const;
  std::string NameOf(absl::string_view parent, int64_t id) const;
  // The name's parent, "calls/…" of "calls/…/bids/…"; empty for a top-level resource.
  static absl::string_view ParentOf(absl::string_view name);

  // CREATE statements; a changed declaration is seen by their text.
  std::vector<std::string> Schema() const;

  const Column* FindColumn(absl::string_view field) const;

  const google::protobuf::Descriptor* type;
  const google::protobuf::Message* prototype;  // of the generated type
  Stored stored;
  std::string name;        // "need"
  std::string collection;  // "needs", the last one of the pattern
  bool nested = false;
  std::vector<Column> columns;
  std::vector<std::vector<const Column*>> indexes;
  std::vector<const Column*> uniques;
  FieldPath area, owner, organization, due, person, item;
  std::optional<MandateForm> mandate;
  std::optional<ConsentForm> consent;
  std::vector<FieldPath> texts;
  bool similar = false;       // near-duplicates of a text can be found
  bool texts_change = false;  // some text field is not immutable
  // Fields whose values name other resources.
  std::vector<FieldPath> references;
  std::vector<Transition> transitions;             // of (linjuli.stored).transition
  std::unique_ptr<const PersonalFields> personal;  // null: it has none
  // Standard fields; null where the message has none.
  const google::protobuf::FieldDescriptor* name_field = nullptr;
  const google::protobuf::FieldDescriptor* etag_field = nullptr;
  const google::protobuf::FieldDescriptor* state_field = nullptr;
  const google::protobuf::FieldDescriptor* create_time_field = nullptr;
  const google::protobuf::FieldDescriptor* update_time_field = nullptr;
  const google::protobuf::FieldDescriptor* actions_field = nullptr;

  std::string NameIn(const google::protobuf::Message& message) const;
  int StateIn(const google::protobuf::Message& message) const;  // 0 without states
  std::string StateName(int state) const;
  std::string TextsIn(const google::protobuf::Message& message) const;
  // Under whose key the resource's personal values are sealed.
  std::string PersonIn(const google::protobuf::Message& message) const;
  bool HasPersonalColumns() const;

  // INSERT and UPDATE of a whole row; parameters in the order id, [parent], columns…, body.
  std::string insert_sql, update_sql, get_sql;
  // One row when it stands as these parameters say.
  std::string compare_sql;
  // The text index; parameters id, grams.
  std::string insert_text_sql, remove_text_sql;
  // The ids of those whose texts hold a gram; parameters the FTS5 expression, how many at most.
  std::string holders_sql;

 private:
  absl::Status AddColumn(absl::string_view field);
  absl::Status FindPersonal();
  absl::Status FindMandate();
  absl::Status FindConsent();
  void Finish();
  std::vector<std::string> pattern_;  // "needs", "{need}"
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_TABLE_H_
