// What SCAN, HSCAN and SSCAN have in common, and other commands that take patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/call.hpp"

namespace hybrid::server {

struct ScanOptions {
  std::size_t count = 10;
  std::string_view pattern = "*";
  std::optional<std::string_view> type{};  // none: all

  bool matches(std::string_view name) const;
};

// Refuses a pattern that would take long to match.
void check_pattern(std::string_view pattern);

std::uint64_t parse_cursor(std::string_view text);
// From the argument `first` on. TYPE is known to SCAN only.
ScanOptions parse_scan_options(const Call& call, std::size_t first);

// Refuses a reply of more elements than anybody wants.
void check_reply_size(std::uint64_t elements);

}  // namespace hybrid::server
