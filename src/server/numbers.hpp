// Numbers as Redis reads and writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hybrid::server {

// The whole text as a decimal integer in its one form: no sign but -, no leading zero, no spaces.
std::optional<std::int64_t> parse_integer(std::string_view text);
// The whole text as a real number; no spaces, not nan.
std::optional<long double> parse_real(std::string_view text);
// Bytes: a decimal number, and b, k (1000), kb (1024), m, mb, g or gb, in any case.
std::optional<std::uint64_t> parse_memory(std::string_view text);
// With up to 17 digits behind the point, never an exponent, and no zeros at the end.
std::string format_real(long double value);
// What an integer that was stored as such reads as.
std::string format_integer(std::int64_t value);

}  // namespace hybrid::server
