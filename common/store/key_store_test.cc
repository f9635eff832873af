// Keys of people: made, wrapped, found again, destroyed for good.
#include "common/store/key_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

const Key& Master() {
  static const Key* const master = new Key(Key::Random());
  return *master;
}

std::string Bytes(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

struct KeyRig {
  KeyRig() { Reopen(); }
  void Reopen(Profile profile = Profile::kIntl) {
    keys.reset();
    auto opened = KeyStore::Open(path(), Master(), profile);
    LJ_CHECK(opened.ok(), opened.status().ToString());
    keys = *std::move(opened);
  }
  std::string path() const { return dir.File("keys.db"); }
  std::string Sealed(absl::string_view person, absl::string_view text = "text") {
    auto sealed = keys->Seal(person, kNow, "place", text);
    LJ_CHECK(sealed.ok(), sealed.status().ToString());
    return *sealed;
  }
  std::string Opened(absl::string_view sealed) {
    auto opened = keys->Open("place", sealed);
    return opened.ok() ? *opened : ReasonOf(opened.status());
  }
  TempDir dir;
  std::unique_ptr<KeyStore> keys;
};

TEST_CASE("each person has one key, in every life of the file", "[store][keys][C18]") {
  KeyRig rig;
  std::string wang = rig.Sealed("u/wang"), li = rig.Sealed("u/li");
  CHECK(SealedWith(wang) != SealedWith(li));
  CHECK(SealedWith(rig.Sealed("u/wang")) == SealedWith(wang));
  REQUIRE(rig.keys->Commit().ok());
  for (Profile profile : {Profile::kIntl, Profile::kGm, Profile::kIntl}) {
    rig.Reopen(profile);
    CHECK(rig.Opened(wang) == "text");
    CHECK(SealedWith(rig.Sealed("u/wang")) == SealedWith(wang));
    CHECK(rig.Opened(rig.Sealed("u/li", "other")) == "other");
    REQUIRE(rig.keys->Commit().ok());
  }
  for (const char* name : {"u/wang", "u/li"})
    CHECK_FALSE(absl::StrContains(Bytes(rig.path()), name));
}

TEST_CASE("a key that was not committed is forgotten with the data that it sealed",
          "[store][keys][C18]") {
  KeyRig rig;
  std::string lost = rig.Sealed("u/wang");
  CHECK(rig.Opened(lost) == "text");
  rig.keys->Abandon();
  CHECK(rig.Opened(lost) == "SEAL");
  std::string kept = rig.Sealed("u/wang");
  REQUIRE(rig.keys->Commit().ok());
  rig.Reopen();
  CHECK(rig.Opened(kept) == "text");
}

TEST_CASE("a destroyed key opens nothing, and no byte of it is left", "[store][keys][R47]") {
  KeyRig rig;
  std::vector<std::string> sealed;
  for (int i = 0; i < 50; ++i) sealed.push_back(rig.Sealed(absl::StrCat("u/", i)));
  REQUIRE(rig.keys->Commit().ok());
  std::string wrapped;
  auto read = [&](const char* sql) {
    auto db = Connection::Open(rig.path(), Connection::Access::kRead);
    LJ_CHECK(db.ok());
    StatementScope row((*db)->Prepare(sql));
    LJ_CHECK(*row->Step());
    return row->Text(0);
  };
  wrapped = read("SELECT wrapped FROM person_key WHERE id=7");
  REQUIRE(wrapped.size() > 32);
  auto stands = [&] {
    return absl::StrContains(Bytes(rig.path()), wrapped) ||
           absl::StrContains(Bytes(rig.path() + "-wal"), wrapped);
  };
  CHECK(stands());
  REQUIRE(rig.keys->Destroy("u/6", kNow).ok());
  REQUIRE(rig.keys->Commit().ok());
  CHECK_FALSE(stands());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 50; ++i) CHECK(rig.Opened(sealed[i]) == (i == 6 ? "" : "text"));
    rig.Reopen();
  }
  CHECK(*rig.keys->Destroy("u/6", kNow));
  CHECK(*rig.keys->Destroy("u/nobody", kNow));
  // Sealed anew, by a new key.
  std::string anew = rig.Sealed("u/6");
  CHECK(SealedWith(anew) > 50);
  REQUIRE(rig.keys->Commit().ok());
  CHECK(rig.Opened(anew) == "text");
  CHECK(rig.Opened(sealed[6]).empty());
  // What was decided before the new key was made does not reach it.
  CHECK_FALSE(*rig.keys->Destroy("u/6", kNow - absl::Seconds(1)));
  REQUIRE(rig.keys->Commit().ok());
  CHECK(rig.Opened(anew) == "text");
}

TEST_CASE("destroying is undone with what else was not committed", "[store][keys][R47]") {
  KeyRig rig;
  std::string sealed = rig.Sealed("u/wang");
  REQUIRE(rig.keys->Commit().ok());
  CHECK(*rig.keys->Destroy("u/wang", kNow));
  rig.keys->Abandon();
  CHECK(rig.Opened(sealed) == "text");
  CHECK(SealedWith(rig.Sealed("u/wang")) == SealedWith(sealed));
}

TEST_CASE("wrapped keys cannot be exchanged, nor read under another master key",
          "[store][keys][C15]") {
  KeyRig rig;
  std::string wang = rig.Sealed("u/wang"), li = rig.Sealed("u/li");
  REQUIRE(rig.keys->Commit().ok());
  rig.keys.reset();
  {
    auto db = Connection::Open(rig.path(), Connection::Access::kWrite);
    REQUIRE((*db)
                ->Exec("UPDATE person_key SET wrapped=(SELECT wrapped FROM person_key WHERE id=2) "
                       "WHERE id=1")
                .ok());
  }
  rig.Reopen();
  CHECK(rig.Opened(wang) == "SEAL");
  CHECK(rig.Opened(li) == "text");
  rig.keys.reset();
  CHECK(absl::IsFailedPrecondition(
      KeyStore::Open(rig.path(), Key::Random(), Profile::kIntl).status()));
}

TEST_CASE("an index hash tells fields, values and profiles apart, and no value",
          "[store][keys][C18]") {
  KeyRig rig;
  std::string hash = rig.keys->IndexHash("File.phone", "13800138000");
  CHECK(hash == rig.keys->IndexHash("File.phone", "13800138000"));
  CHECK(hash != rig.keys->IndexHash("File.fax", "13800138000"));
  CHECK(hash != rig.keys->IndexHash("File.phone", "13800138001"));
  rig.Reopen();
  CHECK(hash == rig.keys->IndexHash("File.phone", "13800138000"));
  rig.Reopen(Profile::kGm);
  CHECK(hash != rig.keys->IndexHash("File.phone", "13800138000"));
  KeyRig other;
  CHECK(hash != other.keys->IndexHash("File.phone", "13800138000"));
}

TEST_CASE("killed after the key is durable and before the data is, a store goes on",
          "[store][keys][kill][C18]") {
  Failpoint* after_keys = nullptr;
  for (Failpoint* failpoint : Failpoint::All()) {
    if (absl::string_view(failpoint->name()) == "store.after_keys") after_keys = failpoint;
  }
  if (after_keys == nullptr) {
    WARN("built without failpoints");
    return;
  }
  TicketStore rig;
  rig.store.reset();
  auto write = [&] {
    Ticket ticket;
    ticket.set_phone("13800138000");
    LJ_CHECK(rig.Write([&](Tx& tx) { return tx.Create(ticket); }).ok());
    return ticket.name();
  };
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    after_keys->Arm(1);
    rig.Reopen();
    write();
    _exit(3);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  rig.Reopen();
  CHECK(rig.Count("SELECT count(*) FROM ticket") == 0);
  const std::string name = write();
  rig.Reopen();
  CHECK(rig.Get(name)->phone() == "13800138000");
  CHECK_FALSE(rig.Verify().flaw.has_value());
}

TEST_CASE("a store that was written before its fields were personal is refused",
          "[store][keys][R47]") {
  TicketStore rig;
  rig.Add("without a telephone");
  rig.store.reset();
  auto spoil = [&](const std::string& sql) {
    auto db = Connection::Open(rig.path(), Connection::Access::kWrite);
    LJ_CHECK(db.ok() && (*db)->Exec(sql).ok());
  };
  // As it was before there were keys.
  spoil("DELETE FROM meta WHERE key='keys'");
  rig.Reopen();
  Ticket open = rig.Add("with one");
  rig.store.reset();
  open.set_phone("13800138000");
  spoil("DELETE FROM meta WHERE key='keys'");
  {
    auto db = Connection::Open(rig.path(), Connection::Access::kWrite);
    REQUIRE((*db)
                ->Prepare("UPDATE ticket SET body=?1 WHERE id=(SELECT max(id) FROM ticket)")
                .BindBlob(1, open.SerializeAsString())
                .Run()
                .ok());
  }
  auto refused = OpenTickets(rig.path(), &rig.clock);
  CHECK(absl::IsFailedPrecondition(refused.status()));
  CHECK(absl::StrContains(refused.status().message(), "before personal fields were sealed"));
}

}  // namespace
}  // namespace linjuli
