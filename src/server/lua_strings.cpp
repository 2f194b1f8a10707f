// string.find, match, gmatch, gsub and rep, since Lua's own may take for ever, or all of the C stack, where no hook is called: here
// steps are counted, and so is depth. What they do is what those of Lua 5.1 do.
//
// The matcher is after lstrlib.c of Lua 5.1: Copyright (C) 1994-2012 Lua.org, PUC-Rio, under the MIT license.
#include <algorithm>
#include <cctype>
#include <cstring>

#include "server/lua_library.hpp"

namespace hybrid::server {
namespace {

constexpr int kDepthMax = 200;
constexpr char kEscape = '%';
constexpr const char* kSpecials = "^$*+?.([%-";

int as_byte(char c) { return static_cast<unsigned char>(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A pattern ends with NUL, and so does the subject behind its end.
class Matcher {
 public:
  Matcher(lua_State* lua, std::string_view subject)
      : lua_(lua), steps_(lua), begin_(subject.data()), end_(subject.data() + subject.size()) {}

  const char* begin() const { return begin_; }
  const char* end() const { return end_; }
  // Where what begins at `s` and matches the pattern ends; null if it does not match.
  const char* match_at(const char* s, const char* pattern) {
    level_ = 0;
    depth_ = 0;
    return match(s, pattern);
  }
  // Those of the last match; the whole of it, from `s` to `e`, if there are none and `s` is given. Returns how many.
  int push_captures(const char* s, const char* e) {
    const int count = level_ == 0 && s != nullptr ? 1 : level_;
    luaL_checkstack(lua_, count, "too many captures");
    for (int i = 0; i < count; ++i) push_capture(i, s, e);
    return count;
  }
  void push_capture(int i, const char* s, const char* e) {
    if (i >= level_) {
      if (i != 0) luaL_error(lua_, "invalid capture index");
      push_text(lua_, {s, e});
      return;
    }
    const Capture& capture = captures_[i];
    if (capture.size == kOpen) luaL_error(lua_, "unfinished capture");
    if (capture.size == kPosition)
      lua_pushinteger(lua_, capture.begin - begin_ + 1);
    else
      lua_pushlstring(lua_, capture.begin, static_cast<std::size_t>(capture.size));
  }

 private:
  static constexpr std::ptrdiff_t kOpen = -1;
  static constexpr std::ptrdiff_t kPosition = -2;
  struct Capture {
    const char* begin;
    std::ptrdiff_t size;
  };

  const char* match(const char* s, const char* p) {
    if (++depth_ > kDepthMax) luaL_error(lua_, "pattern too complex");
    s = match_items(s, p);
    --depth_;
    return s;
  }

  // Goes on from item to item, and calls match() where there is more than one way.
  const char* match_items(const char* s, const char* p) {
    for (;;) {
      steps_.step();
      switch (*p) {
        case '\0': return s;
        case '(':
          return p[1] == ')' ? open_capture(s, p + 2, kPosition) : open_capture(s, p + 1, kOpen);
        case ')': return close_capture(s, p + 1);
        case '$':
          if (p[1] == '\0') return s == end_ ? s : nullptr;
          break;
        case kEscape:
          if (p[1] == 'b') {
            s = match_balance(s, p + 2);
            if (s == nullptr) return nullptr;
            p += 4;
            continue;
          }
          if (p[1] == 'f') {
            p = match_frontier(s, p + 2);
            if (p == nullptr) return nullptr;
            continue;
          }
          if (is_digit(p[1])) {
            s = match_again(s, p[1]);
            if (s == nullptr) return nullptr;
            p += 2;
            continue;
          }
          break;
        default: break;
      }
      const char* const item_end = end_of_item(p);
      switch (*item_end) {
        case '?':
          if (matches_one(s, p, item_end)) {
            if (const char* const found = match(s + 1, item_end + 1)) return found;
          }
          p = item_end + 1;
          continue;
        case '*': return match_most(s, p, item_end);
        case '+': return matches_one(s, p, item_end) ? match_most(s + 1, p, item_end) : nullptr;
        case '-': return match_least(s, p, item_end);
        default:
          if (!matches_one(s, p, item_end)) return nullptr;
          ++s;
          p = item_end;
      }
    }
  }

  // Behind the character, class or set at `p`.
  const char* end_of_item(const char* p) {
    const char first = *p++;
    if (first == kEscape) {
      if (*p == '\0') luaL_error(lua_, "malformed pattern (ends with '%%')");
      return p + 1;
    }
    if (first != '[') return p;
    if (*p == '^') ++p;
    do {  // the first character of a set may be ]
      if (*p == '\0') luaL_error(lua_, "malformed pattern (missing ']')");
      const bool escapes = *p == kEscape && p[1] != '\0';
      p += escapes ? 2 : 1;
    } while (*p != ']');
    return p + 1;
  }

  bool matches_one(const char* s, const char* p, const char* item_end) const {
    if (s >= end_) return false;
    const int c = as_byte(*s);
    switch (*p) {
      case '.': return true;
      case kEscape: return is_in_class(c, as_byte(p[1]));
      case '[': return is_in_set(c, p, item_end - 1);
      default: return as_byte(*p) == c;
    }
  }

  static bool is_in_class(int c, int name) {
    bool is = false;
    switch (std::tolower(name)) {
      case 'a': is = std::isalpha(c) != 0; break;
      case 'c': is = std::iscntrl(c) != 0; break;
      case 'd': is = std::isdigit(c) != 0; break;
      case 'l': is = std::islower(c) != 0; break;
      case 'p': is = std::ispunct(c) != 0; break;
      case 's': is = std::isspace(c) != 0; break;
      case 'u': is = std::isupper(c) != 0; break;
      case 'w': is = std::isalnum(c) != 0; break;
      case 'x': is = std::isxdigit(c) != 0; break;
      case 'z': is = c == 0; break;
      default: return name == c;
    }
    return std::islower(name) != 0 ? is : !is;
  }

  // From the [ at `p` to the ] at `last`.
  static bool is_in_set(int c, const char* p, const char* last) {
    const bool wanted = p[1] != '^';
    if (!wanted) ++p;
    while (++p < last) {
      if (*p == kEscape) {
        ++p;
        if (is_in_class(c, as_byte(*p))) return wanted;
      } else if (p[1] == '-' && p + 2 < last) {
        p += 2;
        if (as_byte(p[-2]) <= c && c <= as_byte(*p)) return wanted;
      } else if (as_byte(*p) == c) {
        return wanted;
      }
    }
    return !wanted;
  }

  const char* match_balance(const char* s, const char* p) {
    if (p[0] == '\0' || p[1] == '\0') luaL_error(lua_, "unbalanced pattern");
    if (*s != p[0]) return nullptr;
    for (std::ptrdiff_t open = 1; ++s < end_;) {
      steps_.step();
      if (*s == p[1]) {
        if (--open == 0) return s + 1;
      } else if (*s == p[0]) {
        ++open;
      }
    }
    return nullptr;
  }

  // Behind the set at `p`, if a part of the subject that belongs to it begins at `s`.
  const char* match_frontier(const char* s, const char* p) {
    if (*p != '[') luaL_error(lua_, "missing '[' after '%%f' in pattern");
    const char* const item_end = end_of_item(p);
    const char before = s == begin_ ? '\0' : s[-1];
    const bool begins =
        !is_in_set(as_byte(before), p, item_end - 1) && is_in_set(as_byte(*s), p, item_end - 1);
    return begins ? item_end : nullptr;
  }

  const char* match_most(const char* s, const char* p, const char* item_end) {
    std::ptrdiff_t count = 0;
    while (matches_one(s + count, p, item_end)) {
      steps_.step();
      ++count;
    }
    for (; count >= 0; --count) {
      if (const char* const found = match(s + count, item_end + 1)) return found;
    }
    return nullptr;
  }

  const char* match_least(const char* s, const char* p, const char* item_end) {
    for (;; ++s) {
      if (const char* const found = match(s, item_end + 1)) return found;
      if (!matches_one(s, p, item_end)) return nullptr;
    }
  }

  const char* open_capture(const char* s, const char* p, std::ptrdiff_t kind) {
    if (level_ >= LUA_MAXCAPTURES) luaL_error(lua_, "too many captures");
    captures_[level_++] = {.begin = s, .size = kind};
    const char* const found = match(s, p);
    if (found == nullptr) --level_;
    return found;
  }

  const char* close_capture(const char* s, const char* p) {
    int open = level_ - 1;
    while (open >= 0 && captures_[open].size != kOpen) --open;
    if (open < 0) luaL_error(lua_, "invalid pattern capture");
    captures_[open].size = s - captures_[open].begin;
    const char* const found = match(s, p);
    if (found == nullptr) captures_[open].size = kOpen;
    return found;
  }

  // The same as a capture before.
  const char* match_again(const char* s, char digit) {
    const int i = digit - '1';
    if (i < 0 || i >= level_ || captures_[i].size == kOpen)
      luaL_error(lua_, "invalid capture index");
    const Capture& capture = captures_[i];
    // One that is a position has no bytes: in Lua its size is a very large number, which no subject has.
    const auto size = static_cast<std::size_t>(capture.size);
    if (static_cast<std::size_t>(end_ - s) < size) return nullptr;
    return std::memcmp(capture.begin, s, size) == 0 ? s + size : nullptr;
  }

  lua_State* lua_;
  StepCounter steps_;
  const char* begin_;
  const char* end_;
  int level_ = 0;
  int depth_ = 0;
  Capture captures_[LUA_MAXCAPTURES];
};

// --- find, match

// Of a place that is counted from 1, or from the end.
std::ptrdiff_t offset_of(lua_Integer place, std::size_t size) {
  if (place < 0) place += static_cast<lua_Integer>(size) + 1;
  return place >= 1 ? place - 1 : 0;
}

int find_plain(lua_State* lua, std::string_view subject, std::size_t from) {
  const std::string_view wanted = text_at(lua, 2);
  const void* const found =
      ::memmem(subject.data() + from, subject.size() - from, wanted.data(), wanted.size());
  if (found == nullptr) {
    lua_pushnil(lua);
    return 1;
  }
  const std::ptrdiff_t begin = static_cast<const char*>(found) - subject.data();
  lua_pushinteger(lua, begin + 1);
  lua_pushinteger(lua, begin + static_cast<std::ptrdiff_t>(wanted.size()));
  return 2;
}

int find_or_match(lua_State* lua, bool finds) {
  luaL_checkstring(lua, 1);
  const char* pattern = luaL_checkstring(lua, 2);
  const std::string_view subject = text_at(lua, 1);
  const auto from =
      std::min(static_cast<std::size_t>(offset_of(luaL_optinteger(lua, 3, 1), subject.size())),
               subject.size());
  if (finds && (lua_toboolean(lua, 4) != 0 || std::strpbrk(pattern, kSpecials) == nullptr))
    return find_plain(lua, subject, from);

  const bool anchored = *pattern == '^';
  if (anchored) ++pattern;
  Matcher matcher{lua, subject};
  for (const char* s = subject.data() + from;; ++s) {
    if (const char* const e = matcher.match_at(s, pattern)) {
      if (!finds) return matcher.push_captures(s, e);
      lua_pushinteger(lua, s - subject.data() + 1);
      lua_pushinteger(lua, e - subject.data());
      return matcher.push_captures(nullptr, nullptr) + 2;
    }
    if (s >= matcher.end() || anchored) break;
  }
  lua_pushnil(lua);
  return 1;
}

int find(lua_State* lua) { return find_or_match(lua, true); }
int match(lua_State* lua) { return find_or_match(lua, false); }

// --- gmatch

// Its upvalues: the subject, the pattern, where to go on.
int next_match(lua_State* lua) {
  const std::string_view subject = text_at(lua, lua_upvalueindex(1));
  const char* const pattern = lua_tostring(lua, lua_upvalueindex(2));
  Matcher matcher{lua, subject};
  const char* s = subject.data() + lua_tointeger(lua, lua_upvalueindex(3));
  for (; s <= matcher.end(); ++s) {
    const char* const e = matcher.match_at(s, pattern);
    if (e == nullptr) continue;
    // An empty one is not found again.
    lua_pushinteger(lua, e - subject.data() + (e == s ? 1 : 0));
    lua_replace(lua, lua_upvalueindex(3));
    return matcher.push_captures(s, e);
  }
  return 0;
}

int gmatch(lua_State* lua) {
  luaL_checkstring(lua, 1);
  luaL_checkstring(lua, 2);
  lua_settop(lua, 2);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_match, 3);
  return 1;
}

// --- gsub

void add_replaced_text(lua_State* lua, luaL_Buffer& result, Matcher& matcher, const char* s,
                       const char* e) {
  const std::string_view text = text_at(lua, 3);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != kEscape) {
      luaL_addchar(&result, text[i]);
      continue;
    }
    ++i;  // at the end it is the NUL there
    const char c = text.data()[i];
    if (!is_digit(c)) {
      luaL_addchar(&result, c);
    } else if (c == '0') {
      luaL_addlstring(&result, s, static_cast<std::size_t>(e - s));
    } else {
      matcher.push_capture(c - '1', s, e);
      luaL_addvalue(&result);
    }
  }
}

// What stands for the match from `s` to `e`.
void add_replaced(lua_State* lua, luaL_Buffer& result, Matcher& matcher, const char* s,
                  const char* e) {
  switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION: {
      lua_pushvalue(lua, 3);
      const int count = matcher.push_captures(s, e);
      lua_call(lua, count, 1);
      break;
    }
    case LUA_TTABLE:
      matcher.push_capture(0, s, e);
      lua_gettable(lua, 3);
      break;
    default: return add_replaced_text(lua, result, matcher, s, e);
  }
  if (lua_toboolean(lua, -1) == 0) {
    lua_pop(lua, 1);
    push_text(lua, {s, e});
  } else if (lua_isstring(lua, -1) == 0) {
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  }
  luaL_addvalue(&result);
}

int gsub(lua_State* lua) {
  luaL_checkstring(lua, 1);
  const char* pattern = luaL_checkstring(lua, 2);
  const std::string_view subject = text_at(lua, 1);
  const int type = lua_type(lua, 3);
  const lua_Integer count_max =
      luaL_optinteger(lua, 4, static_cast<lua_Integer>(subject.size()) + 1);
  luaL_argcheck(
      lua,
      type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
      "string/function/table expected");
  if (type == LUA_TNUMBER) lua_tostring(lua, 3);
  const bool anchored = *pattern == '^';
  if (anchored) ++pattern;

  Matcher matcher{lua, subject};
  luaL_Buffer result;
  luaL_buffinit(lua, &result);
  lua_Integer count = 0;
  const char* s = matcher.begin();
  const char* done = s;  // up to here the result has it
  while (count < count_max) {
    const char* const e = matcher.match_at(s, pattern);
    if (e != nullptr) {
      ++count;
      luaL_addlstring(&result, done, static_cast<std::size_t>(s - done));
      add_replaced(lua, result, matcher, s, e);
      done = e;
    }
    if (e != nullptr && e > s)
      s = e;
    else if (s < matcher.end())
      ++s;
    else
      break;
    if (anchored) break;
  }
  luaL_addlstring(&result, done, static_cast<std::size_t>(matcher.end() - done));
  luaL_pushresult(&result);
  lua_pushinteger(lua, count);
  return 2;
}

// --- rep

int rep(lua_State* lua) {
  constexpr lua_Number kBytesMax = 1 << 30;  // more than there is memory for
  luaL_checkstring(lua, 1);
  const std::string_view text = text_at(lua, 1);
  const lua_Number wanted = luaL_checknumber(lua, 2);
  if (text.empty() || !(wanted >= 1)) {
    lua_pushliteral(lua, "");
    return 1;
  }
  if (wanted * static_cast<lua_Number>(text.size()) >= kBytesMax)
    return luaL_error(lua, "resulting string too large");
  const std::size_t size = static_cast<std::size_t>(wanted) * text.size();
  char* const room = static_cast<char*>(lua_newuserdata(lua, size));
  std::size_t filled = text.copy(room, text.size());
  for (; filled < size - filled; filled *= 2) std::memcpy(room + filled, room, filled);
  std::memcpy(room + filled, room, size - filled);
  lua_pushlstring(lua, room, size);
  return 1;
}

constexpr NamedFunction kFunctions[] = {{"find", find},    {"match", match}, {"gmatch", gmatch},
                                        {"gfind", gmatch}, {"gsub", gsub},   {"rep", rep}};

}  // namespace

void push_string_library(lua_State* lua) {
  lua_getglobal(lua, LUA_STRLIBNAME);
  set_functions(lua, kFunctions);
  lua_pushnil(lua);
  lua_setfield(lua, -2, "dump");
}

}  // namespace hybrid::server
