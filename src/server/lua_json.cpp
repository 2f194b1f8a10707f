// The library `cjson`: Debian's lua-cjson, within bounds. It allocates by malloc what a script may not have, keeps its settings for
// ever, loses memory if Lua raises an error within it, and recurses as deep as it is told.
#include <algorithm>

#include "server/lua_library.hpp"

extern "C" int luaopen_cjson(lua_State* lua);

namespace hybrid::server {
namespace {

// Of a text to decode: its values take at most about thirty times as much.
constexpr std::size_t kDecodedMax = std::size_t{2} << 20;
constexpr std::size_t kEncodedMax = std::size_t{32} << 20;
// After a longer text the interpreter goes, with the buffer that is kept.
constexpr std::size_t kEncodedKept = std::size_t{1} << 20;
constexpr int kDepthMax = 1000;

// Calls the function of cjson that is the upvalue with all arguments. The error is one of the script's line.
int call_original(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  LuaState& state = LuaState::of(lua);
  state.allow_more_memory(true);
  const int status = lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0);
  state.allow_more_memory(false);
  if (status == 0) return lua_gettop(lua);
  if (lua_isstring(lua, -1) != 0) {
    luaL_where(lua, 1);
    lua_insert(lua, -2);
    lua_concat(lua, 2);
  }
  return lua_error(lua);
}

int decode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  luaL_checkstring(lua, 1);
  if (text_at(lua, 1).size() > kDecodedMax) return luaL_error(lua, "JSON text is too long");
  return call_original(lua);
}

// How long a text will be, at most.
struct Measure {
  StepCounter steps;
  std::size_t bytes = 0;

  void add(lua_State* lua, std::size_t more) {
    steps.step();
    bytes += more;
    if (bytes > kEncodedMax) luaL_error(lua, "Cannot serialise, the text is too long");
  }
};

std::size_t escaped_size(std::string_view text) {
  std::size_t size = 2;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = byte < ' ' || byte == 0x7F;
    size += is_control ? 6 : c == '"' || c == '\\' || c == '/' ? 2 : 1;
  }
  return size;
}

// Of the value on the top.
void measure(lua_State* lua, Measure& sum, int depth) {
  constexpr std::size_t kNumber = 32;
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING: sum.add(lua, escaped_size(text_at(lua, -1)) + 2); return;
    case LUA_TTABLE: break;
    default: sum.add(lua, kNumber); return;
  }
  // Deeper, cjson refuses it.
  if (depth > kDepthMax || lua_checkstack(lua, 4) == 0) return;
  LuaState::of(lua).check_time(lua);  // places that are empty again are no steps, and take time
  sum.add(lua, 2);
  lua_Number last = 0;
  for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
    measure(lua, sum, depth + 1);
    if (lua_type(lua, -2) == LUA_TSTRING)
      sum.add(lua, escaped_size(text_at(lua, -2)) + 2);
    else
      sum.add(lua, kNumber);
    if (lua_type(lua, -2) == LUA_TNUMBER) last = std::max(last, lua_tonumber(lua, -2));
  }
  // An array with gaps has a null for each, and a script may have allowed any number.
  if (LuaState::of(lua).is_spent() && last > 0)
    sum.add(lua, last < kEncodedMax ? 5 * static_cast<std::size_t>(last) : kEncodedMax);
}

int encode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  Measure sum{.steps = StepCounter{lua}};
  measure(lua, sum, 0);
  if (sum.bytes > kEncodedKept) LuaState::of(lua).spend();
  return call_original(lua);
}

// Settings are those of the interpreter, which therefore serves no other script.
int change_setting(lua_State* lua) {
  LuaState::of(lua).spend();
  return call_original(lua);
}

// The buffer is kept, but not for another script.
int keep_buffer(lua_State* lua) {
  lua_settop(lua, 1);
  if (lua_isnil(lua, 1)) lua_pushboolean(lua, 1);
  return 1;
}

int change_depth(lua_State* lua) {
  const bool fits = lua_isnoneornil(lua, 1) || luaL_checknumber(lua, 1) <= kDepthMax;
  luaL_argcheck(lua, fits, 1, "expected integer between 1 and 1000");
  return change_setting(lua);
}

constexpr NamedFunction kFunctions[] = {{"decode", decode},
                                        {"decode_invalid_numbers", change_setting},
                                        {"decode_max_depth", change_depth},
                                        {"encode", encode},
                                        {"encode_invalid_numbers", change_setting},
                                        {"encode_keep_buffer", keep_buffer},
                                        {"encode_max_depth", change_depth},
                                        {"encode_number_precision", change_setting},
                                        {"encode_sparse_array", change_setting}};
constexpr const char* kConstants[] = {"_NAME", "_VERSION", "null"};

}  // namespace

void push_json_library(lua_State* lua) {
  lua_pushcfunction(lua, luaopen_cjson);
  lua_call(lua, 0, 1);
  lua_newtable(lua);
  for (const NamedFunction& named : kFunctions) {
    lua_getfield(lua, -2, named.name);
    lua_pushcclosure(lua, named.function, 1);
    lua_setfield(lua, -2, named.name);
  }
  for (const char* const name : kConstants) {
    lua_getfield(lua, -2, name);
    lua_setfield(lua, -2, name);
  }
  lua_remove(lua, -2);
}

}  // namespace hybrid::server
