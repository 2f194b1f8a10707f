// The library `bit`: operations on 32 bits, as those of LuaJIT, which Redis has too.
#include <algorithm>
#include <bit>
#include <cstdint>

#include "server/lua_library.hpp"

namespace hybrid::server {
namespace {

// The lowest 32 bits of the number, rounded: its fraction ends up behind the point of a double this large.
std::uint32_t bits_at(lua_State* lua, int index) {
  constexpr lua_Number kShift = 6755399441055744.0;  // 2^52 + 2^51
  return static_cast<std::uint32_t>(
      std::bit_cast<std::uint64_t>(luaL_checknumber(lua, index) + kShift));
}

int give(lua_State* lua, std::uint32_t bits) {
  lua_pushnumber(lua, static_cast<std::int32_t>(bits));
  return 1;
}

template <std::uint32_t (*Join)(std::uint32_t, std::uint32_t)>
int join(lua_State* lua) {
  std::uint32_t bits = bits_at(lua, 1);
  for (int i = lua_gettop(lua); i > 1; --i) bits = Join(bits, bits_at(lua, i));
  return give(lua, bits);
}

template <std::uint32_t (*Shift)(std::uint32_t, int)>
int shift(lua_State* lua) {
  const std::uint32_t bits = bits_at(lua, 1);
  return give(lua, Shift(bits, static_cast<int>(bits_at(lua, 2) & 31)));
}

std::uint32_t both(std::uint32_t a, std::uint32_t b) { return a & b; }
std::uint32_t any(std::uint32_t a, std::uint32_t b) { return a | b; }
std::uint32_t one(std::uint32_t a, std::uint32_t b) { return a ^ b; }
std::uint32_t left(std::uint32_t bits, int n) { return bits << n; }
std::uint32_t right(std::uint32_t bits, int n) { return bits >> n; }
std::uint32_t arithmetic_right(std::uint32_t bits, int n) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> n);
}
std::uint32_t rotate_left(std::uint32_t bits, int n) { return std::rotl(bits, n); }
std::uint32_t rotate_right(std::uint32_t bits, int n) { return std::rotr(bits, n); }

int tobit(lua_State* lua) { return give(lua, bits_at(lua, 1)); }
int bnot(lua_State* lua) { return give(lua, ~bits_at(lua, 1)); }
int bswap(lua_State* lua) { return give(lua, __builtin_bswap32(bits_at(lua, 1))); }

// So many of the lowest digits; negative: in capitals.
int tohex(lua_State* lua) {
  constexpr std::int64_t kDigitsMax = 8;
  std::uint32_t bits = bits_at(lua, 1);
  std::int64_t count = lua_isnone(lua, 2) ? kDigitsMax : static_cast<std::int32_t>(bits_at(lua, 2));
  const char* const digits = count < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
  count = std::min(count < 0 ? -count : count, kDigitsMax);
  char text[kDigitsMax];
  for (std::int64_t i = count - 1; i >= 0; --i) {
    text[i] = digits[bits & 15];
    bits >>= 4;
  }
  lua_pushlstring(lua, text, static_cast<std::size_t>(count));
  return 1;
}

constexpr NamedFunction kFunctions[] = {{"arshift", shift<arithmetic_right>},
                                        {"band", join<both>},
                                        {"bnot", bnot},
                                        {"bor", join<any>},
                                        {"bswap", bswap},
                                        {"bxor", join<one>},
                                        {"lshift", shift<left>},
                                        {"rol", shift<rotate_left>},
                                        {"ror", shift<rotate_right>},
                                        {"rshift", shift<right>},
                                        {"tobit", tobit},
                                        {"tohex", tohex}};

}  // namespace

void push_bit_library(lua_State* lua) {
  lua_newtable(lua);
  set_functions(lua, kFunctions);
}

}  // namespace hybrid::server
