#include "common/store/similar.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "common/store/grams.h"

namespace linjuli {

using google::protobuf::Message;

namespace {

constexpr size_t kPairs = 32;
// A pair that so many have is not looked at further. It bounds what a suggestion costs, however
// large the store.
constexpr size_t kCommon = 256;
// One pair in common is chance.
constexpr int kLeastPairs = 2;

// 8 where none or one has it, one less for each doubling, 0 where it is common.
int WeightOf(size_t holders) {
  static_assert(std::bit_width(kCommon) == 9);
  return 9 - std::bit_width(std::max<size_t>(holders, 1));
}

struct Shared {
  int weight = 0;
  int pairs = 0;
};

struct Candidate {
  int share_bp;
  int64_t id;
};

}  // namespace

absl::StatusOr<std::vector<Likeness>> FindSimilar(Connection& db, const Table& table,
                                                  absl::string_view text,
                                                  absl::FunctionRef<bool(const Message&)> counts,
                                                  int limit) {
  LJ_CHECK(table.similar, table.name + " declares no (linjuli.stored).similar");
  absl::flat_hash_map<int64_t, Shared> shared;
  int whole = 0;
  std::vector<int64_t> holders;
  for (const std::string& pair : FirstGrams(text, kPairs)) {
    std::string words = absl::StrCat("\"", pair, "\"");
    StatementScope find(db.Prepare(table.holders_sql));
    find->Bind(1, words).Bind(2, static_cast<int64_t>(kCommon));
    holders.clear();
    while (true) {
      LJ_ASSIGN(bool row, find->Step());
      if (!row) break;
      holders.push_back(find->Int(0));
    }
    int weight = WeightOf(holders.size());
    if (weight == 0) continue;
    whole += weight;
    for (int64_t id : holders) {
      Shared& one = shared[id];
      one.weight += weight;
      ++one.pairs;
    }
  }

  std::vector<Candidate> candidates;
  for (const auto& [id, one] : shared) {
    int share_bp = one.weight * 10000 / whole;
    if (one.pairs >= kLeastPairs && share_bp >= kLeastShareBp) candidates.push_back({share_bp, id});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.share_bp != b.share_bp ? a.share_bp > b.share_bp : a.id < b.id;
  });
  if (candidates.size() > kMostSimilarRead) candidates.resize(kMostSimilarRead);

  std::vector<Likeness> alike;
  std::unique_ptr<Message> resource(table.prototype->New());
  for (const Candidate& candidate : candidates) {
    if (static_cast<int>(alike.size()) >= limit) break;
    StatementScope find(db.Prepare(table.get_sql));
    find->Bind(1, candidate.id);
    LJ_ASSIGN(bool row, find->Step());
    if (!row) continue;
    absl::string_view body = find->Bytes(0);
    if (!resource->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE",
                    absl::StrCat("a ", table.name, " cannot be read"));
    }
    if (counts(*resource)) alike.push_back({table.NameIn(*resource), candidate.share_bp});
  }
  return alike;
}

}  // namespace linjuli
