// Clang's thread-safety annotations (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html); nothing to other
// compilers. The fuzz preset, which builds with clang, makes a violation an error.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/spin.hpp"

#if defined(__clang__)
#define HYBRID_ANNOTATE(x) __attribute__((x))
#else
#define HYBRID_ANNOTATE(x)
#endif

#define HYBRID_CAPABILITY(name) HYBRID_ANNOTATE(capability(name))
#define HYBRID_SCOPED_CAPABILITY HYBRID_ANNOTATE(scoped_lockable)
#define HYBRID_GUARDED_BY(mutex) HYBRID_ANNOTATE(guarded_by(mutex))
#define HYBRID_REQUIRES(...) HYBRID_ANNOTATE(requires_capability(__VA_ARGS__))
#define HYBRID_ACQUIRE(...) HYBRID_ANNOTATE(acquire_capability(__VA_ARGS__))
#define HYBRID_RELEASE(...) HYBRID_ANNOTATE(release_capability(__VA_ARGS__))
#define HYBRID_TRY_ACQUIRE(...) HYBRID_ANNOTATE(try_acquire_capability(__VA_ARGS__))
#define HYBRID_NO_ANALYSIS HYBRID_ANNOTATE(no_thread_safety_analysis)

namespace hybrid {

// std::mutex and its guard, with the annotations that libstdc++'s lack. Waits a little before it sleeps: most locks are held for
// less than it takes to sleep and be woken.
class HYBRID_CAPABILITY("mutex") Mutex {
 public:
  void lock() HYBRID_ACQUIRE() {
    if (!mutex_.try_lock() && !spin_until([this] { return mutex_.try_lock(); })) mutex_.lock();
  }
  bool try_lock() HYBRID_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() HYBRID_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class HYBRID_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) HYBRID_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  MutexLock(Mutex& mutex, std::adopt_lock_t /*locked*/) HYBRID_REQUIRES(mutex) : mutex_(mutex) {}
  ~MutexLock() HYBRID_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

using Condition = std::condition_variable_any;

}  // namespace hybrid
