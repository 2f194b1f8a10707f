// One sandboxed interpreter of Lua 5.1. It knows Lua and the library `redis`, and no commands: those it asks a Caller for.
//
//   LuaState lua;
//   if (!lua.has(sha)) lua.compile(sha, text, 5s);  // or what is wrong with it
//   lua.run({.sha = sha, .keys = keys, .arguments = arguments, .time_max = 5s}, caller, reply);
//
// Used by one thread at a time.
//   L1  Nothing that a script made or changed is seen by the next one.
//   L2  Memory, time, the C stack and the reply are bounded. Past a bound the script fails, and nothing else does.
//   L3  Lua leaves frames by longjmp. No frame that it may leave has an object with a destructor, and no exception passes through
//       one: whatever may throw is within a function that is noexcept, and tells what became of it.
// Not here: which commands there are and who may call them (script_commands.cpp), and the texts (scripts.hpp).
#pragma once

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/thread.hpp"

struct lua_Debug;
struct lua_State;

namespace hybrid::server {

class LuaState {
 public:
  // Whom a script asks.
  class Caller {
   public:
    virtual ~Caller() = default;
    // Calls a command, and appends its reply in this protocol, or an error.
    virtual void call(std::span<const std::string_view> arguments, int protocol,
                      std::string& reply) = 0;
    // Whether it could be called; nothing if there is no such command.
    virtual std::optional<bool> may_call(std::span<const std::string_view> arguments) = 0;
    // Whether the script shall end.
    virtual bool is_killed() const = 0;
  };

  struct Run {
    std::string_view sha;  // that has() it
    std::span<const std::string_view> keys;
    std::span<const std::string_view> arguments;
    int protocol = 2;                       // of the reply
    std::chrono::milliseconds time_max{0};  // 0: as long as it likes
  };

  static constexpr std::size_t kMemoryMax = std::size_t{64} << 20;

  // `memory_max`: for all that it and its script keep; tests have less. Throws std::bad_alloc if it does not fit itself.
  explicit LuaState(std::size_t memory_max = kMemoryMax);
  LuaState(const LuaState&) = delete;
  LuaState& operator=(const LuaState&) = delete;
  ~LuaState();

  // Whether it is compiled.
  bool has(std::string_view sha) const { return functions_.contains(sha); }
  // Those compiled long ago may be forgotten for it. Or what is wrong, as the text of an error reply.
  std::expected<void, std::string> compile(std::string_view sha, std::string_view text,
                                           std::chrono::milliseconds time_max);
  // Appends the reply. Or the text of an error reply; then what was appended is to be cut off again.
  std::expected<void, std::string> run(const Run& run, Caller& caller, std::string& reply);
  // Whether the next script should have another interpreter: this one was left large, or with settings of its own.
  bool is_spent() const { return spent_; }

  // --- For its libraries (lua_library.hpp)
  static LuaState& of(lua_State* lua);
  // Raises an error if the script has to end: to be called now and then by whatever may take long. It cannot be caught.
  void check_time(lua_State* lua);
  // Until it is taken back no memory is refused, up to four times the limit: for a library that would lose some if it were.
  void allow_more_memory(bool allowed) {
    memory_max_ = allowed ? 4 * script_memory_max_ : script_memory_max_;
  }
  void spend() { spent_ = true; }
  // An object that has a destructor, for the function that calls this, until it is dropped, the next is kept, or the script ends,
  // for Lua may leave the function at any time. Null without memory for it.
  template <class T>
  T* keep() noexcept {
    try {
      return &kept_.emplace<T>();
    } catch (...) {
      return nullptr;
    }
  }
  void drop_kept() noexcept { kept_.reset(); }
  int& protocol() { return protocol_; }
  std::uint64_t& random() { return random_; }
  enum class Question : std::uint8_t { call, may_call };
  enum class Answer : std::uint8_t { reply, yes, no, no_command, no_memory };
  // `count` strings from the bottom of the stack are the command.
  Answer ask(lua_State* lua, int count, Question question) noexcept;
  // Of ask(), until the next.
  std::string_view reply() const { return reply_; }

 private:
  enum class Stop : std::uint8_t { none, time, killed };
  struct Place;
  struct Loading;
  struct Running;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  static void* allocate(void* self, void* block, std::size_t before, std::size_t after);
  static int set_up(lua_State* lua);
  static int load(lua_State* lua);
  static int start(lua_State* lua);
  static int note_error(lua_State* lua);
  static void on_hook(lua_State* lua, lua_Debug* event);

  void begin(std::chrono::milliseconds time_max);
  bool is_to_stop();
  std::string stopped_text() const;
  void forget_functions();

  const std::size_t script_memory_max_;
  lua_State* lua_ = nullptr;
  std::size_t memory_ = 0;  // bytes that are allocated
  std::size_t memory_max_ = script_memory_max_;
  std::size_t new_bytes_ = 0;  // since the clock was looked at
  bool spent_ = false;
  std::uint64_t seed_ = 0;  // of the next script
  int globals_ = 0;         // reference to the table that has them
  std::unordered_map<std::string, int, Hash, std::equal_to<>> functions_;  // references, by SHA-1
  std::size_t functions_bytes_ = 0;                                        // of their texts

  // Of the script that runs, or is compiled.
  Caller* caller_ = nullptr;
  Stop stop_ = Stop::none;
  std::chrono::milliseconds time_max_{0};
  SteadyClock::time_point deadline_;
  const char* stack_begin_ = nullptr;
  unsigned calls_ = 0;
  int protocol_ = 2;          // in which replies are turned into values
  std::uint64_t random_ = 0;  // of math.random
  Place* error_place_ = nullptr;
  std::vector<std::string_view> arguments_;
  std::string reply_;
  std::any kept_;
};

}  // namespace hybrid::server
