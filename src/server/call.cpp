#include "server/call.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "server/numbers.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {

bool is(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

void refuse_syntax() { refuse("ERR syntax error"); }

void refuse_arity(const Call& call) {
  refuse("ERR wrong number of arguments for '" + std::string{call.command.name} + "' command");
}

void refuse_subcommand(const Call& call) {
  constexpr std::size_t kShown = 128;
  std::string name{call.command.name};
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  refuse("ERR unknown subcommand or wrong number of arguments for '" +
         std::string{call[1].substr(0, kShown)} + "'. Try " + name + " HELP.");
}

std::int64_t integer_of(std::string_view text) {
  const auto integer = parse_integer(text);
  if (!integer) refuse("ERR value is not an integer or out of range");
  return *integer;
}

std::int64_t natural_of(std::string_view text, std::string_view error) {
  const auto integer = parse_integer(text);
  if (!integer || *integer < 0) refuse(std::string{error});
  return *integer;
}

}  // namespace hybrid::server
