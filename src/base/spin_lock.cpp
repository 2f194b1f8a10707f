#include "base/spin_lock.hpp"

#include <chrono>
#include <thread>

namespace hybrid {

void SpinLock::lock_slow() {
  constexpr int kSpins = 200;
  constexpr auto kPause = std::chrono::microseconds{20};
  for (int spins = 0;; ++spins) {
    if (word_.load(std::memory_order_relaxed) == 0 &&
        word_.exchange(1, std::memory_order_acquire) == 0)
      return;
    if (spins > kSpins) std::this_thread::sleep_for(kPause);
  }
}

}  // namespace hybrid
