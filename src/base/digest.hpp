// SHA-256 digests of session ids, codes that prove who wrote a text, SHA-1 where a protocol asks for it, and randomness. By OpenSSL.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hybrid {

// What stands for a session id on disk and in the index. A stolen log holds no id that works as a cookie,
// and nobody can choose ids that collide in the index.
struct Digest {
  std::array<std::byte, 32> bytes{};

  // By g++ 12 the default one goes byte by byte.
  friend bool operator==(const Digest& a, const Digest& b) {
    return std::memcmp(a.bytes.data(), b.bytes.data(), sizeof a.bytes) == 0;
  }
  friend auto operator<=>(const Digest&, const Digest&) = default;
  // Uniform, since the digest is.
  std::uint64_t hash() const {
    std::uint64_t hash;
    std::memcpy(&hash, bytes.data(), sizeof hash);
    return hash;
  }
};

Digest digest_of(std::string_view sid);

std::string to_hex(std::span<const std::byte> bytes);
// Of exactly 64 hexadecimal digits.
std::optional<Digest> parse_digest(std::string_view hex);
// The SHA-1 in 40 hexadecimal digits: what Redis calls scripts by. No protection against whoever chooses the text.
std::string sha1_hex(std::string_view text);
// HMAC-SHA-256, RFC 2104.
Digest hmac_sha256(std::string_view key, std::string_view text);
// For secrets: takes as long wherever they differ.
bool equal_in_constant_time(const Digest& a, const Digest& b);

// From the system's CSPRNG; throws std::runtime_error if there is none.
void fill_random(std::span<std::byte> bytes);

}  // namespace hybrid

template <>
struct std::hash<hybrid::Digest> {
  std::size_t operator()(const hybrid::Digest& digest) const { return digest.hash(); }
};
