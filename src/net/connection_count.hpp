// How many connections a server has, in all of its loops. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/thread_annotations.hpp"

namespace hybrid::net {

class ConnectionCount {
 public:
  // One connection's; given back by the destructor.
  class Place {
   public:
    Place() = default;
    explicit Place(std::shared_ptr<ConnectionCount> count) : count_(std::move(count)) {}
    Place(Place&&) noexcept = default;
    Place& operator=(Place&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }
    ~Place() {
      if (count_) count_->leave();
    }
    explicit operator bool() const { return count_ != nullptr; }

   private:
    std::shared_ptr<ConnectionCount> count_;
  };

  std::size_t get() const { return count_.load(std::memory_order_relaxed); }

  // None if there are `most` already.
  static Place take(const std::shared_ptr<ConnectionCount>& count, std::size_t most) {
    if (count->count_.fetch_add(1, std::memory_order_relaxed) < most) return Place{count};
    count->leave();
    return {};
  }

  // Whether there was none before the time was up.
  bool wait_for_none(std::chrono::milliseconds patience) {
    const MutexLock lock{mutex_};
    return none_.wait_for(mutex_, patience, [this] { return get() == 0; });
  }

 private:
  void leave() {
    if (count_.fetch_sub(1, std::memory_order_relaxed) != 1) return;
    const MutexLock lock{mutex_};  // or who waits could miss it between its look and its sleep
    none_.notify_all();
  }

  std::atomic<std::size_t> count_{0};
  Mutex mutex_;
  Condition none_;
};

}  // namespace hybrid::net
