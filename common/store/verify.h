// Whether a store is what its change log says, and its change log what was signed and witnessed.
#ifndef LINJULI_COMMON_STORE_VERIFY_H_
#define LINJULI_COMMON_STORE_VERIFY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/tx.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {

// The first thing that is wrong.
struct Flaw {
  int64_t sequence = 0;  // the change it is about; 0 when it is about none
  std::string what;
};

struct Verdict {
  int64_t changes = 0;         // how many hold
  std::string head;            // hash of the last one, hexadecimal
  int64_t signed_changes = 0;  // how far the store's own heads reach
  std::string public_key;      // that signed them, 32 bytes; empty without heads
  int witnessed = 0;           // witnessed heads that hold
  // Witnessed heads of a life of the log that ended before them, at a restore. Whoever restored it
  // knows whether that was right.
  std::vector<changes::v1::Head> restored;
  std::optional<Flaw> flaw;
};

// Reads everything once, in one snapshot:
//   - the changes: in their places, without gaps, each chained to the one before;
//   - the heads and hashes that the store keeps: signed by one key, and true of the changes;
//   - `witnessed` heads, kept where the store's operator could not reach them: a log that was cut
//     short, rolled back to an older file, or rewritten with a new chain and new signatures;
//   - every resource: its body and its columns as its last change left it, none added or taken out;
//   - the histories: every change under every name that it mentions, and nothing else;
//   - the replies: one for each request with an id that made changes, under its key.
// Not looked at: the contents of replies other than that, the text index, tables of migrations.
absl::StatusOr<Verdict> VerifyStore(Connection& db, const Schema& schema,
                                    const std::vector<changes::v1::Head>& witnessed = {});

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_VERIFY_H_
