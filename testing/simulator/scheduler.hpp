// Runs threads one at a time and decides by chance, from a seed, who goes on: at each lock, wait and file system call.
//
// They are threads of the system that hand each other a baton, so thread_local variables stay right. Time is virtual: it passes
// when nobody can run, and a little by chance. The store comes to know of it through testing/simulator/threads/base, which
// replaces the headers of its locks; without a Scheduler those do nothing, for runs of one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include "testing/simulator/random.hpp"

namespace hybrid::testing::simulator {

class Scheduler {
 public:
  using Time = std::chrono::nanoseconds;  // since it was made

  // The calling thread is the first that is scheduled. One at a time in a process.
  explicit Scheduler(std::uint64_t seed);
  // All threads that were started have been joined.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  static Scheduler* current();

  // From 1. The thread runs when it is its turn.
  std::size_t start(std::function<void()> body);
  void join(std::size_t thread);
  std::size_t this_thread() const { return running_; }

  // Somebody else may go on here.
  void point();
  // Waits until wake(on) or `deadline`; false if that came first.
  bool wait(const void* on, std::optional<Time> deadline = std::nullopt);
  void wake(const void* on);
  void wake_one(const void* on);  // by chance
  Time now() const { return now_; }

 private:
  struct Task {
    std::binary_semaphore baton{0};
    std::thread thread{};
    bool done = false;
    const void* waits_on = nullptr;
    std::optional<Time> deadline{};
    bool timed_out = false;
  };

  void hand_over();  // returns when it is the caller's turn again
  std::size_t choose();
  void pass_time(Time by);

  Random random_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::size_t running_ = 0;
  Time now_{0};
};

// Where there is no scheduler, nothing.
inline void scheduling_point() {
  if (auto* const scheduler = Scheduler::current()) scheduler->point();
}

}  // namespace hybrid::testing::simulator
