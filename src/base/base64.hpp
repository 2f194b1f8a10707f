// Base64url without padding, RFC 4648 section 5: for what goes into cookies and forms.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hybrid {

std::string to_base64url(std::span<const std::byte> bytes);

// Only what to_base64url() writes: bits that belong to no byte are 0, or there would be several texts for the same bytes.
bool has_base64url_digits_only(std::string_view text);
std::optional<std::vector<std::byte>> parse_base64url(std::string_view text);

}  // namespace hybrid
