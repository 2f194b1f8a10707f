// In the simulator, in the place of src/base's: threads that take turns, and their virtual time.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "testing/simulator/scheduler.hpp"

namespace hybrid {

class Thread {
 public:
  Thread() = default;
  explicit Thread(std::function<void()> body)
      : number_(testing::simulator::Scheduler::current()->start(std::move(body))) {}
  Thread(Thread&& other) noexcept : number_(std::exchange(other.number_, 0)) {}
  Thread& operator=(Thread&& other) noexcept {
    number_ = std::exchange(other.number_, 0);
    return *this;
  }
  bool joinable() const { return number_ != 0; }
  void join() { testing::simulator::Scheduler::current()->join(std::exchange(number_, 0)); }

 private:
  std::size_t number_ = 0;
};

struct SteadyClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<SteadyClock>;
  static constexpr bool is_steady = true;
  static time_point now() {
    auto* const scheduler = testing::simulator::Scheduler::current();
    return time_point{scheduler != nullptr ? scheduler->now() : duration{0}};
  }
};

}  // namespace hybrid
