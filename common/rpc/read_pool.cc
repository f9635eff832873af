#include "common/rpc/read_pool.h"

#include <utility>

namespace linjuli {

ReadPool::ReadPool(int threads, size_t most_waiting, Clock* clock)
    : most_waiting_(most_waiting), clock_(clock), wait_(clock) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Serve(); });
}

ReadPool::~ReadPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (auto& thread : threads_) thread.join();
}

bool ReadPool::Run(absl::AnyInvocable<void()>&& work) {
  absl::MutexLock lock(&mutex_);
  if (stopping_ || waiting_.size() >= most_waiting_) return false;
  waiting_.push_back({std::move(work), clock_->Elapsed()});
  return true;
}

absl::Duration ReadPool::Wait() const {
  absl::MutexLock lock(&mutex_);
  return waiting_.empty() ? absl::ZeroDuration() : wait_.AtLeast(waiting_.front().since);
}

void ReadPool::Serve() {
  while (true) {
    Waiting next;
    {
      absl::MutexLock lock(&mutex_);
      auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !waiting_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      if (waiting_.empty()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    wait_.Observe(clock_->Elapsed() - next.since);
    next.work();
  }
}

}  // namespace linjuli
