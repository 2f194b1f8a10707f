// Lets threads sleep until something happens that other threads announce, without a lock that all of them want when they wake.
//
//     const EventCount::Key key = happened.key();       // before the look at what is waited for
//     if (!is_there()) happened.wait(key);               // returns at once if it has been announced since
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace hybrid {

class EventCount {
 public:
  using Key = std::uint32_t;

  EventCount() = default;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  Key key() const { return count_.load(std::memory_order_acquire); }
  // May return without an announcement.
  void wait(Key key) {
    waiting_.fetch_add(1);
    ::syscall(SYS_futex, word(), FUTEX_WAIT_PRIVATE, key, nullptr, nullptr, 0);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  void announce_to_all() { announce(INT_MAX); }
  // Of those that sleep; those that are about to do not.
  void announce_to_one() { announce(1); }

 private:
  void announce(int threads) {
    count_.fetch_add(1);
    if (waiting_.load() > 0)
      ::syscall(SYS_futex, word(), FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
  }
  std::uint32_t* word() { return reinterpret_cast<std::uint32_t*>(&count_); }

  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace hybrid
