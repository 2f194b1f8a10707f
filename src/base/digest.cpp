#include "base/digest.hpp"

#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <charconv>
#include <stdexcept>

#include "base/assert.hpp"
#include "base/base64.hpp"
#include "hybrid/provider.hpp"

namespace hybrid {

// By the calls that OpenSSL 3 has deprecated in favour of EVP, which costs as much again as the digest of an id does.
Digest digest_of(std::string_view sid) {
  SHA256_CTX context;
  Digest digest;
  const bool done =
      SHA256_Init(&context) == 1 && SHA256_Update(&context, sid.data(), sid.size()) == 1 &&
      SHA256_Final(reinterpret_cast<unsigned char*>(digest.bytes.data()), &context) == 1;
  HYBRID_ASSERT(done);
  return digest;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

std::optional<Digest> parse_digest(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const char* const at = hex.data() + 2 * i;
    std::uint8_t value = 0;
    const auto [end, error] = std::from_chars(at, at + 2, value, 16);
    if (error != std::errc{} || end != at + 2) return std::nullopt;
    digest.bytes[i] = std::byte{value};
  }
  return digest;
}

std::string sha1_hex(std::string_view text) {
  std::array<std::byte, SHA_DIGEST_LENGTH> digest;
  SHA_CTX context;
  const bool done = SHA1_Init(&context) == 1 &&
                    SHA1_Update(&context, text.data(), text.size()) == 1 &&
                    SHA1_Final(reinterpret_cast<unsigned char*>(digest.data()), &context) == 1;
  HYBRID_ASSERT(done);
  return to_hex(digest);
}

Digest hmac_sha256(std::string_view key, std::string_view text) {
  Digest code;
  unsigned size = 0;
  const auto* const done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                reinterpret_cast<unsigned char*>(code.bytes.data()), &size);
  HYBRID_ASSERT(done != nullptr && size == code.bytes.size());
  return code;
}

bool equal_in_constant_time(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.bytes.data(), b.bytes.data(), sizeof a.bytes) == 0;
}

void fill_random(std::span<std::byte> bytes) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) !=
      1) {
    throw std::runtime_error("hybrid: the system has no randomness to make a session id from");
  }
}

std::string make_session_id() {
  std::array<std::byte, 24> random;
  fill_random(random);
  return to_base64url(random);
}

}  // namespace hybrid
