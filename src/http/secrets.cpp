#include "http/secrets.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/base64.hpp"
#include "base/digest.hpp"

namespace hybrid::http {
namespace {

constexpr std::string_view kFormLabel = "hybrid form";

Digest code_of(std::string_view sid, std::string_view cookie_name, std::string_view key) {
  std::string text{cookie_name};
  text += '=';
  text += sid;
  return hmac_sha256(key, text);
}

}  // namespace

bool is_session_id(std::string_view text) {
  return text.size() == kSidBytes && has_base64url_digits_only(text);
}

Sid::Sid(std::string_view id) : size_(id.size()) {
  HYBRID_ASSERT(size_ <= chars_.size());
  std::memcpy(chars_.data(), id.data(), size_);
}

std::string cookie_value(std::string_view sid, std::string_view cookie_name,
                         std::span<const std::string> keys) {
  std::string value{sid};
  if (keys.empty()) return value;
  value += '.';
  value += to_base64url(code_of(sid, cookie_name, keys.front()).bytes);
  return value;
}

CookieId parse_cookie_value(std::string_view value, std::string_view cookie_name,
                            std::span<const std::string> keys) {
  const std::string_view sid = value.substr(0, kSidBytes);
  const std::string_view rest = value.substr(sid.size());
  if (!is_session_id(sid)) return {};
  if (keys.empty())
    return {.is = rest.empty() ? CookieId::Is::good : CookieId::Is::malformed, .sid = sid};
  if (rest.empty()) return {.is = CookieId::Is::forged};
  const auto bytes = rest.starts_with('.') ? parse_base64url(rest.substr(1)) : std::nullopt;
  Digest given;
  if (!bytes || bytes->size() != given.bytes.size()) return {};
  std::ranges::copy(*bytes, given.bytes.begin());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (equal_in_constant_time(given, code_of(sid, cookie_name, keys[i])))
      return {.is = CookieId::Is::good, .sid = sid, .by_old_key = i > 0};
  }
  return {.is = CookieId::Is::forged};
}

std::string make_csrf_token(std::string_view sid) {
  const Digest code = hmac_sha256(sid, kFormLabel);
  std::array<std::byte, 2 * sizeof code.bytes> token;
  const auto pad = std::span{token}.first(code.bytes.size());
  fill_random(pad);
  for (std::size_t i = 0; i < code.bytes.size(); ++i)
    token[code.bytes.size() + i] = pad[i] ^ code.bytes[i];
  return to_base64url(token);
}

bool is_csrf_token(std::string_view token, std::string_view sid) {
  constexpr std::size_t kTextBytes = (2 * sizeof(Digest::bytes) * 8 + 5) / 6;
  Digest given;
  const std::size_t half = given.bytes.size();
  const auto bytes = token.size() == kTextBytes ? parse_base64url(token) : std::nullopt;
  if (!bytes || bytes->size() != 2 * half) return false;
  for (std::size_t i = 0; i < half; ++i) given.bytes[i] = (*bytes)[i] ^ (*bytes)[half + i];
  return equal_in_constant_time(given, hmac_sha256(sid, kFormLabel));
}

}  // namespace hybrid::http
