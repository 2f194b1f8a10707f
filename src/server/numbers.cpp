#include "server/numbers.hpp"

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <system_error>

namespace hybrid::server {

std::optional<std::int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  const bool one_form = !digits.empty() && (digits[0] != '0' || text == "0");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!one_form || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<long double> parse_real(std::string_view text) {
  constexpr std::size_t kCharactersMax = 5 * 1024;
  if (text.empty() || text.size() > kCharactersMax) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text[0])) != 0) return std::nullopt;
  const std::string terminated{text};
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(terminated.c_str(), &end);
  const bool too_large =
      errno == ERANGE && (std::isinf(value) || std::fpclassify(value) == FP_ZERO);
  if (end != terminated.c_str() + terminated.size() || too_large || std::isnan(value))
    return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_memory(std::string_view text) {
  constexpr std::uint64_t kThousand = 1000;
  static constexpr struct {
    std::string_view name;
    std::uint64_t bytes;
  } kUnits[] = {{"", 1},
                {"b", 1},
                {"k", kThousand},
                {"kb", std::uint64_t{1} << 10},
                {"m", kThousand * kThousand},
                {"mb", std::uint64_t{1} << 20},
                {"g", kThousand * kThousand * kThousand},
                {"gb", std::uint64_t{1} << 30}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string unit{end, text.data() + text.size()};
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const auto& [name, bytes] : kUnits) {
    if (unit != name) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / bytes) return std::nullopt;
    return number * bytes;
  }
  return std::nullopt;
}

std::string format_real(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // A long double has up to 4933 digits in front of the point.
  std::string text(5 * 1024, '\0');
  const int size = std::snprintf(text.data(), text.size(), "%.17Lf", value);
  text.resize(static_cast<std::size_t>(size));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string format_integer(std::int64_t value) { return std::to_string(value); }

}  // namespace hybrid::server
