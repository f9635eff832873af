// What it costs to name the needs that tell of the same as a new one, in a store of so many needs,
// and what registering costs beside it. In turn within each round (A B A B …); medians of the
// rounds.
//
//   similar TEXTS [NEEDS] [ROUNDS]      TEXTS: one text a line; 100000 needs, 7 rounds
//
// Every need's text is put together from pieces of three of the texts, so that words are as
// frequent as there; the figures in the README are with the residents' messages that the tests
// read.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/store/store.h"
#include "linjuli/needs_intake/v1/needs_intake.pb.h"

namespace linjuli {
namespace {

using needs_intake::v1::Need;
using SteadyClock = std::chrono::steady_clock;

constexpr int kInFlight = 64;
constexpr int kWrites = 4000;
constexpr int kSuggestions = 500;

double MicrosSince(SteadyClock::time_point begun) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - begun).count();
}

// Of this thread: what a machine that others use as well does not change.
double CpuMicros() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double Quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

class Texts {
 public:
  explicit Texts(const char* path) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (line.size() > 30) lines_.push_back(line);
    }
    LJ_CHECK(!lines_.empty(), absl::StrCat(path, " has no texts"));
  }
  std::string Next() {
    std::string made;
    for (int piece = 0; piece < 3; ++piece) {
      const std::string& line = lines_[dice_() % lines_.size()];
      size_t third = line.size() / 3;
      size_t from = Start(line, piece * third), to = Start(line, (piece + 1) * third);
      absl::StrAppend(&made, line.substr(from, to - from), "。");
    }
    return made;
  }

 private:
  static size_t Start(const std::string& line, size_t at) {
    while (at < line.size() && (line[at] & 0xC0) == 0x80) ++at;
    return at;
  }
  std::vector<std::string> lines_;
  std::mt19937 dice_{20211123};
};

class Desk {
 public:
  Desk(Store& store, const char* texts) : store_(store), texts_(texts) {
    caller_.subject = "worker/load";
    auto first = Transition::Parse("-> RECEIVED", Need::State_descriptor());
    LJ_CHECK(first.ok());
    first_ = *first;
  }

  // So many needs, kInFlight at a time, each after `before`: needs a second.
  double Register(int count, const std::function<void(const std::string&)>& before) {
    std::vector<std::string> texts(count);
    for (auto& text : texts) text = texts_.Next();
    auto begun = SteadyClock::now();
    for (const std::string& text : texts) {
      if (before) before(text);
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(
            +[](int* under_way) { return *under_way < kInFlight; }, &under_way_));
        ++under_way_;
      }
      store_.Write(
          {&caller_, "load", ""}, absl::InfiniteFuture(),
          [&](Tx& tx) {
            tx.Declare(Need::descriptor(), &first_);
            Need need;
            need.set_text(text);
            need.set_division(absl::StrCat("331082", 100000 + tx.sequence() % 678));
            need.set_receipt_number(absl::StrCat(tx.sequence()));
            need.set_state(Need::RECEIVED);
            return tx.Create(need);
          },
          [&](absl::Status status) {
            LJ_CHECK(status.ok(), status.ToString());
            absl::MutexLock lock(&mutex_);
            --under_way_;
          });
    }
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* under_way) { return *under_way == 0; }, &under_way_));
    return count / MicrosSince(begun) * 1e6;
  }

  void Suggest(const std::string& text) {
    absl::Status status = store_.Read(caller_, true, [&](Rx& rx) -> absl::Status {
      auto open = [](const Need& need) { return need.state() == Need::RECEIVED; };
      LJ_ASSIGN(auto found, rx.Similar<Need>(text, open, 10));
      named_ += static_cast<int>(found.size());
      return absl::OkStatus();
    });
    LJ_CHECK(status.ok(), status.ToString());
  }
  std::string NextText() { return texts_.Next(); }
  int named() const { return named_; }

 private:
  Store& store_;
  Texts texts_;
  Caller caller_;
  Transition first_;
  int named_ = 0;
  absl::Mutex mutex_;
  int under_way_ = 0;
};

int Run(const char* texts, int needs, int rounds) {
  std::string folder = (std::filesystem::temp_directory_path() / "linjuli-similar-XXXXXX").string();
  LJ_CHECK(mkdtemp(folder.data()) != nullptr);
  {
    Schema schema;
    LJ_CHECK(schema.Add(Need::descriptor()).ok());
    StoreOptions options;
    options.path = folder + "/needs_intake.db";
    options.service = "needs_intake";
    auto store = Store::Open(std::move(schema), std::move(options));
    LJ_CHECK(store.ok(), store.status().ToString());
    Desk desk(**store, texts);
    std::printf("%d needs filled in, %.0f/s\n", needs, desk.Register(needs, nullptr));
    LJ_CHECK((*store)->Checkpoint().ok());
    std::vector<double> alone, beside, took, worked;
    for (int round = 0; round < rounds; ++round) {
      alone.push_back(desk.Register(kWrites, nullptr));
      for (int i = 0; i < kSuggestions; ++i) {
        std::string text = desk.NextText();
        auto begun = SteadyClock::now();
        double cpu = CpuMicros();
        desk.Suggest(text);
        worked.push_back(CpuMicros() - cpu);
        took.push_back(MicrosSince(begun));
      }
      beside.push_back(
          desk.Register(kWrites, [&](const std::string& text) { desk.Suggest(text); }));
    }
    std::printf("a suggestion: p50 %.2f ms, p99 %.2f ms, most %.2f ms; %.1f named each\n",
                Quantile(took, 0.5) / 1000, Quantile(took, 0.99) / 1000, Quantile(took, 1) / 1000,
                desk.named() / static_cast<double>(took.size() + rounds * kWrites));
    std::printf("… of it computing: p50 %.2f ms, p99 %.2f ms\n", Quantile(worked, 0.5) / 1000,
                Quantile(worked, 0.99) / 1000);
    std::printf("register: %.0f/s; with a suggestion before each: %.0f/s, ratio %.2f\n",
                Quantile(alone, 0.5), Quantile(beside, 0.5),
                Quantile(beside, 0.5) / Quantile(alone, 0.5));
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace linjuli

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "similar TEXTS [NEEDS] [ROUNDS]\n");
    return 64;
  }
  return linjuli::Run(argv[1], argc > 2 ? std::atoi(argv[2]) : 100000,
                      argc > 3 ? std::atoi(argv[3]) : 7);
}
