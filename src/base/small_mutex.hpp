// A mutex of four bytes, since every session has two. Waiters sleep in the kernel (std::atomic::wait).
//
// The word holds the owner, so that a thread that already holds the mutex is told so instead of waiting
// for itself for ever.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/assert.hpp"
#include "base/thread_annotations.hpp"

namespace hybrid {

// A number of this thread, from 1; two threads alive at the same time never share one.
std::uint32_t this_thread_number();

class HYBRID_CAPABILITY("mutex") SmallMutex {
 public:
  SmallMutex() = default;
  SmallMutex(const SmallMutex&) = delete;
  SmallMutex& operator=(const SmallMutex&) = delete;

  void lock() HYBRID_ACQUIRE() {
    const std::uint32_t mine = this_thread_number() << 1;
    std::uint32_t seen = 0;
    if (word_.compare_exchange_strong(seen, mine, std::memory_order_acquire,
                                      std::memory_order_relaxed))
      return;
    lock_slow(mine);
  }

  bool try_lock() HYBRID_TRY_ACQUIRE(true) {
    std::uint32_t seen = 0;
    return word_.compare_exchange_strong(seen, this_thread_number() << 1, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }

  // Gives up after `patience`. Polls, so only for waits that should not happen.
  bool try_lock_for(std::chrono::milliseconds patience) HYBRID_TRY_ACQUIRE(true);

  void unlock() HYBRID_RELEASE() {
    const std::uint32_t was = word_.exchange(0, std::memory_order_release);
    HYBRID_ASSERT(was >> 1 == this_thread_number());
    if ((was & kContended) != 0) word_.notify_one();
  }

  bool held_by_this_thread() const {
    // Before the look: a new thread may be given the number of the owner that was seen, who has ended since.
    const std::uint32_t mine = this_thread_number();
    return word_.load(std::memory_order_relaxed) >> 1 == mine;
  }

 private:
  void lock_slow(std::uint32_t mine);

  static constexpr std::uint32_t kContended = 1;
  std::atomic<std::uint32_t> word_{0};  // owner's thread number << 1 | contended; 0: free
};

static_assert(sizeof(SmallMutex) == 4);

class HYBRID_SCOPED_CAPABILITY SmallMutexLock {
 public:
  explicit SmallMutexLock(SmallMutex& mutex) HYBRID_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  ~SmallMutexLock() HYBRID_RELEASE() { mutex_.unlock(); }
  SmallMutexLock(const SmallMutexLock&) = delete;
  SmallMutexLock& operator=(const SmallMutexLock&) = delete;

 private:
  SmallMutex& mutex_;
};

}  // namespace hybrid
