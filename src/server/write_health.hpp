// Whether changes can be written: for INFO, and for the log. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "base/thread.hpp"
#include "server/once_a_minute.hpp"

namespace hybrid::server {

class WriteHealth {
 public:
  // `log` gets a line when changes are refused, once a minute at most.
  explicit WriteHealth(std::function<void(std::string)> log) : log_(std::move(log)) {}

  // Bad for a minute after a change was refused: on a full disk some are written in between.
  bool is_good() const { return SteadyClock::now() >= bad_until_.load(std::memory_order_relaxed); }
  // With this error.
  void refused(const std::string& text) {
    bad_until_.store(SteadyClock::now() + std::chrono::minutes{1}, std::memory_order_relaxed);
    if (log_ && may_log_.take()) log_("a change was refused: " + text);
  }

 private:
  const std::function<void(std::string)> log_;
  std::atomic<SteadyClock::time_point> bad_until_{SteadyClock::time_point::min()};
  OnceAMinute may_log_;
};

}  // namespace hybrid::server
