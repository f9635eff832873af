#include "common/store/verify.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/changes/heads.h"
#include "common/store/head_signer.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

using changes::v1::Head;

constexpr char kMethod[] = "linjuli.testing.v1.Tickets.CreateTicket";
constexpr int64_t kChanges = 300;
constexpr int kChangesPerHead = 25;

std::unique_ptr<Connection> Open(const std::string& path) {
  auto db = Connection::Open(path, Connection::Access::kWrite);
  LJ_CHECK(db.ok());
  return *std::move(db);
}

int64_t Number(Connection& db, const std::string& sql) {
  StatementScope row(db.Prepare(sql));
  LJ_CHECK(*row->Step(), sql);
  return row->Int(0);
}

std::string Text(Connection& db, const std::string& sql) {
  StatementScope row(db.Prepare(sql));
  LJ_CHECK(*row->Step(), sql);
  return row->Text(0);
}

// A store of 300 changes with its heads, as they were signed and as a witness kept them, and copies
// of its file from before.
class Tampered {
 public:
  Tampered() {
    auto made = SigningKey::LoadOrCreate(rig_.dir.File("heads.jwk"));
    LJ_CHECK(made.ok());
    key = std::make_unique<SigningKey>(*std::move(made));
    HeadSignerOptions options;
    options.service = "testing";
    options.key = key.get();
    options.thread = false;
    HeadSigner signer(rig_.store.get(), options);
    std::mt19937 random(7);
    std::vector<Ticket> tickets;
    for (int64_t i = 1; i <= kChanges; ++i) {
      bool fresh = tickets.size() < 5 || random() % 3 != 0;
      Ticket ticket;
      size_t at = random() % (tickets.size() + 1);
      if (!fresh) ticket = tickets[at % tickets.size()];
      ticket.set_text(absl::StrCat("路灯坏了 ", i));
      if (fresh && !tickets.empty()) ticket.set_continues(tickets[at % tickets.size()].name());
      std::string id = i % 2 == 0 ? absl::StrCat("request ", i) : "";
      LJ_CHECK(rig_.store
                   ->WriteAndWait({&Tester(), kMethod, id},
                                  [&](Tx& tx) -> absl::Status {
                                    LJ_RETURN_IF_ERROR(fresh ? tx.Create(ticket) : tx.Put(ticket));
                                    if (id.empty()) return absl::OkStatus();
                                    return tx.log().SaveReply(
                                        ReplyKey(Tester().subject, kMethod, id), "hash",
                                        std::nullopt);
                                  })
                   .ok());
      if (fresh) {
        tickets.push_back(ticket);
      } else {
        tickets[at % tickets.size()] = ticket;
      }
      rig_.clock.Advance(absl::Minutes(1));
      if (i % kChangesPerHead != 0) continue;
      LJ_CHECK(signer.Sign().ok());
      witnessed.push_back(*rig_.store->ReadHead());
      LJ_CHECK(rig_.store->Checkpoint().ok());
      std::filesystem::copy_file(rig_.path(), Older(i));
    }
    std::filesystem::copy_file(Older(kChanges), rig_.dir.File("copy.db"));
    db = Open(rig_.dir.File("copy.db"));
  }

  std::string Older(int64_t sequence) {
    return rig_.dir.File(absl::StrCat("older", sequence, ".db"));
  }
  Verdict Verify(Connection& connection) {
    auto verdict = VerifyStore(connection, TicketSchema(), witnessed);
    LJ_CHECK(verdict.ok(), verdict.status().ToString());
    return *verdict;
  }

  // One who can write the file chains it anew from a change on.
  void Rechain(int64_t from) {
    std::string previous = std::string(32, '\0');
    if (from > 1)
      previous = Text(*db, absl::StrCat("SELECT hash FROM change WHERE seq=", from - 1));
    for (int64_t seq = from; seq <= kChanges; ++seq) {
      std::string data = Text(*db, absl::StrCat("SELECT data FROM change WHERE seq=", seq));
      previous = Sha256(previous + data);
      LJ_CHECK(db->Prepare("UPDATE change SET hash=?1 WHERE seq=?2")
                   .BindBlob(1, previous)
                   .Bind(2, seq)
                   .Run()
                   .ok());
    }
  }
  // One who has the key besides signs all heads anew.
  void Resign() {
    auto heads = ReadHeads(*db, 0, 1000);
    LJ_CHECK(heads.ok() && db->Exec("DELETE FROM tree; DELETE FROM head").ok());
    MerkleFrontier frontier;
    auto next = heads->begin();
    for (int64_t seq = 1; seq <= kChanges; ++seq) {
      std::string data = Text(*db, absl::StrCat("SELECT data FROM change WHERE seq=", seq));
      frontier.Add(MerkleLeaf(data), [&](int height, int64_t at, const Digest& root) {
        if (auto row = TreeRowOf(height, at, root)) LJ_CHECK(WriteTreeRow(*db, *row).ok());
      });
      if (next == heads->end() || next->sequence() != seq) continue;
      next->set_chain_hash(Text(*db, absl::StrCat("SELECT hash FROM change WHERE seq=", seq)));
      next->set_root_hash(std::string(BytesOf(frontier.root())));
      SignHead(*key, *next);
      LJ_CHECK(WriteHead(*db, *next).ok());
      ++next;
    }
  }

  std::unique_ptr<SigningKey> key;
  std::vector<Head> witnessed;
  std::unique_ptr<Connection> db;

 private:
  TicketStore rig_;
};

// One bit of the bytes, as an SQL literal.
std::string Flipped(std::string bytes, std::mt19937& random) {
  LJ_CHECK(!bytes.empty());
  bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
  return absl::StrCat("x'", absl::BytesToHexString(bytes), "'");
}

TEST_CASE("1000 of 1000 random mutations of a store are found, and told by name",
          "[store][changes][R41]") {
  Tampered store;
  Connection& db = *store.db;
  Verdict whole = store.Verify(db);
  INFO((whole.flaw ? whole.flaw->what : ""));
  REQUIRE_FALSE(whole.flaw.has_value());
  REQUIRE(whole.changes == kChanges);
  REQUIRE(whole.signed_changes == kChanges);
  REQUIRE(whole.witnessed == kChanges / kChangesPerHead);
  REQUIRE(Number(db, "SELECT count(*) FROM tree") == 1);

  std::mt19937 random(41);
  auto place = [&](int64_t most) { return static_cast<int64_t>(1 + random() % most); };
  auto any = [&](const std::string& column, const std::string& from) {
    int64_t count = Number(db, absl::StrCat("SELECT count(*) FROM ", from));
    return Text(
        db, absl::StrCat("SELECT ", column, " FROM ", from, " LIMIT 1 OFFSET ", place(count) - 1));
  };
  auto run = [&](const std::string& sql) {
    absl::Status status = db.Exec(sql);
    INFO(sql << ": " << status.ToString());
    REQUIRE(status.ok());
  };
  // Each spoils the file, in a transaction that is rolled back, and says which change is told of; 0
  // where it is not known. What is told must hold the words.
  struct Mutation {
    const char* name;
    const char* words;
    std::function<int64_t()> spoil;
  };
  const std::vector<Mutation> mutations = {
      {"a bit of a change", "do not match its hash",
       [&] {
         int64_t at = place(kChanges);
         std::string bits =
             Flipped(Text(db, absl::StrCat("SELECT data FROM change WHERE seq=", at)), random);
         run(absl::StrCat("UPDATE change SET data=", bits, " WHERE seq=", at));
         return at;
       }},
      {"a bit of a hash", "do not match its hash",
       [&] {
         int64_t at = place(kChanges);
         std::string bits =
             Flipped(Text(db, absl::StrCat("SELECT hash FROM change WHERE seq=", at)), random);
         run(absl::StrCat("UPDATE change SET hash=", bits, " WHERE seq=", at));
         return at;
       }},
      {"a change left out", "is missing",
       [&] {
         int64_t at = place(kChanges - 1);
         run(absl::StrCat("DELETE FROM change WHERE seq=", at));
         return at;
       }},
      {"a change left out and the gap closed", "do not match its hash",
       [&] {
         int64_t at = place(kChanges - 1);
         run(absl::StrCat("DELETE FROM change WHERE seq=", at,
                          "; UPDATE change SET seq=-seq WHERE seq>", at,
                          "; UPDATE change SET seq=-seq-1 WHERE seq<0"));
         return at;
       }},
      {"a change put between", "do not match its hash",
       [&] {
         // A copy of one that does not follow there.
         int64_t at = place(kChanges - 2), other = at + 1 + place(kChanges - at - 1);
         run(absl::StrCat("UPDATE change SET seq=-seq WHERE seq>=", at,
                          "; UPDATE change SET seq=-seq+1 WHERE seq<0; INSERT INTO change SELECT ",
                          at, ",data,hash FROM change WHERE seq=", other));
         return at;
       }},
      {"two changes in each other's place", "do not match its hash",
       [&] {
         int64_t at = place(kChanges - 1), other = at + place(kChanges - at);
         run(absl::StrCat("UPDATE change SET seq=-1 WHERE seq=", at, "; UPDATE change SET seq=", at,
                          " WHERE seq=", other, "; UPDATE change SET seq=", other,
                          " WHERE seq=-1"));
         return at;
       }},
      {"a copy at the end", "do not match its hash",
       [&] {
         run(absl::StrCat("INSERT INTO change SELECT ", kChanges + 1,
                          ",data,hash FROM change WHERE seq=", place(kChanges)));
         return kChanges + 1;
       }},
      {"a copy at the end, chained", "do not belong to its place",
       [&] {
         int64_t at = place(kChanges);
         std::string data = Text(db, absl::StrCat("SELECT data FROM change WHERE seq=", at));
         std::string last = Text(db, "SELECT hash FROM change ORDER BY seq DESC LIMIT 1");
         run(absl::StrCat("INSERT INTO change(seq,data,hash) VALUES(", kChanges + 1, ",x'",
                          absl::BytesToHexString(data), "',x'",
                          absl::BytesToHexString(Sha256(last + data)), "')"));
         return kChanges + 1;
       }},
      {"the end cut off", "cut short",
       [&] {
         int64_t at = place(kChanges - 1);
         run(absl::StrCat("DELETE FROM change WHERE seq>", at));
         return at + 1;
       }},
      {"the end cut off, with heads and hashes", "rolled back to an older file, or cut short",
       [&] {
         int64_t at = place(kChanges - 1);
         for (const char* table : {"change", "head", "mention", "reply"}) {
           run(absl::StrCat("DELETE FROM ", table, " WHERE seq>", at));
         }
         run(absl::StrCat("DELETE FROM tree WHERE (at+1)*256>", at));
         return at + 1;
       }},
      {"the chain recomputed", "rewritten, with a new chain",
       [&] {
         int64_t at = place(kChanges);
         changes::v1::Change change;
         REQUIRE(change.ParseFromString(
             Text(db, absl::StrCat("SELECT data FROM change WHERE seq=", at))));
         change.mutable_commit_time()->set_seconds(change.commit_time().seconds() - 1);
         std::string data = change.SerializeAsString();
         REQUIRE(db.Prepare("UPDATE change SET data=?1 WHERE seq=?2")
                     .BindBlob(1, data)
                     .Bind(2, at)
                     .Run()
                     .ok());
         store.Rechain(at);
         // Told at the first head that is not true any more.
         return (at + kChangesPerHead - 1) / kChangesPerHead * kChangesPerHead;
       }},
      {"the chain recomputed and the heads signed anew", "not what was witnessed",
       [&] {
         int64_t at = place(kChanges);
         changes::v1::Change change;
         REQUIRE(change.ParseFromString(
             Text(db, absl::StrCat("SELECT data FROM change WHERE seq=", at))));
         change.mutable_commit_time()->set_seconds(change.commit_time().seconds() + 1);
         std::string data = change.SerializeAsString();
         REQUIRE(db.Prepare("UPDATE change SET data=?1 WHERE seq=?2")
                     .BindBlob(1, data)
                     .Bind(2, at)
                     .Run()
                     .ok());
         store.Rechain(at);
         store.Resign();
         return (at + kChangesPerHead - 1) / kChangesPerHead * kChangesPerHead;
       }},
      {"a resource edited", "was edited after this change",
       [&] {
         std::string id = any("id", "ticket");
         std::string bits =
             Flipped(Text(db, absl::StrCat("SELECT body FROM ticket WHERE id=", id)), random);
         run(absl::StrCat("UPDATE ticket SET body=", bits, " WHERE id=", id));
         return 0;
       }},
      {"a resource's column edited", "a column of ticket",
       [&] {
         const char* const sets[] = {"state=state+1", "division='33'", "reporter='u/another'",
                                     "due_time=1", "code='AB0000'"};
         run(absl::StrCat("UPDATE ticket SET ", sets[random() % 5],
                          " WHERE id=", any("id", "ticket")));
         return 0;
       }},
      {"a resource taken out", "was taken out",
       [&] {
         run(absl::StrCat("DELETE FROM ticket WHERE id=", any("id", "ticket")));
         return 0;
       }},
      {"a resource put in", "was written by no change",
       [&] {
         run(
             absl::StrCat("INSERT INTO ticket(id,state,body) SELECT id+1,state,body FROM ticket "
                          "WHERE id=(SELECT max(id) FROM ticket)"));
         return 0;
       }},
      {"a change taken out of a history", "was taken out of the history of",
       [&] {
         int64_t count = Number(db, "SELECT count(*) FROM mention"), at = place(count) - 1;
         int64_t seq = Number(db, absl::StrCat("SELECT seq FROM mention LIMIT 1 OFFSET ", at));
         std::string name = Text(db, absl::StrCat("SELECT name FROM mention LIMIT 1 OFFSET ", at));
         run(absl::StrCat("DELETE FROM mention WHERE name='", name, "' AND seq=", seq));
         return seq;
       }},
      {"a change put into a history", "was put into the history of",
       [&] {
         int64_t at = place(kChanges);
         run(absl::StrCat("INSERT INTO mention(name,seq) VALUES('tickets/none',", at, ")"));
         return at;
       }},
      {"a reply taken out", "it would be done twice",
       [&] {
         int64_t at = 2 * place(kChanges / 2);
         run(absl::StrCat("DELETE FROM reply WHERE seq=", at));
         return at;
       }},
      {"a reply of another key", "it would be done twice",
       [&] {
         int64_t at = 2 * place(kChanges / 2);
         run(absl::StrCat("UPDATE reply SET key=key+1 WHERE seq=", at));
         return at;
       }},
      {"a reply of another change", "it would be done twice",
       [&] {
         int64_t at = 2 * place(kChanges / 2);
         run(absl::StrCat("UPDATE reply SET seq=seq-1 WHERE seq=", at));
         return at;
       }},
      {"a reply put in", "that no request was given",
       [&] {
         int64_t at = place(kChanges);
         run(absl::StrCat("INSERT INTO reply(key,seq,body_hash) VALUES(", 1000 + random() % 1000,
                          ",", at, ",'hash')"));
         return at;
       }},
      {"a head edited",
       "a head that the store keeps|the head that the store keeps|a life of the log",
       [&] {
         int64_t seq = std::stoll(any("seq", "head"));
         std::string bits =
             Flipped(Text(db, absl::StrCat("SELECT data FROM head WHERE seq=", seq)), random);
         run(absl::StrCat("UPDATE head SET data=", bits, " WHERE seq=", seq));
         return 0;
       }},
      {"a hash of 256 changes edited", "the hash that the store keeps",
       [&] {
         run(absl::StrCat("UPDATE tree SET root=",
                          Flipped(Text(db, "SELECT root FROM tree"), random)));
         return 256;
       }},
      {"a hash of 256 changes taken out", "the hash that the store keeps",
       [&] {
         run("DELETE FROM tree");
         return 256;
       }},
      {"another epoch", "is of no life of this log",
       [&] {
         run(absl::StrCat("UPDATE life SET epoch='", random(), "'"));
         return 0;
       }},
  };

  std::map<std::string, int> found;
  int rounds = 0;
  for (; rounds < 1000; ++rounds) {
    // Every 27th goes back to a whole older file.
    size_t kind = rounds % (mutations.size() + 1);
    if (kind == mutations.size()) {
      int64_t at = kChangesPerHead * place(kChanges / kChangesPerHead - 1);
      Verdict verdict = store.Verify(*Open(store.Older(at)));
      REQUIRE(verdict.flaw.has_value());
      CHECK(absl::StrContains(verdict.flaw->what, "rolled back to an older file"));
      CHECK(verdict.flaw->sequence == at + 1);
      ++found["an older file"];
      continue;
    }
    const Mutation& mutation = mutations[kind];
    INFO("round " << rounds << ": " << mutation.name);
    REQUIRE(db.Exec("BEGIN").ok());
    int64_t expected = mutation.spoil();
    Verdict verdict = store.Verify(db);
    REQUIRE(db.Exec("ROLLBACK").ok());
    REQUIRE(verdict.flaw.has_value());
    INFO(verdict.flaw->sequence << ": " << verdict.flaw->what);
    bool told = false;
    for (absl::string_view words : absl::StrSplit(mutation.words, '|')) {
      told = told || absl::StrContains(verdict.flaw->what, words);
    }
    CHECK(told);
    if (expected != 0) CHECK(verdict.flaw->sequence == expected);
    ++found[mutation.name];
  }
  std::string all;
  for (const auto& [name, count] : found) absl::StrAppend(&all, "\n  ", count, " ", name);
  WARN(rounds << " of " << rounds << " mutations found:" << all);
  Verdict after = store.Verify(db);
  CHECK_FALSE(after.flaw.has_value());
  CHECK(after.head == whole.head);
}

TEST_CASE("what was restored is told beside the verdict, and is no excuse for the rest",
          "[store][R41]") {
  Tampered store;
  // An older file that says it was restored: its operator knows whether it was.
  auto db = Open(store.Older(200));
  REQUIRE(BeginLife(*db).ok());
  Verdict verdict = store.Verify(*db);
  CHECK_FALSE(verdict.flaw.has_value());
  CHECK(verdict.witnessed == 8);
  REQUIRE(verdict.restored.size() == 4);
  CHECK(verdict.restored.back().sequence() == kChanges);
  // A restore does not make witnessed heads of before it untrue.
  Head forged = store.witnessed[3];
  forged.set_root_hash(std::string(32, 'x'));
  SignHead(*store.key, forged);
  store.witnessed.push_back(forged);
  verdict = store.Verify(*db);
  REQUIRE(verdict.flaw.has_value());
  CHECK(verdict.flaw->sequence == forged.sequence());
}

TEST_CASE("a witnessed head of another key, another epoch, or no signature is a flaw",
          "[store][R41]") {
  Tampered store;
  auto told = [&](const Head& head) {
    auto verdict = VerifyStore(*store.db, TicketSchema(), {head});
    REQUIRE(verdict.ok());
    return verdict->flaw.has_value() ? verdict->flaw->what : "";
  };
  Head head = store.witnessed[5];
  CHECK(told(head) == "");
  TempDir dir;
  auto other = SigningKey::LoadOrCreate(dir.File("other.jwk"));
  REQUIRE(other.ok());
  SignHead(*other, head);
  CHECK(absl::StrContains(told(head), "signed by another key"));
  head = store.witnessed[5];
  head.set_sequence(head.sequence() + 1);
  CHECK(absl::StrContains(told(head), "not signed by the key in it"));
  head = store.witnessed[5];
  head.set_epoch("feed");
  SignHead(*store.key, head);
  CHECK(absl::StrContains(told(head), "of which the store does not know"));
}

TEST_CASE("how fast a store is verified, and a proof made", "[store][R41]") {
  // Not asserted: the machine may be busy. README tells what a release does.
  TicketStore rig;
  auto key = SigningKey::LoadOrCreate(rig.dir.File("heads.jwk"));
  REQUIRE(key.ok());
  HeadSignerOptions options;
  options.service = "testing";
  options.key = &*key;
  options.thread = false;
  HeadSigner signer(rig.store.get(), options);
  constexpr int kMany = 20'000;
  REQUIRE(rig.Write([](Tx& tx) -> absl::Status {
               for (int i = 0; i < kMany; ++i) {
                 Ticket ticket;
                 ticket.set_text(absl::StrCat("路灯坏了 ", i));
                 LJ_RETURN_IF_ERROR(tx.Create(ticket));
               }
               return absl::OkStatus();
             })
              .ok());
  using Clock = std::chrono::steady_clock;
  auto seconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  auto begun = Clock::now();
  REQUIRE(signer.Sign().ok());
  double to_sign = seconds(begun);
  begun = Clock::now();
  Verdict verdict = rig.Verify();
  double to_verify = seconds(begun);
  CHECK_FALSE(verdict.flaw.has_value());
  CHECK(verdict.signed_changes == kMany);
  constexpr int kProofs = 100;
  begun = Clock::now();
  for (int i = 1; i <= kProofs; ++i) {
    REQUIRE(rig.store->ProveConsistency(i * 197, kMany - i).ok());
  }
  WARN("verify " << static_cast<int64_t>(kMany / to_verify) << " changes/s, signing "
                 << static_cast<int64_t>(kMany / to_sign) << " changes/s, a proof "
                 << seconds(begun) * 1000 / kProofs << " ms");
}

}  // namespace
}  // namespace linjuli
