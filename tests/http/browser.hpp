// A browser's store of cookies, as RFC 6265bis (section 5) has it: for one host, reached by TLS or not.
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace hybrid::testing {

struct StoredCookie {
  std::string value;
  std::string path;
  std::string domain;  // empty: this host alone
  std::string same_site;
  std::optional<long> max_age;
  bool secure = false;
  bool http_only = false;
  bool partitioned = false;
};

class Browser {
 public:
  explicit Browser(std::string host = "shop.example.com", bool tls = true)
      : host_(std::move(host)), tls_(tls) {}

  // Section 5.6 and 5.7. False if it ignores the cookie.
  bool receive(std::string_view header) {
    for (const char c : header) {
      if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    std::string_view rest = header;
    const std::string_view pair = next(rest, ';');
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string name{trim(pair.substr(0, equals))};
    StoredCookie cookie{.value = std::string{trim(pair.substr(equals + 1))}, .path = "/"};
    if (name.empty() || name.size() + cookie.value.size() > 4096) return false;
    while (!rest.empty()) {
      const std::string_view attribute = next(rest, ';');
      const std::size_t sign = std::min(attribute.find('='), attribute.size());
      const std::string key = lower(trim(attribute.substr(0, sign)));
      const std::string value{trim(attribute.substr(std::min(sign + 1, attribute.size())))};
      if (value.size() > 1024) continue;
      if (key == "path") cookie.path = value.starts_with('/') ? value : "/";
      if (key == "domain") cookie.domain = lower(value.starts_with('.') ? value.substr(1) : value);
      if (key == "secure") cookie.secure = true;
      if (key == "httponly") cookie.http_only = true;
      if (key == "partitioned") cookie.partitioned = true;
      if (key == "samesite") cookie.same_site = value;
      if (key == "max-age") {
        long seconds = 0;
        if (std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc{})
          cookie.max_age = seconds;
      }
    }
    if (!cookie.domain.empty() && host_ != cookie.domain && !host_.ends_with('.' + cookie.domain))
      return false;
    if (cookie.secure && !tls_) return false;
    if (cookie.same_site == "None" && !cookie.secure) return false;
    if (cookie.partitioned && !cookie.secure) return false;
    if (lower(name).starts_with("__secure-") && !cookie.secure) return false;
    if (lower(name).starts_with("__host-") &&
        (!cookie.secure || cookie.path != "/" || !cookie.domain.empty()))
      return false;
    if (cookie.max_age && *cookie.max_age <= 0)
      cookies_.erase(name);
    else
      cookies_.insert_or_assign(name, cookie);
    return true;
  }

  // The Cookie header of a request to /.
  std::string header() const {
    std::string text;
    for (const auto& [name, cookie] : cookies_)
      text += (text.empty() ? "" : "; ") + name + '=' + cookie.value;
    return text;
  }
  const StoredCookie* find(const std::string& name) const {
    const auto found = cookies_.find(name);
    return found != cookies_.end() ? &found->second : nullptr;
  }
  bool empty() const { return cookies_.empty(); }
  // As when it is closed.
  void forget_session_cookies() {
    std::erase_if(cookies_, [](const auto& entry) { return !entry.second.max_age; });
  }

 private:
  static std::string_view next(std::string_view& rest, char end) {
    const std::size_t at = std::min(rest.find(end), rest.size());
    const std::string_view part = rest.substr(0, at);
    rest.remove_prefix(std::min(at + 1, rest.size()));
    return part;
  }
  static std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
  }
  static std::string lower(std::string_view text) {
    std::string lower{text};
    std::ranges::transform(lower, lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return lower;
  }

  const std::string host_;
  const bool tls_;
  std::map<std::string, StoredCookie> cookies_;
};

}  // namespace hybrid::testing
