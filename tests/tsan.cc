// ThreadSanitizer sees only what was built with it, and Debian's abseil was not: to it, what an
// absl::Mutex orders is a race. Here abseil's locks are told to it: each function stands before the
// library's own, says in the sanitizer's words what it does, and calls it. Linked into everything of
// the preset "tsan", and into nothing else.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

namespace {

// The library's own function of that (mangled) name.
template <typename F>
F Real(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "%s is not in the libraries; see tests/tsan.cc\n", name);
    std::abort();
  }
  return reinterpret_cast<F>(found);
}

// A waiting thread may find its condition while another thread lets go of the lock; the sanitizer
// looks at neither while it is told "before" and not yet "after".
class Locking {
 public:
  Locking(absl::Mutex* mutex, unsigned flags) : mutex_(mutex), flags_(flags) {
    __tsan_mutex_pre_lock(mutex_, flags_);
  }
  ~Locking() { __tsan_mutex_post_lock(mutex_, flags_, 0); }
  void Failed() { flags_ |= __tsan_mutex_try_lock | __tsan_mutex_try_lock_failed; }

 private:
  absl::Mutex* const mutex_;
  unsigned flags_;
};

class Unlocking {
 public:
  Unlocking(absl::Mutex* mutex, unsigned flags) : mutex_(mutex), flags_(flags) {
    __tsan_mutex_pre_unlock(mutex_, flags_);
  }
  ~Unlocking() { __tsan_mutex_post_unlock(mutex_, flags_); }

 private:
  absl::Mutex* const mutex_;
  const unsigned flags_;
};

// Gives the lock back and takes it again, as a wait does.
class Waiting {
 public:
  explicit Waiting(absl::Mutex* mutex) : mutex_(mutex) {
    __tsan_mutex_pre_unlock(mutex_, 0);
    __tsan_mutex_post_unlock(mutex_, 0);
    __tsan_mutex_pre_lock(mutex_, 0);
  }
  ~Waiting() { __tsan_mutex_post_lock(mutex_, 0, 0); }

 private:
  absl::Mutex* const mutex_;
};

constexpr unsigned kRead = __tsan_mutex_read_lock;

}  // namespace

#define LJ_REAL(type, name) static const auto real = Real<type>("_ZN4absl7debian3" name)

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  LJ_REAL(void (*)(Mutex*), "5Mutex4LockEv");
  Locking locking(this, 0);
  real(this);
}

void Mutex::Unlock() {
  LJ_REAL(void (*)(Mutex*), "5Mutex6UnlockEv");
  Unlocking unlocking(this, 0);
  real(this);
}

bool Mutex::TryLock() {
  LJ_REAL(bool (*)(Mutex*), "5Mutex7TryLockEv");
  Locking locking(this, __tsan_mutex_try_lock);
  bool locked = real(this);
  if (!locked) locking.Failed();
  return locked;
}

void Mutex::ReaderLock() {
  LJ_REAL(void (*)(Mutex*), "5Mutex10ReaderLockEv");
  Locking locking(this, kRead);
  real(this);
}

void Mutex::ReaderUnlock() {
  LJ_REAL(void (*)(Mutex*), "5Mutex12ReaderUnlockEv");
  Unlocking unlocking(this, kRead);
  real(this);
}

void Mutex::LockWhen(const Condition& condition) {
  LJ_REAL(void (*)(Mutex*, const Condition&), "5Mutex8LockWhenERKNS0_9ConditionE");
  Locking locking(this, 0);
  real(this, condition);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  LJ_REAL(bool (*)(Mutex*, const Condition&, Duration),
          "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  Locking locking(this, 0);
  return real(this, condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  LJ_REAL(bool (*)(Mutex*, const Condition&, Time),
          "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Locking locking(this, 0);
  return real(this, condition, deadline);
}

void Mutex::Await(const Condition& condition) {
  LJ_REAL(void (*)(Mutex*, const Condition&), "5Mutex5AwaitERKNS0_9ConditionE");
  Waiting waiting(this);
  real(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  LJ_REAL(bool (*)(Mutex*, const Condition&, Duration),
          "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  Waiting waiting(this);
  return real(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  LJ_REAL(bool (*)(Mutex*, const Condition&, Time),
          "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Waiting waiting(this);
  return real(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  LJ_REAL(void (*)(CondVar*, Mutex*), "7CondVar4WaitEPNS0_5MutexE");
  Waiting waiting(mutex);
  real(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  LJ_REAL(bool (*)(CondVar*, Mutex*, Duration),
          "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  Waiting waiting(mutex);
  return real(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  LJ_REAL(bool (*)(CondVar*, Mutex*, Time), "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  Waiting waiting(mutex);
  return real(this, mutex, deadline);
}

// HasBeenNotified reads the flag behind the lock, in our own code; so it is told at that place.
void Notification::Notify() {
  LJ_REAL(void (*)(Notification*), "12Notification6NotifyEv");
  __tsan_release(reinterpret_cast<char*>(this) + sizeof(Mutex));
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      Real<void (*)(const Notification*)>("_ZNK4absl7debian312Notification19WaitForNotificationEv");
  real(this);
  __tsan_acquire(const_cast<char*>(reinterpret_cast<const char*>(this)) + sizeof(Mutex));
}

bool BlockingCounter::DecrementCount() {
  LJ_REAL(bool (*)(BlockingCounter*), "15BlockingCounter14DecrementCountEv");
  __tsan_release(this);
  return real(this);
}

void BlockingCounter::Wait() {
  LJ_REAL(void (*)(BlockingCounter*), "15BlockingCounter4WaitEv");
  real(this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl

extern "C" const char* __tsan_default_options() {
  // Debian's libraries use memory in ways that the sanitizer sees one half of.
  return "ignore_noninstrumented_modules=1 history_size=5 second_deadlock_stack=1";
}
