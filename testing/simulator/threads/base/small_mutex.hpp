// In the simulator, in the place of src/base's.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/assert.hpp"
#include "base/thread_annotations.hpp"

namespace hybrid {

inline std::uint32_t this_thread_number() {
  auto* const scheduler = testing::simulator::Scheduler::current();
  return scheduler != nullptr ? static_cast<std::uint32_t>(scheduler->this_thread()) + 1 : 1;
}

class SmallMutex {
 public:
  SmallMutex() = default;
  SmallMutex(const SmallMutex&) = delete;
  SmallMutex& operator=(const SmallMutex&) = delete;

  void lock() {
    testing::simulator::scheduling_point();
    HYBRID_ASSERT(!held_by_this_thread());
    while (owner_ != 0) testing::simulator::Scheduler::current()->wait(this);
    owner_ = this_thread_number();
  }
  bool try_lock() {
    testing::simulator::scheduling_point();
    if (owner_ != 0) return false;
    owner_ = this_thread_number();
    return true;
  }
  bool try_lock_for(std::chrono::milliseconds patience) {
    auto* const scheduler = testing::simulator::Scheduler::current();
    while (!try_lock()) {
      if (scheduler == nullptr || !scheduler->wait(this, scheduler->now() + patience)) return false;
    }
    return true;
  }
  void unlock() {
    HYBRID_ASSERT(held_by_this_thread());
    owner_ = 0;
    if (auto* const scheduler = testing::simulator::Scheduler::current()) scheduler->wake(this);
  }
  bool held_by_this_thread() const { return owner_ == this_thread_number(); }

 private:
  std::uint32_t owner_ = 0;
};

class SmallMutexLock {
 public:
  explicit SmallMutexLock(SmallMutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~SmallMutexLock() { mutex_.unlock(); }
  SmallMutexLock(const SmallMutexLock&) = delete;
  SmallMutexLock& operator=(const SmallMutexLock&) = delete;

 private:
  SmallMutex& mutex_;
};

}  // namespace hybrid
