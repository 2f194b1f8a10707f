// The library `cmsgpack`: values of Lua as MessagePack (https://msgpack.org), by msgpack-cxx. As in Redis, integers and reals take what
// they need, a table whose keys are 1 to n is an array, and tables that are nested deeper than 16 are nil.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <msgpack.hpp>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "server/lua_library.hpp"

namespace hybrid::server {
namespace {

constexpr int kPackedDepthMax = 16;
// What is packed, and what is made of a text before there are values of it, does not count as the script's memory.
constexpr std::size_t kPackedMax = std::size_t{32} << 20;
constexpr std::size_t kTokensMax = std::size_t{1} << 20;
constexpr std::size_t kUnpackedDepthMax = 1000;

// --- Packing

struct Target {
  std::string& bytes;
  bool is_full = false;

  void write(const char* more, std::size_t count) noexcept {
    try {
      if (count > kPackedMax - bytes.size()) throw std::bad_alloc{};
      bytes.append(more, count);
    } catch (...) {
      is_full = true;
    }
  }
};

struct Packing {
  Target& target;
  StepCounter& steps;
  msgpack::packer<Target> packer{target};
};
static_assert(std::is_trivially_destructible_v<Packing>);

// By hand, since msgpack-cxx makes reals without a fraction integers: those of 2^63 and more Redis takes for negative ones.
template <class Real, class Bits>
void pack_real(Target& target, char header, Real number) {
  auto bits = std::bit_cast<Bits>(number);
  std::array<char, 1 + sizeof bits> bytes{header};
  for (std::size_t i = sizeof bits; i > 0; --i, bits >>= 8) bytes[i] = static_cast<char>(bits);
  target.write(bytes.data(), bytes.size());
}

void check_room(lua_State* lua, const Target& target) {
  if (target.is_full) luaL_error(lua, "MessagePack: the result is too long");
}

void pack_number(Packing& packing, lua_Number number) {
  constexpr lua_Number kEnd = 9223372036854775808.0;  // 2^63
  constexpr char kFloat32 = '\xca';
  constexpr char kFloat64 = '\xcb';
  if (number >= -kEnd && number < kEnd && number == std::trunc(number)) {
    packing.packer.pack_int64(static_cast<std::int64_t>(number));
  } else if (const auto shorter = static_cast<float>(number); shorter == number) {
    pack_real<float, std::uint32_t>(packing.target, kFloat32, shorter);
  } else {
    pack_real<double, std::uint64_t>(packing.target, kFloat64, number);
  }
}

struct Shape {
  std::uint32_t fields = 0;
  bool is_array = true;
};

// Of the table on the top.
Shape shape(lua_State* lua, StepCounter& steps) {
  LuaState::of(lua).check_time(lua);  // places that are empty again are no steps, and take time
  Shape found;
  lua_Number last = 0;
  for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
    steps.step();
    ++found.fields;
    const lua_Number place = lua_type(lua, -2) == LUA_TNUMBER ? lua_tonumber(lua, -2) : 0;
    found.is_array = found.is_array && place >= 1 && place == std::trunc(place);
    last = std::max(last, place);
  }
  found.is_array = found.is_array && last == found.fields;
  return found;
}

// The value on the top, which stays.
void pack_value(lua_State* lua, Packing& packing, int depth) {
  packing.steps.step();
  check_room(lua, packing.target);
  msgpack::packer<Target>& packer = packing.packer;
  switch (lua_type(lua, -1)) {
    case LUA_TBOOLEAN:
      lua_toboolean(lua, -1) != 0 ? packer.pack_true() : packer.pack_false();
      return;
    case LUA_TNUMBER: return pack_number(packing, lua_tonumber(lua, -1));
    case LUA_TSTRING: {
      const std::string_view text = text_at(lua, -1);
      packer.pack_str(static_cast<std::uint32_t>(text.size()));
      packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
      return;
    }
    case LUA_TTABLE: break;
    default: packer.pack_nil(); return;
  }
  if (depth == kPackedDepthMax) return static_cast<void>(packer.pack_nil());
  luaL_checkstack(lua, 4, "too deep");
  const Shape table = shape(lua, packing.steps);
  if (table.is_array) {
    packer.pack_array(table.fields);
    for (std::uint32_t i = 1; i <= table.fields; ++i) {
      lua_rawgeti(lua, -1, static_cast<int>(i));
      pack_value(lua, packing, depth + 1);
      lua_pop(lua, 1);
    }
    return;
  }
  packer.pack_map(table.fields);
  for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
    lua_pushvalue(lua, -2);
    pack_value(lua, packing, depth + 1);
    lua_pop(lua, 1);
    pack_value(lua, packing, depth + 1);
  }
}

int pack(lua_State* lua) {
  const int count = lua_gettop(lua);
  luaL_argcheck(lua, count > 0, 0, "MessagePack pack needs input.");
  luaL_checkstack(lua, 2, "too many arguments");
  LuaState& state = LuaState::of(lua);
  auto* const bytes = state.keep<std::string>();
  if (bytes == nullptr) return luaL_error(lua, "not enough memory");
  StepCounter steps{lua};
  Target target{.bytes = *bytes};
  Packing packing{.target = target, .steps = steps};
  for (int i = 1; i <= count; ++i) {
    lua_pushvalue(lua, i);
    pack_value(lua, packing, 0);
    lua_pop(lua, 1);
  }
  check_room(lua, target);
  push_text(lua, *bytes);
  state.drop_kept();
  return 1;
}

// --- Unpacking: first all of a value into a list, in which a container is followed by what it holds

struct Token {
  enum class Type : std::uint8_t { nil, boolean, number, text, array, map };
  Type type;
  std::uint32_t size = 0;  // bytes, values, or pairs
  union {
    bool boolean;
    double number;
    const char* text;
  };
};

struct Tokens : msgpack::null_visitor {
  std::vector<Token> list{};
  std::size_t depth = 0;
  bool is_cut = false;

  bool add(const Token& token) {
    if (list.size() == kTokensMax) return false;
    list.push_back(token);
    return true;
  }
  bool add_number(double number) { return add({.type = Token::Type::number, .number = number}); }
  bool add_text(const char* text, std::uint32_t size) {
    return add({.type = Token::Type::text, .size = size, .text = text});
  }
  bool begin(Token::Type type, std::uint32_t size) {
    return ++depth <= kUnpackedDepthMax && add({.type = type, .size = size, .boolean = false});
  }
  bool end() {
    --depth;
    return true;
  }

  bool visit_nil() { return add({.type = Token::Type::nil, .boolean = false}); }
  bool visit_boolean(bool value) { return add({.type = Token::Type::boolean, .boolean = value}); }
  bool visit_positive_integer(std::uint64_t value) {
    return add_number(static_cast<double>(value));
  }
  bool visit_negative_integer(std::int64_t value) { return add_number(static_cast<double>(value)); }
  bool visit_float32(float value) { return add_number(value); }
  bool visit_float64(double value) { return add_number(value); }
  bool visit_str(const char* text, std::uint32_t size) { return add_text(text, size); }
  bool visit_bin(const char* text, std::uint32_t size) { return add_text(text, size); }
  bool visit_ext(const char*, std::uint32_t) { return false; }
  bool start_array(std::uint32_t size) { return begin(Token::Type::array, size); }
  bool start_map(std::uint32_t size) { return begin(Token::Type::map, size); }
  bool end_array() { return end(); }
  bool end_map() { return end(); }
  void insufficient_bytes(std::size_t, std::size_t) { is_cut = true; }
};

enum class Outcome : std::uint8_t { done, is_cut, is_bad, no_memory };

// One value, from `at` on, which it moves behind it.
Outcome read_value(std::string_view bytes, std::size_t& at, Tokens& to) noexcept {
  try {
    to.list.clear();
    to.depth = 0;
    if (msgpack::parse(bytes.data(), bytes.size(), at, to)) return Outcome::done;
    return to.is_cut ? Outcome::is_cut : Outcome::is_bad;
  } catch (const std::bad_alloc&) {
    return Outcome::no_memory;
  } catch (...) {
    return Outcome::is_bad;  // sizes past what msgpack-cxx takes
  }
}

// The value that begins here; returns what follows it.
const Token* push_value(lua_State* lua, const Token* token, StepCounter& steps) {
  steps.step();
  luaL_checkstack(lua, 4, "too deep");
  const Token& value = *token++;
  switch (value.type) {
    case Token::Type::nil: lua_pushnil(lua); break;
    case Token::Type::boolean: lua_pushboolean(lua, value.boolean ? 1 : 0); break;
    case Token::Type::number: lua_pushnumber(lua, value.number); break;
    case Token::Type::text: push_text(lua, {value.text, value.size}); break;
    case Token::Type::array:
      lua_newtable(
          lua);  // grows as in Redis: # of one that has nils, and the order of pairs(), are the same
      for (std::uint32_t i = 1; i <= value.size; ++i) {
        token = push_value(lua, token, steps);
        lua_rawseti(lua, -2, static_cast<int>(i));
      }
      break;
    case Token::Type::map:
      lua_newtable(lua);
      for (std::uint32_t i = 0; i < value.size; ++i) {
        token = push_value(lua, token, steps);
        const bool is_key = !lua_isnil(lua, -1) && lua_rawequal(lua, -1, -1) != 0;
        if (!is_key) luaL_error(lua, "Bad data format in input.");
        token = push_value(lua, token, steps);
        lua_rawset(lua, -3);
      }
      break;
  }
  return token;
}

// Pushes up to `values_max` values of the first argument, from `at` on, and returns how many.
int unpack_some(lua_State* lua, std::size_t& at, int values_max) {
  const std::string_view bytes = text_at(lua, 1);
  LuaState& state = LuaState::of(lua);
  auto* const tokens = state.keep<Tokens>();
  if (tokens == nullptr) return luaL_error(lua, "not enough memory");
  StepCounter steps{lua};
  int count = 0;
  for (; at < bytes.size() && count < values_max; ++count) {
    switch (read_value(bytes, at, *tokens)) {
      case Outcome::done: break;
      case Outcome::is_cut: return luaL_error(lua, "Missing bytes in input.");
      case Outcome::is_bad: return luaL_error(lua, "Bad data format in input.");
      case Outcome::no_memory: return luaL_error(lua, "not enough memory");
    }
    luaL_checkstack(lua, 1, "too many values");
    push_value(lua, tokens->list.data(), steps);
  }
  state.drop_kept();
  return count;
}

int unpack(lua_State* lua) {
  luaL_checkstring(lua, 1);
  lua_settop(lua, 1);
  std::size_t at = 0;
  return unpack_some(lua, at, std::numeric_limits<int>::max());
}

// Where the next value begins, or -1, and then the values.
int unpack_from(lua_State* lua, int values_max, int offset) {
  luaL_checkstring(lua, 1);
  const std::size_t size = text_at(lua, 1).size();
  if (offset < 0 || values_max < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.", offset,
                      values_max);
  }
  auto at = static_cast<std::size_t>(offset);
  if (at > size) {
    return luaL_error(lua, "Start offset %d greater than input length %f.", offset,
                      static_cast<lua_Number>(size));
  }
  lua_settop(lua, 1);
  const int count = unpack_some(lua, at, values_max);
  luaL_checkstack(lua, 1, "too many values");
  lua_pushnumber(lua, at == size ? -1 : static_cast<lua_Number>(at));
  lua_insert(lua, -(count + 1));
  return count + 1;
}

// The argument without its fraction, and within what an int holds.
int take_int(lua_State* lua, int argument) {
  constexpr lua_Integer kMax = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp(luaL_checkinteger(lua, argument), -kMax, kMax));
}

int offset_at(lua_State* lua, int argument) {
  return lua_isnoneornil(lua, argument) ? 0 : take_int(lua, argument);
}

int unpack_one(lua_State* lua) { return unpack_from(lua, 1, offset_at(lua, 2)); }

int unpack_limit(lua_State* lua) {
  const int values_max = take_int(lua, 2);
  const int offset = offset_at(lua, 3);
  return values_max == 0 && offset == 0 ? unpack(lua) : unpack_from(lua, values_max, offset);
}

constexpr NamedFunction kFunctions[] = {
    {"pack", pack}, {"unpack", unpack}, {"unpack_limit", unpack_limit}, {"unpack_one", unpack_one}};

}  // namespace

void push_msgpack_library(lua_State* lua) {
  lua_newtable(lua);
  set_functions(lua, kFunctions);
  // As which Redis has it.
  push_text(lua, "cmsgpack");
  lua_setfield(lua, -2, "_NAME");
  push_text(lua, "lua-cmsgpack 0.4.0");
  lua_setfield(lua, -2, "_VERSION");
}

}  // namespace hybrid::server
