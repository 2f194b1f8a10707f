// The options of SCAN, HSCAN and SSCAN.
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

// The cursor is at `cursor`, options begin at `options`. TYPE is known to SCAN only.
ScanOptions parse_scan(const Call& call, std::size_t cursor, std::size_t options);

// Refuses a reply of more elements than anybody wants.
void check_reply_size(std::uint64_t elements);

}  // namespace hybrid::server
