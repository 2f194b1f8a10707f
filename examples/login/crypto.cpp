#include "crypto.hpp"

#include <array>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace example {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::uint64_t kScryptMemoryMax = std::uint64_t{64} << 20;

unsigned char* bytes_of(std::vector<std::byte>& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

std::vector<std::byte> scrypt(const PasswordHash& how, std::string_view password) {
  std::vector<std::byte> salt = how.salt;
  std::vector<std::byte> hash(kHashBytes);
  if (EVP_PBE_scrypt(password.data(), password.size(), bytes_of(salt), salt.size(), how.n, how.r,
                     how.p, kScryptMemoryMax, bytes_of(hash), hash.size()) != 1) {
    throw std::runtime_error("scrypt failed");
  }
  return hash;
}

}  // namespace

PasswordHash hash_password(std::string_view password) {
  PasswordHash made;
  made.salt.resize(kSaltBytes);
  if (RAND_bytes(bytes_of(made.salt), kSaltBytes) != 1) throw std::runtime_error("no randomness");
  made.hash = scrypt(made, password);
  return made;
}

bool password_matches(const PasswordHash& stored, std::string_view password) {
  const std::vector<std::byte> hash = scrypt(stored, password);
  return hash.size() == stored.hash.size() &&
         CRYPTO_memcmp(hash.data(), stored.hash.data(), hash.size()) == 0;
}

std::string short_digest(std::string_view id) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(id.data(), id.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 failed");
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

}  // namespace example
