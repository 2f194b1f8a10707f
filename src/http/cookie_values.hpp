// The values of one cookie in a Cookie header, one after the other: what cookie_values() collects.
#pragma once

#include <optional>
#include <string_view>

namespace hybrid::http {

class CookieValues {
 public:
  CookieValues(std::string_view header, std::string_view name);
  // Nothing: there are no more.
  std::optional<std::string_view> next();

 private:
  std::string_view left_;
  const std::string_view name_;
};

}  // namespace hybrid::http
