// A lock of four bytes for what is held for a fraction of a microsecond and never over a wait.
//
// Letting go of it is a plain store, where SmallMutex needs an atomic exchange, which waits for all earlier stores: on the way of a
// get that is a cache miss or two. Who waits spins a little, then sleeps a little, so that a holder who lost its processor gets it back.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/thread_annotations.hpp"

namespace hybrid {

class HYBRID_CAPABILITY("mutex") SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() HYBRID_ACQUIRE() {
    if (word_.exchange(1, std::memory_order_acquire) != 0) lock_slow();
  }
  void unlock() HYBRID_RELEASE() { word_.store(0, std::memory_order_release); }

 private:
  void lock_slow();

  std::atomic<std::uint32_t> word_{0};
};

class HYBRID_SCOPED_CAPABILITY SpinLockGuard {
 public:
  explicit SpinLockGuard(SpinLock& lock) HYBRID_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~SpinLockGuard() HYBRID_RELEASE() { lock_.unlock(); }
  SpinLockGuard(const SpinLockGuard&) = delete;
  SpinLockGuard& operator=(const SpinLockGuard&) = delete;

 private:
  SpinLock& lock_;
};

}  // namespace hybrid
