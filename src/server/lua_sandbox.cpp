// The globals of a script: those of Lua that touch neither files nor other scripts, some of them replaced by ones that are bounded.
//
// A table that scripts share is protected: they see an empty one in front of it, which reads through to it (__index) and refuses
// writes (__newindex). Lua's functions that read or write a table without a look at its metatable are replaced as well.
#include <cmath>
#include <cstring>
#include <utility>

#include "server/lua_library.hpp"

namespace hybrid::server {
namespace {

constexpr const char* kReadOnly = "Attempt to modify a readonly table";

// Under its address the metatable of a protected table has the one behind it. Scripts have no such value to look it up by.
char behind_key;

// Pushes the table behind the one at `index`, if that is protected.
bool push_behind(lua_State* lua, int index) {
  if (lua_getmetatable(lua, index) == 0) return false;
  lua_pushlightuserdata(lua, &behind_key);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
  if (lua_istable(lua, -1)) return true;
  lua_pop(lua, 1);
  return false;
}

// For functions that read their first argument: the table behind it takes its place.
void look_behind(lua_State* lua) {
  if (push_behind(lua, 1)) lua_replace(lua, 1);
}

void refuse_protected(lua_State* lua) {
  if (!push_behind(lua, 1)) return;
  lua_pushstring(lua, kReadOnly);
  lua_error(lua);
}

int refuse_write(lua_State* lua) { return luaL_error(lua, kReadOnly); }

int refuse_unknown(lua_State* lua) {
  lua_settop(lua, 2);
  const char* const name = lua_tostring(lua, 2);
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                    name != nullptr ? name : "?");
}

// Calls Lua's own function, the upvalue, in this place.
int call_original(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

int write_if_not_protected(lua_State* lua) {
  refuse_protected(lua);
  return call_original(lua);
}

int read_behind(lua_State* lua) {
  look_behind(lua);
  return call_original(lua);
}

// Puts `wrapper` in front of the function of that name in the table on the top.
void wrap(lua_State* lua, const char* name, lua_CFunction wrapper) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, wrapper, 1);
  lua_setfield(lua, -2, name);
}

// --- Base

int next(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 2);
  look_behind(lua);
  if (lua_next(lua, 1) != 0) return 2;
  lua_pushnil(lua);
  return 1;
}

int pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));  // next
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

// Lua's own trusts that its arithmetic does not overflow, and the compiler that it cannot.
int unpack(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const std::int64_t first = luaL_optint(lua, 2, 1);
  const std::int64_t last = lua_isnoneornil(lua, 3) ? static_cast<std::int64_t>(lua_objlen(lua, 1))
                                                    : luaL_checkint(lua, 3);
  if (first > last) return 0;
  const std::int64_t count = last - first + 1;
  if (count >= LUAI_MAXCSTACK || lua_checkstack(lua, static_cast<int>(count)) == 0)
    return luaL_error(lua, "too many results to unpack");
  for (std::int64_t i = 0; i < count; ++i) lua_rawgeti(lua, 1, static_cast<int>(first + i));
  return static_cast<int>(count);
}

// As in Redis, of a table that stands for an error one gets the text only.
int pcall(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0) == 0) {
    lua_pushboolean(lua, 1);
    lua_insert(lua, 1);
    return lua_gettop(lua);
  }
  if (lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    if (lua_isstring(lua, -1) == 0) lua_pop(lua, 1);
  }
  lua_pushboolean(lua, 0);
  lua_insert(lua, -2);
  return 2;
}

// The handler is called once the stack is left: within, Lua calls no hooks, and it could run for ever.
int xpcall(lua_State* lua) {
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  lua_insert(lua, 1);
  if (lua_pcall(lua, 0, LUA_MULTRET, 0) == 0) {
    lua_pushboolean(lua, 1);
    lua_replace(lua, 1);
    return lua_gettop(lua);
  }
  if (lua_pcall(lua, 1, 1, 0) != 0) {
    lua_pop(lua, 1);
    lua_pushliteral(lua, "error in error handling");
  }
  lua_pushboolean(lua, 0);
  lua_insert(lua, -2);
  return 2;
}

// What loading gives: the function, or nil and what is wrong.
int give_loaded(lua_State* lua, int status) {
  if (status == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

int loadstring(lua_State* lua) {
  luaL_checkstring(lua, 1);
  const char* const name = luaL_optstring(lua, 2, lua_tostring(lua, 1));
  return give_loaded(lua, load_text(lua, text_at(lua, 1), name));
}

// All pieces first: the function that gives them does not run while Lua compiles.
int load(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  const char* const name = luaL_optstring(lua, 2, "=(load)");
  lua_settop(lua, 2);
  luaL_Buffer pieces;
  luaL_buffinit(lua, &pieces);
  for (;;) {
    lua_pushvalue(lua, 1);
    if (lua_pcall(lua, 0, 1, 0) != 0) return give_loaded(lua, LUA_ERRRUN);
    if (lua_isnil(lua, -1)) break;
    if (lua_isstring(lua, -1) == 0) {
      lua_pushliteral(lua, "reader function must return a string");
      return give_loaded(lua, LUA_ERRRUN);
    }
    if (lua_objlen(lua, -1) == 0) break;
    luaL_addvalue(&pieces);
  }
  lua_pop(lua, 1);
  luaL_pushresult(&pieces);
  return give_loaded(lua, load_text(lua, text_at(lua, -1), name));
}

// How garbage is collected is not a script's to say, since it would stay so.
int collectgarbage(lua_State* lua) {
  static constexpr const char* kWords[] = {"stop", "restart",  "collect",    "count",
                                           "step", "setpause", "setstepmul", nullptr};
  const int word = luaL_checkoption(lua, 1, "collect", kWords);
  if (std::strcmp(kWords[word], "count") == 0) {
    lua_pushnumber(lua, lua_gc(lua, LUA_GCCOUNT, 0) + lua_gc(lua, LUA_GCCOUNTB, 0) / 1024.0);
    return 1;
  }
  const bool step = std::strcmp(kWords[word], "step") == 0;
  if (step || std::strcmp(kWords[word], "collect") == 0) {
    LuaState::of(lua).check_time(lua);
    lua_gc(lua, LUA_GCCOLLECT, 0);
  }
  step ? lua_pushboolean(lua, 1) : lua_pushinteger(lua, 0);
  return 1;
}

// --- Tables

int is_less(lua_State* lua) {
  lua_pushboolean(lua, lua_lessthan(lua, 1, 2));
  return 1;
}

// Always with a function that compares: each of its calls is seen by the hook, and for some tables there are very many.
int sort(lua_State* lua) {
  refuse_protected(lua);
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (lua_isnoneornil(lua, 2)) {
    lua_settop(lua, 1);
    lua_pushcfunction(lua, is_less);
  }
  return call_original(lua);
}

// --- Numbers

// The generator of Redis, which is that of lrand48().
std::uint32_t next_random(lua_State* lua) {
  std::uint64_t& state = LuaState::of(lua).random();
  state = (state * 0x5DEECE66D + 0xB) & 0xFFFF'FFFF'FFFF;
  return static_cast<std::uint32_t>(state >> 17);
}

int random(lua_State* lua) {
  constexpr std::uint32_t kMax = 0x7FFF'FFFF;
  const double fraction = static_cast<double>(next_random(lua) % kMax) / kMax;
  const int arguments = lua_gettop(lua);
  if (arguments == 0) {
    lua_pushnumber(lua, fraction);
    return 1;
  }
  if (arguments > 2) return luaL_error(lua, "wrong number of arguments");
  const double first = arguments == 1 ? 1 : luaL_checkint(lua, 1);
  const double last = luaL_checkint(lua, arguments);
  luaL_argcheck(lua, first <= last, arguments, "interval is empty");
  lua_pushnumber(lua, std::floor(fraction * (last - first + 1)) + first);
  return 1;
}

int randomseed(lua_State* lua) {
  const auto seed = static_cast<std::uint32_t>(luaL_checkint(lua, 1));
  LuaState::of(lua).random() = (std::uint64_t{seed} << 16) + 0x330E;
  return 0;
}

// --- Libraries

constexpr const char* kBaseNames[] = {
    "_VERSION", "assert", "error",  "gcinfo",       "getmetatable", "ipairs",   "rawequal",
    "rawget",   "rawset", "select", "setmetatable", "tonumber",     "tostring", "type"};

constexpr NamedFunction kBaseFunctions[] = {{"collectgarbage", collectgarbage},
                                            {"load", load},
                                            {"loadstring", loadstring},
                                            {"next", next},
                                            {"pcall", pcall},
                                            {"unpack", unpack},
                                            {"xpcall", xpcall}};

constexpr NamedFunction kMathFunctions[] = {{"random", random}, {"randomseed", randomseed}};

void open(lua_State* lua, lua_CFunction library, const char* name) {
  lua_pushcfunction(lua, library);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

// Moves the table on the top, protected, into the one below it.
void add_library(lua_State* lua, const char* name) {
  protect(lua);
  lua_setfield(lua, -2, name);
}

void add_base(lua_State* lua) {
  for (const char* const name : kBaseNames) {
    lua_getglobal(lua, name);
    lua_setfield(lua, -2, name);
  }
  set_functions(lua, kBaseFunctions);
  wrap(lua, "rawget", read_behind);
  wrap(lua, "rawset", write_if_not_protected);
  wrap(lua, "setmetatable", write_if_not_protected);
  lua_getfield(lua, -1, "next");
  lua_pushcclosure(lua, pairs, 1);
  lua_setfield(lua, -2, "pairs");
}

void add_libraries(lua_State* lua) {
  lua_getglobal(lua, "coroutine");
  add_library(lua, "coroutine");

  lua_getglobal(lua, "math");
  set_functions(lua, kMathFunctions);
  add_library(lua, "math");

  lua_getglobal(lua, "table");
  wrap(lua, "insert", write_if_not_protected);
  wrap(lua, "remove", write_if_not_protected);
  wrap(lua, "sort", sort);
  add_library(lua, "table");

  lua_newtable(lua);
  lua_getglobal(lua, "os");
  lua_getfield(lua, -1, "clock");
  lua_setfield(lua, -3, "clock");
  lua_pop(lua, 1);
  add_library(lua, "os");

  push_string_library(lua);
  add_library(lua, "string");
  push_bit_library(lua);
  add_library(lua, "bit");
  push_json_library(lua);
  add_library(lua, "cjson");
  push_msgpack_library(lua);
  add_library(lua, "cmsgpack");
  push_redis_library(lua);
  add_library(lua, "redis");
}

// ("x"):upper() goes through the metatable of strings, which scripts get protected as well. `string` is in the table on the top.
void protect_string_methods(lua_State* lua) {
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_getfield(lua, -3, "string");
  push_behind(lua, -1);
  lua_setfield(lua, -3, "__index");
  lua_newtable(lua);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, "__index");
  protect(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
}

}  // namespace

void protect(lua_State* lua) {
  lua_newtable(lua);
  lua_newtable(lua);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_write);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pushlightuserdata(lua, &behind_key);
  lua_pushvalue(lua, -4);
  lua_rawset(lua, -3);
  lua_setmetatable(lua, -2);
  lua_replace(lua, -2);
}

void push_globals(lua_State* lua) {
  open(lua, luaopen_base, "");
  open(lua, luaopen_table, LUA_TABLIBNAME);
  open(lua, luaopen_string, LUA_STRLIBNAME);
  open(lua, luaopen_math, LUA_MATHLIBNAME);
  open(lua, luaopen_os, LUA_OSLIBNAME);
  lua_newtable(lua);
  add_base(lua);
  add_libraries(lua);
  protect_string_methods(lua);

  // In front of it, what scripts see, also as _G.
  lua_pushvalue(lua, -1);
  protect(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);

  // From here on, what is not there is an error.
  lua_newtable(lua);
  lua_pushcfunction(lua, refuse_unknown);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
}

int load_text(lua_State* lua, std::string_view text, const char* name) {
  struct Pieces {
    std::string_view text;
    bool first_is_blank;
  };
  // Compiled code begins with this byte: behind a blank it is taken for text, and refused.
  Pieces pieces{.text = text, .first_is_blank = text.starts_with(LUA_SIGNATURE[0])};
  // In pieces, since some texts take a time that grows with their square.
  const auto read = [](lua_State* reading, void* data, std::size_t* size) -> const char* {
    constexpr std::size_t kPiece = 512;
    auto& left = *static_cast<Pieces*>(data);
    LuaState::of(reading).check_time(reading);
    if (std::exchange(left.first_is_blank, false)) {
      *size = 1;
      return " ";
    }
    const std::string_view piece = left.text.substr(0, kPiece);
    left.text.remove_prefix(piece.size());
    *size = piece.size();
    return piece.data();
  };
  // The name stays on the stack meanwhile, as a string that cannot be collected.
  lua_pushstring(lua, name);
  const int status = lua_load(lua, read, &pieces, name);
  lua_remove(lua, -2);
  return status;
}

}  // namespace hybrid::server
