#include "common/store/verify.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/changes/heads.h"
#include "common/changes/log.h"
#include "common/random.h"
#include "common/store/row.h"
#include "google/protobuf/descriptor.h"

namespace linjuli {

using changes::v1::Change;
using changes::v1::Head;

namespace {

// A sum over a set that tells two sets apart, whatever their order. The key is of this run alone,
// so that nobody can have prepared two sets of one sum.
class SetSum {
 public:
  explicit SetSum(const std::string& key) : key_(key) {}
  void Add(absl::string_view name, int64_t sequence) {
    Digest hash = Sha256Of(
        {key_, absl::string_view(reinterpret_cast<const char*>(&sequence), sizeof(sequence)),
         name});
    uint64_t halves[2];
    std::memcpy(halves, hash.data(), sizeof(halves));
    first_ += halves[0];
    second_ += halves[1];
  }
  bool operator==(const SetSum& other) const {
    return first_ == other.first_ && second_ == other.second_;
  }

 private:
  const std::string& key_;
  uint64_t first_ = 0, second_ = 0;
};

// What a head says of the log, and who says it.
struct Claim {
  const Head* head;
  bool witnessed;
};

// A resource's last change.
struct Last {
  int64_t sequence;
  std::array<char, 16> snapshot;  // the beginning of its hash
};

std::array<char, 16> ShortHash(absl::string_view bytes) {
  Digest hash = Sha256Of({bytes});
  std::array<char, 16> start;
  std::memcpy(start.data(), hash.data(), start.size());
  return start;
}

// One run over one store. Each step gives OK, an error of reading, or the flaw as an error of
// reason FLAW, with its change's number.
class Verification {
 public:
  Verification(Connection& db, const Schema& schema, const std::vector<Head>& witnessed)
      : db_(db),
        schema_(schema),
        witnessed_(witnessed),
        key_(RandomBytes(32)),
        mentioned_(key_),
        last_(schema.tables().size()) {}

  absl::Status Run() {
    LJ_RETURN_IF_ERROR(TakeHeads());
    LJ_RETURN_IF_ERROR(WalkChanges());
    LJ_RETURN_IF_ERROR(CheckEnd());
    LJ_RETURN_IF_ERROR(CheckTree());
    LJ_RETURN_IF_ERROR(CheckMentions());
    LJ_RETURN_IF_ERROR(CheckReplies());
    return CheckResources();
  }
  Verdict verdict;

 private:
  absl::Status Flawed(int64_t sequence, absl::string_view what) {
    verdict.flaw = Flaw{sequence, std::string(what)};
    return Refuse(absl::StatusCode::kDataLoss, "FLAW", what);
  }

  // The heads that the changes are to be compared with, by their place.
  absl::Status TakeHeads();
  absl::Status CheckOwnHead(const Head& head);
  // Where the life of that epoch ended: nothing for one that this log did not lead.
  std::optional<int64_t> EndOf(absl::string_view epoch) const;

  absl::Status WalkChanges();
  absl::Status TakeChange(const Change& change);
  absl::Status CompareClaims(const Digest& chain);
  absl::Status CheckEnd();
  absl::Status CheckTree();
  absl::Status CheckMentions();
  absl::Status FindMention();
  // That the request which `change` ends has its reply.
  absl::Status CheckReply(const Change& change);
  bool ReplyFits(const Change& change, int64_t key) const;
  absl::Status CheckReplies();
  absl::Status CheckResources();
  absl::Status CheckTable(const Table& table, absl::flat_hash_map<int64_t, Last>& last);

  Connection& db_;
  const Schema& schema_;
  const std::vector<Head>& witnessed_;
  const std::string key_;

  std::vector<Life> lives_;
  std::vector<Head> heads_;
  std::multimap<int64_t, Claim> claims_;  // by sequence
  std::multimap<int64_t, Claim>::const_iterator next_claim_;
  MerkleFrontier frontier_;
  std::vector<TreeRow> tree_;
  SetSum mentioned_;
  int64_t replies_ = 0;                                   // that changes ask for and that are there
  std::vector<absl::flat_hash_map<int64_t, Last>> last_;  // by table, by id
};

absl::Status Verification::TakeHeads() {
  LJ_ASSIGN(lives_, ReadLives(db_));
  if (lives_.empty()) return Flawed(0, "the log does not say which life it leads");
  StatementScope rows(db_.Prepare("SELECT seq,hour,data FROM head ORDER BY seq"));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    Head head;
    absl::string_view data = rows->Bytes(2);
    if (!head.ParseFromArray(data.data(), static_cast<int>(data.size())) ||
        head.sequence() != rows->Int(0) || HourOf(head) != rows->Int(1)) {
      return Flawed(rows->Int(0), "a head that the store keeps for this change was edited");
    }
    LJ_RETURN_IF_ERROR(CheckOwnHead(head));
    heads_.push_back(std::move(head));
  }
  for (const Head& head : heads_) claims_.insert({head.sequence(), {&head, false}});
  if (!heads_.empty()) verdict.signed_changes = heads_.back().sequence();
  for (const Head& head : witnessed_) {
    std::optional<int64_t> end = EndOf(head.epoch());
    if (!HeadIsSigned(head)) {
      return Flawed(head.sequence(), "a witnessed head is not signed by the key in it");
    }
    if (!heads_.empty() && head.public_key() != verdict.public_key) {
      return Flawed(head.sequence(), "the witnessed head for this change is signed by another key");
    }
    if (!end.has_value()) {
      return Flawed(head.sequence(),
                    absl::StrCat("a head was witnessed for this change in a life of the log, ",
                                 head.epoch(), ", of which the store does not know"));
    }
    if (head.sequence() > *end) {
      verdict.restored.push_back(head);
      continue;
    }
    claims_.insert({head.sequence(), {&head, true}});
  }
  next_claim_ = claims_.begin();
  return absl::OkStatus();
}

absl::Status Verification::CheckOwnHead(const Head& head) {
  if (verdict.public_key.empty()) verdict.public_key = head.public_key();
  auto flawed = [&](absl::string_view what) {
    return Flawed(head.sequence(),
                  absl::StrCat("the head that the store keeps for this change ", what));
  };
  if (!HeadIsSigned(head)) return flawed("was edited: its signature does not hold");
  if (head.public_key() != verdict.public_key) return flawed("is signed by another key");
  std::optional<int64_t> end = EndOf(head.epoch());
  if (!end.has_value() || head.sequence() > *end) return flawed("is of no life of this log");
  for (const Life& life : lives_) {
    if (life.epoch == head.epoch() && life.began != head.epoch_began()) {
      return flawed("began its life elsewhere");
    }
  }
  return absl::OkStatus();
}

std::optional<int64_t> Verification::EndOf(absl::string_view epoch) const {
  std::optional<int64_t> end;
  for (const Life& life : lives_) {
    if (end.has_value()) end = std::min(*end, life.began);
    if (life.epoch == epoch) end = std::numeric_limits<int64_t>::max();
  }
  return end;
}

absl::Status Verification::WalkChanges() {
  Digest previous{};
  Change change, before;
  StatementScope rows(db_.Prepare("SELECT seq,data,hash FROM change ORDER BY seq"));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    int64_t sequence = verdict.changes + 1;
    if (rows->Int(0) != sequence) {
      return Flawed(sequence, absl::StrCat("change ", sequence, " is missing"));
    }
    absl::string_view bytes = rows->Bytes(1);
    Digest chain = Sha256Of({BytesOf(previous), bytes});
    if (BytesOf(chain) != rows->Bytes(2)) {
      return Flawed(
          sequence,
          "its bytes do not match its hash: it was edited, or one before it was replaced");
    }
    if (!change.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        change.sequence() != sequence) {
      return Flawed(sequence, "its contents do not belong to its place");
    }
    frontier_.Add(MerkleLeaf(bytes), [this](int height, int64_t at, const Digest& root) {
      if (auto kept = TreeRowOf(height, at, root)) tree_.push_back(*kept);
    });
    LJ_RETURN_IF_ERROR(CompareClaims(chain));
    LJ_RETURN_IF_ERROR(TakeChange(change));
    // That somebody's data was shown is no part of what a request did.
    if (!change.access()) {
      bool same_request = change.request_id() == before.request_id() &&
                          change.caller() == before.caller() && change.method() == before.method();
      if (!before.request_id().empty() && !same_request) LJ_RETURN_IF_ERROR(CheckReply(before));
      std::swap(change, before);
    }
    previous = chain;
    ++verdict.changes;
  }
  if (!before.request_id().empty()) LJ_RETURN_IF_ERROR(CheckReply(before));
  verdict.head = absl::BytesToHexString(BytesOf(previous));
  return absl::OkStatus();
}

absl::Status Verification::CompareClaims(const Digest& chain) {
  for (; next_claim_ != claims_.end() && next_claim_->first <= frontier_.size(); ++next_claim_) {
    const auto& [head, witnessed] = next_claim_->second;
    if (head->sequence() == frontier_.size() && BytesOf(chain) == head->chain_hash() &&
        BytesOf(frontier_.root()) == head->root_hash()) {
      verdict.witnessed += witnessed;
      continue;
    }
    return Flawed(
        head->sequence(),
        absl::StrCat("up to here the log is not what was ", witnessed ? "witnessed" : "signed",
                     " at ",
                     absl::FormatTime(absl::RFC3339_sec, SignTime(*head), absl::UTCTimeZone()),
                     ": it was rewritten, with a new chain"));
  }
  return absl::OkStatus();
}

absl::Status Verification::TakeChange(const Change& change) {
  mentioned_.Add(change.resource(), change.sequence());
  for (const auto& name : change.references()) {
    if (name != change.resource()) mentioned_.Add(name, change.sequence());
  }
  if (change.access()) return absl::OkStatus();
  for (size_t i = 0; i < last_.size(); ++i) {
    auto id = schema_.tables()[i]->IdOf(change.resource());
    if (!id.has_value()) continue;
    last_[i][*id] = {change.sequence(), ShortHash(change.snapshot().value())};
    return absl::OkStatus();
  }
  return Flawed(change.sequence(), absl::StrCat(change.resource(), " is no resource of the store"));
}

absl::Status Verification::CheckEnd() {
  if (next_claim_ == claims_.end()) return absl::OkStatus();
  const auto& [head, witnessed] = std::prev(claims_.end())->second;
  return Flawed(verdict.changes + 1,
                absl::StrCat("the log ends at change ", verdict.changes, ", but was ",
                             witnessed ? "witnessed" : "signed", " up to ", head->sequence(),
                             witnessed ? ": it was rolled back to an older file, or cut short"
                                       : ": it was cut short"));
}

absl::Status Verification::CheckTree() {
  std::sort(tree_.begin(), tree_.end(), [](const TreeRow& a, const TreeRow& b) {
    return std::pair(a.level, a.at) < std::pair(b.level, b.at);
  });
  auto expected = tree_.begin();
  auto is_signed = [this](const TreeRow& row) {
    return (row.at + 1) << (8 * row.level) <= verdict.signed_changes;
  };
  auto skip = [&] {
    while (expected != tree_.end() && !is_signed(*expected)) ++expected;
  };
  StatementScope rows(db_.Prepare("SELECT level,at,root FROM tree ORDER BY level,at"));
  skip();
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    int64_t end = (rows->Int(1) + 1) << (8 * rows->Int(0));
    if (expected == tree_.end() || expected->level != rows->Int(0) ||
        expected->at != rows->Int(1) || BytesOf(expected->root) != rows->Bytes(2)) {
      return Flawed(end, "the hash that the store keeps for the changes up to here was edited");
    }
    ++expected;
    skip();
  }
  if (expected != tree_.end()) {
    return Flawed((expected->at + 1) << (8 * expected->level),
                  "the hash that the store keeps for the changes up to here was taken out");
  }
  return absl::OkStatus();
}

absl::Status Verification::CheckMentions() {
  SetSum kept(key_);
  StatementScope rows(db_.Prepare("SELECT name,seq FROM mention"));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    kept.Add(rows->Bytes(0), rows->Int(1));
  }
  return kept == mentioned_ ? absl::OkStatus() : FindMention();
}

absl::Status Verification::FindMention() {
  Statement& find = db_.Prepare("SELECT 1 FROM mention WHERE name=?1 AND seq=?2");
  for (int64_t after = 0; after < verdict.changes;) {
    LJ_ASSIGN(auto changes, ReadChanges(db_, after, 1000));
    for (const auto& change : changes) {
      std::vector<std::string> names(change.references().begin(), change.references().end());
      names.push_back(change.resource());
      for (const auto& name : names) {
        StatementScope there(find.Bind(1, name).Bind(2, change.sequence()));
        LJ_ASSIGN(bool row, there->Step());
        if (!row) {
          return Flawed(change.sequence(),
                        absl::StrCat("it was taken out of the history of ", name));
        }
      }
    }
    after += static_cast<int64_t>(changes.size());
  }
  StatementScope rows(db_.Prepare("SELECT name,seq FROM mention"));
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    LJ_ASSIGN(auto changes, ReadChanges(db_, rows->Int(1) - 1, 1));
    const Change* change = changes.empty() ? nullptr : &changes[0];
    std::string name = rows->Text(0);
    if (change == nullptr || change->sequence() != rows->Int(1) ||
        (change->resource() != name &&
         std::find(change->references().begin(), change->references().end(), name) ==
             change->references().end())) {
      return Flawed(rows->Int(1), absl::StrCat("it was put into the history of ", name,
                                               ", which it does not mention"));
    }
  }
  return Flawed(0, "the histories hold something twice");
}

absl::Status Verification::CheckReply(const Change& change) {
  StatementScope find(db_.Prepare("SELECT seq,reply IS NULL FROM reply WHERE key=?1"));
  auto stands = [&](absl::string_view method) -> absl::StatusOr<bool> {
    find->Bind(1, ReplyKey(change.caller(), method, change.request_id()));
    LJ_ASSIGN(bool row, find->Step());
    bool fits = row && find->Int(0) == change.sequence();
    if (fits) replies_ += find->Int(1);
    find->Reset();
    return fits;
  };
  LJ_ASSIGN(bool found, stands(change.method()));
  if (found) return absl::OkStatus();
  // A row of a batch is kept under the method that it stands for.
  const auto* method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(change.method());
  for (int i = 0; method != nullptr && i < method->service()->method_count(); ++i) {
    LJ_ASSIGN(bool under_other, stands(method->service()->method(i)->full_name()));
    if (under_other) return absl::OkStatus();
  }
  return Flawed(
      change.sequence(),
      "the reply to its request was taken out or edited: sent again, it would be done twice");
}

bool Verification::ReplyFits(const Change& change, int64_t key) const {
  if (change.request_id().empty()) return false;
  if (ReplyKey(change.caller(), change.method(), change.request_id()) == key) return true;
  const auto* method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(change.method());
  for (int i = 0; method != nullptr && i < method->service()->method_count(); ++i) {
    const std::string& name = method->service()->method(i)->full_name();
    if (ReplyKey(change.caller(), name, change.request_id()) == key) return true;
  }
  return false;
}

// A reply of its own may belong to a call that wrote into the service's own tables; one that is the
// snapshot of a change belongs to that change's request.
absl::Status Verification::CheckReplies() {
  {
    StatementScope count(
        db_.Prepare("SELECT count(*),(SELECT max(seq) FROM reply) FROM reply "
                    "WHERE reply IS NULL"));
    LJ_ASSIGN(bool row, count->Step());
    if (row && count->Int(0) == replies_ && count->Int(1) <= verdict.changes) {
      return absl::OkStatus();
    }
  }
  StatementScope rows(
      db_.Prepare("SELECT key,seq FROM reply WHERE reply IS NULL OR seq>?1 ORDER BY seq"));
  rows->Bind(1, verdict.changes);
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) break;
    LJ_ASSIGN(auto changes, ReadChanges(db_, rows->Int(1) - 1, 1));
    if (changes.empty() || changes[0].sequence() != rows->Int(1) ||
        !ReplyFits(changes[0], rows->Int(0))) {
      return Flawed(rows->Int(1), "a reply was put in that no request was given");
    }
  }
  return Flawed(0, "the replies hold something twice");
}

absl::Status Verification::CheckResources() {
  for (size_t i = 0; i < last_.size(); ++i) {
    const Table& table = *schema_.tables()[i];
    LJ_RETURN_IF_ERROR(CheckTable(table, last_[i]));
    // Nothing is ever deleted.
    if (last_[i].empty()) continue;
    const auto& [id, last] = *last_[i].begin();
    return Flawed(last.sequence,
                  absl::StrCat(table.name, " ", EncodeId(id), ", which it wrote, was taken out"));
  }
  return absl::OkStatus();
}

absl::Status Verification::CheckTable(const Table& table,
                                      absl::flat_hash_map<int64_t, Last>& last) {
  StatementScope rows(db_.Prepare(absl::StrCat("SELECT id,body FROM ", table.name)));
  std::unique_ptr<google::protobuf::Message> resource(table.prototype->New());
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return absl::OkStatus();
    int64_t id = rows->Int(0);
    absl::string_view body = rows->Bytes(1);
    auto found = last.find(id);
    if (found == last.end()) {
      return Flawed(0, absl::StrCat(table.name, " ", EncodeId(id), " was written by no change"));
    }
    int64_t sequence = found->second.sequence;
    if (found->second.snapshot != ShortHash(body) ||
        !resource->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return Flawed(sequence,
                    absl::StrCat(table.name, " ", EncodeId(id), " was edited after this change"));
    }
    LJ_ASSIGN(bool stands, RowStands(db_, table, *resource, id, body));
    if (!stands) {
      return Flawed(sequence, absl::StrCat("a column of ", table.name, " ", EncodeId(id),
                                           " was edited after this change"));
    }
    last.erase(found);
  }
}

}  // namespace

absl::StatusOr<Verdict> VerifyStore(Connection& db, const Schema& schema,
                                    const std::vector<Head>& witnessed) {
  LJ_RETURN_IF_ERROR(db.Exec("SAVEPOINT verify"));
  Verification verification(db, schema, witnessed);
  absl::Status status = verification.Run();
  LJ_RETURN_IF_ERROR(db.Exec("RELEASE verify"));
  if (!status.ok() && ReasonOf(status) != "FLAW") return status;
  return verification.verdict;
}

}  // namespace linjuli
