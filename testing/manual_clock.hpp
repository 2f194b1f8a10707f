// A clock that stands still until a test moves it. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>

#include "base/clock.hpp"

namespace hybrid::testing {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Millis now = 1'700'000'000'000) : now_(now) {}

  Millis now() const override { return now_.load(); }
  void advance(std::chrono::milliseconds by) { now_ += by.count(); }
  void set(Millis now) { now_ = now; }

 private:
  std::atomic<Millis> now_;
};

}  // namespace hybrid::testing
