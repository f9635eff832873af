// The keys of the people whose data one store holds, in a file of their own beside it. A backup of
// the store has no keys in it: whoever is erased here is erased in every copy of the store.
//
// Each person has a key, made when the first value of theirs is sealed, and wrapped by the master
// key. Erasing a person overwrites it; values that are sealed with it read as empty from then on,
// and what is sealed for them later gets a new key. People are filed under a keyed hash of their
// name; the file names nobody.
//
// The store's writer thread seals, destroys and commits; any thread opens and hashes.
#ifndef LINJULI_COMMON_STORE_KEY_STORE_H_
#define LINJULI_COMMON_STORE_KEY_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/crypto/seal.h"
#include "common/store/sqlite.h"

namespace linjuli {

class KeyStore {
 public:
  // Makes the file where there is none. New values are sealed by `profile`; those of the other one
  // still open. FAILED_PRECONDITION when the file was made under another master key.
  static absl::StatusOr<std::unique_ptr<KeyStore>> Open(const std::string& path, const Key& master,
                                                        Profile profile);

  // Made with the file; the store remembers whose keys it needs.
  const std::string& id() const { return id_; }
  Profile profile() const { return profile_; }

  // --- any thread
  // The text; empty once its key was destroyed. DATA_LOSS, reason SEAL, when it does not open.
  absl::StatusOr<std::string> Open(absl::string_view place, absl::string_view sealed);
  // What an index holds in the value's place: the same for the same field and value only.
  std::string IndexHash(absl::string_view field, absl::string_view value) const;
  // By which a request is known again, without telling what was in it.
  std::string RequestHash(absl::string_view request) const;

  // --- the writer thread
  // `now` is when the person's key is made, where they have none.
  absl::StatusOr<std::string> Seal(absl::string_view person, absl::Time now,
                                   absl::string_view place, absl::string_view text);
  // Destroys the person's key with the next commit, if it was made by `until`. Returns whether the
  // person has none then; false: a younger one stands.
  absl::StatusOr<bool> Destroy(absl::string_view person, absl::Time until);
  // Makes what was sealed and destroyed since the last commit durable. Must come before the commit
  // of the data; costs nothing when there is no new person. A destroyed key is overwritten in the
  // file and its log when this returns OK.
  absl::Status Commit();
  // Forgets what was done since the last commit: the data was rolled back.
  void Abandon();

 private:
  struct Owner {
    int64_t id;
    Key key;
  };

  KeyStore(const Key& master, Profile profile);
  absl::Status Install();
  absl::Status Begin();
  // The person as the file knows them, under either profile.
  std::string Filed(Profile profile, absl::string_view person) const;
  absl::StatusOr<const Owner*> KeyOf(absl::string_view person, absl::Time now);
  absl::StatusOr<Owner> MakeKey(absl::string_view filed, absl::Time now);
  // Nothing when it was destroyed.
  absl::StatusOr<std::optional<Key>> Find(int64_t id);
  absl::StatusOr<std::optional<Key>> Unwrap(int64_t id, Statement& row) const;

  const Profile profile_;
  const Key wrap_, file_, index_, request_, proof_;
  std::string path_, id_;
  std::unique_ptr<Connection> writer_;
  // Of the writer thread.
  absl::flat_hash_map<std::string, Owner> owners_;
  std::vector<int64_t> destroyed_;
  int64_t last_id_ = 0, committed_id_ = 0;
  bool wiping_ = false;  // something was destroyed, and may still stand in the log

  absl::Mutex mutex_;
  std::unique_ptr<Connection> reader_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int64_t, Key> known_ ABSL_GUARDED_BY(mutex_);
  // Those that no reader finds in the file yet.
  absl::flat_hash_map<int64_t, Key> fresh_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace linjuli

#endif  // LINJULI_COMMON_STORE_KEY_STORE_H_
