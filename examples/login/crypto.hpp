#pragma once
// The little cryptography that the example needs, by OpenSSL.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hybrid/encoding.hpp>

namespace example {

/// A password as it is stored: what scrypt (RFC 7914) made of it, and how. The cost is kept with each
/// one, so that new passwords can be given a higher cost while the old ones still work.
struct PasswordHash {
  std::vector<std::byte> salt;
  std::vector<std::byte> hash;
  std::uint64_t n = std::uint64_t{1} << 15;  // with r = 8: 32 MiB of memory
  std::uint32_t r = 8;
  std::uint32_t p = 3;
};

PasswordHash hash_password(std::string_view password);
bool password_matches(const PasswordHash& stored, std::string_view password);

/// The first 8 hexadecimal digits of SHA-256: enough to recognise an id by, and no way back to it. The
/// same digits name the session in hybrid's own files and tools, which never hold an id either.
std::string short_digest(std::string_view id);

}  // namespace example

// This is all it takes to keep a struct in a session.
template <>
inline constexpr auto hybrid::fields<example::PasswordHash> = hybrid::field_list(
    hybrid::field("salt", &example::PasswordHash::salt),
    hybrid::field("hash", &example::PasswordHash::hash),
    hybrid::field("n", &example::PasswordHash::n), hybrid::field("r", &example::PasswordHash::r),
    hybrid::field("p", &example::PasswordHash::p));
