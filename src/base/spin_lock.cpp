#include "base/spin_lock.hpp"

#include <chrono>
#include <thread>

#include "base/spin.hpp"

namespace hybrid {

void SpinLock::lock_slow() {
  constexpr auto kSleep = std::chrono::microseconds{20};
  for (;;) {
    const bool free = spin_until([&] { return word_.load(std::memory_order_relaxed) == 0; });
    if (free && word_.exchange(1, std::memory_order_acquire) == 0) return;
    if (!free) std::this_thread::sleep_for(kSleep);
  }
}

}  // namespace hybrid
