#include "common/changes/heads.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/auth/public_key.h"
#include "common/status.h"

namespace linjuli {

using changes::v1::Head;

namespace {

constexpr int kLevelHeight = 8;
constexpr int64_t kFanOut = 1 << kLevelHeight;

absl::StatusOr<std::vector<Head>> HeadRows(Statement& statement) {
  std::vector<Head> heads;
  StatementScope rows(statement);
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return heads;
    absl::string_view bytes = rows->Bytes(0);
    if (!heads.emplace_back().ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE", "a head cannot be read");
    }
  }
}

}  // namespace

std::vector<std::string> HeadSchema() {
  return {
      "CREATE TABLE IF NOT EXISTS head(seq INTEGER PRIMARY KEY,hour INTEGER NOT NULL,"
      "data BLOB NOT NULL)",
      "CREATE TABLE IF NOT EXISTS tree(level INTEGER NOT NULL,at INTEGER NOT NULL,"
      "root BLOB NOT NULL,PRIMARY KEY(level,at)) WITHOUT ROWID",
      // Other services' heads, as witnessed here; no hour: it contradicted, and stays.
      "CREATE TABLE IF NOT EXISTS witnessed(number INTEGER PRIMARY KEY,source TEXT NOT NULL,"
      "epoch TEXT NOT NULL,hour INTEGER,data BLOB NOT NULL)",
  };
}

absl::Time SignTime(const Head& head) {
  return absl::FromUnixSeconds(head.sign_time().seconds()) +
         absl::Nanoseconds(head.sign_time().nanos());
}

int64_t HourOf(const Head& head) { return head.sign_time().seconds() / 3600; }

bool Supersedes(const Head& later, const Head& earlier) {
  return later.service() == earlier.service() && later.epoch() == earlier.epoch() &&
         HourOf(later) == HourOf(earlier);
}

std::string HeadText(const Head& head) {
  return absl::StrCat(
      "linjuli head 1\n", head.service(), "\n", head.epoch(), "\n", head.epoch_began(), "\n",
      head.sequence(), "\n", absl::BytesToHexString(head.chain_hash()), "\n",
      absl::BytesToHexString(head.root_hash()), "\n", absl::ToUnixMicros(SignTime(head)), "\n");
}

void SignHead(const SigningKey& key, Head& head) {
  head.set_public_key(key.public_key());
  head.set_signature(key.Sign(HeadText(head)));
}

bool HeadIsSigned(const Head& head) {
  auto key = PublicKey::Ed25519(head.public_key());
  return key.ok() && key->Verifies(HeadText(head), head.signature());
}

absl::Status WriteHead(Connection& db, const Head& head) {
  LJ_ASSIGN(std::optional<Head> last, ReadLastHead(db));
  if (last.has_value() && HourOf(*last) != HourOf(head)) {
    LJ_RETURN_IF_ERROR(db.Prepare("DELETE FROM head WHERE hour=?1 AND seq<?2")
                           .Bind(1, HourOf(*last))
                           .Bind(2, last->sequence())
                           .Run());
  }
  std::string data = head.SerializeAsString();
  // A new life of a log may begin where a head was signed already.
  return db.Prepare("INSERT OR REPLACE INTO head(seq,hour,data) VALUES(?1,?2,?3)")
      .Bind(1, head.sequence())
      .Bind(2, HourOf(head))
      .BindBlob(3, data)
      .Run();
}

absl::StatusOr<std::optional<Head>> ReadLastHead(Connection& db) {
  LJ_ASSIGN(auto heads, HeadRows(db.Prepare("SELECT data FROM head ORDER BY seq DESC LIMIT 1")));
  if (heads.empty()) return std::nullopt;
  return std::move(heads[0]);
}

absl::StatusOr<std::vector<Head>> ReadHeads(Connection& db, int64_t after, int limit) {
  return HeadRows(db.Prepare("SELECT data FROM head WHERE seq>?1 ORDER BY seq LIMIT ?2")
                      .Bind(1, after)
                      .Bind(2, static_cast<int64_t>(limit)));
}

absl::Status CheckSigned(Connection& db, int64_t first, int64_t second,
                         const std::string& first_name, const std::string& second_name) {
  LJ_ASSIGN(std::optional<Head> head, ReadLastHead(db));
  int64_t reach = head.has_value() ? head->sequence() : 0;
  if (second > reach) {
    return RefuseFields({{second_name, "RANGE", absl::StrCat("the log is signed up to ", reach)}});
  }
  if (first < 1 || first > second) {
    return RefuseFields({{first_name, "RANGE", absl::StrCat("must be from 1 to ", second_name)}});
  }
  return absl::OkStatus();
}

std::optional<TreeRow> TreeRowOf(int height, int64_t at, const Digest& root) {
  if (height % kLevelHeight != 0) return std::nullopt;
  return TreeRow{height / kLevelHeight, at, root};
}

absl::Status WriteTreeRow(Connection& db, const TreeRow& row) {
  return db.Prepare("INSERT INTO tree(level,at,root) VALUES(?1,?2,?3)")
      .Bind(1, static_cast<int64_t>(row.level))
      .Bind(2, row.at)
      .BindBlob(3, BytesOf(row.root))
      .Run();
}

absl::StatusOr<Digest> StoredTree::operator()(int height, int64_t at) const {
  int level = height / kLevelHeight;
  int above = height % kLevelHeight;
  int64_t first = at << above, count = int64_t{1} << above;
  LJ_ASSIGN(const std::vector<Digest>* block, Block(level, first / kFanOut));
  int64_t begin = first % kFanOut;
  if (begin + count > static_cast<int64_t>(block->size())) {
    return Refuse(absl::StatusCode::kDataLoss, "STORE",
                  "the log is shorter than what was signed of it");
  }
  std::vector<Digest> nodes(block->begin() + begin, block->begin() + begin + count);
  for (; count > 1; count /= 2) {
    for (int64_t i = 0; i < count / 2; ++i) nodes[i] = MerkleNode(nodes[2 * i], nodes[2 * i + 1]);
  }
  return nodes[0];
}

absl::StatusOr<const std::vector<Digest>*> StoredTree::Block(int level, int64_t at) const {
  auto [found, fresh] = blocks_.try_emplace({level, at});
  std::vector<Digest>& block = found->second;
  if (!fresh) return &block;
  int64_t first = at * kFanOut;
  StatementScope rows(
      level == 0
          ? db_.Prepare("SELECT data FROM change WHERE seq>?1 AND seq<=?1+?2 ORDER BY seq")
                .Bind(1, first)
                .Bind(2, kFanOut)
          : db_.Prepare("SELECT root FROM tree WHERE level=?3 AND at>=?1 AND at<?1+?2 ORDER BY at")
                .Bind(1, first)
                .Bind(2, kFanOut)
                .Bind(3, static_cast<int64_t>(level)));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return &block;
    std::optional<Digest> root =
        level == 0 ? MerkleLeaf(rows->Bytes(0)) : DigestFrom(rows->Bytes(0));
    if (!root.has_value()) return Refuse(absl::StatusCode::kDataLoss, "STORE", "no hash");
    block.push_back(*root);
  }
}

std::optional<Digest> DigestFrom(absl::string_view bytes) {
  Digest digest;
  if (bytes.size() != digest.size()) return std::nullopt;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

}  // namespace linjuli
