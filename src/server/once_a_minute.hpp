// Whether the log may have another line of what could fill it. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>

#include "base/thread.hpp"

namespace hybrid::server {

class OnceAMinute {
 public:
  bool take() {
    const auto now = SteadyClock::now();
    auto may_at = may_at_.load(std::memory_order_relaxed);
    return now >= may_at && may_at_.compare_exchange_strong(may_at, now + std::chrono::minutes{1});
  }

 private:
  std::atomic<SteadyClock::time_point> may_at_{SteadyClock::time_point::min()};
};

}  // namespace hybrid::server
