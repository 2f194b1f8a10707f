// Values of Lua and replies of the Redis protocol, each made from the other by the rules that Redis documents for scripts.
// For lua_*.cpp only; L3 of lua_state.hpp holds.
#pragma once

#include <string>
#include <string_view>

struct lua_State;

namespace hybrid::server {

class StepCounter;

// Pushes what one whole reply is to a script: of either protocol, since each says by itself what is what. Raises an error if it is
// none, or too deep.
void push_reply(lua_State* lua, std::string_view reply);

// Pushes the table that stands for an error; `text` with its code.
void push_error(lua_State* lua, std::string_view text);

struct ReplyTarget {
  std::string& bytes;
  int protocol;         // of the client
  int script_protocol;  // that the script asked for: true and false are replies of their own in 3
  StepCounter& steps;
};
// Writes the value on the top, and pops it. Raises an error if it is too deep or too large; then a part has been written.
void write_value(lua_State* lua, const ReplyTarget& target);

}  // namespace hybrid::server
