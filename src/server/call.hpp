// One call of a command, as its function sees it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "resp/reply_writer.hpp"
#include "server/client.hpp"
#include "server/keyspace.hpp"
#include "server/service.hpp"

namespace hybrid::server {

using Arguments = std::span<const std::string_view>;

struct Call {
  Client& client;
  Service& service;
  Keyspace& keys;
  const Command& command;
  Arguments arguments;  // the first is the command's name
  resp::ReplyWriter& reply;

  std::string_view operator[](std::size_t i) const { return arguments[i]; }
  std::size_t size() const { return arguments.size(); }
  Key key(std::size_t i = 1) const { return {.database = client.database(), .name = arguments[i]}; }
  // Tells those who listen to keyspace events: `kind` as in notify-keyspace-events.
  void notify(char kind, std::string_view event, const Key& key) const {
    service.notify(kind, event, key);
  }
  void ok() const { reply.simple("OK"); }
};

// Whether `text` is `word` in any case; `word` in lower case.
bool is(std::string_view text, std::string_view word);
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

// Why find_command() knows none for these words.
std::string unknown_command(Arguments words);

[[noreturn]] void refuse_syntax();
// For a command that takes so many arguments or so many more, but none in between.
[[noreturn]] void refuse_arity(const Call& call);
// For a subcommand that takes fewer arguments; of a command without rows for them, as DEBUG, also if there is none of that name.
[[noreturn]] void refuse_subcommand(const Call& call);
// The argument as an integer, or "ERR value is not an integer or out of range".
std::int64_t integer_of(std::string_view text);
// The same; whatever else it is, and if it is negative: `error`.
std::int64_t natural_of(std::string_view text,
                        std::string_view error = "ERR value is out of range, must be positive");
unsigned database_of(std::string_view text);

}  // namespace hybrid::server
