#include "base/digest.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <stdexcept>

#include "base/assert.hpp"
#include "hybrid/provider.hpp"

namespace hybrid {
namespace {

// Fetching the algorithm and making a context cost more than the digest itself, so both are kept: the
// algorithm for the process, the context for the thread.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { HYBRID_ASSERT(context_ != nullptr); }

  Digest operator()(std::string_view text) {
    static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    Digest digest;
    auto* out = reinterpret_cast<unsigned char*>(digest.bytes.data());
    const bool done = EVP_DigestInit_ex2(context_.get(), algorithm, nullptr) == 1 &&
                      EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1 &&
                      EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1;
    HYBRID_ASSERT(done);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

Digest digest_of(std::string_view sid) {
  thread_local Sha256 sha256;
  return sha256(sid);
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

void fill_random(std::span<std::byte> bytes) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) !=
      1) {
    throw std::runtime_error("hybrid: the system has no randomness to make a session id from");
  }
}

std::string make_session_id() {
  constexpr std::string_view kBase64Url =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<std::byte, 24> random;
  fill_random(random);
  std::string sid;
  sid.reserve(32);
  for (std::size_t i = 0; i < random.size(); i += 3) {
    const unsigned bits = std::to_integer<unsigned>(random[i]) << 16 |
                          std::to_integer<unsigned>(random[i + 1]) << 8 |
                          std::to_integer<unsigned>(random[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) sid.push_back(kBase64Url[(bits >> shift) & 63]);
  }
  return sid;
}

}  // namespace hybrid
