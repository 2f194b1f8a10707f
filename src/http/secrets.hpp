// What a session's id becomes outside: the cookie's value, and the tokens of forms.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hybrid::http {

inline constexpr std::size_t kSidBytes = 32;

// The form of ids that make_session_id() makes: nothing else is looked up.
bool is_session_id(std::string_view text);

// Such an id, or none, without memory of its own.
class Sid {
 public:
  Sid() = default;
  explicit Sid(std::string_view id);
  std::string_view view() const { return {chars_.data(), size_}; }

 private:
  std::array<char, kSidBytes> chars_{};
  std::size_t size_ = 0;
};

// The id, and if there are keys a dot and its code: HMAC-SHA-256 by the first of them of NAME=ID, so that it is good for no other
// cookie.
std::string cookie_value(std::string_view sid, std::string_view cookie_name,
                         std::span<const std::string> keys);

struct CookieId {
  enum class Is : unsigned char { good, malformed, forged };
  Is is = Is::malformed;
  std::string_view sid{};   // in the value
  bool by_old_key = false;  // not the first
};
CookieId parse_cookie_value(std::string_view value, std::string_view cookie_name,
                            std::span<const std::string> keys);

// HMAC-SHA-256 by the id, which nobody but the browser and we know, under a pad that is different each time: a page that is
// compressed does not give it away (BREACH).
std::string make_csrf_token(std::string_view sid);
bool is_csrf_token(std::string_view token, std::string_view sid);

}  // namespace hybrid::http
