// Wall time in milliseconds (rule S10).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>

#include <hybrid/session.hpp>

namespace hybrid {

// Milliseconds since 1970-01-01 UTC: what the log and the table keep.
using Millis = std::int64_t;

// Whether a clock may have shown it, from 1970 to 9999: what a file holds may be anything, and must not overflow what is
// computed with it.
inline bool is_time(Millis time) {
  constexpr Millis kEnd = 253'402'300'800'000;
  return time >= 0 && time < kEnd;
}

inline TimePoint to_time_point(Millis time) { return TimePoint{std::chrono::milliseconds{time}}; }

class Clock {
 public:
  // By how much now() may be behind.
  static constexpr Millis kLagMax = 10;

  virtual ~Clock() = default;
  virtual Millis now() const = 0;
  virtual Millis now_exactly() const { return now(); }
};

// now() is as of the kernel's last tick (4 ms by Debian's kernels), for a quarter of the time that reading the clock takes.
class SystemClock final : public Clock {
 public:
  Millis now() const override { return read(CLOCK_REALTIME_COARSE); }
  Millis now_exactly() const override { return read(CLOCK_REALTIME); }

 private:
  static Millis read(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return Millis{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
  }
};

// Never runs backwards, whatever the clock behind it does. Thread-safe.
class ClampedClock {
 public:
  explicit ClampedClock(const Clock& clock) : clock_(clock) {}

  Millis now() { return clamp(clock_.now()); }
  Millis now_exactly() { return clamp(clock_.now_exactly()); }
  // Later calls of now() return at least `time`.
  void advance_to(Millis time) {
    Millis latest = latest_.load(std::memory_order_relaxed);
    while (latest < time &&
           !latest_.compare_exchange_weak(latest, time, std::memory_order_relaxed)) {
    }
  }

 private:
  Millis clamp(Millis now) {
    Millis latest = latest_.load(std::memory_order_relaxed);
    // Written at most once a millisecond, so that readers on other cores keep their copy of the line.
    while (latest < now && !latest_.compare_exchange_weak(latest, now, std::memory_order_relaxed)) {
    }
    return latest < now ? now : latest;
  }

  const Clock& clock_;
  std::atomic<Millis> latest_{0};
};

}  // namespace hybrid
