// In the simulator, in the place of src/base's.
#pragma once

#include <cstdint>

#include "testing/simulator/scheduler.hpp"

namespace hybrid {

class EventCount {
 public:
  using Key = std::uint32_t;

  EventCount() = default;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  Key key() const { return count_; }
  void wait(Key key) {
    testing::simulator::scheduling_point();
    if (count_ == key) testing::simulator::Scheduler::current()->wait(this);
  }
  void announce_to_all() {
    ++count_;
    if (auto* const scheduler = testing::simulator::Scheduler::current()) scheduler->wake(this);
  }
  void announce_to_one() {
    ++count_;
    if (auto* const scheduler = testing::simulator::Scheduler::current()) scheduler->wake_one(this);
  }

 private:
  Key count_ = 0;
};

}  // namespace hybrid
