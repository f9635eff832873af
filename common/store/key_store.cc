#include "common/store/key_store.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/status.h"

namespace linjuli {
namespace {

// Keys that are kept unwrapped, and people whose key is at hand; all are dropped when it is full.
constexpr size_t kMostKnown = 16384;
// Pages of the file's log at which it is copied into the file.
constexpr int kCheckpointPages = 1000;
constexpr size_t kIndexBytes = 16;

std::string WrapPlace(absl::string_view file, int64_t id) {
  return absl::StrCat("person_key\n", file, "\n", id);
}

absl::Status DoesNotOpen(int64_t id) {
  return Refuse(absl::StatusCode::kDataLoss, "SEAL",
                absl::StrCat("key ", id, " of a sealed value is not in the key file"));
}

}  // namespace

KeyStore::KeyStore(const Key& master, Profile profile)
    : profile_(profile),
      wrap_(Derive(master, "wrap")),
      file_(Derive(master, "file")),
      index_(Derive(master, "index")),
      request_(Derive(master, "request")),
      proof_(Derive(master, "proof")) {}

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(const std::string& path, const Key& master,
                                                         Profile profile) {
  std::unique_ptr<KeyStore> keys(new KeyStore(master, profile));
  keys->path_ = path;
  LJ_ASSIGN(keys->writer_, Connection::Open(path, Connection::Access::kWrite));
  // What is destroyed is overwritten within its page.
  LJ_RETURN_IF_ERROR(keys->writer_->Exec("PRAGMA secure_delete=ON"));
  LJ_RETURN_IF_ERROR(keys->Install());
  return keys;
}

absl::Status KeyStore::Install() {
  LJ_RETURN_IF_ERROR(writer_->Exec("BEGIN IMMEDIATE"));
  LJ_RETURN_IF_ERROR(writer_->Exec(
      "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY,value TEXT NOT NULL);"
      "CREATE TABLE IF NOT EXISTS person_key(id INTEGER PRIMARY KEY,person BLOB NOT NULL,"
      "made INTEGER NOT NULL,wrapped BLOB);"
      "CREATE INDEX IF NOT EXISTS person_key_by_person ON person_key(person)"));
  std::string proof;
  {
    StatementScope find(writer_->Prepare("SELECT key,value FROM meta"));
    while (true) {
      LJ_ASSIGN(bool row, find->Step());
      if (!row) break;
      if (find->Text(0) == "id") id_ = find->Text(1);
      if (find->Text(0) == "proof") proof = find->Text(1);
    }
  }
  bool fresh = id_.empty();
  if (fresh) id_ = absl::BytesToHexString(RandomBytes(8));
  const std::string ours = absl::BytesToHexString(KeyedHash(Profile::kIntl, proof_, id_));
  if (fresh) {
    LJ_RETURN_IF_ERROR(writer_->Prepare("INSERT INTO meta(key,value) VALUES('id',?1),('proof',?2)")
                           .Bind(1, id_)
                           .Bind(2, ours)
                           .Run());
  } else if (proof != ours) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " was made under another master key; start with that one (--master-key)"));
  }
  {
    StatementScope last(writer_->Prepare("SELECT max(id) FROM person_key"));
    LJ_ASSIGN(bool row, last->Step());
    if (row) last_id_ = last->Int(0);
  }
  committed_id_ = last_id_;
  LJ_RETURN_IF_ERROR(writer_->Exec("COMMIT"));
  // A life that ended between destroying a key and wiping the log left that to this one.
  return writer_->Exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

absl::Status KeyStore::Begin() {
  if (writer_->in_transaction()) return absl::OkStatus();
  return writer_->Prepare("BEGIN IMMEDIATE").Run();
}

std::string KeyStore::Filed(Profile profile, absl::string_view person) const {
  return KeyedHash(profile, file_, person);
}

absl::StatusOr<std::optional<Key>> KeyStore::Unwrap(int64_t id, Statement& row) const {
  if (row.IsNull(0)) return std::nullopt;
  LJ_ASSIGN(std::string bytes, Unseal(wrap_, WrapPlace(id_, id), row.Bytes(0)));
  if (bytes.size() != Key::kBytes) return DoesNotOpen(id);
  Key key(bytes);
  Wipe(bytes);
  return key;
}

absl::StatusOr<std::optional<Key>> KeyStore::Find(int64_t id) {
  absl::MutexLock lock(&mutex_);
  if (auto known = known_.find(id); known != known_.end()) return known->second;
  if (auto fresh = fresh_.find(id); fresh != fresh_.end()) return fresh->second;
  if (reader_ == nullptr) {
    LJ_ASSIGN(reader_, Connection::Open(path_, Connection::Access::kRead));
  }
  StatementScope find(reader_->Prepare("SELECT wrapped FROM person_key WHERE id=?1"));
  find->Bind(1, id);
  LJ_ASSIGN(bool row, find->Step());
  if (!row) return DoesNotOpen(id);
  LJ_ASSIGN(std::optional<Key> key, Unwrap(id, *find));
  if (!key.has_value()) return key;
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(id, *key);
  return key;
}

absl::StatusOr<std::string> KeyStore::Open(absl::string_view place, absl::string_view sealed) {
  std::optional<int64_t> id = SealedWith(sealed);
  if (!id.has_value()) {
    return Refuse(absl::StatusCode::kDataLoss, "SEAL", "this is no sealed value");
  }
  LJ_ASSIGN(std::optional<Key> key, Find(*id));
  if (!key.has_value()) return "";
  return Unseal(*key, place, sealed);
}

std::string KeyStore::IndexHash(absl::string_view field, absl::string_view value) const {
  return absl::WebSafeBase64Escape(
      KeyedHash(profile_, index_, absl::StrCat(id_, "\n", field, "\n", value))
          .substr(0, kIndexBytes));
}

std::string KeyStore::RequestHash(absl::string_view request) const {
  return KeyedHash(profile_, request_, request);
}

absl::StatusOr<std::string> KeyStore::Seal(absl::string_view person, absl::Time now,
                                           absl::string_view place, absl::string_view text) {
  LJ_ASSIGN(const Owner* owner, KeyOf(person, now));
  return linjuli::Seal(profile_, owner->key, owner->id, place, text);
}

absl::StatusOr<const KeyStore::Owner*> KeyStore::KeyOf(absl::string_view person, absl::Time now) {
  if (auto found = owners_.find(person); found != owners_.end()) return &found->second;
  if (owners_.size() >= kMostKnown) owners_.clear();
  const std::string intl = Filed(Profile::kIntl, person), gm = Filed(Profile::kGm, person);
  {
    StatementScope find(
        writer_->Prepare("SELECT wrapped,id FROM person_key WHERE person IN (?1,?2) AND wrapped "
                         "IS NOT NULL ORDER BY id DESC LIMIT 1"));
    find->BindBlob(1, intl).BindBlob(2, gm);
    LJ_ASSIGN(bool row, find->Step());
    if (row) {
      int64_t id = find->Int(1);
      LJ_ASSIGN(std::optional<Key> key, Unwrap(id, *find));
      return &owners_.insert_or_assign(std::string(person), Owner{id, *key}).first->second;
    }
  }
  LJ_ASSIGN(Owner made, MakeKey(profile_ == Profile::kGm ? gm : intl, now));
  return &owners_.insert_or_assign(std::string(person), std::move(made)).first->second;
}

absl::StatusOr<KeyStore::Owner> KeyStore::MakeKey(absl::string_view filed, absl::Time now) {
  LJ_RETURN_IF_ERROR(Begin());
  Owner owner{last_id_ + 1, Key::Random()};
  std::string wrapped =
      linjuli::Seal(profile_, wrap_, 0, WrapPlace(id_, owner.id), owner.key.bytes());
  LJ_RETURN_IF_ERROR(
      writer_->Prepare("INSERT INTO person_key(id,person,made,wrapped) VALUES(?1,?2,?3,?4)")
          .Bind(1, owner.id)
          .BindBlob(2, filed)
          .Bind(3, absl::ToUnixMicros(now))
          .BindBlob(4, wrapped)
          .Run());
  ++last_id_;
  absl::MutexLock lock(&mutex_);
  fresh_.insert_or_assign(owner.id, owner.key);
  return owner;
}

absl::StatusOr<bool> KeyStore::Destroy(absl::string_view person, absl::Time until) {
  const std::string intl = Filed(Profile::kIntl, person), gm = Filed(Profile::kGm, person);
  LJ_RETURN_IF_ERROR(Begin());
  {
    StatementScope find(
        writer_->Prepare("UPDATE person_key SET wrapped=NULL WHERE person IN (?1,?2) AND wrapped "
                         "IS NOT NULL AND made<=?3 RETURNING id"));
    find->BindBlob(1, intl).BindBlob(2, gm).Bind(3, absl::ToUnixMicros(until));
    while (true) {
      LJ_ASSIGN(bool row, find->Step());
      if (!row) break;
      destroyed_.push_back(find->Int(0));
    }
  }
  owners_.erase(person);
  StatementScope younger(
      writer_->Prepare("SELECT 1 FROM person_key WHERE person IN (?1,?2) AND wrapped IS NOT NULL"));
  younger->BindBlob(1, intl).BindBlob(2, gm);
  LJ_ASSIGN(bool stands, younger->Step());
  return !stands;
}

absl::Status KeyStore::Commit() {
  if (writer_->in_transaction()) {
    LJ_RETURN_IF_ERROR(writer_->Prepare("COMMIT").Run());
    committed_id_ = last_id_;
    absl::MutexLock lock(&mutex_);
    for (auto& [id, key] : fresh_) {
      if (known_.size() >= kMostKnown) known_.clear();
      known_.insert_or_assign(id, key);
    }
    fresh_.clear();
    for (int64_t id : destroyed_) known_.erase(id);
    wiping_ |= !destroyed_.empty();
    destroyed_.clear();
  }
  if (wiping_) {
    // The page as it stood before lies in the log until all of it is copied and cut off. Nobody
    // reads the file meanwhile.
    absl::MutexLock lock(&mutex_);
    StatementScope wipe(writer_->Prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    LJ_ASSIGN(bool row, wipe->Step());
    if (!row || wipe->Int(0) != 0) {
      return Refuse(absl::StatusCode::kUnavailable, "BUSY", "the key file is being read; again");
    }
    wiping_ = false;
  } else if (writer_->wal_pages() >= kCheckpointPages) {
    return writer_->Checkpoint();
  }
  return absl::OkStatus();
}

void KeyStore::Abandon() {
  if (writer_->in_transaction()) writer_->Exec("ROLLBACK").IgnoreError();
  owners_.clear();
  destroyed_.clear();
  last_id_ = committed_id_;
  absl::MutexLock lock(&mutex_);
  fresh_.clear();
}

}  // namespace linjuli
