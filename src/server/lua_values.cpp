#include "server/lua_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "resp/reply_writer.hpp"
#include "server/lua_library.hpp"

namespace hybrid::server {
namespace {

constexpr int kDepthMax = 32;
constexpr std::size_t kReplyBytesMax = std::size_t{64} << 20;

// --- Replies into values

struct Reader {
  std::string_view rest;

  bool take_line(std::string_view& line) {
    const std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos || end == 0) return false;
    line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return true;
  }
  bool take_bytes(std::size_t count, std::string_view& bytes) {
    if (rest.size() < 2 || rest.size() - 2 < count) return false;
    bytes = rest.substr(0, count);
    rest.remove_prefix(count + 2);
    return true;
  }
};

bool parse(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// Into the table on the top.
void set_text(lua_State* lua, const char* name, std::string_view text) {
  push_text(lua, text);
  lua_setfield(lua, -2, name);
}

void push_table_of(lua_State* lua, const char* name, std::string_view text) {
  lua_createtable(lua, 0, 1);
  set_text(lua, name, text);
}

bool push_one(lua_State* lua, Reader& reader, int depth);

// The bytes that follow a line which tells how many.
bool take_bulk(Reader& reader, std::string_view length, std::string_view& bytes) {
  std::int64_t size = 0;
  return parse(length, size) && size >= 0 &&
         reader.take_bytes(static_cast<std::size_t>(size), bytes);
}

bool push_array(lua_State* lua, Reader& reader, std::int64_t count, int depth) {
  // What is said is not trusted: each element takes three bytes or more.
  const auto room =
      std::min<std::int64_t>(count, static_cast<std::int64_t>(reader.rest.size() / 3));
  lua_createtable(lua, static_cast<int>(room), 0);
  for (std::int64_t i = 1; i <= count; ++i) {
    if (!push_one(lua, reader, depth + 1)) return false;
    lua_rawseti(lua, -2, static_cast<int>(i));
  }
  return true;
}

// {map = {...}}, or {set = {... = true}}
bool push_keyed(lua_State* lua, Reader& reader, std::int64_t count, int depth, bool is_map) {
  lua_createtable(lua, 0, 1);
  lua_newtable(lua);
  for (std::int64_t i = 0; i < count; ++i) {
    if (!push_one(lua, reader, depth + 1)) return false;
    if (is_map) {
      if (!push_one(lua, reader, depth + 1)) return false;
    } else {
      lua_pushboolean(lua, 1);
    }
    // Nothing can be kept under nil.
    if (lua_isnil(lua, -2))
      lua_pop(lua, 2);
    else
      lua_rawset(lua, -3);
  }
  lua_setfield(lua, -2, is_map ? "map" : "set");
  return true;
}

bool push_many(lua_State* lua, Reader& reader, char type, std::string_view text, int depth) {
  std::int64_t count = 0;
  if (!parse(text, count)) return false;
  if (count < 0) {
    lua_pushboolean(lua, 0);
    return true;
  }
  if (type == '*' || type == '>') return push_array(lua, reader, count, depth);
  return push_keyed(lua, reader, count, depth, type == '%');
}

void push_real(lua_State* lua, std::string_view text) {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::from_chars(text.data(), text.data() + text.size(), value);
  lua_createtable(lua, 0, 1);
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, "double");
}

// A format of three letters, a colon, the text.
bool push_verbatim(lua_State* lua, std::string_view bytes) {
  constexpr std::size_t kFormat = 3;
  if (bytes.size() < kFormat + 1) return false;
  lua_createtable(lua, 0, 1);
  lua_createtable(lua, 0, 2);
  set_text(lua, "format", bytes.substr(0, kFormat));
  set_text(lua, "string", bytes.substr(kFormat + 1));
  lua_setfield(lua, -2, "verbatim_string");
  return true;
}

bool push_one(lua_State* lua, Reader& reader, int depth) {
  std::string_view line;
  if (depth > kDepthMax || !reader.take_line(line)) return false;
  luaL_checkstack(lua, 5, "too deep");
  const char type = line[0];
  const std::string_view text = line.substr(1);
  std::string_view bytes;
  switch (type) {
    case '+': push_table_of(lua, "ok", text); return true;
    case '-': push_table_of(lua, "err", text); return true;
    case ':': {
      std::int64_t number = 0;
      if (!parse(text, number)) return false;
      lua_pushnumber(lua, static_cast<lua_Number>(number));
      return true;
    }
    case '$':
      if (text == "-1") {
        lua_pushboolean(lua, 0);
        return true;
      }
      if (!take_bulk(reader, text, bytes)) return false;
      push_text(lua, bytes);
      return true;
    case '=': return take_bulk(reader, text, bytes) && push_verbatim(lua, bytes);
    case '_': lua_pushnil(lua); return true;
    case '#': lua_pushboolean(lua, text == "t" ? 1 : 0); return true;
    case ',': push_real(lua, text); return true;
    case '(': push_table_of(lua, "big_number", text); return true;
    case '*':
    case '>':
    case '%':
    case '~': return push_many(lua, reader, type, text, depth);
    default: return false;
  }
}

// --- Values into replies

// Raises an error if there is no memory, or no room.
template <class F>
void write(lua_State* lua, const ReplyTarget& target, F fn) {
  target.steps.step();
  bool written = false;
  try {
    resp::ReplyWriter reply{target.bytes, target.protocol};
    fn(reply);
    written = true;
  } catch (...) {
  }
  if (!written) luaL_error(lua, "not enough memory");
  if (target.bytes.size() > kReplyBytesMax) luaL_error(lua, "the reply of the script is too large");
}

// As the processor converts it, and Redis does not look further.
std::int64_t integer_of(lua_Number number) {
  constexpr lua_Number kEnd = 9223372036854775808.0;
  const bool fits = number >= -kEnd && number < kEnd;
  return fits ? static_cast<std::int64_t>(number) : std::numeric_limits<std::int64_t>::min();
}

// Pushes the field if it is of that type, without a look at metatables.
bool push_field(lua_State* lua, const char* name, int type) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  if (lua_type(lua, -1) == type) return true;
  lua_pop(lua, 1);
  return false;
}

void write_one(lua_State* lua, const ReplyTarget& target, int depth);

// The table on the top, up to the first nil.
void write_array(lua_State* lua, const ReplyTarget& target, int depth) {
  int count = 0;
  for (;; ++count) {
    lua_rawgeti(lua, -1, count + 1);
    const bool ends = lua_isnil(lua, -1);
    lua_pop(lua, 1);
    if (ends) break;
  }
  write(lua, target,
        [=](resp::ReplyWriter& reply) { reply.array(static_cast<std::size_t>(count)); });
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, -1, i);
    write_one(lua, target, depth + 1);
  }
}

// The table on the top: what it has for a map, its keys for a set.
void write_keyed(lua_State* lua, const ReplyTarget& target, int depth, bool is_map) {
  std::size_t count = 0;
  for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) ++count;
  write(lua, target,
        [=](resp::ReplyWriter& reply) { is_map ? reply.map(count) : reply.set(count); });
  for (lua_pushnil(lua); lua_next(lua, -2) != 0;) {
    lua_pushvalue(lua, -2);  // lua_next() needs the key once more
    write_one(lua, target, depth + 1);
    if (is_map)
      write_one(lua, target, depth + 1);
    else
      lua_pop(lua, 1);
  }
}

void write_big_number(lua_State* lua, const ReplyTarget& target) {
  const std::string_view text = text_at(lua, -1);
  write(lua, target, [&](resp::ReplyWriter& reply) {
    std::string line{text};
    std::ranges::replace_if(line, [](char c) { return c == '\r' || c == '\n'; }, ' ');
    if (target.protocol == 2) return reply.bulk(line);
    reply.raw("(");
    reply.raw(line);
    reply.raw("\r\n");
  });
}

// {string = ..., format = ...}, which is on the top; false if it is not that. Leaves what it pushed.
bool write_verbatim(lua_State* lua, const ReplyTarget& target) {
  if (!push_field(lua, "string", LUA_TSTRING)) return false;
  lua_pushvalue(lua, -2);
  if (!push_field(lua, "format", LUA_TSTRING)) return false;
  const std::string_view string = text_at(lua, -3);
  const std::string_view format = text_at(lua, -1);
  write(lua, target, [&](resp::ReplyWriter& reply) {
    std::string three{format.substr(0, 3)};
    three.resize(3, ' ');
    reply.verbatim(three, string);
  });
  return true;
}

// The one on the top, which stays.
void write_table(lua_State* lua, const ReplyTarget& target, int depth) {
  if (push_field(lua, "err", LUA_TSTRING)) {
    const std::string_view text = text_at(lua, -1);
    write(lua, target, [&](resp::ReplyWriter& reply) { reply.error(text); });
  } else if (push_field(lua, "ok", LUA_TSTRING)) {
    const std::string_view text = text_at(lua, -1);
    write(lua, target, [&](resp::ReplyWriter& reply) { reply.simple(text); });
  } else if (push_field(lua, "double", LUA_TNUMBER)) {
    const double number = lua_tonumber(lua, -1);
    write(lua, target, [&](resp::ReplyWriter& reply) { reply.real(number); });
  } else if (push_field(lua, "map", LUA_TTABLE)) {
    write_keyed(lua, target, depth, true);
  } else if (push_field(lua, "set", LUA_TTABLE)) {
    write_keyed(lua, target, depth, false);
  } else if (push_field(lua, "big_number", LUA_TSTRING)) {
    write_big_number(lua, target);
  } else {
    if (push_field(lua, "verbatim_string", LUA_TTABLE)) {
      const int place = lua_gettop(lua);
      const bool written = write_verbatim(lua, target);
      lua_settop(lua, place - 1);
      if (written) return;
    }
    return write_array(lua, target, depth);
  }
  lua_pop(lua, 1);
}

void write_one(lua_State* lua, const ReplyTarget& target, int depth) {
  if (depth > kDepthMax || lua_checkstack(lua, 6) == 0) luaL_error(lua, "reached lua stack limit");
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING: {
      const std::string_view text = text_at(lua, -1);
      write(lua, target, [&](resp::ReplyWriter& reply) { reply.bulk(text); });
      break;
    }
    case LUA_TNUMBER: {
      const std::int64_t number = integer_of(lua_tonumber(lua, -1));
      write(lua, target, [=](resp::ReplyWriter& reply) { reply.integer(number); });
      break;
    }
    case LUA_TBOOLEAN: {
      const bool value = lua_toboolean(lua, -1) != 0;
      write(lua, target, [&](resp::ReplyWriter& reply) {
        if (target.script_protocol == 3)
          reply.boolean(value);
        else if (value)
          reply.integer(1);
        else
          reply.null();
      });
      break;
    }
    case LUA_TTABLE: write_table(lua, target, depth); break;
    default: write(lua, target, [](resp::ReplyWriter& reply) { reply.null(); });
  }
  lua_pop(lua, 1);
}

}  // namespace

void push_reply(lua_State* lua, std::string_view reply) {
  Reader reader{reply};
  if (!push_one(lua, reader, 0) || !reader.rest.empty())
    luaL_error(lua, "the reply of the command cannot be a value");
}

void push_error(lua_State* lua, std::string_view text) { push_table_of(lua, "err", text); }

void write_value(lua_State* lua, const ReplyTarget& target) { write_one(lua, target, 0); }

}  // namespace hybrid::server
