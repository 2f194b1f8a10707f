#pragma once
/// Cookies, by RFC 6265bis (draft-ietf-httpbis-rfc6265bis): the session's, and reading what browsers send.
///
///     hybrid::http::Cookie cookie{.name = "__Secure-shop", .domain = "example.com"};
///     std::string_view header = "a=1; b=2; a=3";
///     hybrid::http::cookie_values(header, "a");    // {"1", "3"}
///
/// Thread-safety: functions without state.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hybrid/error.hpp>

namespace hybrid::http {

/// What a browser does with a cookie when another site's page makes it send a request.
enum class SameSite : std::uint8_t {
  lax,     ///< sent when the user follows a link to us, else not
  strict,  ///< not sent either: who comes by a link is not logged in until the next click
  none,    ///< sent: for pages inside other sites' frames only; needs Secure
};

/// A cookie but for its value. The defaults are the safe ones; check() says what browsers would refuse.
struct Cookie {
  /// A token. With `__Host-` in front browsers take it only from this very host, by TLS, so that no other host of the domain, and
  /// nobody between, can plant one; with `__Secure-` only by TLS.
  std::string name = "__Host-session";
  std::string path = "/";
  /// Empty: this host alone. "example.com": that and all hosts below it. Not with `__Host-`.
  std::string domain{};
  SameSite same_site = SameSite::lax;
  /// Sent by TLS only. Browsers make an exception for http://localhost. Turn it off, with another name, for other servers without
  /// TLS; then whoever is between can take over sessions.
  bool secure = true;
  /// Not shown to scripts. Turn it off only if a script must read the id, which is then anybody's who can run one in the page.
  bool http_only = true;
  /// In another site's frame a cookie of its own for each such site. Needs Secure.
  bool partitioned = false;

  /// `invalid_argument`, and why, if a browser would not take it or it cannot be written.
  [[nodiscard]] Result<void> check() const;

  /// The value of a Set-Cookie header. `value`: as cookie_values() reads it, else `invalid_argument`. `max_age`: how long the browser
  /// shall keep it, at most 400 days, which is what browsers keep; none: until it is closed; 0: no longer.
  [[nodiscard]] Result<std::string> set(std::string_view value,
                                        std::optional<std::chrono::seconds> max_age) const;
};

/// What a Cookie header is read to; what is behind is ignored.
inline constexpr std::size_t kCookieHeaderBytesMax = std::size_t{64} << 10;

/// The values of the cookies of that name, in the order of the header, without the quotes around them; those that could not come
/// from us (a control character, a space, a quote, a comma, a backslash in them) are left out. They point into `header`.
std::vector<std::string_view> cookie_values(std::string_view header, std::string_view name);
std::vector<std::string_view> cookie_values(std::string&& header, std::string_view name) = delete;

}  // namespace hybrid::http
