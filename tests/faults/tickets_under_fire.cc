#include "tests/faults/tickets_under_fire.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/crypto/master_key.h"
#include "common/store/test_store.h"
#include "common/store/verify.h"

namespace linjuli {
namespace {

constexpr int kAtOnce = 8;
constexpr char kRefused[] = "TOLD_TO_FAIL";

std::string TextOf(const std::string& key, int version, size_t length) {
  return absl::StrCat(key, " ", version, " ", std::string(length, 'x'));
}

std::pair<std::string, int> KeyIn(const std::string& text) {
  std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(' ', 2));
  int version = 0;
  LJ_CHECK(parts.size() == 3 && absl::SimpleAtoi(parts[1], &version), text.substr(0, 60));
  return {parts[0], version};
}

// Each key's person and number. The number is sealed under the person's key, which lies in a file
// of its own and must be there whenever the ticket is. Many people, so that keys are made all the
// time and not in the first moments of a store only.
std::string PersonOf(const std::string& key) { return "u/" + key.substr(key.size() - 2); }
std::string PhoneOf(const std::string& key) {
  return absl::StrCat("138", 10'000'000 + std::hash<std::string>()(key) % 80'000'000);
}

const std::string& MasterKeyFile() {
  static const TempDir dir;
  static const std::string path = dir.File("master.key");
  static const bool made = LoadOrCreateMasterKey(path).ok();
  LJ_CHECK(made);
  return path;
}

std::string LineOf(const std::string& key, const Ledger::Entry& entry) {
  return absl::StrCat(key, " ", entry.name, " ", entry.acknowledged, " ", entry.tried, "\n");
}

absl::Status Wrong(const std::string& what) { return absl::DataLossError(what); }

}  // namespace

std::string Ledger::Print() const {
  std::string lines;
  for (const auto& [key, entry] : tickets) absl::StrAppend(&lines, LineOf(key, entry));
  return lines;
}

Ledger Ledger::Parse(const std::string& lines) {
  Ledger ledger;
  for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    std::vector<std::string> parts = absl::StrSplit(line, ' ');
    LJ_CHECK(parts.size() == 4, std::string(line));
    Entry& entry = ledger.tickets[parts[0]];
    entry.name = parts[1];
    LJ_CHECK(absl::SimpleAtoi(parts[2], &entry.acknowledged));
    LJ_CHECK(absl::SimpleAtoi(parts[3], &entry.tried));
  }
  return ledger;
}

StoreOptions SmallStore(const std::string& path, Clock* clock, std::mt19937& random) {
  StoreOptions options = TicketOptions(path, clock);
  options.master_key = MasterKeyFile();
  options.checkpoints.step = 5 + static_cast<int>(random() % 40);
  options.checkpoints.full = 40 + static_cast<int>(random() % 160);
  options.checkpoints.rest = 1'000'000;
  return options;
}

Workload::Workload(Store& store, Ledger ledger, uint32_t seed,
                   std::function<void(const std::string&)> tell)
    : store_(store), random_(seed), tell_(std::move(tell)), ledger_(std::move(ledger)) {}

void Workload::Tell(const std::string& key) {
  if (tell_) tell_(LineOf(key, ledger_.tickets[key]));
}

Workload::~Workload() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* count) { return *count == 0; }, &on_the_way_));
}

absl::Status Workload::Write(int count) {
  for (int i = 0; i < count; ++i) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](int* now) { return *now < kAtOnce; }, &on_the_way_));
      if (!failed_.ok()) break;
      ++on_the_way_;
    }
    Start(i);
  }
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* now) { return *now == 0; }, &on_the_way_));
  return std::exchange(failed_, absl::OkStatus());
}

void Workload::Start(int number) {
  // Mostly small; now and then a ticket of many pages.
  size_t length = random_() % 10 == 0 ? random_() % 30'000 : random_() % 600;
  bool refused = number % 5 == 4;
  std::string key, name;
  int version = 1;
  {
    absl::MutexLock lock(&mutex_);
    if (!refused && random_() % 3 == 0 && !ledger_.tickets.empty()) {
      auto found = ledger_.tickets.begin();
      std::advance(found, random_() % ledger_.tickets.size());
      if (found->second.acknowledged > 0) {
        key = found->first;
        name = found->second.name;
        version = ++found->second.tried;
      }
    }
    if (key.empty()) {
      key = absl::StrCat(refused ? "refused" : "t", random_(), "-", next_key_++);
      if (!refused) ledger_.tickets[key].tried = 1;
    }
    if (!refused) Tell(key);
  }
  auto ticket = std::make_shared<Ticket>();
  store_.Write(
      {&Tester(), "fire", ""}, absl::InfiniteFuture(),
      [=](Tx& tx) -> absl::Status {
        ticket->Clear();
        if (!name.empty()) {
          LJ_ASSIGN(*ticket, tx.Get<Ticket>(name));
        }
        ticket->set_text(TextOf(key, version, length));
        ticket->set_reporter(PersonOf(key));
        ticket->set_phone(PhoneOf(key));
        LJ_RETURN_IF_ERROR(name.empty() ? tx.Create(*ticket) : tx.Put(*ticket));
        if (refused) return Refuse(absl::StatusCode::kFailedPrecondition, kRefused, "");
        return absl::OkStatus();
      },
      [=, this](absl::Status status) { End(key, version, ticket->name(), std::move(status)); });
}

void Workload::End(const std::string& key, int version, const std::string& name,
                   absl::Status status) {
  absl::MutexLock lock(&mutex_);
  if (status.ok()) {
    Ledger::Entry& entry = ledger_.tickets[key];
    entry.name = name;
    entry.acknowledged = version;
    ++ledger_.acknowledgements;
    Tell(key);
  } else if (ReasonOf(status) != kRefused && failed_.ok()) {
    failed_ = status;
  }
  --on_the_way_;
}

absl::Status Workload::ReadOne() {
  std::string key, name;
  int version = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (ledger_.tickets.empty()) return absl::OkStatus();
    auto found = ledger_.tickets.begin();
    std::advance(found, random_() % ledger_.tickets.size());
    if (found->second.acknowledged == 0) return absl::OkStatus();
    key = found->first;
    name = found->second.name;
    version = found->second.acknowledged;
  }
  return store_.Read(Tester(), false, [&](Rx& rx) -> absl::Status {
    LJ_ASSIGN(Ticket ticket, rx.Get<Ticket>(name));
    auto [stands, at] = KeyIn(ticket.text());
    LJ_CHECK(stands == key && at >= version, absl::StrCat(key, " ", version, " reads as ", stands));
    return absl::OkStatus();
  });
}

Ledger Workload::ledger() const {
  absl::MutexLock lock(&mutex_);
  return ledger_;
}

absl::StatusOr<Ledger> Inspect(const std::string& path, const Ledger& ledger) {
  FakeClock clock(absl::FromUnixSeconds(1'900'000'000));
  StoreOptions options = TicketOptions(path, &clock);
  options.master_key = MasterKeyFile();
  LJ_ASSIGN(std::unique_ptr<Store> store, Store::Open(TicketSchema(), std::move(options)));
  Ledger stands;
  LJ_RETURN_IF_ERROR(store->Read(Tester(), true, [&](Rx& rx) -> absl::Status {
    {
      StatementScope check(rx.Sql("PRAGMA integrity_check"));
      LJ_ASSIGN(bool row, check->Step());
      if (!row || check->Text(0) != "ok") return Wrong(row ? check->Text(0) : "no answer");
    }
    LJ_ASSIGN(Verdict verdict, VerifyStore(rx.db(), rx.schema()));
    if (verdict.flaw.has_value()) return Wrong(verdict.flaw->what);
    StatementScope rows(rx.Sql("SELECT body FROM ticket"));
    while (true) {
      LJ_ASSIGN(bool row, rows->Step());
      if (!row) return absl::OkStatus();
      Ticket ticket;
      if (!ticket.ParseFromString(rows->Text(0))) return Wrong("a ticket that cannot be read");
      auto [key, version] = KeyIn(ticket.text());
      auto known = ledger.tickets.find(key);
      if (known == ledger.tickets.end()) return Wrong(absl::StrCat(key, " was never accepted"));
      if (version > known->second.tried) return Wrong(absl::StrCat(key, " was never so"));
      if (version < known->second.acknowledged) {
        return Wrong(
            absl::StrCat(key, " is ", version, ", acknowledged was ", known->second.acknowledged));
      }
      LJ_ASSIGN(Ticket opened, rx.Get<Ticket>(ticket.name()));
      if (opened.phone() != PhoneOf(key)) return Wrong(absl::StrCat(key, " is without its number"));
      stands.tickets[key] = {ticket.name(), version, version};
    }
  }));
  for (const auto& [key, entry] : ledger.tickets) {
    if (entry.acknowledged > 0 && stands.tickets.count(key) == 0) {
      return Wrong(absl::StrCat(key, " is lost"));
    }
  }
  return stands;
}

absl::StatusOr<Ledger> InspectApart(const std::string& path, const Ledger& ledger) {
  int ends[2];
  LJ_CHECK(pipe(ends) == 0);
  pid_t child = fork();
  LJ_CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    std::signal(SIGABRT, SIG_DFL);  // the test runner would report it
    dup2(ends[1], STDERR_FILENO);
    auto found = Inspect(path, ledger);
    std::string told = found.ok() ? found->Print() : std::string(found.status().message());
    LJ_CHECK(write(ends[1], told.data(), told.size()) == static_cast<ssize_t>(told.size()));
    _exit(found.ok() ? 0 : 1);
  }
  close(ends[1]);
  std::string told;
  char bytes[4096];
  ssize_t count;
  while ((count = read(ends[0], bytes, sizeof(bytes))) > 0) told.append(bytes, count);
  close(ends[0]);
  int status = 0;
  LJ_CHECK(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Ledger::Parse(told);
  return Wrong(told.empty() ? absl::StrCat("ended with ", status) : told);
}

void UseMemoryForFiles() {
  std::error_code ignored;
  if (std::filesystem::is_directory("/dev/shm", ignored)) setenv("TMPDIR", "/dev/shm", 0);
}

void Report(const std::string& figures) {
  // Printed after everything that the test runner prints.
  static struct Last {
    std::string all;
    ~Last() { std::printf("%s\n", all.c_str()); }
  } last;
  absl::StrAppend(&last.all, last.all.empty() ? "" : "; ", figures);
}

}  // namespace linjuli
