// What a handler works with: `Rx` reads one snapshot, `Tx` reads and writes inside the writer's
// transaction. Time, ids, the caller and the city's standard come from here, so that a handler is a
// deterministic function of the store and its request, and may be run twice.
#ifndef LINJULI_COMMON_STORE_TX_H_
#define LINJULI_COMMON_STORE_TX_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/caller.h"
#include "common/changes/log.h"
#include "common/status.h"
#include "common/store/id.h"
#include "common/store/key_store.h"
#include "common/store/similar.h"
#include "common/store/sqlite.h"
#include "common/store/table.h"

namespace linjuli {

class Standard;

// A write left something behind when it failed; the store runs it again with savepoints.
inline constexpr char kHalfDone[] = "HALF_DONE";

// The error is the store's own, not the call's: SQLite may have rolled everything back by itself,
// or nobody knows what is on the disk. It ends the whole transaction and must be passed on.
inline bool EndsTransaction(const absl::Status& status) {
  std::string reason = ReasonOf(status);
  return reason == "DISK_FULL" || reason == "STORE";
}

// The tables of one service. Immutable once the store is open.
class Schema {
 public:
  absl::Status Add(const google::protobuf::Descriptor* type);
  const Table* Find(const google::protobuf::Descriptor* type) const;
  // The table to whose pattern a name belongs; null when none.
  const Table* FindByName(absl::string_view name) const;
  // Calls `visit` with every resource of these tables inside the message, or with itself where it
  // is one; not with what lies inside a resource.
  absl::Status EachResource(
      google::protobuf::Message& message,
      absl::FunctionRef<absl::Status(const Table&, google::protobuf::Message&)> visit) const;
  const std::vector<std::unique_ptr<Table>>& tables() const { return tables_; }

 private:
  std::vector<std::unique_ptr<Table>> tables_;
};

// On whose behalf a transaction runs.
struct Origin {
  const Caller* caller = nullptr;  // lives at least as long as the transaction
  std::string method;              // full method name, or the handler's
  std::string request_id;
};

class Rx {
 public:
  // `keys` may be null where no table has personal fields.
  Rx(Connection& db, const Schema& schema, KeyStore* keys, const Standard* standard, absl::Time now,
     const Caller& caller)
      : db_(db), schema_(schema), keys_(keys), standard_(standard), now_(now), caller_(&caller) {}

  absl::Time now() const { return now_; }
  const Caller& caller() const { return *caller_; }
  // From here on the caller acts under a mandate, which has been found in force; nothing: no more.
  void Act(std::optional<Mandate> mandate);
  const Standard& standard() const { return *standard_; }

  // NOT_FOUND when it is not there.
  template <typename M>
  absl::StatusOr<M> Get(absl::string_view name) {
    M message;
    LJ_RETURN_IF_ERROR(Load(TableOf<M>(), name, message));
    return message;
  }

  // The oldest resources whose indexed field has this value, at most `limit`; of those in one of
  // these states where any is said.
  template <typename M>
  absl::StatusOr<std::vector<M>> Find(absl::string_view field, absl::string_view value, int limit,
                                      const std::vector<int>& states = {}) {
    std::vector<M> found;
    LJ_RETURN_IF_ERROR(
        FindEach(TableOf<M>(), field, value, limit, states,
                 [&]() -> google::protobuf::Message& { return found.emplace_back(); }));
    return found;
  }

  // The resources that may tell of the same as `text` and that `counts` lets pass, most alike first
  // and then the oldest, at most `limit`. For a message with (linjuli.stored).similar; `counts`
  // sees it as it lies in the store, personal values sealed. See common/store/similar.h.
  template <typename M>
  absl::StatusOr<std::vector<Likeness>> Similar(absl::string_view text,
                                                absl::FunctionRef<bool(const M&)> counts,
                                                int limit) {
    return FindSimilar(
        db_, TableOf<M>(), text,
        [&](const google::protobuf::Message& row) { return counts(static_cast<const M&>(row)); },
        limit);
  }

  absl::Status Load(const Table& table, absl::string_view name, google::protobuf::Message& into);
  // The bytes of a resource as they lie in the store, valid while `use` runs.
  absl::Status WithBody(const Table& table, absl::string_view name,
                        absl::FunctionRef<absl::Status(absl::string_view body)> use);
  // Reads a row's body, with its personal values in clear.
  absl::Status Parse(const Table& table, absl::string_view body, google::protobuf::Message& into);
  // Opens the personal values of a resource that was parsed as it lies in the store. Costs nothing
  // where it has none. Once for each parse: what was read without this must not be written.
  absl::Status Open(const Table& table, google::protobuf::Message& resource);
  // The same for every resource inside a message, itself among them.
  absl::Status OpenAll(google::protobuf::Message& message);
  // What the column holds of resources with this value.
  std::string ColumnValue(const Column& column, std::string value) const;

  // A statement on the service's own tables (its migrations), in SQL made of constants.
  Statement& Sql(const std::string& sql) { return db_.Prepare(sql); }

  const Schema& schema() const { return schema_; }
  Connection& db() { return db_; }

 protected:
  template <typename M>
  const Table& TableOf() {
    const Table* table = schema_.Find(M::descriptor());
    LJ_CHECK(table != nullptr, M::descriptor()->full_name() + " is not stored by this service");
    return *table;
  }
  absl::Status FindEach(const Table& table, absl::string_view field, absl::string_view value,
                        int limit, const std::vector<int>& states,
                        absl::FunctionRef<google::protobuf::Message&()> add);

  Connection& db_;
  const Schema& schema_;
  KeyStore* keys_;
  const Standard* standard_;
  absl::Time now_;
  const Caller* caller_;
  std::optional<Caller> acting_;  // the same caller, with a mandate
};

class Tx : public Rx {
 public:
  Tx(Connection& db, const Schema& schema, KeyStore* keys, const Standard* standard, absl::Time now,
     Origin origin, ChangeLog& log, IdSource& ids, bool savepoints)
      : Rx(db, schema, keys, standard, now, *origin.caller),
        savepoints_(savepoints),
        origin_(std::move(origin)),
        log_(log),
        ids_(ids),
        changes_before_(sqlite3_total_changes64(db.handle())) {}

  // A new id, for things that have no table of their own.
  std::string NewId() { return EncodeId(ids_.Next(now_)); }

  // The place in the change log that the next write takes: 1, 2, 3 …
  int64_t sequence() const { return log_.next_sequence(); }

  // Writes a resource that is there, with its change. `etag` and `update_time` are set here.
  template <typename M>
  absl::Status Put(M& resource) {
    return Write(TableOf<M>(), resource);
  }
  // Gives the resource a name (under `parent`, where its pattern has one) and writes it.
  template <typename M>
  absl::Status Create(M& resource, absl::string_view parent = "") {
    return Insert(TableOf<M>(), resource, parent);
  }
  // Moves the state. Put stops the process unless the running verb, or (linjuli.stored).transition,
  // declares the move. A verb with one target needs no call: the runtime moves the resource.
  template <typename M>
  static void Move(M& resource, typename M::State state) {
    resource.set_state(state);
  }

  // Runs a part whose failure must not undo the rest. Reason HALF_DONE, which must be passed on:
  // the part failed after writing, and the whole call is about to be run again with savepoints.
  template <typename F>
  auto Nested(F part) -> decltype(part()) {
    int64_t before = writes();
    auto mark = log_.mark();
    if (savepoints_) LJ_RETURN_IF_ERROR(db_.Exec("SAVEPOINT part"));
    auto result = part();
    if (savepoints_ && db_.in_transaction()) {
      if (!result.ok()) {
        log_.Return(mark);
        LJ_RETURN_IF_ERROR(db_.Exec("ROLLBACK TO part"));
      }
      LJ_RETURN_IF_ERROR(db_.Exec("RELEASE part"));
    } else if (!result.ok() && writes() != before && !EndsTransaction(StatusOf(result))) {
      return Refuse(absl::StatusCode::kAborted, kHalfDone, "a part failed half done");
    }
    return result;
  }

  // For the runtime: the same by descriptor.
  absl::Status Write(const Table& table, google::protobuf::Message& resource);
  // Uses the resource's name where it has one already.
  absl::Status Insert(const Table& table, google::protobuf::Message& resource,
                      absl::string_view parent);
  void Name(const Table& table, google::protobuf::Message& resource, absl::string_view parent);
  // Seals the personal values of a resource, or of every resource inside a message.
  absl::Status Seal(const Table& table, google::protobuf::Message& resource);
  absl::Status SealAll(google::protobuf::Message& message);
  // Leaves a record that the caller is shown personal data of these resources in clear, and for
  // which purpose where one had to be said.
  absl::Status RecordAccess(const std::vector<std::string>& names, const std::string& purpose = "");
  // Leaves a change without a snapshot: what was done here about another service's resource.
  absl::Status Note(const std::string& resource);
  // Destroys the person's key, if it was made by `until`: their personal values read as empty from
  // the commit on, in every copy of this store. Done twice it changes nothing.
  absl::Status ErasePerson(absl::string_view person, absl::Time until);
  // The move that the running verb declares for resources of `type`; null for none.
  void Declare(const google::protobuf::Descriptor* type, const Transition* transition) {
    declared_type_ = type;
    declared_ = transition;
  }
  const Origin& origin() const { return origin_; }
  void set_request_id(std::string id) { origin_.request_id = std::move(id); }
  ChangeLog& log() { return log_; }
  // How many rows were written, the service's own among them; a failed call that wrote none leaves
  // nothing to undo.
  int64_t writes() const { return sqlite3_total_changes64(db_.handle()) - changes_before_; }

 private:
  static const absl::Status& StatusOf(const absl::Status& status) { return status; }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
    return result.status();
  }
  absl::Status Store(const Table& table, google::protobuf::Message& resource, int64_t id,
                     const std::string& sql, int state_before, bool fresh);
  absl::Status WriteTexts(const Table& table, int64_t id, absl::string_view grams, bool remove);
  // When, by whom, by which method.
  void Sign(changes::v1::Change& change) const;

  const bool savepoints_;
  Origin origin_;
  ChangeLog& log_;
  IdSource& ids_;
  bool Declared(const Table& table, int before, int after) const;

  const int64_t changes_before_;
  const google::protobuf::Descriptor* declared_type_ = nullptr;
  const Transition* declared_ = nullptr;
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_TX_H_
