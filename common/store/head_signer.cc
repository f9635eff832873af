#include "common/store/head_signer.h"

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status.h"

namespace linjuli {

using changes::v1::Head;

namespace {

constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr int kLooksPerHead = 10;
constexpr int64_t kMostUnsigned = 1000;
// A reader that stays long keeps the writer from copying its log into the file.
constexpr int64_t kPage = 1000;

const Caller& TheSigner() {
  static const Caller* const signer = new Caller;
  return *signer;
}

absl::Status Contradicted(absl::string_view why) {
  return Refuse(absl::StatusCode::kDataLoss, "HEAD",
                absl::StrCat("the change log is not what was signed of it: ", why,
                             "; stop the service and run: linjuli verify"));
}

void SetTimestamp(absl::Time time, google::protobuf::Timestamp& stamp) {
  int64_t micros = absl::ToUnixMicros(time);
  stamp.set_seconds(micros / 1'000'000);
  stamp.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1000));
}

}  // namespace

HeadSigner::HeadSigner(Store* store, HeadSignerOptions options)
    : store_(store), options_(std::move(options)) {
  if (options_.metrics != nullptr) {
    contradicted_ = &prometheus::BuildGauge()
                         .Name("linjuli_log_contradicts_head")
                         .Help("1 once a change log is not what was signed of it.")
                         .Register(*options_.metrics)
                         .Add({{"service", options_.service}});
  }
  if (options_.thread) thread_ = std::thread([this] { Run(); });
}

HeadSigner::~HeadSigner() {
  {
    absl::MutexLock lock(&stop_mutex_);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  thread_.join();
  Sign().IgnoreError();
}

absl::Status HeadSigner::Sign() {
  absl::MutexLock lock(&mutex_);
  LJ_RETURN_IF_ERROR(contradiction_);
  absl::Status status = loaded_ ? absl::OkStatus() : Load();
  loaded_ = status.ok();
  while (status.ok() && !Signed()) status = SignSome();
  if (ReasonOf(status) == "HEAD") {
    contradiction_ = status;
    if (contradicted_ != nullptr) contradicted_->Set(1);
    LogError("a change log contradicts its head",
             {{"service", options_.service}, {"why", std::string(status.message())}});
  }
  return status;
}

bool HeadSigner::Signed() {
  return store_->sequence() == frontier_.size() &&
         (epoch_ == store_->life().epoch || frontier_.size() == 0);
}

// Takes up where the last head ends, once the log has been compared with it.
absl::Status HeadSigner::Load() {
  return store_->Read(TheSigner(), true, [this](Rx& rx) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    LJ_ASSIGN(std::optional<Head> head, ReadLastHead(rx.db()));
    if (!head.has_value()) return absl::OkStatus();
    StoredTree tree(rx.db());
    auto frontier = ReadFrontier(tree, head->sequence());
    if (ReasonOf(frontier.status()) == "STORE") return Contradicted(frontier.status().message());
    LJ_RETURN_IF_ERROR(frontier.status());
    if (BytesOf(frontier->root()) != head->root_hash()) {
      return Contradicted(absl::StrCat("something up to change ", head->sequence(), " was edited"));
    }
    if (!HeadIsSigned(*head)) return Contradicted("its head was edited");
    frontier_ = *std::move(frontier);
    epoch_ = head->epoch();
    return absl::OkStatus();
  });
}

absl::Status HeadSigner::SignSome() {
  MerkleFrontier frontier = frontier_;
  std::vector<TreeRow> rows;
  std::string chain_hash;
  LJ_RETURN_IF_ERROR(store_->Read(TheSigner(), false, [&](Rx& rx) -> absl::Status {
    // From the last signed one on, for its hash where nothing follows it.
    StatementScope changes(
        rx.db().Prepare("SELECT seq,data,hash FROM change WHERE seq>=?1 ORDER BY seq LIMIT ?2"));
    changes->Bind(1, frontier.size()).Bind(2, kPage);
    while (true) {
      LJ_ASSIGN(bool row, changes->Step());
      if (!row) return absl::OkStatus();
      chain_hash = changes->Text(2);
      if (changes->Int(0) == frontier.size()) continue;
      if (changes->Int(0) != frontier.size() + 1) {
        return Contradicted(absl::StrCat("change ", frontier.size() + 1, " is missing"));
      }
      frontier.Add(MerkleLeaf(changes->Bytes(1)),
                   [&rows](int height, int64_t at, const Digest& root) {
                     if (auto kept = TreeRowOf(height, at, root)) rows.push_back(*kept);
                   });
    }
  }));
  Head head;
  head.set_service(options_.service);
  head.set_epoch(store_->life().epoch);
  head.set_epoch_began(store_->life().began);
  head.set_sequence(frontier.size());
  head.set_chain_hash(chain_hash);
  head.set_root_hash(std::string(BytesOf(frontier.root())));
  SetTimestamp(store_->Now(), *head.mutable_sign_time());
  SignHead(*options_.key, head);
  LJ_RETURN_IF_ERROR(store_->WriteAndWait({&TheSigner(), "head", ""}, [&](Tx& tx) -> absl::Status {
    for (const TreeRow& row : rows) LJ_RETURN_IF_ERROR(WriteTreeRow(tx.db(), row));
    return WriteHead(tx.db(), head);
  }));
  frontier_ = std::move(frontier);
  epoch_ = head.epoch();
  return absl::OkStatus();
}

void HeadSigner::Run() {
  int looks = 0;
  int64_t last = 0;
  while (true) {
    {
      absl::MutexLock lock(&stop_mutex_);
      if (stop_mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kLookEvery)) return;
    }
    if (++looks < kLooksPerHead && store_->sequence() - last < kMostUnsigned) continue;
    looks = 0;
    last = store_->sequence();
    absl::Status status = Sign();
    if (!status.ok() && ReasonOf(status) != "HEAD") {
      LogError("a head could not be signed",
               {{"service", options_.service}, {"why", std::string(status.message())}});
    }
  }
}

}  // namespace linjuli
