#include "common/grpc/feed.h"

#include <algorithm>
#include <utility>

namespace linjuli {

void Waker::Wake() {
  absl::MutexLock lock(&mutex_);
  if (wake_) wake_();
}

void Waker::Disarm() {
  absl::MutexLock lock(&mutex_);
  wake_ = nullptr;
}

bool Waker::armed() const {
  absl::MutexLock lock(&mutex_);
  return wake_ != nullptr;
}

void WaitingRoom::Add(std::shared_ptr<Waker> waker) {
  absl::MutexLock lock(&mutex_);
  wakers_.erase(std::remove_if(wakers_.begin(), wakers_.end(),
                               [&](const auto& w) { return w == waker || !w->armed(); }),
                wakers_.end());
  wakers_.push_back(std::move(waker));
}

void WaitingRoom::WakeAll() {
  std::vector<std::shared_ptr<Waker>> woken;
  {
    absl::MutexLock lock(&mutex_);
    woken.swap(wakers_);
  }
  for (const auto& waker : woken) waker->Wake();
}

}  // namespace linjuli
