#include "server/lua_state.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/digest.hpp"
#include "server/lua_library.hpp"
#include "server/lua_values.hpp"

namespace hybrid::server {
namespace {

constexpr const char* kChunkName = "@user_script";
// Of more, compiled scripts are forgotten.
constexpr std::size_t kFunctionsMax = 1000;
constexpr std::size_t kFunctionsBytesMax = std::size_t{1} << 20;
// An interpreter that has more when its script ends is not used again.
constexpr std::size_t kKeptMemoryMax = std::size_t{16} << 20;
// How much of the C stack a script may use, of the 8 MiB that threads have.
constexpr std::ptrdiff_t kStackMax = std::ptrdiff_t{1} << 20;
// The clock is looked at after so many instructions, so many calls, and so many bytes that were allocated: few of them take long, but
// some of the large strings do.
constexpr int kInstructionsPerLook = 250;
constexpr unsigned kCallsPerLook = 16;
constexpr std::size_t kBytesPerLook = std::size_t{256} << 10;
constexpr std::size_t kErrorBytesMax = std::size_t{64} << 10;
constexpr std::size_t kReplyBytesKept = std::size_t{1} << 20;

int panic(lua_State*) {
  constexpr bool kErrorIsCaught = false;
  HYBRID_ASSERT(kErrorIsCaught);
  return 0;
}

const char* frame() { return static_cast<const char*>(__builtin_frame_address(0)); }

// False if there is no memory for it.
bool assign(std::string& to, std::string_view text) noexcept {
  try {
    to = text.substr(0, kErrorBytesMax);
    return true;
  } catch (...) {
    return false;
  }
}

// The message of the error on the top.
void take_error(lua_State* lua, std::string& to) {
  if (lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
  }
  if (lua_isstring(lua, -1) == 0) {
    lua_pop(lua, 1);
    lua_pushliteral(lua, "ERR the script raised an error that is no text");
  }
  if (!assign(to, text_at(lua, -1))) lua_error(lua);
}

// Sets the global in the table below the top.
void set_list(lua_State* lua, const char* name, std::span<const std::string_view> values) {
  lua_createtable(lua, static_cast<int>(values.size()), 0);
  int place = 0;
  for (const std::string_view value : values) {
    push_text(lua, value);
    lua_rawseti(lua, -2, ++place);
  }
  lua_setfield(lua, -2, name);
}

void unset(lua_State* lua, const char* name) {
  lua_pushnil(lua);
  lua_setfield(lua, -2, name);
}

}  // namespace

// Where the error was raised that nobody has caught.
struct LuaState::Place {
  std::array<char, 64> source{};
  int line = 0;
};

// What is compiled, for load().
struct LuaState::Loading {
  std::string_view text;
  int function = LUA_NOREF;
  std::string error{};
};

// The script that runs, for start().
struct LuaState::Running {
  const Run& run;
  int function;
  std::string& reply;
  bool done = false;
  int status = 0;
  std::string error{};
  Place place{};
};

// --- Memory

void* LuaState::allocate(void* self, void* block, std::size_t before, std::size_t after) {
  auto& lua = *static_cast<LuaState*>(self);
  if (after == 0) {
    std::free(block);
    lua.memory_ -= before;
    return nullptr;
  }
  if (after > before) {
    const std::size_t more = after - before;
    if (lua.memory_ + more > lua.memory_max_) return nullptr;
    lua.new_bytes_ += more;
    if (lua.new_bytes_ >= kBytesPerLook && lua.caller_ != nullptr &&
        lua.memory_max_ == lua.script_memory_max_) {
      lua.new_bytes_ = 0;
      if (lua.is_to_stop()) return nullptr;
    }
  }
  void* const moved = std::realloc(block, after);
  if (moved != nullptr) lua.memory_ += after - before;
  return moved;
}

// --- Life

LuaState::LuaState(std::size_t memory_max) : script_memory_max_(memory_max) {
  lua_ = lua_newstate(&allocate, this);  // which counts in members
  if (lua_ == nullptr) throw std::bad_alloc{};
  lua_atpanic(lua_, panic);
  fill_random(std::as_writable_bytes(std::span{&seed_, 1}));
  if (lua_cpcall(lua_, &set_up, this) != 0) {
    lua_close(lua_);
    throw std::bad_alloc{};
  }
}

LuaState::~LuaState() { lua_close(lua_); }

LuaState& LuaState::of(lua_State* lua) {
  void* self = nullptr;
  lua_getallocf(lua, &self);
  return *static_cast<LuaState*>(self);
}

int LuaState::set_up(lua_State* lua) {
  // Lua's own 200 would let a script with 33 MiB run out of 64, since garbage is collected too late.
  constexpr int kPausePercent = 150;
  lua_gc(lua, LUA_GCSETPAUSE, kPausePercent);
  push_globals(lua);
  of(lua).globals_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

void LuaState::begin(std::chrono::milliseconds time_max) {
  stop_ = Stop::none;
  time_max_ = time_max;
  deadline_ = time_max.count() > 0 ? SteadyClock::now() + time_max : SteadyClock::time_point::max();
  stack_begin_ = frame();
  calls_ = 0;
  protocol_ = 2;
}

// --- Time

bool LuaState::is_to_stop() {
  if (stop_ != Stop::none) return true;
  if (caller_ != nullptr && caller_->is_killed())
    stop_ = Stop::killed;
  else if (deadline_ != SteadyClock::time_point::max() && SteadyClock::now() >= deadline_)
    stop_ = Stop::time;
  return stop_ != Stop::none;
}

void LuaState::check_time(lua_State* lua) {
  if (!is_to_stop()) return;
  // If the error is caught, the next instruction raises another one.
  lua_sethook(lua, &on_hook, LUA_MASKCALL | LUA_MASKCOUNT, 1);
  luaL_error(lua, "the script was stopped");
}

// Every recursion in C goes through a call, also that of coroutines within coroutines, which Lua does not count.
void LuaState::on_hook(lua_State* lua, lua_Debug* event) {
  LuaState& self = of(lua);
  if (event->event == LUA_HOOKCALL) {
    if (self.stack_begin_ - frame() > kStackMax) luaL_error(lua, "C stack overflow");
    if (self.stop_ == Stop::none && ++self.calls_ % kCallsPerLook != 0) return;
  }
  self.check_time(lua);
}

std::string LuaState::stopped_text() const {
  if (stop_ == Stop::killed) return "ERR Script killed by user with SCRIPT KILL.";
  return "ERR the script ran for more than " + std::to_string(time_max_.count()) +
         " ms and was stopped";
}

// --- Compiling

int LuaState::load(lua_State* lua) {
  auto& loading = *static_cast<Loading*>(lua_touserdata(lua, 1));
  if (load_text(lua, loading.text, kChunkName) == 0)
    loading.function = luaL_ref(lua, LUA_REGISTRYINDEX);
  else
    take_error(lua, loading.error);
  return 0;
}

std::expected<void, std::string> LuaState::compile(std::string_view sha, std::string_view text,
                                                   std::chrono::milliseconds time_max) {
  HYBRID_ASSERT(caller_ == nullptr && !has(sha));
  if (functions_.size() >= kFunctionsMax || functions_bytes_ > kFunctionsBytesMax)
    forget_functions();
  begin(time_max);
  Loading loading{.text = text};
  const int status = lua_cpcall(lua_, &load, &loading);
  lua_sethook(lua_, nullptr, 0, 0);
  lua_settop(lua_, 0);
  if (stop_ != Stop::none) return std::unexpected(stopped_text());
  if (status != 0) {
    spent_ = true;
    return std::unexpected("ERR Error compiling script (new function): not enough memory");
  }
  if (loading.function == LUA_NOREF) {
    return std::unexpected("ERR Error compiling script (new function): " +
                           std::move(loading.error));
  }
  functions_.emplace(sha, loading.function);
  functions_bytes_ += text.size();
  return {};
}

void LuaState::forget_functions() {
  for (const auto& [sha, function] : functions_) luaL_unref(lua_, LUA_REGISTRYINDEX, function);
  functions_.clear();
  functions_bytes_ = 0;
}

// --- Running

// Called where the error was raised, before the stack is left.
int LuaState::note_error(lua_State* lua) {
  Place& place = *of(lua).error_place_;
  lua_Debug at;
  for (int level = 1; lua_getstack(lua, level, &at) != 0; ++level) {
    lua_getinfo(lua, "Sl", &at);
    if (at.currentline <= 0) continue;  // not Lua
    place.line = at.currentline;
    std::strncpy(place.source.data(), at.source, place.source.size() - 1);
    break;
  }
  if (lua_istable(lua, 1)) return 1;
  lua_pushliteral(lua, "ERR ");
  if (lua_isstring(lua, 1) != 0)
    lua_pushvalue(lua, 1);
  else if (lua_isboolean(lua, 1))
    lua_pushstring(lua, lua_toboolean(lua, 1) != 0 ? "true" : "false");
  else
    lua_pushstring(lua, luaL_typename(lua, 1));
  lua_concat(lua, 2);
  return 1;
}

int LuaState::start(lua_State* lua) {
  auto& running = *static_cast<Running*>(lua_touserdata(lua, 1));
  LuaState& self = of(lua);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, self.globals_);
  set_list(lua, "KEYS", running.run.keys);
  set_list(lua, "ARGV", running.run.arguments);
  lua_pushcfunction(lua, &note_error);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, running.function);
  lua_sethook(lua, &on_hook, LUA_MASKCALL | LUA_MASKCOUNT, kInstructionsPerLook);
  running.status = lua_pcall(lua, 0, 1, -2);
  lua_sethook(lua, nullptr, 0, 0);

  if (running.status != 0 || self.stop_ != Stop::none) {
    take_error(lua, running.error);
  } else {
    running.place.line = 0;
    StepCounter steps{lua};
    write_value(lua, {.bytes = running.reply,
                      .protocol = running.run.protocol,
                      .script_protocol = self.protocol_,
                      .steps = steps});
    running.done = true;
  }
  lua_settop(lua, 2);
  unset(lua, "KEYS");
  unset(lua, "ARGV");
  return 0;
}

std::expected<void, std::string> LuaState::run(const Run& run, Caller& caller, std::string& reply) {
  HYBRID_ASSERT(caller_ == nullptr && has(run.sha));
  begin(run.time_max);
  seed_ = seed_ * 6364136223846793005 + 1442695040888963407;  // Knuth's
  random_ = seed_ >> 16;

  Running running{.run = run, .function = functions_.find(run.sha)->second, .reply = reply};
  caller_ = &caller;
  error_place_ = &running.place;
  const int status = lua_cpcall(lua_, &start, &running);
  lua_sethook(lua_, nullptr, 0, 0);
  caller_ = nullptr;
  error_place_ = nullptr;

  // Not an error of the script: there was no memory for its arguments, or its value cannot be a reply.
  const bool failed_around_it = status != 0;
  if (failed_around_it) {
    running.done = false;
    running.status = status;
    running.place.line = 0;
    running.error = "ERR " + std::string{text_at(lua_, -1)};
  } else if (running.status == LUA_ERRERR) {
    running.error.insert(0, "ERR ");  // Lua's own, which note_error() has not seen
  }
  lua_settop(lua_, 0);
  if (reply_.capacity() > kReplyBytesKept) reply_ = {};
  drop_kept();
  const bool no_memory = running.status == LUA_ERRMEM;
  if (stop_ != Stop::none || no_memory || memory_ > kKeptMemoryMax) spent_ = true;
  if (running.done) return {};

  std::string text = std::move(running.error);
  if (stop_ != Stop::none)
    text = stopped_text();
  else if (no_memory)
    text = "ERR not enough memory: a script may have " + std::to_string(script_memory_max_ >> 20) +
           " MiB";
  if (running.place.line != 0) {
    text += " script: " + std::string{run.sha} + ", on " + running.place.source.data() + ":" +
            std::to_string(running.place.line) + ".";
  }
  return std::unexpected(std::move(text));
}

// --- Asking

LuaState::Answer LuaState::ask(lua_State* lua, int count, Question question) noexcept {
  try {
    arguments_.clear();
    for (int i = 1; i <= count; ++i) arguments_.push_back(text_at(lua, i));
    if (question == Question::may_call) {
      const auto may = caller_->may_call(arguments_);
      if (!may) return Answer::no_command;
      return *may ? Answer::yes : Answer::no;
    }
    reply_.clear();
    caller_->call(arguments_, protocol_, reply_);
    return Answer::reply;
  } catch (...) {
    return Answer::no_memory;
  }
}

}  // namespace hybrid::server
