// What SCAN, HSCAN and SSCAN have in common, and other commands that take patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/call.hpp"

namespace hybrid::server {

struct ScanOptions {
  std::uint64_t cursor = 0;
  std::size_t count = 10;
  std::string_view pattern;  // none: all
  std::string_view type;     // none: all

  bool matches(std::string_view name) const;
};

// Refuses a pattern that would take long to match.
void check_pattern(std::string_view pattern);

// The cursor is at `cursor`, options begin at `options`. TYPE is known to SCAN only.
ScanOptions parse_scan(const Call& call, std::size_t cursor, std::size_t options);

// Refuses a reply of more elements than anybody wants.
void check_reply_size(std::uint64_t elements);

}  // namespace hybrid::server
