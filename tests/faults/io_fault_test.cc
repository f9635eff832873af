// R04 to R07: calls into the system that fail, one after the other, until a run meets none. Each
// run is a process of its own: the right answer to most errors is to stop.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/store/checkpointer.h"
#include "common/store/test_store.h"
#include "tests/faults/fault_vfs.h"
#include "tests/faults/tickets_under_fire.h"

namespace linjuli {
namespace {

constexpr int kRefusedToStart = 3;
constexpr uint32_t kSeed = 20264;

bool Long() { return std::getenv("LINJULI_LONG") != nullptr; }

struct Ended {
  bool fired = false;
  bool fired_while_closing = false;
  bool acknowledged_after = false;
  int status = 0;
  absl::Duration stop;  // from the fault to the end of the process
  Ledger ledger;

  bool stopped() const { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }
  bool refused() const { return WIFEXITED(status) && WEXITSTATUS(status) == kRefusedToStart; }
  bool went_on() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
};

using Say = std::function<void(const std::string& line)>;

// Runs `act` in a process of its own; what it says is the ledger's lines, "fired" and "closing".
Ended RunApart(Ledger ledger, const std::function<void(const Say&)>& act) {
  int ends[2];
  LJ_CHECK(pipe(ends) == 0);
  pid_t child = fork();
  LJ_CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    // The test runner would report a stop that is expected.
    for (int signal : {SIGABRT, SIGSEGV, SIGTERM}) std::signal(signal, SIG_DFL);
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    act([fd = ends[1]](const std::string& line) {
      if (write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(9);
    });
    _exit(0);
  }
  close(ends[1]);
  Ended ended;
  std::string told;
  absl::Time fired;
  char bytes[4096];
  ssize_t count;
  while ((count = read(ends[0], bytes, sizeof(bytes))) > 0) {
    told.append(bytes, count);
    if (!ended.fired && absl::StrContains(told, "fired\n")) {
      ended.fired = true;
      fired = absl::Now();
    }
  }
  close(ends[0]);
  LJ_CHECK(waitpid(child, &ended.status, 0) == child);
  if (ended.fired) ended.stop = absl::Now() - fired;
  std::string lines = ledger.Print();
  bool closing = false;
  for (absl::string_view line : absl::StrSplit(told, '\n', absl::SkipEmpty())) {
    if (line == "closing") {
      closing = true;
    } else if (line == "fired") {
      ended.ledger = Ledger::Parse(lines);
      ended.fired_while_closing = closing;
    } else {
      absl::StrAppend(&lines, line, "\n");
    }
  }
  Ledger before = std::exchange(ended.ledger, Ledger::Parse(lines));
  for (const auto& [key, entry] : ended.ledger.tickets) {
    if (ended.fired && entry.acknowledged > before.tickets[key].acknowledged) {
      ended.acknowledged_after = true;
    }
  }
  return ended;
}

// Opens, writes, reads, closes, as a process would.
void Serve(const std::string& path, const Ledger& ledger, uint32_t seed, const Say& say) {
  std::mt19937 random(seed);
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000 + seed));
  auto store = Store::Open(TicketSchema(), SmallStore(path, &clock, random));
  if (!store.ok()) _exit(kRefusedToStart);
  {
    Workload workload(**store, ledger, random(), say);
    for (int i = 0; i < 6; ++i) {
      workload.Write(8).IgnoreError();
      workload.ReadOne().IgnoreError();
    }
  }
  say("closing\n");
  store->reset();
}

// A store in the middle of its life, as a crash leaves it, with a log to recover.
struct Start {
  DiskImage image;
  Ledger ledger;
};
Start MakeStart() {
  FaultVfs& vfs = FaultVfs::Get();
  TempDir dir;
  vfs.Reset();
  vfs.RecordPower(dir.path());
  FakeClock clock(absl::FromUnixSeconds(1'700'000'000));
  std::mt19937 random(kSeed);
  auto store = Store::Open(TicketSchema(), SmallStore(dir.File("testing.db"), &clock, random));
  LJ_CHECK(store.ok(), store.status().ToString());
  Start start;
  Workload workload(**store, {}, kSeed);
  LJ_CHECK(workload.Write(40).ok());
  start.ledger = workload.ledger();
  start.image = vfs.Cut(random);
  vfs.Reset();
  return start;
}

void RequireWhole(const std::string& path, const Ledger& ledger) {
  auto found = InspectApart(path, ledger);
  INFO((found.ok() ? "" : std::string(found.status().message())));
  REQUIRE(found.ok());
}

[[maybe_unused]] const bool kInMemory = (UseMemoryForFiles(), true);

TEST_CASE(
    "R04: after a sync that fails nothing is acknowledged, the process stops, nothing is lost",
    "[io]") {
  Start start = MakeStart();
  FaultVfs& vfs = FaultVfs::Get();
  int syncs = 0, stops = 0;
  absl::Duration slowest;
  for (int n = 1;; ++n) {
    INFO("sync " << n);
    TempDir dir, disk, after;
    WriteImage(start.image, dir.path());
    std::string path = dir.File("testing.db");
    Ended ended = RunApart(start.ledger, [&](const Say& say) {
      std::mt19937 random(n);
      vfs.RecordPower(dir.path());
      vfs.Arm(FileCall::kSync, n, SQLITE_IOERR_FSYNC, false, [&] {
        say("fired\n");
        WriteImage(vfs.Cut(random), disk.path());
      });
      Serve(path, start.ledger, kSeed, say);
      WriteImage(vfs.Cut(random), disk.path());
    });
    if (!ended.fired) {
      REQUIRE(ended.went_on());
      break;
    }
    ++syncs;
    REQUIRE((ended.stopped() || ended.refused() || ended.fired_while_closing));
    REQUIRE_FALSE(ended.acknowledged_after);
    stops += ended.stopped();
    slowest = std::max(slowest, ended.stop);

    // The power fails with the sync, or while the next process serves: that one reads what the
    // disk never got, as the system still has it in memory.
    RequireWhole(disk.File("testing.db"), ended.ledger);
    DiskImage durable = ReadImage(disk.path());
    Ended next = RunApart(ended.ledger, [&](const Say& say) {
      std::mt19937 random(n);
      vfs.RecordPower(dir.path(), &durable);
      Serve(path, ended.ledger, kSeed + 1, [&](const std::string& line) {
        if (line == "closing\n") WriteImage(vfs.Cut(random), after.path());
        say(line);
      });
    });
    REQUIRE(next.went_on());
    RequireWhole(path, next.ledger);
    RequireWhole(after.File("testing.db"), next.ledger);
  }
  CHECK(syncs > 10);
  CHECK(stops > 5);
  Report(absl::StrCat("failed syncs ", syncs, ", stops ", stops, ", slowest stop ",
                      absl::FormatDuration(absl::Trunc(slowest, absl::Milliseconds(1))),
                      ", lost 0 (seed ", kSeed, ")"));
}

TEST_CASE("R05: a call that fails, once or for good, stops the process or nothing; nothing is lost",
          "[io]") {
  struct Kind {
    FileCall call;
    int code;
  };
  constexpr Kind kKinds[] = {
      {FileCall::kOpen, SQLITE_CANTOPEN},           {FileCall::kRead, SQLITE_IOERR_READ},
      {FileCall::kWrite, SQLITE_IOERR_WRITE},       {FileCall::kWrite, SQLITE_FULL},
      {FileCall::kTruncate, SQLITE_IOERR_TRUNCATE}, {FileCall::kSync, SQLITE_IOERR_FSYNC},
      {FileCall::kSize, SQLITE_IOERR_FSTAT},        {FileCall::kDelete, SQLITE_IOERR_DELETE},
      {FileCall::kShmMap, SQLITE_IOERR_SHMMAP},     {FileCall::kShmLock, SQLITE_IOERR_SHMLOCK},
  };
  Start start = MakeStart();
  FaultVfs& vfs = FaultVfs::Get();
  int runs = 0, stops = 0, refusals = 0;
  for (const Kind& kind : kKinds) {
    for (bool sticky : {false, true}) {
      int met = 0;
      // Every call at the start, then ever fewer of the many alike.
      for (int n = 1;; n += Long() ? 1 : 1 + n / 4) {
        INFO(NameOf(kind.call) << " " << n << (sticky ? " and all after, " : ", ") << kind.code);
        TempDir dir;
        WriteImage(start.image, dir.path());
        std::string path = dir.File("testing.db");
        Ended ended = RunApart(start.ledger, [&](const Say& say) {
          vfs.Arm(kind.call, n, kind.code, sticky, [&] { say("fired\n"); });
          Serve(path, start.ledger, kSeed, say);
        });
        REQUIRE((ended.stopped() || ended.refused() || ended.went_on()));
        RequireWhole(path, ended.ledger);
        if (!ended.fired) break;
        ++met;
        stops += ended.stopped();
        refusals += ended.refused();
      }
      INFO(NameOf(kind.call));
      // What a store never does cannot fail.
      CHECK((met > 0 || kind.call == FileCall::kDelete));
      runs += met;
    }
  }
  CHECK(stops > 0);
  CHECK(refusals > 0);
  Report(absl::StrCat("failed calls ", runs, ", stops ", stops, ", refused starts ", refusals,
                      ", lost 0"));
}

TEST_CASE("R06: a full disk refuses writes, reads go on, and writes resume when there is room",
          "[io]") {
  FaultVfs& vfs = FaultVfs::Get();
  int64_t refused = 0;
  for (int64_t room = 0; room < 400'000; room += 10'000 + room / 4) {
    INFO("room " << room);
    TempDir dir;
    std::string path = dir.File("testing.db");
    vfs.Reset();
    std::mt19937 random(kSeed);
    FakeClock clock(absl::FromUnixSeconds(1'800'000'000));
    auto store = Store::Open(TicketSchema(), SmallStore(path, &clock, random));
    REQUIRE(store.ok());
    {
      Workload workload(**store, {}, kSeed);
      REQUIRE(workload.Write(40).ok());
      vfs.SetRoom(room);
      bool full = false;
      for (int i = 0; i < 100 && !full; ++i) {
        absl::Status status = workload.Write(10);
        full = !status.ok();
        if (full) CHECK(ReasonOf(status) == "DISK_FULL");
        if (full) CHECK(absl::IsResourceExhausted(status));
        for (int k = 0; k < 5; ++k) CHECK(workload.ReadOne().ok());
      }
      CHECK(full);
      refused += full;
      vfs.SetRoom(-1);
      CHECK(workload.Write(40).ok());
      for (int k = 0; k < 5; ++k) CHECK(workload.ReadOne().ok());
      Ledger ledger = workload.ledger();
      store->reset();
      RequireWhole(path, ledger);
    }
  }
  vfs.Reset();
  Report(absl::StrCat("full disks ", refused, ", resumed ", refused));
}

// SQLite's memory, of which the n-th piece is not to be had.
struct Starved {
  static inline sqlite3_mem_methods real;
  static inline std::atomic<int64_t> left{-1};
  static inline bool sticky = false;
  static inline std::function<void()> fired;

  static bool Refuses() {
    if (left.load() < 0) return false;
    int64_t now = left.fetch_sub(1);
    if (now == 1 && fired) fired();
    if (now > 1) return false;
    // Below zero it stays refused, or is over.
    left = sticky ? 1 : -1;
    fired = nullptr;
    return true;
  }
  static void* Malloc(int size) { return Refuses() ? nullptr : real.xMalloc(size); }
  static void* Realloc(void* old, int size) {
    return Refuses() ? nullptr : real.xRealloc(old, size);
  }

  // In a process that has nothing open in SQLite.
  static void Install(int64_t nth, bool sticks, std::function<void()> tell) {
    LJ_CHECK(sqlite3_shutdown() == SQLITE_OK);
    LJ_CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) == SQLITE_OK);
    sqlite3_mem_methods starved = real;
    starved.xMalloc = Malloc;
    starved.xRealloc = Realloc;
    LJ_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &starved) == SQLITE_OK);
    LJ_CHECK(sqlite3_initialize() == SQLITE_OK);
    FaultVfs::Get().Register();
    sticky = sticks;
    fired = std::move(tell);
    left = nth;
  }
};

TEST_CASE("R07: memory that is not to be had stops the process or nothing; nothing is lost",
          "[io]") {
  Start start = MakeStart();
  FaultVfs::Get().Reset();
  int runs = 0, stops = 0;
  for (bool sticky : {false, true}) {
    int met = 0;
    for (int n = 1;; n += Long() ? 1 + n / 200 : 1 + n / 4) {
      INFO("piece " << n << (sticky ? " and all after" : ""));
      TempDir dir;
      WriteImage(start.image, dir.path());
      std::string path = dir.File("testing.db");
      Ended ended = RunApart(start.ledger, [&](const Say& say) {
        Starved::Install(n, sticky, [&] { say("fired\n"); });
        Serve(path, start.ledger, kSeed, say);
      });
      REQUIRE((ended.stopped() || ended.refused() || ended.went_on()));
      RequireWhole(path, ended.ledger);
      if (!ended.fired) break;
      ++met;
      stops += ended.stopped();
    }
    CHECK(met > 30);
    runs += met;
  }
  CHECK(stops > 0);
  Report(absl::StrCat("refused memory ", runs, ", stops ", stops, ", lost 0"));
}

TEST_CASE("R04: the thread that syncs the file stops the process when it cannot", "[io]") {
  Ended ended = RunApart({}, [](const Say& say) {
    int ends[2];
    LJ_CHECK(pipe(ends) == 0);
    say("fired\n");
    // A pipe cannot be synced.
    Flusher flusher(ends[0]);
    flusher.Start();
    pause();
  });
  CHECK(ended.stopped());
}

TEST_CASE("R09: whoever opened a file for reading cannot copy its log", "[io]") {
  FaultVfs& vfs = FaultVfs::Get();
  vfs.Reset();
  TicketStore rig;
  rig.Add("one");
  rig.Add("two");
  auto reader = Connection::Open(rig.path(), Connection::Access::kRead);
  REQUIRE(reader.ok());
  const std::string before = ReadImage(rig.dir.path()).at("testing.db");
  CHECK_FALSE((*reader)->Checkpoint().ok());
  CHECK(vfs.reader_writes() == 0);
  CHECK(ReadImage(rig.dir.path()).at("testing.db") == before);
  REQUIRE(rig.store->Checkpoint().ok());
  CHECK(vfs.writer_checkpoints() > 0);
}

}  // namespace
}  // namespace linjuli
