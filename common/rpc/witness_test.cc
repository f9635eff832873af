#include "common/rpc/witness.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/match.h"
#include "common/changes/heads.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using changes::v1::Head;
using changes::v1::WitnessedHead;

// Keeps in memory, as a file would.
class MemoryKeeper : public HeadKeeper {
 public:
  absl::StatusOr<std::vector<WitnessedHead>> Read(const std::string&) override { return kept; }
  absl::Status Keep(const WitnessedHead& seen) override {
    kept.push_back(seen);
    return absl::OkStatus();
  }
  std::vector<WitnessedHead> kept;
};

// A service of tickets, and a witness of its log.
struct Watched {
  Watched() { Begin(); }
  void Begin() {
    WitnessOptions options;
    options.service = "testing";
    options.witness = "test";
    options.source = &*rig;
    options.keeper = &keeper;
    options.clock = &rig.clock;
    witness = std::make_unique<Witness>(options);
  }
  // Writes so many tickets, signs, and lets the witness look.
  void Write(int count) {
    for (int i = 0; i < count; ++i) rig.Made(Resident(), TicketOf("路灯坏了"));
    rig.clock.Advance(absl::Minutes(20));
    REQUIRE(rig->SignHead().ok());
    Look();
  }
  void Look() { REQUIRE(witness->Look().ok()); }
  std::string File() { return rig.dir.File("testing.db"); }
  void Save(const std::string& as) {
    REQUIRE(rig->store().Checkpoint().ok());
    std::filesystem::copy_file(File(), rig.dir.File(as));
  }
  // Puts a file back that was saved, perhaps as a restore does.
  void PutBack(const std::string& saved, bool new_life = false) {
    rig.Stop();
    for (const char* rest : {"", "-wal", "-shm"}) std::filesystem::remove(File() + rest);
    std::filesystem::copy_file(rig.dir.File(saved), File());
    if (new_life) {
      auto db = Connection::Open(File(), Connection::Access::kWrite);
      REQUIRE(db.ok());
      REQUIRE(BeginLife(**db).ok());
    }
    rig.Restart();
    Begin();
  }
  std::string Last() { return keeper.kept.back().contradiction(); }

  TicketRig rig;
  MemoryKeeper keeper;
  std::unique_ptr<Witness> witness;
};

TEST_CASE("a witness keeps each head once and finds nothing in an honest log", "[changes][R41]") {
  Watched watched;
  watched.Look();
  CHECK(watched.keeper.kept.empty());
  for (int count : {3, 1, 260, 7}) {
    watched.Write(count);
    watched.Look();
  }
  watched.rig.Restart();
  watched.Begin();
  watched.Write(2);
  CHECK(watched.witness->contradictions() == 0);
  std::vector<int64_t> places;
  for (const auto& seen : watched.keeper.kept) {
    CHECK(seen.contradiction().empty());
    CHECK(seen.see_time().seconds() == seen.head().sign_time().seconds());
    places.push_back(seen.head().sequence());
  }
  CHECK(places == std::vector<int64_t>{3, 4, 264, 271, 273});
}

TEST_CASE("an older file contradicts what was witnessed, now and after it has grown again",
          "[changes][R41]") {
  Watched watched;
  watched.Write(5);
  watched.Save("older.db");
  watched.Write(5);
  watched.PutBack("older.db");
  watched.Look();
  CHECK(watched.witness->contradictions() == 1);
  CHECK(watched.Last() == "the log was rolled back: it was witnessed up to 10");
  // It is kept once, as evidence.
  watched.Look();
  CHECK(watched.keeper.kept.size() == 3);
  watched.Write(5);
  CHECK(watched.Last() == "the log was rewritten at or before 10");
  watched.Write(20);
  CHECK(watched.Last() == "the log was rewritten at or before 10");
  CHECK(watched.witness->contradictions() == 3);
  watched.Begin();
  CHECK(watched.witness->contradictions() == 0);
  watched.Look();
  CHECK(watched.witness->contradictions() == 3);
}

TEST_CASE("a restored log is no contradiction, unless what it goes on from was rewritten",
          "[changes][R41]") {
  Watched watched;
  watched.Write(5);
  watched.Save("older.db");
  watched.Write(5);
  watched.Save("newer.db");
  watched.PutBack("older.db", true);
  watched.Write(2);
  CHECK(watched.witness->contradictions() == 0);
  CHECK(watched.keeper.kept.back().head().epoch_began() == 5);
  CHECK(watched.keeper.kept.back().head().sequence() == 7);
  // The life that ended must not go on.
  watched.PutBack("newer.db");
  watched.Write(1);
  CHECK(watched.Last() == "a life of the log that had ended goes on");

  Watched other;
  other.Write(5);
  Watched forged;
  forged.rig.clock.Advance(absl::Seconds(1));  // or the changes would be the same
  forged.Write(6);
  forged.Save("other.db");
  // With the keys of its personal data, or it would not be served at all.
  forged.rig.Stop();
  other.rig.Stop();
  for (const char* name : {"other.db", "testing.keys.db", "master.key"}) {
    std::filesystem::copy_file(forged.rig.dir.File(name), other.rig.dir.File(name),
                               std::filesystem::copy_options::overwrite_existing);
  }
  other.PutBack("other.db", true);
  other.Write(1);
  CHECK(other.Last() == "the log was rewritten at or before 5");
}

TEST_CASE("another key, no head, and a head without a signature contradict", "[changes][R41]") {
  Watched watched;
  watched.Write(3);
  watched.rig.Stop();
  watched.rig.TakeAnotherHeadKey();
  watched.rig.Restart();
  watched.Begin();
  watched.Write(1);
  CHECK(watched.Last() == "it is signed by another key");

  // What a source that lies can say.
  struct Liar : public ChangeSource {
    absl::StatusOr<ChangeBatch> Read(absl::string_view, int64_t, int) override {
      return absl::UnavailableError("");
    }
    void Notify(int64_t, absl::AnyInvocable<void()> wake) override { wake(); }
    absl::StatusOr<Head> ReadHead() override { return head; }
    absl::StatusOr<std::vector<Digest>> ProveConsistency(int64_t, int64_t) override { return path; }
    absl::StatusOr<Head> head = NotFound("a head");
    std::vector<Digest> path;
  };
  Liar liar;
  MemoryKeeper keeper;
  *keeper.kept.emplace_back().mutable_head() = watched.keeper.kept[0].head();
  WitnessOptions options;
  options.service = "testing";
  options.source = &liar;
  options.keeper = &keeper;
  options.clock = &watched.rig.clock;
  Witness witness(options);
  auto told = [&](absl::StatusOr<Head> head) {
    liar.head = std::move(head);
    REQUIRE(witness.Look().ok());
    return keeper.kept.back().contradiction();
  };
  CHECK(told(NotFound("a head")) == "the log has no signed head any more");
  Head head = watched.keeper.kept[0].head();
  head.set_sequence(4);
  CHECK(told(head) == "its signature does not hold");
  head.set_service("other");
  CHECK(told(head) == "it is of another service");
  TempDir dir;
  auto key = SigningKey::LoadOrCreate(watched.rig.dir.File("heads.jwk"));
  REQUIRE(key.ok());
  head = watched.keeper.kept[0].head();
  head.set_sequence(4);
  SignHead(*key, head);
  CHECK(told(head) == "the log was rewritten at or before 3");
  liar.path.assign(3, Digest{});
  head.set_sequence(7);
  SignHead(*key, head);
  CHECK(told(head) == "the log was rewritten at or before 3");
  head = watched.keeper.kept[0].head();
  head.set_root_hash(std::string(32, 'x'));
  SignHead(*key, head);
  CHECK(told(head) == "the log was rewritten at or before 3");
  head = watched.keeper.kept[0].head();
  head.set_epoch_began(1);
  SignHead(*key, head);
  CHECK(told(head) == "its life of the log began elsewhere");
  // A source that cannot be asked says nothing either way.
  liar.head = absl::UnavailableError("no connection");
  int before = witness.contradictions();
  CHECK(absl::IsUnavailable(witness.Look()));
  CHECK(witness.contradictions() == before);
}

TEST_CASE("the store of a follower keeps the last head of each hour, and all evidence",
          "[changes][R41]") {
  TicketRig rig;
  StoreKeeper keeper(&rig->store());
  for (int i = 0; i < 12; ++i) {
    WitnessedHead seen;
    seen.mutable_head()->set_service(i % 4 == 3 ? "other" : "bidding");
    seen.mutable_head()->set_epoch("one");
    seen.mutable_head()->set_sequence(i);
    seen.mutable_head()->mutable_sign_time()->set_seconds(i * 900);
    if (i == 5) seen.set_contradiction("it was rolled back");
    REQUIRE(keeper.Keep(seen).ok());
  }
  auto places = [&](const std::string& service) {
    auto kept = keeper.Read(service);
    REQUIRE(kept.ok());
    std::vector<int64_t> sequences;
    for (const auto& seen : *kept) sequences.push_back(seen.head().sequence());
    return sequences;
  };
  using Places = std::vector<int64_t>;
  CHECK(places("bidding") == Places{2, 5, 6, 10});
  CHECK(places("other") == Places{3, 7, 11});
  CHECK(places("") == Places{2, 3, 5, 6, 7, 10, 11});
  rig.Restart();
}

}  // namespace
}  // namespace linjuli
