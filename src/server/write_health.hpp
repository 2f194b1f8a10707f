// Whether changes can be written: for INFO, and for the log when it changes. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/thread.hpp"

namespace hybrid::server {

class WriteHealth {
 public:
  // `log` gets a line when changes begin to be refused, once a minute at most, and when they are written again.
  explicit WriteHealth(std::function<void(std::string)> log) : log_(std::move(log)) {}

  bool is_good() const { return good_.load(std::memory_order_relaxed); }
  // A change was made.
  void worked();
  // A command was refused with this text, for whatever reason.
  void refused(std::string_view text);

 private:
  const std::function<void(std::string)> log_;
  std::atomic<bool> good_{true};
  std::atomic<bool> told_{false};  // that they are refused
  std::atomic<SteadyClock::time_point> may_log_at_{SteadyClock::time_point::min()};
};

}  // namespace hybrid::server
