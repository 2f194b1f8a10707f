#include "base/base64.hpp"

#include <array>
#include <cstdint>

namespace hybrid {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

}  // namespace

std::string to_base64url(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 5) / 6);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::byte byte : bytes) {
    bits = bits << 8 | std::to_integer<std::uint32_t>(byte);
    for (count += 8; count >= 6; count -= 6) text.push_back(kDigits[bits >> (count - 6) & 63]);
  }
  if (count > 0) text.push_back(kDigits[bits << (6 - count) & 63]);
  return text;
}

bool has_base64url_digits_only(std::string_view text) {
  std::uint8_t all = 0;
  for (const char c : text) all |= kValues[static_cast<unsigned char>(c)];
  return (all & kNoDigit) == 0;
}

std::optional<std::vector<std::byte>> parse_base64url(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() * 6 / 8);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kNoDigit) return std::nullopt;
    bits = bits << 6 | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> count & 255));
  }
  const bool has_rest = (bits & ((1U << count) - 1)) != 0;
  if (count >= 6 || has_rest) return std::nullopt;
  return bytes;
}

}  // namespace hybrid
