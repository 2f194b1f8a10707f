// The library `redis`: commands, and what Redis 7.0 has beside them.
#include <array>
#include <cstdio>
#include <string>

#include "base/digest.hpp"
#include "server/client_list.hpp"
#include "server/lua_library.hpp"
#include "server/lua_values.hpp"

namespace hybrid::server {
namespace {

using Question = LuaState::Question;
using Answer = LuaState::Answer;

// Raises it as redis.call does: a table.
int raise(lua_State* lua, std::string_view text) {
  push_error(lua, text);
  return lua_error(lua);
}

// A number as Redis passes it on: so that it reads back as the same.
void write_number(lua_State* lua, int index) {
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%.17g", lua_tonumber(lua, index));
  lua_pushlstring(lua, text.data(), static_cast<std::size_t>(size));
  lua_replace(lua, index);
}

// All arguments as strings, in place; or an error is pushed.
bool take_arguments(lua_State* lua, int count) {
  if (count == 0) {
    push_error(lua, "ERR Please specify at least one argument for this redis lib call");
    return false;
  }
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TNUMBER) {
      write_number(lua, i);
    } else if (type != LUA_TSTRING) {
      push_error(lua, "ERR Lua redis lib command arguments must be strings or integers");
      return false;
    }
  }
  return true;
}

// Pushes the reply; false if that is an error.
bool push_call(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (!take_arguments(lua, count)) return false;
  LuaState& state = LuaState::of(lua);
  if (state.ask(lua, count, Question::call) == Answer::no_memory) {
    push_error(lua, "ERR not enough memory");
    return false;
  }
  lua_settop(lua, 0);  // arguments may fill the stack
  push_reply(lua, state.reply());
  return !state.reply().starts_with('-');
}

int call(lua_State* lua) {
  if (!push_call(lua)) return lua_error(lua);
  return 1;
}

int pcall(lua_State* lua) {
  push_call(lua);
  return 1;
}

int acl_check_cmd(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (!take_arguments(lua, count)) return lua_error(lua);
  switch (LuaState::of(lua).ask(lua, count, Question::may_call)) {
    case Answer::no_command:
      return raise(lua, "ERR Invalid command passed to redis.acl_check_cmd()");
    case Answer::no_memory: return raise(lua, "ERR not enough memory");
    case Answer::yes: lua_pushboolean(lua, 1); return 1;
    default: lua_pushboolean(lua, 0); return 1;
  }
}

bool write_sha1(std::string_view text, std::array<char, 40>& digits) noexcept {
  try {
    sha1_hex(text).copy(digits.data(), digits.size());
    return true;
  } catch (...) {
    return false;
  }
}

int sha1hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "ERR wrong number of arguments");
  const std::string_view text = lua_isstring(lua, 1) != 0 ? text_at(lua, 1) : std::string_view{};
  std::array<char, 40> digits;
  if (!write_sha1(text, digits)) return raise(lua, "ERR not enough memory");
  push_text(lua, {digits.data(), digits.size()});
  return 1;
}

// {err = text}, with a code in front, or {ok = text}.
int error_reply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    push_error(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  std::string_view text = text_at(lua, 1);
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool has_code = text.find(' ') != std::string_view::npos;
  lua_createtable(lua, 0, 1);
  push_text(lua, has_code ? "" : "ERR ");
  push_text(lua, text);
  lua_concat(lua, 2);
  lua_setfield(lua, -2, "err");
  return 1;
}

int status_reply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    push_error(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

// Goes nowhere: what scripts log may be values of sessions.
int log(lua_State* lua) {
  constexpr int kWarning = 3;
  if (lua_gettop(lua) < 2) return raise(lua, "ERR redis.log() requires two arguments or more.");
  if (lua_isnumber(lua, 1) == 0)
    return raise(lua, "ERR First argument must be a number (log level).");
  const lua_Number level = lua_tonumber(lua, 1);
  if (!(level >= 0 && level <= kWarning)) return raise(lua, "ERR Invalid debug level.");
  return 0;
}

int setresp(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "ERR redis.setresp() requires one argument.");
  const lua_Number version = lua_tonumber(lua, 1);
  if (version != 2 && version != 3) return raise(lua, "ERR RESP version must be 2 or 3.");
  LuaState::of(lua).protocol() = static_cast<int>(version);
  return 0;
}

// Nothing is replicated, so that all of these hold.
int replicate_commands(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int set_repl(lua_State* lua) {
  constexpr int kAll = 3;
  if (lua_gettop(lua) != 1) return raise(lua, "ERR redis.set_repl() requires two arguments.");
  const lua_Number flags = lua_tonumber(lua, 1);
  if (!(flags >= 0 && flags <= kAll)) {
    return raise(
        lua, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  return 0;
}

constexpr NamedFunction kFunctions[] = {{"acl_check_cmd", acl_check_cmd},
                                        {"call", call},
                                        {"error_reply", error_reply},
                                        {"log", log},
                                        {"pcall", pcall},
                                        {"replicate_commands", replicate_commands},
                                        {"set_repl", set_repl},
                                        {"setresp", setresp},
                                        {"sha1hex", sha1hex},
                                        {"status_reply", status_reply}};

constexpr struct {
  const char* name;
  int value;
} kNumbers[] = {{"LOG_DEBUG", 0},    {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2},
                {"LOG_WARNING", 3},  {"REPL_NONE", 0},   {"REPL_AOF", 1},
                {"REPL_REPLICA", 2}, {"REPL_SLAVE", 2},  {"REPL_ALL", 3}};

// 7.0.15 as 0x07000f.
constexpr int version_number(std::string_view version) {
  int number = 0;
  int part = 0;
  for (const char c : version) {
    if (c != '.') {
      part = part * 10 + (c - '0');
      continue;
    }
    number = (number << 8) + part;
    part = 0;
  }
  return (number << 8) + part;
}

}  // namespace

void push_redis_library(lua_State* lua) {
  lua_newtable(lua);
  set_functions(lua, kFunctions);
  for (const auto& [name, value] : kNumbers) {
    lua_pushinteger(lua, value);
    lua_setfield(lua, -2, name);
  }
  push_text(lua, kRedisVersion);
  lua_setfield(lua, -2, "REDIS_VERSION");
  lua_pushinteger(lua, version_number(kRedisVersion));
  lua_setfield(lua, -2, "REDIS_VERSION_NUM");
}

}  // namespace hybrid::server
