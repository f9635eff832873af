#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

constexpr CheckpointLimits kSmall = {.step = 20, .rest = 1'000'000, .full = 200};

struct Rig : TicketStore {
  explicit Rig(CheckpointLimits limits, MayBeginAnew may_begin_anew = nullptr) {
    Open(limits, std::move(may_begin_anew));
  }
  void Open(CheckpointLimits limits, MayBeginAnew may_begin_anew = nullptr) {
    StoreOptions options = TicketOptions(path(), &clock);
    options.checkpoints = limits;
    options.may_begin_anew = std::move(may_begin_anew);
    ReopenWith(std::move(options));
  }
  void AddMany(int count) {
    for (int i = 0; i < count; ++i) Add(absl::StrCat("ticket ", i));
  }
  int64_t Tickets() { return Count("SELECT count(*) FROM ticket"); }
  std::string Log() const {
    std::ifstream file(path() + "-wal", std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }
};

// SQLite counts here how often a log was begun anew.
uint32_t Generation(absl::string_view log) {
  uint32_t count = 0;
  for (size_t i = 16; i < 20 && log.size() >= 32; ++i) {
    count = count << 8 | static_cast<uint8_t>(log[i]);
  }
  return count;
}

TEST_CASE("the log begins anew again and again while writes go on", "[store][checkpoint]") {
  Rig rig(kSmall);
  rig.AddMany(1);
  uint32_t first = Generation(rig.Log());
  rig.AddMany(800);
  uint32_t last = Generation(rig.Log());
  INFO("generations " << last - first << ", bytes " << static_cast<int64_t>(rig.Log().size()));
  CHECK(last - first >= 5);
  // Twice the limit, and one commit more.
  CHECK(static_cast<int64_t>(rig.Log().size()) < (2 * kSmall.full + 50) * 4120);
  CHECK(rig.Tickets() == 801);
}

TEST_CASE("copies are made while the log is short, and leave the log standing",
          "[store][checkpoint]") {
  Rig rig({.step = 20, .rest = 1'000'000, .full = 1'000'000});
  struct stat before, after;
  REQUIRE(stat(rig.path().c_str(), &before) == 0);
  rig.AddMany(1);
  uint32_t first = Generation(rig.Log());
  rig.AddMany(300);
  REQUIRE(stat(rig.path().c_str(), &after) == 0);
  CHECK(after.st_size > before.st_size);
  CHECK(Generation(rig.Log()) == first);
  CHECK(rig.store->wal_bytes() > 300 * 4096);
}

TEST_CASE("a reader that stays keeps the log; once it ends the log begins anew",
          "[store][checkpoint]") {
  Rig rig(kSmall);
  rig.AddMany(10);
  uint32_t first = 0;
  absl::Status status = rig.store->Read(Tester(), true, [&](Rx& rx) -> absl::Status {
    auto count = [&]() -> absl::StatusOr<int64_t> {
      StatementScope rows(rx.Sql("SELECT count(*) FROM ticket"));
      LJ_ASSIGN(bool row, rows->Step());
      return row ? rows->Int(0) : -1;
    };
    LJ_ASSIGN(int64_t seen, count());
    first = Generation(rig.Log());
    rig.AddMany(200);
    CHECK(rig.store->wal_bytes() > 2 * kSmall.full * 4096);
    CHECK(Generation(rig.Log()) == first);
    LJ_ASSIGN(int64_t seen_again, count());
    CHECK(seen == seen_again);
    return absl::OkStatus();
  });
  REQUIRE(status.ok());
  rig.AddMany(20);
  CHECK(Generation(rig.Log()) > first);
  CHECK(rig.store->wal_bytes() < kSmall.full * 4096);
  CHECK(rig.Tickets() == 230);
}

TEST_CASE("nothing of the log is written over before the archive has allowed it",
          "[store][checkpoint]") {
  bool allowed = true;
  std::vector<std::string> kept;
  Rig* where = nullptr;
  auto archive = [&](int64_t pages) {
    if (!allowed) return false;
    if (where != nullptr) kept.push_back(where->Log().substr(0, 32 + pages * (24 + 4096)));
    return true;
  };
  Rig rig(kSmall, archive);
  where = &rig;
  allowed = false;
  rig.AddMany(300);
  int64_t stands = rig.store->wal_bytes();
  CHECK(stands > 3 * kSmall.full * 4096);
  // Neither the end of a store nor its start may take it.
  rig.store.reset();
  CHECK(static_cast<int64_t>(rig.Log().size()) >= stands);
  StoreOptions options = TicketOptions(rig.path(), &rig.clock);
  options.may_begin_anew = archive;
  CHECK(absl::IsUnavailable(Store::Open(TicketSchema(), options).status()));
  CHECK(static_cast<int64_t>(rig.Log().size()) >= stands);

  allowed = true;
  rig.Open(kSmall, archive);
  CHECK(rig.Tickets() == 300);
  rig.AddMany(600);
  REQUIRE(kept.size() > 3);
  rig.store.reset();
  // Every log there ever was is in the archive, one after the other.
  for (size_t i = 1; i < kept.size(); ++i) {
    INFO("log " << i);
    uint32_t step = Generation(kept[i]) - Generation(kept[i - 1]);
    // The same log again, when a reader was still in it, or the next one.
    CHECK(step <= 1);
    if (step == 0) CHECK(kept[i].substr(0, kept[i - 1].size()) == kept[i - 1]);
  }
  rig.Open(kSmall);
  CHECK(rig.Tickets() == 900);
}

}  // namespace
}  // namespace linjuli
