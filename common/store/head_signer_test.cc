#include "common/store/head_signer.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/auth/public_key.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

using changes::v1::Head;

// A store whose heads are signed when the test says so.
struct Signed {
  Signed() {
    auto made = SigningKey::LoadOrCreate(rig.dir.File("heads.jwk"));
    LJ_CHECK(made.ok());
    key = std::make_unique<SigningKey>(*std::move(made));
    Begin();
  }
  void Begin() {
    HeadSignerOptions options;
    options.service = "testing";
    options.key = key.get();
    options.thread = false;
    signer = std::make_unique<HeadSigner>(rig.store.get(), options);
  }
  void Restart() {
    signer.reset();
    rig.Reopen();
    Begin();
  }
  void Add(int count) {
    REQUIRE(rig.Write([count](Tx& tx) -> absl::Status {
                 for (int i = 0; i < count; ++i) {
                   Ticket ticket;
                   ticket.set_text("路灯坏了");
                   LJ_RETURN_IF_ERROR(tx.Create(ticket));
                 }
                 return absl::OkStatus();
               })
                .ok());
  }
  Head Sign() {
    REQUIRE(signer->Sign().ok());
    auto head = rig.store->ReadHead();
    REQUIRE(head.ok());
    return *head;
  }
  // The root of the first `size` changes, worked out from the changes alone.
  std::string Root(int64_t size) {
    MerkleFrontier frontier;
    REQUIRE(rig.store
                ->Read(Tester(), true,
                       [&](Rx& rx) -> absl::Status {
                         StatementScope rows(rx.Sql("SELECT data FROM change ORDER BY seq"));
                         while (frontier.size() < size) {
                           LJ_ASSIGN(bool row, rows->Step());
                           LJ_CHECK(row);
                           frontier.Add(MerkleLeaf(rows->Bytes(0)),
                                        [](int, int64_t, const Digest&) {});
                         }
                         return absl::OkStatus();
                       })
                .ok());
    return std::string(BytesOf(frontier.root()));
  }

  TicketStore rig;
  std::unique_ptr<SigningKey> key;
  std::unique_ptr<HeadSigner> signer;
};

TEST_CASE("a head tells how long the log is and what is in it, signed", "[store][R41]") {
  Signed store;
  CHECK(absl::IsNotFound(store.rig.store->ReadHead().status()));
  REQUIRE(store.signer->Sign().ok());
  CHECK(absl::IsNotFound(store.rig.store->ReadHead().status()));
  store.Add(3);
  Head head = store.Sign();
  CHECK(head.service() == "testing");
  CHECK(head.epoch() == store.rig.store->life().epoch);
  CHECK(head.epoch_began() == 0);
  CHECK(head.sequence() == 3);
  CHECK(absl::BytesToHexString(head.chain_hash()) == store.rig.Verify().head);
  CHECK(head.root_hash() == store.Root(3));
  CHECK(SignTime(head) == store.rig.clock.Now());
  CHECK(head.public_key() == store.key->public_key());
  // As whoever reads only the proto would check it.
  std::string text = absl::StrCat("linjuli head 1\ntesting\n", head.epoch(), "\n0\n3\n",
                                  absl::BytesToHexString(head.chain_hash()), "\n",
                                  absl::BytesToHexString(head.root_hash()), "\n1800000000000000\n");
  auto key = PublicKey::Ed25519(head.public_key());
  REQUIRE(key.ok());
  CHECK(key->Verifies(text, head.signature()));
  CHECK(HeadIsSigned(head));
  for (auto change : std::vector<void (*)(Head&)>{
           [](Head& h) { h.set_service("other"); }, [](Head& h) { h.set_epoch("other"); },
           [](Head& h) { h.set_epoch_began(1); }, [](Head& h) { h.set_sequence(4); },
           [](Head& h) { h.mutable_chain_hash()->at(5) ^= 1; },
           [](Head& h) { h.mutable_root_hash()->at(5) ^= 1; },
           [](Head& h) { h.mutable_sign_time()->set_nanos(1000); },
           [](Head& h) { h.mutable_signature()->at(5) ^= 1; },
           [](Head& h) { h.set_public_key(std::string(32, 'k')); }}) {
    Head edited = head;
    change(edited);
    CHECK_FALSE(HeadIsSigned(edited));
  }
}

TEST_CASE("heads follow the log through restarts, and prove each other", "[store][R41]") {
  Signed store;
  std::vector<Head> heads;
  for (int count : {1, 254, 1, 1, 600, 1000, 7, 2048}) {
    store.Add(count);
    heads.push_back(store.Sign());
    CHECK(heads.back().root_hash() == store.Root(heads.back().sequence()));
    if (count % 2 == 1) store.Restart();
  }
  CHECK(heads.back().sequence() == 3912);
  CHECK(store.Sign().signature() == heads.back().signature());
  for (const Head& first : heads) {
    for (const Head& second : heads) {
      INFO(first.sequence() << " " << second.sequence());
      auto path = store.rig.store->ProveConsistency(first.sequence(), second.sequence());
      if (first.sequence() > second.sequence()) {
        CHECK(ReasonOf(path.status()) == "RANGE");
        continue;
      }
      REQUIRE(path.ok());
      CHECK(ProvesConsistency(first.sequence(), *DigestFrom(first.root_hash()), second.sequence(),
                              *DigestFrom(second.root_hash()), *path));
    }
  }
  for (auto [first, second] : {std::pair(0, 5), std::pair(-1, 5), std::pair(5, 3913)}) {
    CHECK(ReasonOf(store.rig.store->ProveConsistency(first, second).status()) == "RANGE");
  }
  CHECK_FALSE(store.rig.Verify().flaw.has_value());
}

TEST_CASE("of an hour that has passed only the last head is kept", "[store][R41]") {
  Signed store;
  for (int i = 0; i < 30; ++i) {
    store.Add(1);
    store.Sign();
    store.rig.clock.Advance(absl::Minutes(10));
  }
  std::vector<int64_t> kept;
  REQUIRE(store.rig.store
              ->Read(Tester(), false,
                     [&](Rx& rx) -> absl::Status {
                       LJ_ASSIGN(auto heads, ReadHeads(rx.db(), 0, 100));
                       for (const Head& head : heads) kept.push_back(head.sequence());
                       return absl::OkStatus();
                     })
              .ok());
  CHECK(kept == std::vector<int64_t>{6, 12, 18, 24, 25, 26, 27, 28, 29, 30});
}

TEST_CASE("a log that is not what was signed of it is not signed any more", "[store][R41]") {
  prometheus::Registry metrics;
  for (const char* sql :
       {"UPDATE change SET data=x'00' WHERE seq=3", "DELETE FROM change WHERE seq>7"}) {
    Signed store;
    store.Add(5);
    store.Sign();
    store.Add(5);
    store.Sign();
    store.signer.reset();
    store.rig.store.reset();
    {
      auto db = Connection::Open(store.rig.path(), Connection::Access::kWrite);
      REQUIRE((*db)->Exec(sql).ok());
    }
    store.rig.Reopen();
    HeadSignerOptions options;
    options.service = sql;
    options.key = store.key.get();
    options.metrics = &metrics;
    options.thread = false;
    HeadSigner signer(store.rig.store.get(), options);
    INFO(sql);
    CHECK(ReasonOf(signer.Sign()) == "HEAD");
    // Writing goes on, signing does not.
    store.Add(1);
    CHECK(ReasonOf(signer.Sign()) == "HEAD");
  }
  double contradicted = 0;
  for (const auto& family : metrics.Collect()) {
    if (family.name != "linjuli_log_contradicts_head") continue;
    for (const auto& metric : family.metric) contradicted += metric.gauge.value;
  }
  CHECK(contradicted == 2);
}

TEST_CASE("the signer's thread signs what is written by itself", "[store][R41]") {
  TicketStore rig;
  auto key = SigningKey::LoadOrCreate(rig.dir.File("heads.jwk"));
  REQUIRE(key.ok());
  HeadSignerOptions options;
  options.service = "testing";
  options.key = &*key;
  auto signer = std::make_unique<HeadSigner>(rig.store.get(), options);
  rig.Add("one");
  signer.reset();  // at the latest now
  auto head = rig.store->ReadHead();
  REQUIRE(head.ok());
  CHECK(head->sequence() == 1);
}

}  // namespace
}  // namespace linjuli
