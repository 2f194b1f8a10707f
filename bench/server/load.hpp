// A client of ours: many connections, each with so many requests under way, by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

inline constexpr std::size_t kFields = 8;
inline constexpr std::size_t kValueBytes = 100;

// Of a field of a session; in memcached each field is an item.
enum class Request : std::uint8_t { get, set };
enum class Protocol : std::uint8_t { redis, memcached };

struct LoadOptions {
  std::string socket;
  Protocol protocol = Protocol::redis;
  std::size_t sessions = 0;
  std::size_t connections = 1;
  std::size_t pipeline = 1;
  Request request = Request::get;
  double seconds = 1;
};

struct Load {
  double per_second = 0;
  double p50_us = 0;  // from the first request of a pipeline to its last reply
  double p99_us = 0;
  double max_us = 0;
};

Load run_load(const LoadOptions& options);
// All sessions, with all their fields.
void fill(const std::string& socket, Protocol protocol, std::size_t sessions);
// Until the server answers with the value of the last session. Of Redis's protocol.
void wait_until_loaded(const std::string& socket, std::size_t sessions);
// The first bytes of the reply to one request of Redis's protocol.
std::string ask(const std::string& socket, const std::string& request);

}  // namespace bench
