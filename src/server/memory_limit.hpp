// How much memory the sessions may take, and whether they take more: then commands that may need more are refused. Sessions are not
// evicted to make room, since whoever is logged in would be logged out; they end when they expire. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "hybrid/provider.hpp"
#include "server/once_a_minute.hpp"

namespace hybrid::server {

class MemoryLimit {
 public:
  // The text of the error, as Redis has it.
  static constexpr const char* kExceeded =
      "OOM command not allowed when used memory > 'maxmemory'.";

  // `bytes_max` 0: no limit. `log` gets one line when the limit is exceeded, once a minute at most.
  MemoryLimit(Provider& provider, std::uint64_t bytes_max, std::function<void(std::string)> log)
      : provider_(provider), bytes_max_(bytes_max), log_(std::move(log)) {}

  std::uint64_t bytes_max() const { return bytes_max_.load(std::memory_order_relaxed); }
  void set_bytes_max(std::uint64_t bytes) { bytes_max_.store(bytes, std::memory_order_relaxed); }
  // What the sessions take; 0 if the store cannot say.
  std::uint64_t bytes() const { return provider_.memory_bytes().value_or(0); }
  bool is_exceeded();

 private:
  void complain(std::uint64_t taken);

  Provider& provider_;
  std::atomic<std::uint64_t> bytes_max_;
  const std::function<void(std::string)> log_;
  OnceAMinute may_log_;
};

}  // namespace hybrid::server
