// R03: the power goes, at any write or sync of a store that is written to, and again while it
// recovers. What the disk then holds is what was synced and any part of the rest, in sectors of 512
// bytes. Everything that was acknowledged must be there, and everything whole.
#include <catch2/catch.hpp>
#include <optional>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/store/test_store.h"
#include "tests/faults/fault_vfs.h"
#include "tests/faults/tickets_under_fire.h"

namespace linjuli {
namespace {

struct Cut {
  DiskImage image;
  Ledger ledger;
};

struct Run {
  std::vector<Cut> cuts;
  int64_t acknowledgements = 0;
  int64_t checkpoints = 0;
  int64_t logs = 0;  // begun anew
};

// Writes to the store that `image` holds, and cuts the power in `wanted` places, the first of them
// while it starts.
Run CutOften(const DiskImage& image, Ledger ledger, FaultVfs::Lie lie, int wanted,
             std::mt19937& random) {
  FaultVfs& vfs = FaultVfs::Get();
  TempDir dir;
  WriteImage(image, dir.path());
  vfs.Reset();
  vfs.Tell(lie);
  vfs.RecordPower(dir.path());
  Run run;
  std::optional<Workload> workload;
  int64_t change = 0;
  int64_t next = 1 + random() % 40;
  // The writer thread changes files, or this one before it starts.
  vfs.OnChange([&] {
    if (++change < next || static_cast<int>(run.cuts.size()) == wanted) return;
    run.cuts.push_back({vfs.Cut(random), workload.has_value() ? workload->ledger() : ledger});
    next = change + 1 + random() % 120;
  });
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000 + random() % 1'000'000));
  std::mt19937 own(random());
  auto opened = Store::Open(TicketSchema(), SmallStore(dir.File("testing.db"), &clock, own));
  LJ_CHECK(opened.ok(), opened.status().ToString());
  workload.emplace(**opened, ledger, own());
  for (int i = 0; i < 1000; ++i) {
    absl::Status status = workload->Write(10);
    LJ_CHECK(status.ok(), status.ToString());
    // The writer has ended its round for one batch once it has answered the next.
    status = (*opened)->WriteAndWait({&Tester(), "", ""}, [](Tx&) { return absl::OkStatus(); });
    LJ_CHECK(status.ok(), status.ToString());
    if (static_cast<int>(run.cuts.size()) == wanted) break;
  }
  run.acknowledgements = workload->ledger().acknowledgements;
  run.checkpoints = vfs.writer_checkpoints();
  run.logs = vfs.logs_begun();
  vfs.OnChange(nullptr);
  workload.reset();
  opened->reset();
  CHECK(static_cast<int>(run.cuts.size()) == wanted);
  CHECK(vfs.reader_writes() == 0);
  vfs.Reset();
  return run;
}

absl::StatusOr<Ledger> InspectCut(const Cut& cut) {
  TempDir dir;
  WriteImage(cut.image, dir.path());
  return InspectApart(dir.File("testing.db"), cut.ledger);
}

struct Loss {
  int cut = 0;  // 0: nothing was lost
  std::string what;
};

// Cuts until something is lost.
Loss CutUntilLoss(FaultVfs::Lie lie, int most, uint32_t seed) {
  std::mt19937 random(seed);
  for (int done = 0; done < most;) {
    Run run = CutOften({}, {}, lie, 25, random);
    for (const Cut& cut : run.cuts) {
      ++done;
      if (auto found = InspectCut(cut); !found.ok()) {
        return {done, std::string(found.status().message())};
      }
    }
  }
  return {};
}

void CutPower(int cuts, uint32_t seed) {
  constexpr int kCutsOfARun = 20;
  std::mt19937 random(seed);
  DiskImage image;
  Ledger ledger;
  int64_t acknowledgements = 0, checkpoints = 0, logs = 0;
  for (int done = 0; done < cuts; done += kCutsOfARun) {
    Run run = CutOften(image, ledger, FaultVfs::Lie::kNone, kCutsOfARun, random);
    acknowledgements += run.acknowledgements;
    checkpoints += run.checkpoints;
    logs += run.logs;
    // The next run begins where one of these cuts has left the disk, or with nothing.
    size_t goes_on = random() % (2 * run.cuts.size());
    image.clear();
    Ledger next;
    for (size_t i = 0; i < run.cuts.size(); ++i) {
      auto found = InspectCut(run.cuts[i]);
      INFO("seed " << seed << ", cut " << done + i << ": "
                   << (found.ok() ? "" : std::string(found.status().message())));
      REQUIRE(found.ok());
      if (i != goes_on) continue;
      // Not what the inspection left: as the cut left it, so that recovery is cut too.
      image = run.cuts[i].image;
      next = run.cuts[i].ledger;
      for (auto& [key, entry] : next.tickets) {
        auto stands = found->tickets.find(key);
        if (stands != found->tickets.end()) entry = stands->second;
      }
    }
    ledger = std::move(next);
  }
  // Void unless the runs met what they are about.
  CHECK(checkpoints > cuts / 10);
  CHECK(logs > cuts / 50);
  CHECK(acknowledgements > cuts);
  Report(absl::StrCat("power cuts ", cuts, ", acknowledged ", acknowledgements, ", copies ",
                      checkpoints, ", logs ", logs, ", lost 0 (seed ", seed, ")"));
}

[[maybe_unused]] const bool kInMemory = (UseMemoryForFiles(), true);

TEST_CASE("R03: 2,000 power cuts lose nothing that was acknowledged", "[power]") {
  CutPower(2000, 20261);
}

TEST_CASE("R03: 50,000 power cuts lose nothing that was acknowledged", "[.long]") {
  CutPower(50'000, std::random_device()());
}

TEST_CASE("R03: a log that is not synced at each commit is caught within 50 cuts", "[power]") {
  Loss loss = CutUntilLoss(FaultVfs::Lie::kSynchronousNormal, 50, 20262);
  CHECK(loss.cut > 0);
  Report(absl::StrCat("NORMAL caught at cut ", loss.cut, " (", loss.what, ")"));
}

TEST_CASE("R03: a log that begins anew before the file is synced is caught within 200 cuts",
          "[power]") {
  Loss loss = CutUntilLoss(FaultVfs::Lie::kFileIsNotSynced, 200, 20263);
  CHECK(loss.cut > 0);
  Report(absl::StrCat("early log caught at cut ", loss.cut, " (", loss.what, ")"));
}

TEST_CASE("R03: a key file that is not synced is caught within 50 cuts", "[power]") {
  Loss loss = CutUntilLoss(FaultVfs::Lie::kKeysAreNotSynced, 50, 20265);
  CHECK(loss.cut > 0);
  Report(absl::StrCat("unsynced keys caught at cut ", loss.cut, " (", loss.what, ")"));
}

// Bug: the record took an emptied log for a new file when a second connection opened it, and lost
// what the first one synced from then on. One run in three of the 2,000 cuts told of a lost key.
TEST_CASE("a log that was emptied stays one file, whoever opens it", "[power]") {
  FaultVfs& vfs = FaultVfs::Get();
  vfs.Reset();
  TempDir dir;
  vfs.RecordPower(dir.path());
  auto writer = Connection::Open(dir.File("one.db"), Connection::Access::kWrite);
  REQUIRE(writer.ok());
  REQUIRE((*writer)->Exec("CREATE TABLE t(a)").ok());
  REQUIRE((*writer)->Exec("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  auto reader = Connection::Open(dir.File("one.db"), Connection::Access::kRead);
  REQUIRE(reader.ok());
  REQUIRE((*reader)->Exec("SELECT * FROM t").ok());
  REQUIRE((*writer)->Exec("INSERT INTO t VALUES(1)").ok());
  std::mt19937 random(1);
  DiskImage disk = vfs.Cut(random);
  vfs.Reset();
  // Synced whole; a log's index and locks are no part of it.
  CHECK(disk.at("one.db-wal") == ReadImage(dir.path()).at("one.db-wal"));
  CHECK_FALSE(disk.at("one.db-wal").empty());
}

}  // namespace
}  // namespace linjuli
