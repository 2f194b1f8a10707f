#include "base/small_mutex.hpp"

#include <mutex>
#include <thread>
#include <vector>

#include "base/spin.hpp"

namespace hybrid {
namespace {

// Numbers go back when their thread ends, so that 31 bits last for ever.
struct ThreadNumbers {
  std::mutex mutex;
  std::uint32_t next = 1;
  std::vector<std::uint32_t> free;
};

// Never destroyed: threads may end after static destructors have run.
ThreadNumbers& thread_numbers() {
  static auto* const numbers = new ThreadNumbers;
  return *numbers;
}

std::uint32_t take_number() {
  ThreadNumbers& numbers = thread_numbers();
  const std::lock_guard lock{numbers.mutex};
  if (numbers.free.empty()) return numbers.next++;
  const std::uint32_t number = numbers.free.back();
  numbers.free.pop_back();
  return number;
}

constinit thread_local std::uint32_t number = 0;  // 0: none

struct GivesBack {
  ~GivesBack() {
    ThreadNumbers& numbers = thread_numbers();
    const std::lock_guard lock{numbers.mutex};
    numbers.free.push_back(number);
    number = 0;  // who locks after this, at the thread's very end, gets one that is not given back
  }
};

}  // namespace

std::uint32_t this_thread_number() {
  if (number == 0) {
    number = take_number();
    thread_local GivesBack gives_back;
  }
  return number;
}

void SmallMutex::lock_slow(std::uint32_t mine) {
  // Others may sleep on the word still: once we did, we keep the mark, so that our unlock wakes them.
  std::uint32_t taken = mine;
  for (;;) {
    std::uint32_t seen = 0;
    const auto take = [&] {
      seen = word_.load(std::memory_order_relaxed);
      return seen == 0 && word_.compare_exchange_weak(seen, taken, std::memory_order_acquire,
                                                      std::memory_order_relaxed);
    };
    if (spin_until(take)) return;
    if (seen == 0) continue;
    HYBRID_ASSERT(seen >> 1 != mine >> 1);
    taken = mine | kContended;
    if ((seen & kContended) != 0 ||
        word_.compare_exchange_weak(seen, seen | kContended, std::memory_order_relaxed)) {
      word_.wait(seen | kContended, std::memory_order_relaxed);
    }
  }
}

bool SmallMutex::try_lock_for(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!try_lock()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds{200});
  }
  return true;
}

}  // namespace hybrid
