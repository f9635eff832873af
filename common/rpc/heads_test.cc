// The signed heads and proofs as callers see them.
#include "common/changes/heads.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "common/changes/merkle.h"
#include "tests/tickets.h"

namespace linjuli {
namespace {

using changes::v1::ChangeProof;
using changes::v1::ConsistencyProof;
using changes::v1::GetChangeProofRequest;
using changes::v1::GetConsistencyProofRequest;
using changes::v1::GetHeadRequest;
using changes::v1::Head;
using changes::v1::ListHeadsRequest;
using changes::v1::ListHeadsResponse;

Caller Auditor() { return Person("auditor/jin", AUDITOR); }
Caller Program() { return Person("service/bidding", SERVICE); }

struct Log : TicketRig {
  void Grow(int count) {
    for (int i = 0; i < count; ++i) Made(Resident(), TicketOf("路灯坏了"));
    clock.Advance(absl::Minutes(40));
    REQUIRE((*this)->SignHead().ok());
  }
  template <typename R>
  absl::StatusOr<R> Call(const Caller& caller, const char* method,
                         const google::protobuf::Message& request) {
    return Ask<R>(caller, absl::StrCat("linjuli.changes.v1.Changes.", method), request);
  }
  absl::StatusOr<Head> GetHead(const Caller& caller) {
    GetHeadRequest request;
    request.set_service("testing");
    return Call<Head>(caller, "GetHead", request);
  }
};

std::vector<Digest> PathOf(const google::protobuf::RepeatedPtrField<std::string>& hashes) {
  std::vector<Digest> path;
  for (const auto& hash : hashes) {
    auto digest = DigestFrom(hash);
    REQUIRE(digest.has_value());
    path.push_back(*digest);
  }
  return path;
}

TEST_CASE("an auditor proves every change to the head, and each head to the next", "[rpc][R41]") {
  Log log;
  CHECK(Told(log.GetHead(Auditor()).status()) == "NOT_FOUND NOT_FOUND");
  for (int count : {1, 6, 30, 250}) log.Grow(count);
  auto head = log.GetHead(Auditor());
  REQUIRE(head.ok());
  CHECK(head->sequence() == 287);
  CHECK(head->public_key() == log.head_key().public_key());
  CHECK(HeadIsSigned(*head));

  ListHeadsRequest list;
  list.set_service("testing");
  auto heads = log.Call<ListHeadsResponse>(Program(), "ListHeads", list);
  REQUIRE(heads.ok());
  REQUIRE(heads->heads_size() == 4);
  list.set_after_sequence(7);
  list.set_page_size(1);
  auto page = log.Call<ListHeadsResponse>(Program(), "ListHeads", list);
  REQUIRE(page.ok());
  REQUIRE(page->heads_size() == 1);
  CHECK(page->heads(0).sequence() == 37);

  for (const Head& earlier : heads->heads()) {
    GetConsistencyProofRequest request;
    request.set_service("testing");
    request.set_first_sequence(earlier.sequence());
    request.set_second_sequence(head->sequence());
    auto proof = log.Call<ConsistencyProof>(Program(), "GetConsistencyProof", request);
    REQUIRE(proof.ok());
    CHECK(ProvesConsistency(earlier.sequence(), *DigestFrom(earlier.root_hash()), head->sequence(),
                            *DigestFrom(head->root_hash()), PathOf(proof->hashes())));
  }
  for (int64_t sequence : {1, 2, 200, 256, 257, 286, 287}) {
    INFO(sequence);
    GetChangeProofRequest request;
    request.set_service("testing");
    request.set_sequence(sequence);
    request.set_head_sequence(head->sequence());
    auto proof = log.Call<ChangeProof>(Auditor(), "GetChangeProof", request);
    REQUIRE(proof.ok());
    std::string stored;
    REQUIRE(log->store()
                .Read(Caller(), false,
                      [&](Rx& rx) -> absl::Status {
                        StatementScope row(
                            rx.Sql("SELECT data FROM change WHERE seq=?1").Bind(1, sequence));
                        LJ_CHECK(*row->Step());
                        stored = row->Text(0);
                        return absl::OkStatus();
                      })
                .ok());
    CHECK(proof->leaf_hash() == BytesOf(MerkleLeaf(stored)));
    CHECK(ProvesInclusion(MerkleLeaf(stored), sequence - 1, head->sequence(),
                          PathOf(proof->hashes()), *DigestFrom(head->root_hash())));
  }
}

TEST_CASE("heads are for services and auditors, the proof of a change for auditors alone",
          "[rpc][R41][R36]") {
  Log log;
  log.Grow(3);
  GetConsistencyProofRequest consistency;
  consistency.set_service("testing");
  consistency.set_first_sequence(1);
  consistency.set_second_sequence(3);
  GetChangeProofRequest change;
  change.set_service("testing");
  change.set_sequence(1);
  change.set_head_sequence(3);
  ListHeadsRequest list;
  list.set_service("testing");
  for (int role = Role_MIN; role <= Role_MAX; ++role) {
    Caller caller = Person("someone", static_cast<Role>(role), {kTown});
    if (role == ROLE_UNSPECIFIED) caller = Caller();
    INFO(Role_Name(static_cast<Role>(role)));
    std::string denied =
        role == ROLE_UNSPECIFIED ? "UNAUTHENTICATED TOKEN" : "PERMISSION_DENIED ROLE";
    std::string heads = role == SERVICE || role == AUDITOR ? "OK" : denied;
    CHECK(Told(log.GetHead(caller).status()) == heads);
    CHECK(Told(log.Call<ListHeadsResponse>(caller, "ListHeads", list).status()) == heads);
    CHECK(Told(log.Call<ConsistencyProof>(caller, "GetConsistencyProof", consistency).status()) ==
          heads);
    CHECK(Told(log.Call<ChangeProof>(caller, "GetChangeProof", change).status()) ==
          (role == AUDITOR ? "OK" : denied));
  }
}

TEST_CASE("a proof of what is not signed, or of nothing, is refused", "[rpc][R41]") {
  Log log;
  log.Grow(3);
  log.Made(Resident(), TicketOf("路灯坏了"));  // not signed yet
  auto told = [&](int64_t sequence, int64_t head_sequence) {
    GetChangeProofRequest request;
    request.set_service("testing");
    request.set_sequence(sequence);
    request.set_head_sequence(head_sequence);
    return Violations(log.Call<ChangeProof>(Auditor(), "GetChangeProof", request).status());
  };
  CHECK(told(3, 3) == "");
  CHECK(told(1, 2) == "");
  CHECK(told(1, 4) == "head_sequence:RANGE");
  CHECK(told(3, 2) == "sequence:RANGE");
  CHECK(told(0, 3) == "sequence:REQUIRED");
  CHECK(told(-1, 3) == "sequence:RANGE");
  GetHeadRequest other;
  other.set_service("bidding");
  CHECK(Told(log.Call<Head>(Auditor(), "GetHead", other).status()) == "NOT_FOUND NOT_FOUND");
  changes::v1::FollowChangesRequest follow;
  follow.set_service("testing");
  CHECK(Told(log.Call<Head>(Auditor(), "FollowChanges", follow).status()) ==
        "UNIMPLEMENTED NO_METHOD");
}

}  // namespace
}  // namespace linjuli
