// A resource as a row: its body, and beside it the columns that are looked up.
#ifndef LINJULI_COMMON_STORE_ROW_H_
#define LINJULI_COMMON_STORE_ROW_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/key_store.h"
#include "common/store/sqlite.h"
#include "common/store/table.h"

namespace linjuli {

// Runs the table's insert_sql or update_sql. `resource` has its personal values in clear, `body` is
// the same one sealed and serialized. `keys` may be null where the table has nothing personal.
absl::Status WriteRow(Connection& db, const KeyStore* keys, const std::string& sql,
                      const Table& table, const google::protobuf::Message& resource, int64_t id,
                      absl::string_view body);

// Whether the row stands as WriteRow would write it, columns with personal data apart. `resource`
// may be sealed.
absl::StatusOr<bool> RowStands(Connection& db, const Table& table,
                               const google::protobuf::Message& resource, int64_t id,
                               absl::string_view body);

// Adds the index words of a row's texts, or, with `remove`, takes them out.
absl::Status WriteTextRow(Connection& db, const Table& table, int64_t id, absl::string_view grams,
                          bool remove);

// Fills a new table, and its text index, from temp.old(id, body).
absl::Status RefillTable(Connection& db, KeyStore* keys, const Table& table);

// Empties the index columns of what the person's key has sealed, once it is destroyed.
absl::Status ForgetPerson(Connection& db, const Table& table, absl::string_view person);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_ROW_H_
