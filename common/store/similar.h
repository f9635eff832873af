// Which resources tell of the same matter as a new text, so that a second report of one broken lamp
// is seen beside the first.
//
// The first words of a message say what it is about and where: its first 32 different
// pairs of neighbouring characters are looked up in the text index that search keeps anyway, so a
// write pays nothing for this and there is nothing more to keep in step. A pair weighs the more the
// fewer have it, one less for each doubling, from 8 down to 0 where 256 have it: "反映" tells
// nothing, the name of a small estate much. How alike an older resource is: the share of the new
// text's weight whose pairs it has too, anywhere in its texts.
//
// Measured on real messages (similar_petitions_test.cc), not guessed: of what is suggested
// about five in six tell of the same matter.
#ifndef LINJULI_COMMON_STORE_SIMILAR_H_
#define LINJULI_COMMON_STORE_SIMILAR_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/sqlite.h"
#include "common/store/table.h"

namespace linjuli {

struct Likeness {
  std::string name;
  // The share of the new text, weighed as above, that the resource has too; basis points.
  int share_bp = 0;
};

// What shares less than this is not named.
inline constexpr int kLeastShareBp = 4000;
// Resources that are looked at, the most alike first, before `counts` has let `limit` pass.
inline constexpr int kMostSimilarRead = 300;

// Those that `counts` lets pass, most alike first, then by id. A text with fewer than two pairs
// that anybody shares has none.
absl::StatusOr<std::vector<Likeness>> FindSimilar(
    Connection& db, const Table& table, absl::string_view text,
    absl::FunctionRef<bool(const google::protobuf::Message&)> counts, int limit);

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_SIMILAR_H_
