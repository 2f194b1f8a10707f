#include "testing/simulator/scheduler.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace hybrid::testing::simulator {
namespace {

using namespace std::chrono_literals;

Scheduler* scheduler = nullptr;

}  // namespace

Scheduler* Scheduler::current() { return scheduler; }

Scheduler::Scheduler(std::uint64_t seed) : random_(seed) {
  HYBRID_ASSERT(scheduler == nullptr);
  tasks_.push_back(std::make_unique<Task>());
  scheduler = this;
}

Scheduler::~Scheduler() {
  HYBRID_ASSERT(std::ranges::all_of(
      tasks_, [&](const auto& task) { return task->done || task == tasks_.front(); }));
  scheduler = nullptr;
}

std::size_t Scheduler::start(std::function<void()> body) {
  const std::size_t number = tasks_.size();
  tasks_.push_back(std::make_unique<Task>());
  Task& task = *tasks_.back();
  task.thread = std::thread{[this, &task, body = std::move(body)] {
    task.baton.acquire();
    body();
    task.done = true;
    wake(&task);
    running_ = choose();
    tasks_[running_]->baton.release();
  }};
  point();
  return number;
}

void Scheduler::join(std::size_t thread) {
  Task& task = *tasks_[thread];
  while (!task.done) wait(&task);
  task.thread.join();
}

void Scheduler::point() {
  if (random_.one_in(40)) pass_time(std::chrono::microseconds{random_.below(20'000)});
  if (random_.one_in(6)) hand_over();
}

bool Scheduler::wait(const void* on, std::optional<Time> deadline) {
  Task& task = *tasks_[running_];
  task.waits_on = on;
  task.deadline = deadline;
  task.timed_out = false;
  hand_over();
  return !task.timed_out;
}

void Scheduler::wake(const void* on) {
  for (const auto& task : tasks_) {
    if (task->waits_on != on) continue;
    task->waits_on = nullptr;
    task->deadline.reset();
  }
}

void Scheduler::wake_one(const void* on) {
  std::vector<Task*> waiting;
  for (const auto& task : tasks_) {
    if (task->waits_on == on) waiting.push_back(task.get());
  }
  if (waiting.empty()) return;
  Task& task = *waiting[random_.below(waiting.size())];
  task.waits_on = nullptr;
  task.deadline.reset();
}

void Scheduler::pass_time(Time by) {
  now_ += by;
  for (const auto& task : tasks_) {
    if (!task->deadline || *task->deadline > now_) continue;
    task->waits_on = nullptr;
    task->deadline.reset();
    task->timed_out = true;
  }
}

std::size_t Scheduler::choose() {
  for (;;) {
    std::size_t count = 0;
    std::size_t chosen = 0;
    std::optional<Time> next;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = *tasks_[i];
      if (task.done) continue;
      if (task.waits_on == nullptr) {
        if (random_.one_in(++count)) chosen = i;
      } else if (task.deadline) {
        next = next ? std::min(*next, *task.deadline) : task.deadline;
      }
    }
    if (count > 0) return chosen;
    const bool all_wait_for_each_other = !next;
    HYBRID_ASSERT(!all_wait_for_each_other);
    pass_time(std::max(*next - now_, Time{0}));
  }
}

void Scheduler::hand_over() {
  const std::size_t mine = running_;
  const std::size_t next = choose();
  if (next == mine) return;
  running_ = next;
  Task& waiting = *tasks_[mine];  // from the release on, tasks_ is the other's
  tasks_[next]->baton.release();
  waiting.baton.acquire();
}

}  // namespace hybrid::testing::simulator
