// A client of ours: many connections, each with so many requests under way, by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

inline constexpr std::size_t kFields = 8;
inline constexpr std::size_t kValueBytes = 100;

enum class Request : std::uint8_t { hget, hset };

struct LoadOptions {
  std::string socket;
  std::size_t sessions = 0;
  std::size_t connections = 1;
  std::size_t pipeline = 1;
  Request request = Request::hget;
  double seconds = 1;
};

struct Load {
  double per_second = 0;
  double p50_us = 0;  // from the first request of a pipeline to its last reply
  double p99_us = 0;
};

Load run_load(const LoadOptions& options);
// All sessions, with all their fields.
void fill(const std::string& socket, std::size_t sessions);
// Until the server answers with the value of the last session.
void wait_until_loaded(const std::string& socket, std::size_t sessions);

}  // namespace bench
