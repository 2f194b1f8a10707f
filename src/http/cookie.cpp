#include "hybrid/http/cookie.hpp"

#include <algorithm>
#include <array>

#include "http/cookie_values.hpp"

namespace hybrid::http {
namespace {

constexpr std::size_t kNameAndValueBytesMax = 4096;  // what browsers take
constexpr std::size_t kAttributeBytesMax = 1024;
constexpr std::size_t kDomainBytesMax = 253;
constexpr auto kMaxAgeMax = std::chrono::seconds{std::chrono::days{400}};

std::unexpected<Error> wrong(const char* what) {
  return std::unexpected(Error{Errc::invalid_argument, what});
}

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kAlsoTokens = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kAlsoTokens.find(c) != std::string_view::npos;
  });
}

// cookie-octet, of RFC 6265, section 4.1.1.
constexpr std::array<bool, 256> kIsOctet = [] {
  std::array<bool, 256> is_octet{};
  for (std::size_t c = 0x21; c < 0x7f; ++c)
    is_octet[c] = c != '"' && c != ',' && c != ';' && c != '\\';
  return is_octet;
}();

bool is_value(std::string_view text) {
  bool all = true;
  for (const char c : text) all &= kIsOctet[static_cast<unsigned char>(c)];
  return all;
}

bool is_path(std::string_view text) {
  return text.starts_with('/') && text.size() <= kAttributeBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != ';'; });
}

// Names of hosts, some of which have _ in them, with or without a dot in front, which browsers ignore; none at all is no domain.
bool is_domain(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > kDomainBytesMax) return false;
  if (text.starts_with('.')) text.remove_prefix(1);
  for (;;) {
    const std::size_t end = std::min(text.find('.'), text.size());
    const std::string_view label = text.substr(0, end);
    const bool is_label = !label.empty() && label.front() != '-' && label.back() != '-' &&
                          std::ranges::all_of(label, [](char c) {
                            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                   (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
                          });
    if (!is_label) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

// Browsers look at prefixes in any case.
bool begins_with(std::string_view name, std::string_view lower_case_prefix) {
  return name.size() >= lower_case_prefix.size() &&
         std::ranges::equal(name.substr(0, lower_case_prefix.size()), lower_case_prefix,
                            [](char a, char b) {
                              return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
                            });
}

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view same_site_text(SameSite same_site) {
  switch (same_site) {
    case SameSite::lax: return "Lax";
    case SameSite::strict: return "Strict";
    case SameSite::none: return "None";
  }
  return "Lax";
}

}  // namespace

Result<void> Cookie::check() const {
  if (!is_token(name)) return wrong("a cookie's name is letters, digits and !#$%&'*+-.^_`|~");
  if (!is_path(path)) {
    return wrong(
        "a cookie's path begins with /, and is at most 1024 characters of ASCII without spaces and "
        ";");
  }
  if (!is_domain(domain))
    return wrong("a cookie's domain is the name of a host: letters, digits, - and _ between dots");
  if (begins_with(name, "__host-") && (!secure || path != "/" || !domain.empty())) {
    return wrong(
        "browsers take a cookie named __Host- only if it is Secure, of the path / and of no "
        "domain");
  }
  if (begins_with(name, "__secure-") && !secure)
    return wrong("browsers take a cookie named __Secure- only if it is Secure");
  if ((begins_with(name, "__http-") || begins_with(name, "__host-http-")) &&
      (!secure || !http_only))
    return wrong("browsers take a cookie named __Http- only if it is Secure and HttpOnly");
  if (same_site == SameSite::none && !secure)
    return wrong("browsers take a cookie with SameSite=None only if it is Secure");
  if (partitioned && !secure)
    return wrong("browsers take a cookie that is Partitioned only if it is Secure");
  return {};
}

Result<std::string> Cookie::set(std::string_view value,
                                std::optional<std::chrono::seconds> max_age) const {
  if (auto checked = check(); !checked) return std::unexpected(checked.error());
  if (!is_value(value))
    return wrong("a cookie's value is printable ASCII without spaces, quotes, commas, ; and \\");
  if (name.size() + value.size() > kNameAndValueBytesMax)
    return wrong("browsers take a cookie only if its name and value are at most 4096 bytes");
  std::string text = name + '=' + std::string{value} + "; Path=" + path;
  if (!domain.empty()) text += "; Domain=" + domain;
  if (max_age) {
    const auto seconds = std::clamp(*max_age, std::chrono::seconds{0}, kMaxAgeMax);
    text += "; Max-Age=" + std::to_string(seconds.count());
  }
  if (secure) text += "; Secure";
  if (http_only) text += "; HttpOnly";
  text += "; SameSite=";
  text += same_site_text(same_site);
  if (partitioned) text += "; Partitioned";
  return text;
}

CookieValues::CookieValues(std::string_view header, std::string_view name)
    : left_(header), name_(name) {
  // Whole cookies only.
  if (header.size() <= kCookieHeaderBytesMax) return;
  const std::size_t end = header.rfind(';', kCookieHeaderBytesMax);
  left_ = header.substr(0, end != std::string_view::npos ? end : 0);
}

std::optional<std::string_view> CookieValues::next() {
  while (!left_.empty()) {
    const std::size_t end = std::min(left_.find(';'), left_.size());
    const std::string_view pair = left_.substr(0, end);
    left_.remove_prefix(std::min(end + 1, left_.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name_) continue;
    std::string_view value = trim(pair.substr(equals + 1));
    const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
    if (quoted) value = value.substr(1, value.size() - 2);
    if (is_value(value)) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> cookie_values(std::string_view header, std::string_view name) {
  std::vector<std::string_view> all;
  CookieValues values{header, name};
  while (const auto value = values.next()) all.push_back(*value);
  return all;
}

}  // namespace hybrid::http
