// In the simulator, in the place of src/base's: a mutex that the scheduler knows of.
#pragma once

#include <chrono>
#include <mutex>

#include "base/assert.hpp"
#include "testing/simulator/scheduler.hpp"

#define HYBRID_CAPABILITY(name)
#define HYBRID_SCOPED_CAPABILITY
#define HYBRID_GUARDED_BY(mutex)
#define HYBRID_REQUIRES(...)
#define HYBRID_EXCLUDES(...)
#define HYBRID_ACQUIRE(...)
#define HYBRID_RELEASE(...)
#define HYBRID_TRY_ACQUIRE(...)
#define HYBRID_NO_ANALYSIS

namespace hybrid {

class Mutex {
 public:
  void lock() {
    testing::simulator::scheduling_point();
    while (locked_) wait();
    locked_ = true;
  }
  bool try_lock() {
    testing::simulator::scheduling_point();
    if (locked_) return false;
    locked_ = true;
    return true;
  }
  void unlock() {
    HYBRID_ASSERT(locked_);
    locked_ = false;
    if (auto* const scheduler = testing::simulator::Scheduler::current()) scheduler->wake(this);
  }

 private:
  void wait() {
    auto* const scheduler = testing::simulator::Scheduler::current();
    HYBRID_ASSERT(scheduler != nullptr);  // else the only thread waits for itself
    scheduler->wait(this);
  }
  bool locked_ = false;
};

class MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  MutexLock(Mutex& mutex, std::adopt_lock_t /*locked*/) : mutex_(mutex) {}
  ~MutexLock() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  void notify_all() {
    if (auto* const scheduler = testing::simulator::Scheduler::current()) scheduler->wake(this);
  }
  void wait(Mutex& mutex) { wait_to(mutex, std::nullopt); }
  template <class Predicate>
  void wait(Mutex& mutex, Predicate done) {
    while (!done()) wait(mutex);
  }
  template <class Duration, class Predicate>
  bool wait_for(Mutex& mutex, Duration time, Predicate done) {
    auto* const scheduler = testing::simulator::Scheduler::current();
    const auto until =
        (scheduler != nullptr ? scheduler->now() : std::chrono::nanoseconds{0}) + time;
    while (!done()) {
      if (!wait_to(mutex, until)) return done();
    }
    return true;
  }
  template <class TimePoint, class Predicate>
  bool wait_until(Mutex& mutex, TimePoint until, Predicate done) {
    while (!done()) {
      if (!wait_to(mutex, until.time_since_epoch())) return done();
    }
    return true;
  }

 private:
  bool wait_to(Mutex& mutex, std::optional<std::chrono::nanoseconds> deadline) {
    auto* const scheduler = testing::simulator::Scheduler::current();
    HYBRID_ASSERT(scheduler != nullptr);
    mutex.unlock();
    const bool woken = scheduler->wait(this, deadline);
    mutex.lock();
    return woken;
  }
};

}  // namespace hybrid
