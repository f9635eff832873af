// A process that is killed at each failpoint in turn, while clients call it, due times pass, and
// another service follows it: what was acknowledged is there, and everything happened once (R14).
#include "common/failpoint.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/rpc/follow.h"
#include "common/store/verify.h"
#include "tests/hearing.h"

namespace linjuli {
namespace {

constexpr int kAtOnce = 4;
// Enough for every failpoint to be passed often, however the threads run.
constexpr int kMostRounds = 200;

bool ChainHolds(Service& service) {
  bool holds = false;
  absl::Status status = service.store().Read(Caller(), false, [&](Rx& rx) -> absl::Status {
    LJ_ASSIGN(Verdict verdict, VerifyStore(rx.db(), rx.schema()));
    holds = !verdict.flaw.has_value();
    return absl::OkStatus();
  });
  return status.ok() && holds;
}

// Tickets, and a service that follows them. Both stand still unless they are started.
struct World {
  World() { Stop(); }
  void Start() {
    tickets.Restart();
    hearing.Restart();
  }
  void Stop() {
    tickets.Stop();
    hearing.Stop();
  }
  // What the `n`th call of a cycle asks for. Some fail after they have written, some write twice.
  Call CallOf(int cycle, int n, absl::Time due) {
    std::string key = absl::StrCat(cycle, "-", n);
    Ticket ticket = TicketOf(absl::StrCat(key, Fails(n) ? " half" : IsDouble(n) ? " twice" : ""));
    ticket.mutable_due_time()->set_seconds(absl::ToUnixSeconds(due));
    ticket.set_phone("13800138000");
    // Everybody is new, so that each call makes a key for what is personal.
    return tickets.MakeCall(Resident(absl::StrCat("u/", key)),
                            absl::StrCat(kTickets, "CreateTicket"), CreateOf(ticket, key));
  }
  static bool Fails(int n) { return n % 7 == 3; }
  static bool IsDouble(int n) { return n % 7 == 5; }

  TicketRig tickets;
  Rig hearing{HearingSpec()};
};

// Several calls at a time; "n name" is told as soon as the `n`th is acknowledged.
[[noreturn]] void ServeUntilKilled(World& world, int cycle, int acks) {
  absl::Time due = world.tickets.clock.Now() + absl::Minutes(1);
  world.Start();
  Follower follower(&*world.hearing, "testing", &*world.tickets, nullptr);
  for (int round = 0; round < kMostRounds; ++round) {
    absl::BlockingCounter waiting(kAtOnce);
    for (int i = 0; i < kAtOnce; ++i) {
      int n = round * kAtOnce + i;
      world.tickets->Start(world.CallOf(cycle, n, due), [&, n](Reply reply) {
        if (reply.ok()) {
          std::string line = absl::StrCat(n, " ", static_cast<const Ticket&>(**reply).name(), "\n");
          if (write(acks, line.data(), line.size()) < 0) _exit(4);
        }
        waiting.DecrementCount();
      });
    }
    waiting.Wait();
    world.tickets.clock.Advance(absl::Seconds(20));
    world.tickets->RunDue();
  }
  _exit(5);
}

std::string ReadAll(int fd) {
  std::string all;
  char bytes[4096];
  for (ssize_t count; (count = read(fd, bytes, sizeof(bytes))) > 0;) all.append(bytes, count);
  return all;
}

// How often each failpoint is armed: 50, or what LINJULI_LONG_ROUNDS says.
int Rounds() {
  const char* text = std::getenv("LINJULI_LONG_ROUNDS");
  int rounds = 0;
  return text != nullptr && absl::SimpleAtoi(text, &rounds) ? rounds : 50;
}

TEST_CASE("killed at any failpoint, a service keeps what it acknowledged, and does it once",
          "[rpc][failpoint][R14]") {
  std::vector<Failpoint*> all = Failpoint::All();
  if (all.empty()) {
    WARN("built without failpoints");
    return;
  }
  CHECK(all.size() >= 4);
  World world;
  int64_t tickets = 0, acknowledged = 0;
  int cycle = 0;
  for (Failpoint* failpoint : all) {
    for (int i = 0; i < Rounds(); ++i, ++cycle) {
      CAPTURE(failpoint->name(), i);
      absl::Time due = world.tickets.clock.Now() + absl::Minutes(1);
      int acks[2];
      REQUIRE(pipe(acks) == 0);
      pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        close(acks[0]);
        failpoint->Arm(1 + i % 12);
        ServeUntilKilled(world, cycle, acks[1]);
      }
      close(acks[1]);
      std::string told = ReadAll(acks[0]);
      close(acks[0]);
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      // Where it exits instead, this workload does not pass the failpoint: add what does.
      REQUIRE(WIFSIGNALED(status));
      REQUIRE(WTERMSIG(status) == SIGKILL);

      std::map<int, std::string> names;
      for (absl::string_view line : absl::StrSplit(told, '\n', absl::SkipEmpty())) {
        std::pair<absl::string_view, absl::string_view> ack = absl::StrSplit(line, ' ');
        int n = -1;
        REQUIRE(absl::SimpleAtoi(ack.first, &n));
        names[n] = std::string(ack.second);
      }
      acknowledged += static_cast<int64_t>(names.size());

      // Clients ask again for everything that they may have asked for.
      world.tickets.clock.Advance(absl::Hours(2));
      world.Start();
      int last = (names.empty() ? 0 : names.rbegin()->first) + 2 * kAtOnce;
      for (int n = 0; n <= last; ++n) {
        Reply reply = CallAndWait(*world.tickets, world.CallOf(cycle, n, due));
        REQUIRE(reply.ok() != World::Fails(n));
        if (!reply.ok()) continue;
        std::string name = static_cast<const Ticket&>(**reply).name();
        if (names.contains(n)) REQUIRE(names[n] == name);
        names[n] = name;
        tickets += World::IsDouble(n) ? 2 : 1;
      }
      REQUIRE(Number(*world.tickets, "SELECT count(*) FROM ticket") == tickets);
      world.tickets->RunDue();
      for (const auto& [n, name] : names) {
        INFO(n << " " << name);
        auto ticket = world.tickets.Get(Resident(absl::StrCat("u/", cycle, "-", n)), name);
        REQUIRE(ticket.ok());
        REQUIRE(ticket->notes_size() == 1);
        REQUIRE(ticket->phone() == "13800138000");
      }

      while (true) {
        auto applied = FollowOnce(*world.hearing, "testing", *world.tickets);
        REQUIRE(applied.ok());
        if (*applied == 0) break;
      }
      // Each change heard once, in its order: so its place among the heard is its sequence.
      REQUIRE(Number(*world.hearing, "SELECT count(*) FROM heard WHERE id<>sequence") == 0);
      REQUIRE(Number(*world.hearing, "SELECT count(*) FROM heard") ==
              Number(*world.tickets, "SELECT count(*) FROM change"));
      REQUIRE(ChainHolds(*world.tickets));
      world.Stop();
    }
  }
  WARN(all.size() << " failpoints, " << cycle << " kills, " << acknowledged
                  << " acknowledged, 0 lost, 0 done twice");
}

}  // namespace
}  // namespace linjuli
