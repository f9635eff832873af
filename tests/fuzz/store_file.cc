// A store's file with other bytes in it: it is opened, read and verified, or refused; and where the
// log is found whole and ends as it did, every resource is what it was.
#include <filesystem>
#include <fstream>
#include <map>

#include "common/log.h"
#include "common/store/test_store.h"
#include "common/store/verify.h"
#include "tests/fuzz/fuzz.h"

namespace linjuli {
namespace {

constexpr int kTickets = 20;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A store that was closed in good order, and what is in it.
struct Whole {
  Whole() {
    QuietLog();
    for (int i = 0; i < kTickets; ++i) {
      Ticket ticket = rig.Add(absl::StrCat("路灯 ", i, std::string(i * 40, 'x')));
      tickets[ticket.name()] = rig.Get(ticket.name())->SerializeAsString();
    }
    head = rig.Verify().head;
    rig.store.reset();
    bytes = ReadFile(rig.path());
  }
  TicketStore rig;
  std::string bytes;
  std::string head;
  std::map<std::string, std::string> tickets;
};

}  // namespace

// The first byte chooses: 'r' the rest is the file, 'c' the file is cut at the place that the next
// two bytes tell, and changed by what follows; anything else, it is changed: two bytes tell a
// place, the third what is put there.
void Fuzz(absl::string_view input) {
  static Whole whole;
  if (input.empty()) return;
  const std::string path = whole.rig.path();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(path + suffix, ignored);
  }
  absl::string_view rest = input.substr(1);
  std::string bytes = input[0] == 'r' ? std::string(rest) : whole.bytes;
  auto take_place = [&] {
    uint64_t fraction = static_cast<uint8_t>(rest[0]) << 8 | static_cast<uint8_t>(rest[1]);
    rest.remove_prefix(2);
    return fraction * whole.bytes.size() >> 16;
  };
  if (input[0] == 'c' && rest.size() >= 2) bytes.resize(take_place());
  while (input[0] != 'r' && rest.size() >= 3) {
    size_t place = take_place();
    if (place < bytes.size()) bytes[place] = rest[0];
    rest.remove_prefix(1);
  }
  std::ofstream(path, std::ios::binary) << bytes;

  auto store = OpenTickets(path, &whole.rig.clock, {"CREATE TABLE extra(n INTEGER NOT NULL)"});
  if (!store.ok()) return;
  absl::StatusOr<Verdict> verdict = Verdict();
  absl::Status read = (*store)->Read(Tester(), false, [&](Rx& rx) -> absl::Status {
    verdict = VerifyStore(rx.db(), rx.schema());
    if (!verdict.ok() || verdict->flaw.has_value() || verdict->head != whole.head) {
      return absl::OkStatus();
    }
    for (const auto& [name, body] : whole.tickets) {
      auto ticket = rx.Get<Ticket>(name);
      LJ_CHECK(ticket.ok(), ticket.status().ToString());
      LJ_CHECK(ticket->SerializeAsString() == body, name);
    }
    return absl::OkStatus();
  });
}

}  // namespace linjuli
