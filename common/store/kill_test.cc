// A process that is killed while it writes: what it acknowledged is there, and the chain holds.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/store/test_store.h"

namespace linjuli {
namespace {

constexpr int kCycles = 200;

// Writes tickets without end, many at once, and tells each name as soon as it is acknowledged.
[[noreturn]] void WriteUntilKilled(const std::string& path, int64_t now, int cycle, int acks) {
  FakeClock clock(absl::FromUnixSeconds(now));
  auto opened = OpenTickets(path, &clock);
  if (!opened.ok()) _exit(3);
  Store& store = **opened;
  absl::Mutex mutex;
  int on_the_way = 0;
  for (int i = 0;; ++i) {
    {
      absl::MutexLock lock(&mutex);
      auto room = [&] { return on_the_way < 8; };
      mutex.Await(absl::Condition(&room));
      ++on_the_way;
    }
    auto ticket = std::make_shared<Ticket>();
    ticket->set_text(absl::StrCat("cycle ", cycle, " ticket ", i, std::string(i % 7 * 300, 'x')));
    bool fails = i % 5 == 4;
    store.Write(
        {&Tester(), "kill", ""}, absl::InfiniteFuture(),
        [ticket, fails](Tx& tx) -> absl::Status {
          ticket->clear_name();
          LJ_RETURN_IF_ERROR(tx.Create(*ticket));
          return fails ? absl::InternalError("told to fail") : absl::OkStatus();
        },
        [&, ticket](absl::Status status) {
          if (status.ok()) {
            std::string line = ticket->name() + "\n";
            if (write(acks, line.data(), line.size()) < 0) _exit(4);
          }
          absl::MutexLock lock(&mutex);
          --on_the_way;
        });
  }
}

// Reads whole lines until `enough` have come; with 0, until the other end is closed.
void ReadLines(int fd, size_t enough, std::string& partial, std::vector<std::string>& lines) {
  char bytes[4096];
  while (enough == 0 || lines.size() < enough) {
    ssize_t count = read(fd, bytes, sizeof(bytes));
    if (count <= 0) return;
    for (ssize_t i = 0; i < count; ++i) {
      if (bytes[i] != '\n') {
        partial += bytes[i];
      } else {
        lines.push_back(std::move(partial));
        partial.clear();
      }
    }
  }
}

TEST_CASE("killed 200 times while it writes, a store loses nothing that it acknowledged",
          "[store][kill]") {
  TicketStore rig;
  rig.store.reset();
  std::mt19937 random(9);
  size_t acknowledged = 0;
  std::vector<std::string> all;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    int acks[2];
    REQUIRE(pipe(acks) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(acks[0]);
      WriteUntilKilled(rig.path(), 1'800'000'000 + cycle, cycle, acks[1]);
    }
    close(acks[1]);
    std::string partial;
    std::vector<std::string> names;
    ReadLines(acks[0], 1 + random() % 40, partial, names);
    // Anywhere within a write, and not only where one has just ended.
    for (std::atomic<uint32_t> spin = random() % 400'000; spin > 0;) --spin;
    kill(child, SIGKILL);
    ReadLines(acks[0], 0, partial, names);
    close(acks[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(!names.empty());

    rig.Reopen();
    for (const auto& name : names) {
      INFO("cycle " << cycle << " " << name);
      REQUIRE(rig.Get(name).ok());
    }
    all.insert(all.end(), names.begin(), names.end());
    acknowledged += names.size();
    Verdict verdict = rig.Verify();
    REQUIRE_FALSE(verdict.flaw.has_value());
    REQUIRE(verdict.changes >= static_cast<int64_t>(acknowledged));
    REQUIRE(rig.Count("SELECT count(*) FROM ticket") == verdict.changes);
    rig.store.reset();
  }
  rig.Reopen();
  for (const auto& name : all) REQUIRE(rig.Get(name).ok());
  CHECK(rig.Count("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'") == 1);
  WARN(acknowledged << " acknowledged in " << kCycles << " kills, 0 lost");
}

}  // namespace
}  // namespace linjuli
