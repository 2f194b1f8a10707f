#include "cookie.hpp"

namespace example {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.starts_with('"') && text.ends_with('"');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

SessionCookie::SessionCookie(bool secure) : name_(secure ? "__Host-sid" : "sid"), secure_(secure) {}

std::optional<std::string> SessionCookie::read(std::string_view cookie_header) const {
  while (!cookie_header.empty()) {
    const std::size_t end = cookie_header.find(';');
    const std::string_view pair = cookie_header.substr(0, end);
    cookie_header.remove_prefix(end == std::string_view::npos ? cookie_header.size() : end + 1);

    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)) != name_) continue;
    return std::string{unquoted(trimmed(pair.substr(equals + 1)))};
  }
  return std::nullopt;
}

std::string SessionCookie::write(std::string_view value,
                                 std::optional<std::chrono::seconds> max_age) const {
  std::string header = name_ + "=" + std::string{value} + "; Path=/; HttpOnly; SameSite=Lax";
  if (secure_) header += "; Secure";
  if (max_age) header += "; Max-Age=" + std::to_string(max_age->count());
  return header;
}

std::string SessionCookie::expire() const { return write("", std::chrono::seconds{0}); }

}  // namespace example
