#include "services/gateway/pulse.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"

namespace linjuli {
namespace {

// Under its mutex: whether there is something to do at once.
template <typename Bell>
bool IsRung(Bell* bell) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return bell->stopping || bell->any;
}
template <typename Bell>
bool IsStopping(Bell* bell) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return bell->stopping;
}

}  // namespace

Pulse::Pulse(std::vector<ChangeSource*> logs, PulseOptions options)
    : options_(options), bell_(std::make_shared<Bell>()) {
  for (ChangeSource* log : logs) logs_.push_back({log});
  bell_->rung.resize(logs_.size());
  thread_ = std::thread([this] { Run(); });
}

Pulse::~Pulse() {
  {
    absl::MutexLock lock(&bell_->mutex);
    bell_->stopping = true;
  }
  thread_.join();
}

Pulse::Count Pulse::count() const {
  absl::MutexLock lock(&mutex_);
  return count_;
}

void Pulse::Wait(std::shared_ptr<Waker> waker, const Count& seen) {
  // First in the room: a waking in between is then either heard or seen.
  waiting_.Add(waker);
  if (count().wakings != seen.wakings) waker->Wake();
}

void Pulse::Arm(std::size_t i) {
  Log& log = logs_[i];
  auto batch = log.source->Read("", log.end, 1);
  log.armed = batch.ok();
  if (!log.armed) return;
  log.end = batch->end;
  log.source->Notify(log.end, [bell = bell_, i] {
    absl::MutexLock lock(&bell->mutex);
    bell->rung[i] = true;
    bell->any = true;
  });
}

void Pulse::Run() {
  absl::Time beat = Clock::Real()->Now() + options_.beat;
  for (std::size_t i = 0; i < logs_.size(); ++i) Arm(i);
  while (true) {
    std::vector<bool> rung;
    {
      absl::MutexLock lock(&bell_->mutex);
      bell_->mutex.AwaitWithDeadline(absl::Condition(&IsRung<Bell>, bell_.get()), beat);
      if (bell_->any) {
        bell_->mutex.AwaitWithTimeout(absl::Condition(&IsStopping<Bell>, bell_.get()),
                                      options_.settle);
      }
      if (bell_->stopping) return;
      rung = bell_->rung;
      std::fill(bell_->rung.begin(), bell_->rung.end(), false);
      bell_->any = false;
    }
    bool beats = Clock::Real()->Now() >= beat;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      if (rung[i] || (beats && !logs_[i].armed)) Arm(i);
    }
    {
      absl::MutexLock lock(&mutex_);
      ++count_.wakings;
      count_.beats += beats ? 1 : 0;
    }
    if (beats) beat = Clock::Real()->Now() + options_.beat;
    waiting_.WakeAll();
  }
}

}  // namespace linjuli
