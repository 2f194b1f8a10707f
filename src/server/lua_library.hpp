// What a script finds in its interpreter, and what the parts of that have in common. For lua_*.cpp only, where L3 (lua_state.hpp)
// holds for every function that is given a lua_State and is not noexcept.
#pragma once

#include <lua.hpp>

#include <cstddef>
#include <span>
#include <string_view>

#include "server/lua_state.hpp"

namespace hybrid::server {

// --- lua_sandbox.cpp
// Pushes the table of all globals, and makes another in front of it the one that scripts see: they cannot change it.
void push_globals(lua_State* lua);
// Replaces the table on the top by one that reads the same, and that scripts cannot change.
void protect(lua_State* lua);
// Compiles a text and pushes the function, or an error; returns Lua's status.
int load_text(lua_State* lua, std::string_view text, const char* name);

// --- Each pushes a table of functions.
void push_string_library(lua_State* lua);  // lua_strings.cpp; the string library's own must be open
void push_bit_library(lua_State* lua);     // lua_bit.cpp
void push_json_library(lua_State* lua);    // lua_json.cpp
void push_msgpack_library(lua_State* lua);  // lua_msgpack.cpp
void push_redis_library(lua_State* lua);    // lua_redis.cpp

// --- For them
struct NamedFunction {
  const char* name;
  lua_CFunction function;
};
// Into the table on the top.
inline void set_functions(lua_State* lua, std::span<const NamedFunction> functions) {
  for (const NamedFunction& named : functions) {
    lua_pushcfunction(lua, named.function);
    lua_setfield(lua, -2, named.name);
  }
}

inline void push_text(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}
// Of a string; what is at `index` stays the owner.
inline std::string_view text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* const data = lua_tolstring(lua, index, &size);
  return {data, size};
}

// Looks at the clock every so many steps.
class StepCounter {
 public:
  explicit StepCounter(lua_State* lua) : lua_(lua) {}
  void step() {
    constexpr unsigned kStepsPerLook = 10'000;
    if (++steps_ % kStepsPerLook == 0) LuaState::of(lua_).check_time(lua_);
  }

 private:
  lua_State* lua_;
  unsigned steps_ = 0;
};

}  // namespace hybrid::server
