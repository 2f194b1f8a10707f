#include "server/scanning.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "server/glob.hpp"
#include "server/random.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {

std::mt19937_64& this_threads_random() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return random;
}

bool ScanOptions::matches(std::string_view name) const {
  return pattern == "*" || glob_matches(pattern, name);
}

void check_pattern(std::string_view pattern) {
  constexpr std::size_t kBytesMax = 4096;
  if (pattern.size() > kBytesMax) refuse("ERR the pattern is longer than 4 KiB");
}

// As Redis reads it, to which nothing is 0, and -1 the last place.
std::uint64_t parse_cursor(std::string_view text) {
  const std::string terminated{text};
  char* end = nullptr;
  errno = 0;
  const std::uint64_t cursor = std::strtoull(terminated.c_str(), &end, 10);
  const bool has_space = std::isspace(static_cast<unsigned char>(terminated[0])) != 0;
  if (has_space || *end != '\0' || errno == ERANGE) refuse("ERR invalid cursor");
  return cursor;
}

ScanOptions parse_scan_options(const Call& call, std::size_t first) {
  constexpr std::size_t kCountMax = 1'000'000;
  ScanOptions parsed;
  for (std::size_t i = first; i < call.size(); i += 2) {
    if (i + 1 == call.size()) refuse_syntax();
    const std::string_view value = call[i + 1];
    if (is(call[i], "count")) {
      const std::int64_t count = integer_of(value);
      if (count < 1) refuse_syntax();
      parsed.count = std::min(static_cast<std::size_t>(count), kCountMax);
    } else if (is(call[i], "match")) {
      check_pattern(value);
      parsed.pattern = value;
    } else if (is(call[i], "type") && call.command.name == "scan") {
      parsed.type = value;
    } else {
      refuse_syntax();
    }
  }
  return parsed;
}

void check_reply_size(std::uint64_t elements) {
  if (elements > kElementsMax) refuse("ERR value is out of range");
}

}  // namespace hybrid::server
