#include "common/rpc/witness.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/changes/heads.h"
#include "common/log.h"

namespace linjuli {

using changes::v1::Head;
using changes::v1::WitnessedHead;

namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);

const Caller& TheWitness() {
  static const Caller* const witness = new Caller;
  return *witness;
}

bool Same(const Head& a, const Head& b) {
  return a.signature() == b.signature() && HeadText(a) == HeadText(b);
}

}  // namespace

absl::StatusOr<std::vector<WitnessedHead>> ReadWitnessed(Connection& db,
                                                         const std::string& service) {
  std::vector<WitnessedHead> seen;
  StatementScope rows(
      db.Prepare("SELECT data FROM witnessed WHERE ?1='' OR source=?1 ORDER BY number"));
  rows->Bind(1, service);
  while (true) {
    LJ_ASSIGN(bool row, rows->Step());
    if (!row) return seen;
    absl::string_view bytes = rows->Bytes(0);
    if (!seen.emplace_back().ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Refuse(absl::StatusCode::kDataLoss, "STORE", "a witnessed head cannot be read");
    }
  }
}

absl::StatusOr<std::vector<WitnessedHead>> StoreKeeper::Read(const std::string& service) {
  std::vector<WitnessedHead> seen;
  LJ_RETURN_IF_ERROR(store_->Read(TheWitness(), false, [&](Rx& rx) -> absl::Status {
    LJ_ASSIGN(seen, ReadWitnessed(rx.db(), service));
    return absl::OkStatus();
  }));
  return seen;
}

absl::Status StoreKeeper::Keep(const WitnessedHead& seen) {
  std::string data = seen.SerializeAsString();
  const Head& head = seen.head();
  return store_->WriteAndWait({&TheWitness(), "witness", ""}, [&](Tx& tx) -> absl::Status {
    if (seen.contradiction().empty()) {
      LJ_RETURN_IF_ERROR(tx.Sql("DELETE FROM witnessed WHERE source=?1 AND epoch=?2 AND hour=?3")
                             .Bind(1, head.service())
                             .Bind(2, head.epoch())
                             .Bind(3, HourOf(head))
                             .Run());
    }
    Statement& insert = tx.Sql("INSERT INTO witnessed(source,epoch,hour,data) VALUES(?1,?2,?3,?4)")
                            .Bind(1, head.service())
                            .Bind(2, head.epoch())
                            .BindBlob(4, data);
    seen.contradiction().empty() ? insert.Bind(3, HourOf(head)) : insert.BindNull(3);
    return insert.Run();
  });
}

Witness::Witness(WitnessOptions options) : options_(std::move(options)) {
  if (options_.metrics == nullptr) return;
  gauge_ = &prometheus::BuildGauge()
                .Name("linjuli_witness_contradictions")
                .Help("Heads of a change log that contradict those seen before; each is evidence.")
                .Register(*options_.metrics)
                .Add({{"service", options_.service}, {"witness", options_.witness}});
}

absl::Status Witness::Look() {
  if (!loaded_) LJ_RETURN_IF_ERROR(Load());
  auto head = options_.source->ReadHead();
  if (absl::IsNotFound(head.status()) && seen_.empty()) return absl::OkStatus();
  if (absl::IsNotFound(head.status())) {
    // A log that was signed has no head any more: an empty one stands for it.
    head = Head();
    head->set_service(options_.service);
  }
  LJ_RETURN_IF_ERROR(head.status());
  if (!seen_.empty() && Same(seen_.back(), *head)) return absl::OkStatus();
  if (evidence_.has_value() && Same(*evidence_, *head)) return absl::OkStatus();

  LJ_ASSIGN(std::string contradiction, Compare(*head));
  WitnessedHead seen;
  *seen.mutable_head() = *head;
  seen.set_contradiction(contradiction);
  int64_t micros = absl::ToUnixMicros(options_.clock->Now());
  seen.mutable_see_time()->set_seconds(micros / 1'000'000);
  seen.mutable_see_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1000));
  LJ_RETURN_IF_ERROR(options_.keeper->Keep(seen));
  if (contradiction.empty()) {
    if (!seen_.empty() && Supersedes(*head, seen_.back())) seen_.pop_back();
    seen_.push_back(*std::move(head));
    return absl::OkStatus();
  }
  LogError("a change log contradicts what was witnessed of it",
           {{"service", options_.service},
            {"witness", options_.witness},
            {"sequence", absl::StrCat(head->sequence())},
            {"why", contradiction}});
  evidence_ = *std::move(head);
  Raise(contradictions_ + 1);
  return absl::OkStatus();
}

absl::Status Witness::Load() {
  LJ_ASSIGN(auto kept, options_.keeper->Read(options_.service));
  int contradictions = 0;
  for (auto& seen : kept) {
    if (seen.contradiction().empty()) {
      seen_.push_back(seen.head());
    } else {
      evidence_ = seen.head();
      ++contradictions;
    }
  }
  Raise(contradictions);
  loaded_ = true;
  return absl::OkStatus();
}

void Witness::Raise(int contradictions) {
  contradictions_ = contradictions;
  if (gauge_ != nullptr) gauge_->Set(contradictions);
}

absl::StatusOr<std::string> Witness::Compare(const Head& head) {
  if (head.signature().empty()) return "the log has no signed head any more";
  if (head.service() != options_.service) return "it is of another service";
  if (!HeadIsSigned(head)) return "its signature does not hold";
  if (seen_.empty()) return "";
  const Head& last = seen_.back();
  if (head.public_key() != last.public_key()) return "it is signed by another key";
  if (head.epoch() == last.epoch()) {
    if (head.epoch_began() != last.epoch_began()) return "its life of the log began elsewhere";
    if (head.sequence() < last.sequence()) {
      return absl::StrCat("the log was rolled back: it was witnessed up to ", last.sequence());
    }
    LJ_ASSIGN(bool continues, Continues(last, head));
    return continues ? "" : absl::StrCat("the log was rewritten at or before ", last.sequence());
  }
  const Head* before = nullptr;  // the last one that the new life must have in it
  for (const Head& seen : seen_) {
    if (seen.epoch() == head.epoch()) return "a life of the log that had ended goes on";
    if (seen.sequence() <= head.epoch_began()) before = &seen;
  }
  if (before != nullptr) {
    LJ_ASSIGN(bool continues, Continues(*before, head));
    if (!continues) {
      return absl::StrCat("the log was rewritten at or before ", before->sequence());
    }
  }
  LogError("a change log was restored from a backup",
           {{"service", options_.service},
            {"witness", options_.witness},
            {"witnessed", absl::StrCat(last.sequence())},
            {"restored_to", absl::StrCat(head.epoch_began())}});
  return "";
}

absl::StatusOr<bool> Witness::Continues(const Head& first, const Head& second) {
  auto first_root = DigestFrom(first.root_hash());
  auto second_root = DigestFrom(second.root_hash());
  if (!first_root.has_value() || !second_root.has_value()) return false;
  if (first.sequence() == second.sequence() && first.chain_hash() != second.chain_hash()) {
    return false;
  }
  auto path = options_.source->ProveConsistency(first.sequence(), second.sequence());
  // The log does not reach as far as its own head says.
  if (ReasonOf(path.status()) == "RANGE") return false;
  LJ_RETURN_IF_ERROR(path.status());
  return ProvesConsistency(first.sequence(), *first_root, second.sequence(), *second_root, *path);
}

Witnesses::Witnesses(std::vector<std::unique_ptr<Witness>> witnesses)
    : witnesses_(std::move(witnesses)), thread_([this] { Run(); }) {}

Witnesses::~Witnesses() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
  LookAll();
}

void Witnesses::LookAll() {
  for (const auto& witness : witnesses_) {
    absl::Status status = witness->Look();
    // Said once, until it can be looked at again.
    bool known =
        status.ok() ? failing_.erase(witness.get()) : !failing_.insert(witness.get()).second;
    if (status.ok() || known) continue;
    LogError("a change log cannot be witnessed",
             {{"service", witness->service()}, {"why", std::string(status.message())}});
  }
}

void Witnesses::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kLookEvery)) return;
    }
    LookAll();
  }
}

}  // namespace linjuli
