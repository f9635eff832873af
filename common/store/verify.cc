#include "common/store/verify.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace linjuli {

absl::StatusOr<Verdict> VerifyStore(Connection& db, const Schema& schema) {
  LJ_ASSIGN(Verdict verdict, VerifyChain(db));
  if (verdict.flaw.has_value()) return verdict;
  // The hash of each resource's last snapshot; 32 bytes and a name for each.
  absl::flat_hash_map<std::string, std::pair<int64_t, std::string>> last;
  for (int64_t after = 0; after < verdict.changes;) {
    LJ_ASSIGN(auto changes, ReadChanges(db, after, 1000));
    if (changes.empty()) break;
    for (const auto& change : changes) {
      if (!change.has_snapshot()) continue;
      last[change.resource()] = {change.sequence(), Sha256(change.snapshot().value())};
    }
    after = changes.back().sequence();
  }
  auto flaw = [&](int64_t sequence, std::string what) {
    verdict.flaw = Flaw{sequence, std::move(what)};
    return verdict;
  };
  for (const auto& table : schema.tables()) {
    StatementScope rows(db.Prepare(absl::StrCat("SELECT id,body FROM ", table->name)));
    std::unique_ptr<google::protobuf::Message> resource(table->prototype->New());
    while (true) {
      LJ_ASSIGN(bool row, rows->Step());
      if (!row) break;
      std::string body = rows->Text(1);
      bool read = resource->ParseFromString(body);
      std::string name = read ? table->NameIn(*resource) : "";
      auto found = last.find(name);
      if (found == last.end() || table->IdOf(name) != rows->Int(0)) {
        return flaw(0,
                    absl::StrCat(table->name, " ", rows->Int(0), " was not written by a change"));
      }
      if (found->second.second != Sha256(body)) {
        return flaw(found->second.first, absl::StrCat(name, " was edited after this change"));
      }
      last.erase(found);
    }
  }
  // Nothing is ever deleted.
  if (!last.empty()) {
    return flaw(last.begin()->second.first, absl::StrCat(last.begin()->first, " was taken out"));
  }
  return verdict;
}

}  // namespace linjuli
