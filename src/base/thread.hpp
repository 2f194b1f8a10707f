// Threads, and the clock that waits go by. Two names, so that the simulator can put its own in their place.
#pragma once

#include <chrono>
#include <thread>

namespace hybrid {

using Thread = std::thread;
using SteadyClock = std::chrono::steady_clock;

}  // namespace hybrid
