#include "server/call.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "server/numbers.hpp"
#include "server/reply_error.hpp"

namespace hybrid::server {

namespace {

constexpr std::size_t kShown = 128;  // of what a client sent, in errors

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

bool is(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, {}, to_lower);
}

std::string lower_case(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

std::string upper_case(std::string_view text) {
  std::string upper{text};
  std::ranges::transform(upper, upper.begin(), to_upper);
  return upper;
}

std::string unknown_command(Arguments words) {
  const Command* const container = find_command(words[0]);
  if (container != nullptr && container->has(kContainer)) {
    return "ERR unknown subcommand '" + std::string{words[1].substr(0, kShown)} + "'. Try " +
           upper_case(container->name) + " HELP.";
  }
  // As Redis has it, which also shows what may be a secret to its owner only.
  std::string shown;
  for (std::size_t i = 1; i < words.size() && shown.size() < kShown; ++i)
    shown += "'" + std::string{words[i].substr(0, kShown - shown.size())} + "' ";
  return "ERR unknown command '" + std::string{words[0].substr(0, kShown)} +
         "', with args beginning with: " + shown;
}

void refuse_syntax() { refuse("ERR syntax error"); }

void refuse_arity(const Call& call) {
  refuse("ERR wrong number of arguments for '" + std::string{call.command.name} + "' command");
}

void refuse_subcommand(const Call& call) {
  const std::string_view name = call.command.name;
  refuse("ERR unknown subcommand or wrong number of arguments for '" +
         std::string{call[1].substr(0, kShown)} + "'. Try " +
         upper_case(name.substr(0, name.find('|'))) + " HELP.");
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

unsigned database_of(std::string_view text) {
  const std::int64_t database = integer_of(text);
  if (!std::in_range<std::int32_t>(database))
    refuse("ERR value is out of range, value must between -2147483648 and 2147483647");
  if (database < 0 || database >= kDatabases) refuse("ERR DB index is out of range");
  return static_cast<unsigned>(database);
}

}  // namespace hybrid::server
