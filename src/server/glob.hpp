// Patterns of KEYS, SCAN and PSUBSCRIBE: * ? [abc] [^a-c] and \ before a character that stands for itself.
#pragma once

#include <string_view>

namespace hybrid::server {

// In time proportional to the product of both lengths at worst, whatever the pattern.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace hybrid::server
