// An interpreter with little memory: wherever there is none left, the script fails, and nothing else does.
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include "server/lua_state.hpp"

namespace hybrid::testing {
namespace {

using server::LuaState;

class Echo final : public LuaState::Caller {
 public:
  void call(std::span<const std::string_view> arguments, int, std::string& reply) override {
    if (arguments[0] == "fail")
      reply += "-ERR no\r\n";
    else if (arguments[0] == "many")
      reply += "*3\r\n$3\r\nabc\r\n:7\r\n%1\r\n+k\r\n,1.5\r\n";
    else
      reply += reply_;
  }
  std::optional<bool> may_call(std::span<const std::string_view>) override { return true; }
  bool is_killed() const override { return false; }

  std::string reply_;
};

// Some of everything that allocates.
constexpr const char* kScript = R"(
  local t = {}
  for i = 1, 20 do t[i] = {tostring(i), i = i} end
  table.sort(t, function(a, b) return a.i > b.i end)
  t[21] = string.gsub('hello world', '%w+', function(w) return w:upper() .. #w end)
  for w in string.gmatch('a b c', '%a') do t[#t + 1] = w end
  t[#t + 1] = table.concat({string.rep('x', 500), string.format('%5d', 7)})
  t[#t + 1] = loadstring('return {' .. string.rep('1,', 50) .. '}')()
  t[#t + 1] = load(function() return nil end)
  t[#t + 1] = {pcall(error, {err = 'x'})}
  t[#t + 1] = {xpcall(function() local x = nil + 1 end, function(e) return e .. '!' end)}
  t[#t + 1] = coroutine.wrap(function() coroutine.yield({1}) end)()
  t[#t + 1] = cjson.decode(cjson.encode({a = {1, 2, 3}, b = 'text'})).a
  t[#t + 1] = cmsgpack.unpack(cmsgpack.pack({a = {1, 2, 3}, b = 'text'})).a
  t[#t + 1] = redis.call('many', 1.5, 'x')
  t[#t + 1] = redis.pcall('fail')
  t[#t + 1] = {pcall(redis.call, 'fail')}
  t[#t + 1] = redis.sha1hex('x') .. bit.tohex(7)
  for k, v in pairs(string) do t[#t + 1] = k end
  return {t, KEYS, ARGV}
)";

TEST(LuaState, FailsWhereverMemoryEnds) {
  Echo caller;
  const std::vector<std::string_view> words(10, "word");
  const auto run = [&](std::size_t memory_max) {
    LuaState lua{memory_max};
    const auto compiled = lua.compile("sha", kScript, std::chrono::seconds{0});
    if (!compiled) return compiled.error();
    std::string reply;
    const LuaState::Run what{.sha = "sha", .keys = words, .arguments = words};
    const auto done = lua.run(what, caller, reply);
    return done ? reply : done.error();
  };
  const std::string whole = run(LuaState::kMemoryMax);
  ASSERT_TRUE(whole.starts_with("*3\r\n")) << whole;
  std::size_t none = 0;
  std::size_t failed = 0;
  std::size_t done = 0;
  constexpr std::size_t kEnough = std::size_t{256} << 10;
  for (std::size_t memory_max = 1000; memory_max < kEnough; memory_max += 97) {
    try {
      const std::string reply = run(memory_max);
      if (reply.starts_with("*3\r\n")) {
        ++done;
      } else {
        ++failed;
        // Or what a library makes of it.
        EXPECT_NE(reply.find("memory"), std::string::npos) << memory_max << ": " << reply;
      }
    } catch (const std::bad_alloc&) {
      ++none;
    }
  }
  EXPECT_GT(none, 0U);
  EXPECT_GT(failed, 50U);
  EXPECT_GT(done, 50U);
}

TEST(LuaState, GoesOnAfterAScriptThatFailed) {
  LuaState lua;
  Echo caller;
  std::string reply;
  ASSERT_TRUE(lua.compile("bad", "error('x')", std::chrono::seconds{1}));
  ASSERT_TRUE(lua.compile("good", "return 1", std::chrono::seconds{1}));
  EXPECT_EQ(lua.run({.sha = "bad"}, caller, reply).error(),
            "ERR user_script:1: x script: bad, on @user_script:1.");
  EXPECT_TRUE(lua.run({.sha = "good"}, caller, reply));
  EXPECT_EQ(reply, ":1\r\n");
  EXPECT_FALSE(lua.is_spent());
}

// Replies come from our own commands, but what they say of their size is not trusted.
TEST(LuaState, RefusesRepliesThatAreNone) {
  LuaState lua;
  ASSERT_TRUE(lua.compile("sha", "return redis.call('x')", std::chrono::seconds{1}));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "*1\r\n";
  for (const std::string& wrong :
       {std::string{}, std::string{"\r\n"}, std::string{":1"}, std::string{":x\r\n"},
        std::string{"$5\r\nabc\r\n"}, std::string{"$-2\r\n"},
        std::string{"$99999999999999999999\r\n"}, std::string{"$9223372036854775807\r\nabc\r\n"},
        std::string{"*3\r\n:1\r\n"}, std::string{"*9223372036854775807\r\n:1\r\n"},
        std::string{"%2147483647\r\n+a\r\n"}, std::string{"~5\r\n"}, std::string{"=2\r\nab\r\n"},
        std::string{"?\r\n"}, std::string{":1\r\n:2\r\n"}, deep + ":1\r\n"}) {
    Echo caller;
    caller.reply_ = wrong;
    std::string reply;
    const auto done = lua.run({.sha = "sha"}, caller, reply);
    ASSERT_FALSE(done) << wrong;
    EXPECT_NE(done.error().find("the reply of the command cannot be a value"), std::string::npos);
  }
}

}  // namespace
}  // namespace hybrid::testing
