// The commands that took long: SLOWLOG. Says of their arguments how long they are, and nothing else, since keys are secrets.
// Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"

namespace hybrid::server {

class SlowLog {
 public:
  using microseconds = std::chrono::microseconds;
  static constexpr std::size_t kEntriesMax = 100'000;

  struct Entry {
    std::int64_t id = 0;
    std::int64_t ended_at = 0;  // seconds since 1970
    microseconds duration{};
    std::vector<std::string> words{};  // the command, and what stands for its arguments
    std::string peer{};
    std::string name{};  // of the client
  };

  bool takes(std::chrono::nanoseconds duration) const {
    const std::int64_t from = slower_than_.load(std::memory_order_relaxed);
    return from >= 0 && std::chrono::duration_cast<microseconds>(duration).count() >= from;
  }
  // Whether commands are to be timed though they never take long: who asks for less than the default may mean all.
  bool wants_all() const {
    const std::int64_t from = slower_than_.load(std::memory_order_relaxed);
    return from >= 0 && from < kSlowerThan;
  }
  // Gives it an id and a time.
  void add(Entry entry);
  // What stands for a command's arguments there.
  static std::vector<std::string> describe(std::string_view command,
                                           std::span<const std::string_view> arguments);

  // The youngest first.
  std::vector<Entry> youngest(std::size_t count) const;
  std::size_t size() const;
  void clear();

  // Microseconds; negative: nothing is recorded.
  std::int64_t slower_than() const { return slower_than_.load(std::memory_order_relaxed); }
  void set_slower_than(std::int64_t us) { slower_than_.store(us, std::memory_order_relaxed); }
  std::size_t entries_max() const;
  void set_entries_max(std::size_t entries_max);

 private:
  static constexpr std::int64_t kSlowerThan = 10'000;  // microseconds

  std::atomic<std::int64_t> slower_than_{kSlowerThan};
  mutable Mutex mutex_;
  std::deque<Entry> entries_ HYBRID_GUARDED_BY(mutex_);  // the youngest in front
  std::size_t entries_max_ HYBRID_GUARDED_BY(mutex_) = 128;
  std::int64_t next_id_ HYBRID_GUARDED_BY(mutex_) = 0;
};

}  // namespace hybrid::server
