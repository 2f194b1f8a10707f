#pragma once
// The session cookie by hand, after RFC 6265bis: reading a Cookie header, writing a Set-Cookie one.
//
// What makes a session cookie safe:
//   HttpOnly       no script can read it
//   SameSite=Lax   it is not sent with another site's POST
//   Path=/         one cookie for the whole site, never two of the same name
//   Secure         sent over https only
//   __Host-        browsers take a cookie of this name only with Secure, Path=/ and no Domain, so that
//                  no subdomain can plant one
// The last two need https: over plain http a browser drops a Secure cookie (some make an exception for
// localhost, some do not), and nobody could log in. Hence the flag --secure, off for a first try.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace example {

class SessionCookie {
 public:
  explicit SessionCookie(bool secure);

  /// The cookie's value in a Cookie header, if it is there; the first one counts. Tolerates whatever
  /// else a browser, or somebody else, put there.
  std::optional<std::string> read(std::string_view cookie_header) const;

  /// A Set-Cookie header. Without `max_age` the cookie goes when the browser closes.
  std::string write(std::string_view value, std::optional<std::chrono::seconds> max_age = {}) const;

  /// A Set-Cookie header that makes the browser forget the cookie.
  std::string expire() const;

 private:
  std::string name_;
  bool secure_;
};

}  // namespace example
