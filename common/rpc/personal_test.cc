// Personal data through a whole service: sealed at rest, masked, found by its hash, recorded when
// it is shown, gone when its person is erased.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/rpc/follow.h"
#include "common/store/verify.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "linjuli/testing/v1/broken_personal.pb.h"
#include "linjuli/testing/v1/people.pb.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using namespace testing::people::v1;
using changes::v1::Change;
using changes::v1::ListHistoryResponse;

constexpr char kPeople[] = "linjuli.testing.people.v1.People.";
constexpr char kPhone[] = "13912345678";
// Everything personal that FullFile puts into a file, and one thing that is not.
constexpr const char* kCanaries[] = {"canary-name",  kPhone,           "canary-citizen",
                                     "canary-alias", "canary-contact", "canary-photo",
                                     "canary-home"};
constexpr char kControl[] = "controlnote";

absl::Status AddNote(Tx&, const NoteFileRequest& request, File& file) {
  file.set_note(file.note() + request.note());
  return absl::OkStatus();
}

absl::StatusOr<FindFileResponse> FindFile(Rx& rx, const FindFileRequest& request) {
  FindFileResponse response;
  LJ_ASSIGN(auto files, rx.Find<File>("phone", request.phone(), 1));
  if (!files.empty()) *response.mutable_file() = files[0];
  return response;
}

absl::StatusOr<PairFilesResponse> PairFiles(Tx& tx, const PairFilesRequest& request) {
  LJ_ASSIGN(File one, tx.Get<File>(request.one()));
  LJ_ASSIGN(File other, tx.Get<File>(request.other()));
  one.set_note(one.note() + " paired");
  LJ_RETURN_IF_ERROR(tx.Put(one));
  PairFilesResponse response;
  *response.add_files() = one;
  *response.add_files() = other;
  return response;
}

absl::Status ReviewFile(Tx&, File& file) {
  file.set_note(file.note() + " reviewed");
  return absl::OkStatus();
}

File FullFile(absl::string_view subject, absl::string_view citizen = "canary-citizen") {
  File file;
  file.set_division(kVillage);
  file.set_subject(std::string(subject));
  file.set_full_name("canary-name");
  file.set_phone(kPhone);
  file.set_citizen_id(std::string(citizen));
  file.add_aliases("canary-alias one");
  file.add_aliases("canary-alias two");
  file.mutable_contact()->set_full_name("canary-contact");
  file.mutable_contact()->mutable_next()->mutable_next()->set_full_name("canary-contact deep");
  file.add_contacts()->set_full_name("canary-contact 1");
  file.add_contacts()->set_full_name("canary-contact 2");
  file.set_photo("canary-photo");
  file.set_note(kControl);
  file.set_address("canary-home");
  return file;
}

// A worker of another town may be asked for; `Worker()` of tickets.h works in this one.
Caller Provider() { return Person("u/provider", PROVIDER); }

class PeopleRig : public Rig {
 public:
  PeopleRig()
      : Rig(Implement("linjuli.testing.people.v1.People", AddNote, FindFile, PairFiles,
                      ReviewFile)) {}

  template <typename R>
  absl::StatusOr<R> Do(const Caller& caller, const char* method,
                       const google::protobuf::Message& request) {
    return Ask<R>(caller, absl::StrCat(kPeople, method), request);
  }
  absl::StatusOr<File> Create(const Caller& caller, File file, absl::string_view key = "") {
    CreateFileRequest request;
    *request.mutable_file() = std::move(file);
    request.set_request_id(std::string(key));
    return Do<File>(caller, "CreateFile", request);
  }
  File Made(const Caller& caller, File file) {
    auto made = Create(caller, std::move(file));
    LJ_CHECK(made.ok(), made.status().ToString());
    return *std::move(made);
  }
  absl::StatusOr<File> Get(const Caller& caller, const std::string& name) {
    GetFileRequest request;
    request.set_name(name);
    return Do<File>(caller, "GetFile", request);
  }
  absl::StatusOr<File> Note(const Caller& caller, const std::string& name,
                            absl::string_view note = "!", absl::string_view key = "") {
    NoteFileRequest request;
    request.set_name(name);
    request.set_note(std::string(note));
    request.set_request_id(std::string(key));
    return Do<File>(caller, "NoteFile", request);
  }
  std::vector<File> List(const Caller& caller, absl::string_view phone = "") {
    ListFilesRequest request;
    request.set_phone(std::string(phone));
    auto page = Do<ListFilesResponse>(caller, "ListFiles", request);
    LJ_CHECK(page.ok(), page.status().ToString());
    return {page->files().begin(), page->files().end()};
  }
  std::vector<File> Search(const Caller& caller, absl::string_view query) {
    SearchFilesRequest request;
    request.set_query(std::string(query));
    auto page = Do<ListFilesResponse>(caller, "SearchFiles", request);
    LJ_CHECK(page.ok(), page.status().ToString());
    return {page->files().begin(), page->files().end()};
  }
  absl::StatusOr<FindFileResponse> Find(const Caller& caller, absl::string_view phone = kPhone) {
    FindFileRequest request;
    request.set_division(kVillage);
    request.set_phone(std::string(phone));
    return Do<FindFileResponse>(caller, "FindFile", request);
  }
  absl::StatusOr<ListHistoryResponse> History(const Caller& caller, const std::string& name) {
    changes::v1::ListHistoryRequest request;
    request.set_name(name);
    return Ask<ListHistoryResponse>(caller, "linjuli.changes.v1.Changes.ListHistory", request);
  }
  std::vector<Change> Log() { return (*this)->store().Read("", 0, 1000)->changes; }
  std::vector<Change> Accesses() {
    std::vector<Change> accesses = Log();
    std::erase_if(accesses, [](const Change& change) { return !change.access(); });
    return accesses;
  }
  absl::Status Erase(absl::string_view person) {
    Caller nobody;
    return (*this)->store().WriteAndWait({&nobody, "erase", ""},
                                         [&](Tx& tx) { return tx.ErasePerson(person, tx.now()); });
  }
  // In how many of the folder's files a text stands.
  int FilesWith(absl::string_view text) {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
      std::ostringstream bytes;
      bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      found += absl::StrContains(bytes.str(), text);
    }
    return found;
  }
};

bool InClear(const File& file) {
  return file.full_name() == "canary-name" && file.phone() == kPhone &&
         file.citizen_id() == "canary-citizen" && file.aliases(1) == "canary-alias two" &&
         file.contact().next().next().full_name() == "canary-contact deep" &&
         file.contacts(1).full_name() == "canary-contact 2" && file.photo() == "canary-photo" &&
         file.address() == "canary-home";
}
bool Masked(const File& file) {
  return file.full_name() == "c********me" && file.phone() == "1********78" &&
         absl::EndsWith(file.aliases(1), "*wo") &&
         absl::EndsWith(file.contact().next().next().full_name(), "*ep") &&
         absl::EndsWith(file.contacts(1).full_name(), "* 2") && file.photo().empty() &&
         file.address() == "c********me";
}
bool Erased(const File& file) {
  return file.full_name().empty() && file.phone().empty() && file.citizen_id().empty() &&
         file.aliases(1).empty() && file.contact().next().next().full_name().empty() &&
         file.contacts(1).full_name().empty() && file.photo().empty() && file.address().empty() &&
         file.note() == kControl;
}

TEST_CASE("no personal value of any kind lies open at rest", "[rpc][personal][R47][X10]") {
  PeopleRig rig;
  File file = rig.Made(Resident(), FullFile("u/wang"));
  REQUIRE(rig.Note(Worker(), file.name(), "!", "key").ok());
  REQUIRE(rig.Find(Worker()).ok());
  // Once in the log of SQLite, once copied into the file.
  for (int round = 0; round < 2; ++round) {
    for (const char* canary : kCanaries) {
      INFO(canary);
      CHECK(rig.FilesWith(canary) == 0);
    }
    CHECK(rig.FilesWith(kControl) > 0);
    REQUIRE(rig->store().Checkpoint().ok());
  }
  rig.Restart();
  CHECK(InClear(*rig.Get(Resident(), file.name())));
}

TEST_CASE("whoever sees another's personal data in clear leaves a record, and nobody else does",
          "[rpc][personal][R47][X10]") {
  PeopleRig rig;
  const std::string name = rig.Made(Resident(), FullFile("u/wang")).name();
  File bare;
  bare.set_division(kVillage);
  bare.set_subject("u/li");
  const std::string without = rig.Made(Resident("u/li"), bare).name();
  REQUIRE(rig.Accesses().empty());
  struct Row {
    const char* what;
    Caller caller;
    bool clear;
    bool recorded;
  };
  const Row rows[] = {{"the person", Resident(), true, false},
                      {"a worker", Worker(), true, true},
                      {"a provider", Provider(), false, false}};
  for (const Row& row : rows) {
    INFO(row.what);
    auto look = [&](const char* method, absl::FunctionRef<File()> read) {
      INFO(method);
      const size_t before = rig.Accesses().size();
      File seen = read();
      CHECK((row.clear ? InClear(seen) : Masked(seen)));
      const auto accesses = rig.Accesses();
      REQUIRE(accesses.size() == before + row.recorded);
      if (!row.recorded) return;
      const Change& last = accesses.back();
      CHECK(last.sequence() == static_cast<int64_t>(rig.Log().size()));
      CHECK(last.caller() == row.caller.subject);
      CHECK(last.method() == absl::StrCat(kPeople, method));
      CHECK(last.resource() == name);
      CHECK_FALSE(last.has_snapshot());
      CHECK(last.state_after().empty());
    };
    look("GetFile", [&] { return *rig.Get(row.caller, name); });
    look("ListFiles", [&] { return rig.List(row.caller).back(); });
    look("SearchFiles", [&] { return rig.Search(row.caller, kControl).at(0); });
    if (row.caller.Has(RESIDENT)) continue;
    look("FindFile", [&] { return rig.Find(row.caller)->file(); });
  }
  // Nothing personal in it, nothing to record.
  size_t before = rig.Log().size();
  REQUIRE(rig.Get(Worker(), without).ok());
  CHECK(rig.Log().size() == before);
}

TEST_CASE("a write's own change is its record; what it shows beside has one more",
          "[rpc][personal][X10]") {
  PeopleRig rig;
  File one = rig.Made(Worker(), FullFile("u/wang"));
  File two = rig.Made(Worker(), FullFile("u/li", "another-citizen"));
  CHECK(InClear(*rig.Note(Worker(), one.name(), "!", "key")));
  CHECK(rig.Accesses().empty());
  // The same answer again wrote nothing.
  CHECK(InClear(*rig.Note(Worker(), one.name(), "!", "key")));
  REQUIRE(rig.Accesses().size() == 1);
  CHECK(rig.Accesses()[0].resource() == one.name());
  CHECK(rig.Accesses()[0].request_id() == "key");
  // Masked callers of a verb see nothing, also not in the answer to it.
  CHECK(Masked(*rig.Note(Provider(), one.name(), "")));
  CHECK(rig.Accesses().size() == 1);

  PairFilesRequest pair;
  pair.set_division(kVillage);
  pair.set_one(one.name());
  pair.set_other(two.name());
  pair.set_request_id("pair");
  auto both = rig.Do<PairFilesResponse>(Worker(), "PairFiles", pair);
  REQUIRE(both.ok());
  CHECK(InClear(both->files(0)));
  CHECK(both->files(1).citizen_id() == "another-citizen");
  REQUIRE(rig.Accesses().size() == 2);
  CHECK(rig.Accesses()[1].resource() == two.name());
  CHECK(rig.Accesses()[1].references_size() == 0);
  // Answered again, after a new start: all of it from the kept reply, which lies there sealed.
  rig.Restart();
  both = rig.Do<PairFilesResponse>(Worker(), "PairFiles", pair);
  REQUIRE(both.ok());
  CHECK(InClear(both->files(0)));
  REQUIRE(rig.Accesses().size() == 3);
  CHECK(rig.Accesses()[2].resource() == one.name());
  CHECK(rig.Accesses()[2].references(0) == two.name());
  CHECK(rig.FilesWith("canary") == 0);
  CHECK(rig.FilesWith("another-citizen") == 0);
}

TEST_CASE("an answer with many files is one record, which each file's history tells of",
          "[rpc][personal][X10]") {
  PeopleRig rig;
  File one = rig.Made(Resident(), FullFile("u/wang"));
  File two = rig.Made(Resident("u/li"), FullFile("u/li", "another-citizen"));
  REQUIRE(rig.List(Worker()).size() == 2);
  REQUIRE(rig.Accesses().size() == 1);
  for (const auto& [file, caller] :
       {std::pair(one, Resident()), std::pair(two, Resident("u/li"))}) {
    auto history = rig.History(caller, file.name());
    REQUIRE(history.ok());
    REQUIRE(history->changes_size() == 2);
    CHECK(history->changes(1).access());
    CHECK(history->changes(1).caller() == "u/worker");
    // Which other files were shown is not theirs to know.
    CHECK(history->changes(1).resource() == file.name());
    CHECK(history->changes(1).references_size() == 0);
  }
  auto audited = rig.History(Person("u/auditor", AUDITOR), one.name());
  CHECK(audited->changes(1).references_size() == 1);
}

TEST_CASE("a history in clear is recorded; an auditor's is masked", "[rpc][personal][X10]") {
  PeopleRig rig;
  const std::string name = rig.Made(Resident(), FullFile("u/wang")).name();
  auto snapshot = [&](const Caller& caller) {
    auto history = rig.History(caller, name);
    REQUIRE(history.ok());
    File file;
    LJ_CHECK(history->changes(0).snapshot().UnpackTo(&file));
    return file;
  };
  CHECK(InClear(snapshot(Resident())));
  CHECK(Masked(snapshot(Person("u/auditor", AUDITOR))));
  CHECK(Masked(snapshot(Provider())));
  CHECK(rig.Accesses().empty());
  CHECK(InClear(snapshot(Worker())));
  REQUIRE(rig.Accesses().size() == 1);
  CHECK(rig.Accesses()[0].method() == "linjuli.changes.v1.Changes.ListHistory");
  CHECK(rig.Accesses()[0].resource() == name);
}

TEST_CASE("where an access cannot be recorded, the answer is masked", "[rpc][personal][X10]") {
  PeopleRig rig;
  const std::string name = rig.Made(Resident(), FullFile("u/wang")).name();
  Caller nobody;
  auto pages = [&](const char* most) {
    return rig->store().WriteAndWait({&nobody, "fill", ""}, [&](Tx& tx) {
      return tx.db().Exec(absl::StrCat("PRAGMA max_page_count=", most));
    });
  };
  REQUIRE(pages("1").ok());
  // As long as the last page has room, records still fit.
  bool masked = false;
  for (int i = 0; i < 500 && !masked; ++i) masked = Masked(*rig.Get(Worker(), name));
  CHECK(masked);
  CHECK(Masked(rig.List(Worker()).at(0)));
  CHECK(InClear(*rig.Get(Resident(), name)));
  File snapshot;
  LJ_CHECK(rig.History(Worker(), name)->changes(0).snapshot().UnpackTo(&snapshot));
  CHECK(Masked(snapshot));
  REQUIRE(pages("1000000").ok());
  CHECK(InClear(*rig.Get(Worker(), name)));
}

TEST_CASE("a personal value is found by its whole value, by who may see it",
          "[rpc][personal][X10]") {
  PeopleRig rig;
  File file = FullFile("u/wang");
  rig.Made(Resident(), file);
  file = FullFile("u/li", "another-citizen");
  file.set_phone("13900000000");
  rig.Made(Resident("u/li"), file);
  CHECK(rig.List(Worker(), kPhone).size() == 1);
  CHECK(rig.List(Worker(), "13900000000").at(0).subject() == "u/li");
  CHECK(rig.List(Worker(), "13900000001").empty());
  CHECK(rig.List(Worker(), "139").empty());
  CHECK(rig.Find(Worker())->file().subject() == "u/wang");
  // To guess a number and see whether it fits would be to see through the mask.
  CHECK(rig.List(Provider()).size() == 2);
  CHECK(rig.List(Provider(), kPhone).empty());
  // Only one's own, too.
  CHECK(rig.List(Resident(), kPhone).size() == 1);
  CHECK(rig.List(Resident("u/li"), kPhone).empty());

  auto twice = rig.Create(Resident("u/zhao"), FullFile("u/zhao"));
  CHECK(Told(twice.status()) == "ALREADY_EXISTS UNIQUE");
  CHECK_FALSE(absl::StrContains(twice.status().ToString(), "canary"));
  // The same value in another field, and the same field's value after a change.
  UpdateFileRequest update;
  update.mutable_file()->set_name(rig.List(Worker(), kPhone).at(0).name());
  update.mutable_file()->set_phone("13911111111");
  update.mutable_update_mask()->add_paths("phone");
  REQUIRE(rig.Do<File>(Worker(), "UpdateFile", update).ok());
  CHECK(rig.List(Worker(), kPhone).empty());
  CHECK(rig.List(Worker(), "13911111111").size() == 1);
}

TEST_CASE("a store sealed by one profile goes on under the other", "[rpc][personal][C15]") {
  PeopleRig rig;
  File old = rig.Made(Resident(), FullFile("u/wang"));
  rig.crypto = Profile::kGm;
  rig.Restart();
  File file = FullFile("u/li", "another-citizen");
  file.set_phone("13900000000");
  File fresh = rig.Made(Resident("u/li"), file);
  CHECK(rig.List(Worker(), kPhone).at(0).name() == old.name());
  CHECK(Told(rig.Create(Resident("u/zhao"), FullFile("u/zhao")).status()) ==
        "ALREADY_EXISTS UNIQUE");
  rig.crypto = Profile::kIntl;
  rig.Restart();
  CHECK(rig.List(Worker(), "13900000000").at(0).name() == fresh.name());
  CHECK(rig.Get(Resident("u/li"), fresh.name())->citizen_id() == "another-citizen");
  CHECK(InClear(*rig.Get(Resident(), old.name())));
  REQUIRE(rig.Erase("u/li").ok());
  CHECK(rig.Get(Resident("u/li"), fresh.name())->citizen_id().empty());
  CHECK(rig.FilesWith("canary") == 0);
}

TEST_CASE("a due time and an Update leave what they do not touch as it was",
          "[rpc][personal][X10]") {
  PeopleRig rig;
  File file = FullFile("u/wang");
  file.mutable_review_time()->set_seconds(absl::ToUnixSeconds(rig.clock.Now()) + 60);
  const std::string name = rig.Made(Resident(), file).name();
  rig.clock.Advance(absl::Minutes(2));
  REQUIRE(rig->RunDue() == 1);
  UpdateFileRequest update;
  update.mutable_file()->set_name(name);
  update.mutable_file()->set_note("new");
  update.mutable_update_mask()->add_paths("note");
  REQUIRE(rig.Do<File>(Worker(), "UpdateFile", update).ok());
  File standing = *rig.Get(Resident(), name);
  CHECK(InClear(standing));
  CHECK(standing.note() == "new");
  rig.Stop();
  auto db = Connection::Open(rig.dir.File("people.db"), Connection::Access::kRead);
  REQUIRE(db.ok());
  Schema schema;
  REQUIRE(schema.Add(File::descriptor()).ok());
  auto verdict = VerifyStore(**db, schema);
  REQUIRE(verdict.ok());
  CHECK_FALSE(verdict->flaw.has_value());
}

TEST_CASE("a batch seals each file for its own person, and answers again the same",
          "[rpc][personal][X1]") {
  PeopleRig rig;
  BatchCreateFilesRequest batch;
  for (const char* subject : {"u/wang", "u/li"}) {
    CreateFileRequest& request = *batch.add_requests();
    *request.mutable_file() = FullFile(subject, absl::StrCat("canary-citizen of ", subject));
    request.set_request_id(subject);
  }
  for (int round = 0; round < 2; ++round) {
    auto made = rig.Do<BatchCreateFilesResponse>(Worker(), "BatchCreateFiles", batch);
    REQUIRE(made.ok());
    for (const auto& result : made->results()) {
      CHECK(result.file().full_name() == "canary-name");
    }
    CHECK(rig.Accesses().size() == static_cast<size_t>(round));
    rig.Restart();
  }
  CHECK(rig.Accesses()[0].references_size() == 1);
  REQUIRE(rig.Erase("u/wang").ok());
  for (const File& file : rig.List(Worker())) {
    CHECK(file.full_name() == (file.subject() == "u/li" ? "canary-name" : ""));
  }
  // Under the same id something else in a personal field is something else.
  batch.mutable_requests(1)->mutable_file()->set_full_name("somebody else");
  auto other = rig.Do<BatchCreateFilesResponse>(Worker(), "BatchCreateFiles", batch);
  CHECK(other->results(1).has_error());
}

TEST_CASE("who is erased is erased everywhere, and nobody else is", "[rpc][personal][R47][X10]") {
  PeopleRig rig;
  const std::string name = rig.Made(Resident(), FullFile("u/wang")).name();
  const std::string other = rig.Made(Resident("u/li"), FullFile("u/li", "another")).name();
  REQUIRE(rig->store().Checkpoint().ok());
  const std::string backup = rig.dir.File("backup");
  std::filesystem::copy_file(rig.dir.File("people.db"), backup);
  REQUIRE(rig.Note(Worker(), name, "", "key").ok());
  REQUIRE(rig.Erase("u/wang").ok());
  auto gone = [&] {
    CHECK(Erased(*rig.Get(Resident(), name)));
    CHECK(Erased(*rig.Get(Worker(), name)));
    CHECK(Erased(*rig.Get(Provider(), name)));
    CHECK(rig.List(Worker()).back().full_name().empty());
    CHECK(rig.Get(Resident("u/li"), other)->full_name() == "canary-name");
    const auto history = *rig.History(Resident(), name);
    for (const auto& change : history.changes()) {
      File file;
      if (change.has_snapshot()) {
        LJ_CHECK(change.snapshot().UnpackTo(&file));
        CHECK(Erased(file));
      }
    }
  };
  gone();
  CHECK(Erased(*rig.Note(Worker(), name, "", "key")));
  CHECK(rig.List(Worker(), kPhone).size() == 1);
  CHECK(rig.Find(Worker())->file().name() == other);
  rig.Restart();
  gone();
  // A verb goes on with what is left; what is given anew is the person's to have erased again.
  UpdateFileRequest update;
  update.mutable_file()->set_name(name);
  update.mutable_file()->set_full_name("canary-name");
  update.mutable_update_mask()->add_paths("full_name");
  REQUIRE(rig.Do<File>(Resident(), "UpdateFile", update).ok());
  CHECK(rig.Get(Resident(), name)->full_name() == "canary-name");
  CHECK(rig.Get(Resident(), name)->phone().empty());
  REQUIRE(rig.Erase("u/wang").ok());
  gone();
  // A copy of the store from before brings nobody back.
  rig.Stop();
  for (const char* rest : {"people.db", "people.db-wal", "people.db-shm"}) {
    std::filesystem::remove(rig.dir.File(rest));
  }
  std::filesystem::copy_file(backup, rig.dir.File("people.db"));
  rig.Restart();
  gone();
}

TEST_CASE("who has no name here is erased by the resource that tells of them",
          "[rpc][personal][R47]") {
  PeopleRig rig;
  const std::string name = rig.Made(Worker(), FullFile("")).name();
  const std::string other = rig.Made(Worker(), FullFile("", "another")).name();
  CHECK(rig.List(Worker(), kPhone).size() == 2);
  REQUIRE(rig.Erase(name).ok());
  CHECK(Erased(*rig.Get(Worker(), name)));
  CHECK(rig.Get(Worker(), other)->full_name() == "canary-name");
  CHECK(rig.List(Worker(), kPhone).size() == 1);
}

TEST_CASE("the feed carries access records, and personal data masked", "[rpc][personal][X6]") {
  PeopleRig rig;
  const std::string name = rig.Made(Resident(), FullFile("u/wang")).name();
  REQUIRE(rig.Get(Worker(), name).ok());
  auto batch = rig->Read("", 0, 10);
  REQUIRE(batch->changes.size() == 2);
  File file;
  LJ_CHECK(batch->changes[0].snapshot().UnpackTo(&file));
  CHECK(Masked(file));
  CHECK(batch->changes[1].access());
  CHECK_FALSE(absl::StrContains(batch->changes[0].SerializeAsString(), "canary"));
  // One who follows applies the first and passes by the second.
  TicketRig tickets;
  CHECK(*FollowOnce(*tickets, "people", *rig) == 2);
  CHECK(*FollowOnce(*tickets, "people", *rig) == 0);
}

TEST_CASE("a store is not served with another's keys, nor without its own",
          "[rpc][personal][C15]") {
  PeopleRig rig;
  rig.Made(Resident(), FullFile("u/wang"));
  rig.Stop();
  auto refused = [&] {
    auto started = rig.TryRestart();
    CHECK(absl::IsFailedPrecondition(started));
    return std::string(started.message());
  };
  auto aside = [&](const char* file) {
    std::filesystem::rename(rig.dir.File(file), rig.dir.File("aside"));
  };
  auto back = [&](const char* file) {
    std::filesystem::remove(rig.dir.File(file));
    std::filesystem::rename(rig.dir.File("aside"), rig.dir.File(file));
  };
  aside("people.keys.db");
  CHECK(absl::StrContains(refused(), "another key file"));
  back("people.keys.db");
  aside("master.key");
  CHECK(absl::StrContains(refused(), "another master key"));
  back("master.key");
  rig.Restart();
}

TEST_CASE("personal data that would lie open keeps its service from starting",
          "[rpc][personal][plan]") {
  testing::open::v1::Nobodys::descriptor();
  auto plan = ServicePlan::From(Implement("linjuli.testing.open.v1.Open"));
  REQUIRE(absl::IsInvalidArgument(plan.status()));
  std::string all(plan.status().message());
  for (const char* line :
       {"Nobodys: has personal fields: say by (linjuli.stored).person",
        "NobodysInside: has personal fields: say by (linjuli.stored).person",
        "PersonOfNumbers: (linjuli.stored).person: \"number\" is no string field",
        "PersonOfNothing: (linjuli.stored).person, but no field is personal",
        "SearchedFor.phone is personal; (linjuli.stored).text would lay it open",
        "ReferredTo.other is personal; a reference is kept in the log in clear",
        "ComparedWith.subject is personal; what callers are compared with is kept in clear",
        "FoundByPrefix.birthplace is personal; it is found by its whole value",
        "FoundByNobody.phone is personal and indexed; index subject too",
        "PersonalNumber.age: personal data is kept in strings and bytes",
        "PersonalMap.contacts: personal data lies in no map"}) {
    INFO(all);
    CHECK(absl::StrContains(all, line));
  }
  CHECK(std::count(all.begin(), all.end(), '\n') == 10);
}

absl::StatusOr<WeighStrayResponse> WeighStray(Rx&, const WeighStrayRequest&) {
  return WeighStrayResponse();
}

TEST_CASE("an answer with personal data that is in no resource is refused",
          "[rpc][personal][plan]") {
  auto plan =
      ServicePlan::From(Implement("linjuli.testing.people.v1.Stray", WeighStray, ReviewFile));
  CHECK(plan.status().message() ==
        "linjuli.testing.people.v1.Stray.WeighStray: answers with "
        "linjuli.testing.people.v1.File.Contact.full_name, which is personal and in no resource of "
        "this service");
}

}  // namespace
}  // namespace linjuli
