// Scripts: what they may not do, and what bounds them. That they do what Redis does is in test_scripts.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.hpp"
#include "server/scripts.hpp"
#include "testing/sanitized.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using server::Script;
using server::Scripts;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kTimeMax = 200ms;

class AScript : public ::testing::Test {
 protected:
  static std::string eval(TestClient& client, const std::string& script,
                          const std::vector<std::string>& arguments = {"0"}) {
    std::vector<std::string> words{"EVAL", script};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return client(words);
  }
  std::string eval(const std::string& script, const std::vector<std::string>& arguments = {"0"}) {
    return eval(client_, script, arguments);
  }

  ServedStore served_{{.script_time_max = kTimeMax}};
  TestClient client_ = served_.client();
};

struct Case {
  const char* name;
  const char* script;
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

// --- Time

class EndlessScript : public AScript, public ::testing::WithParamInterface<Case> {};

// None of these ever ends, or not for hours.
TEST_P(EndlessScript, IsStoppedAndItsServerGoesOn) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(eval(GetParam().script), HasSubstr("ran for more than 200 ms and was stopped"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);
  EXPECT_EQ(eval("return 1"), "1");
  TestClient other = served_.client();
  EXPECT_EQ(other("SET a 1"), "OK");
}

const Case kEndless[] = {
    {"loop", "while true do end"},
    {"for_loop", "for i = 1, 1e15 do end"},
    {"recursion", "local function f() return f() end f()"},
    {"in_pcall", "pcall(function() while true do end end)"},
    {"pcall_again_and_again", "while true do pcall(function() while true do end end) end"},
    {"nested_pcalls",
     "local function f(n) if n == 0 then while true do end end pcall(f, n - 1) while true do end "
     "end f(50)"},
    {"returned_from_pcall", "return pcall(function() while true do end end)"},
    {"in_xpcall", "xpcall(function() while true do end end, function() while true do end end)"},
    {"in_a_handler", "xpcall(error, function() while true do end end)"},
    {"coroutine", "coroutine.wrap(function() while true do end end)()"},
    {"coroutine_again_and_again",
     "while true do coroutine.resume(coroutine.create(function() while true do end end)) end"},
    {"coroutine_that_yields",
     "local f = coroutine.wrap(function() while true do coroutine.yield() end end) "
     "while true do f() end"},
    {"metamethod",
     "local t = setmetatable({}, {__index = function() while true do end end}) return t.x"},
    {"loaded", "loadstring('while true do end')()"},
    {"reader_of_load", "load(function() return ' ' end)"},
    {"backtracking", "return string.find(string.rep('a', 3000), string.rep('a-', 60) .. 'b')"},
    {"backtracking_with_sets",
     "return string.match(string.rep('ab', 3000), string.rep('[ab]*', 30) .. 'c')"},
    {"replaced_for_ever",
     "return string.gsub(string.rep('a', 30000), string.rep('a*', 20) .. 'b', 'x')"},
    {"words_for_ever",
     "for w in string.gmatch(string.rep('a', 30000), string.rep('a*', 20) .. 'b') do end"},
    {"balance", "return string.find(string.rep('(', 3e6), '%b()')"},
    {"sorted_for_ever",
     "local t = {} for i = 1, 1e5 do t[i] = i end "
     "while true do table.sort(t) end"},
    {"sort_with_a_function",
     "local t = {} for i = 1, 1e5 do t[i] = i end "
     "table.sort(t, function(a, b) for i = 1, 1e6 do end return a < b end)"},
    {"table_functions",
     "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.maxn(t) end"},
    {"insertions",
     "local t = {} for i = 1, 3e5 do t[i] = i end "
     "while true do table.insert(t, 1, 1) table.remove(t, 1) end"},
    {"garbage", "while true do local t = {} end"},
    {"collections",
     "local t = {} for i = 1, 2e5 do t[i] = {} end while true do collectgarbage() end"},
    {"large_strings", "local s = string.rep('x', 1e7) while true do local t = s .. 'y' end"},
    {"commands", "while true do redis.call('ping') end"},
    {"errors_of_commands", "while true do redis.pcall('no such') end"},
    {"json_again_and_again",
     "local s = '[' .. string.rep('[],', 1e5) .. '1]' "
     "while true do cjson.decode(s) end"},
    {"reader_that_compiles",
     "local s = string.rep('do while 1 do break end end ', 60000) while true do loadstring(s) end"},
};
INSTANTIATE_TEST_SUITE_P(All, EndlessScript, ::testing::ValuesIn(kEndless), name_of);

TEST_F(AScript, IsStoppedWhileItIsCompiled) {
  // Lua walks the list of all jumps for each of them.
  const std::string breaks = "while 1 do " + [] {
    std::string text;
    for (int i = 0; i < 60'000; ++i) text += "do break end ";
    return text;
  }() + "end ";
  const std::string text = breaks + breaks + breaks + breaks + breaks;
  EXPECT_THAT(eval(text), HasSubstr("was stopped"));
  EXPECT_THAT(client_({"SCRIPT", "LOAD", text}), HasSubstr("was stopped"));
  EXPECT_EQ(eval("return 1"), "1");
}

TEST_F(AScript, KeepsWhatItDidBeforeItWasStopped) {
  eval("redis.call('set', 'a', 1) while true do end");
  EXPECT_EQ(client_("GET a"), "\"1\"");
}

// --- Memory

TEST_F(AScript, HasATimeThatToolsMayAskFor) {
  TestClient client = served_.client();
  EXPECT_EQ(client("CONFIG GET lua-time-limit"), "[\"lua-time-limit\", \"200\"]");
  EXPECT_EQ(client("CONFIG GET busy-reply-threshold"), "[\"busy-reply-threshold\", \"200\"]");
}

class HungryScript : public AScript, public ::testing::WithParamInterface<Case> {};

TEST_P(HungryScript, FailsAndItsServerGoesOn) {
  ServedStore served{{.script_time_max = 5s}};
  TestClient client = served.client();
  const std::string reply = eval(client, GetParam().script);
  EXPECT_TRUE(reply.starts_with("ERR ")) << reply.substr(0, 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(eval(client, "return #string.rep('x', 1e6)"), "1000000");
}

const Case kHungry[] = {
    {"table", "local t = {} for i = 1, 1e9 do t[i] = i end"},
    {"tables", "local t = {} while true do t = {t} end"},
    {"string", "local s = 'x' while true do s = s .. s end"},
    {"repeated", "return string.rep('x', 1e9)"},
    {"repeated_too_often", "return string.rep('x', 2^53)"},
    {"joined",
     "local t = {} for i = 1, 100 do t[i] = string.rep('x', 1e6) end return table.concat(t)"},
    {"replaced", "return string.gsub(string.rep('x', 1e6), 'x', string.rep('y', 1000))"},
    {"caught",
     "local t = {} while true do pcall(function() t[#t + 1] = string.rep('x', 1e6) .. #t "
     "end) if #t > 40 then t[#t + 1] = string.rep('y', 6e7) end end"},
    {"closures", "local t = {} while true do t[#t + 1] = function() return t end end"},
    {"coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end"},
    {"arguments",
     "local t = {} for i = 1, 7000 do t[i] = string.rep('x', 9000) .. i end "
     "return redis.call('echo', table.concat(t))"},
    {"json", "return cjson.encode({string.rep('\\1', 1e7)})"},
    {"json_of_shared_tables",
     "local t = {} for i = 1, 60 do t = {t, t} end return cjson.encode(t)"},
    {"json_with_gaps", "cjson.encode_sparse_array(true, 0) return cjson.encode({[1e9] = 1})"},
    {"json_with_allowed_gaps",
     "cjson.encode_sparse_array(false, 2^31 - 1, 2^31 - 1) return cjson.encode({[1e9] = 1})"},
    {"decoded_json",
     "local t = {} while true do "
     "t[#t + 1] = cjson.decode('[' .. string.rep('[],', 1e5) .. '1]') end"},
    {"msgpack", "local s = string.rep('x', 3e7) return cmsgpack.pack(s, s)"},
    {"msgpack_of_shared_tables",
     "local s = string.rep('x', 1e4) local t = {s} for i = 1, 14 do t = {t, t} end "
     "return cmsgpack.pack(t)"},
    {"msgpack_that_says_it_is_long",
     "return cmsgpack.unpack(string.rep('\\221\\127\\255\\255\\255', 900))"},
    {"unpacked_msgpack",
     "local t = {} local s = '\\220\\255\\255' .. string.rep('\\144', 65535) while true do "
     "t[#t + 1] = cmsgpack.unpack(s) end"},
    {"long_msgpack", "return cmsgpack.unpack('\\221\\0\\31\\0\\0' .. string.rep('\\1', 2031616))"},
    {"reply", "local s = string.rep('x', 1e7) return {s, s, s, s, s, s, s, s, s, s}"},
    {"shared_reply", "local t = {} for i = 1, 30 do t = {t, t} end return t"},
    {"loaded", "return loadstring('return {' .. string.rep('{},', 1e6) .. '}')()"},
};
INSTANTIATE_TEST_SUITE_P(All, HungryScript, ::testing::ValuesIn(kHungry), name_of);

TEST_F(AScript, LeavesNothingBehindThatItUnpackedInVain) {
  const auto resident_bytes = [] {
    std::ifstream file{"/proc/self/statm"};
    std::size_t pages = 0;
    file >> pages >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  };
  ServedStore served{{.script_time_max = 60s}};
  TestClient client = served.client();
  const std::size_t before = resident_bytes();
  // Half a million values, and what is none.
  EXPECT_EQ(eval(client,
                 "local s = '\\221\\0\\7\\255\\255' .. string.rep('\\192', 0x7fffe) .. '\\193' "
                 "for i = 1, 10 do pcall(cmsgpack.unpack, s) end return 1"),
            "1");
  // A sanitizer keeps for a while what was freed.
  constexpr std::size_t kBytesMax = std::size_t{kSanitized ? 512 : 64} << 20;
  EXPECT_LT(resident_bytes(), before + kBytesMax);
}

// Whoever takes memory of Lua may set off a collection, in which weak tables lose what is in them.
TEST_F(AScript, PacksTablesThatForget) {
  ServedStore served{{.script_time_max = 60s}};
  TestClient client = served.client();
  EXPECT_EQ(eval(client, R"(
    for trial = 1, 40 do
      local weak, kept = setmetatable({}, {__mode = 'v'}), {}
      for i = 1, 500 + trial * 7 do
        weak[i] = {}
        if i ~= 5 and i ~= 6 then kept[i] = weak[i] end
      end
      for i = 1, 1000 do
        if rawget(weak, 5) == nil then break end
        cmsgpack.pack(weak)
      end
    end
    return 1)"),
            "1");
}

// --- The stack

class DeepScript : public AScript, public ::testing::WithParamInterface<Case> {};

TEST_P(DeepScript, FailsAndItsServerGoesOn) {
  EXPECT_THAT(eval(GetParam().script), StartsWith("ERR "));
  EXPECT_EQ(eval("return 1"), "1");
}

const Case kDeep[] = {
    {"recursion", "local function f() return 1 + f() end return f()"},
    {"nested_pcalls", "local function f() assert(pcall(f)) end f()"},
    {"nested_coroutines", "local function f() coroutine.wrap(f)() end f()"},
    {"nested_replacements", "local function f() return (string.gsub('x', 'x', f)) end return f()"},
    {"nested_sorts", "local function f() table.sort({1, 2}, f) end f()"},
    {"metamethods",
     "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) "
     "return t[1]"},
    {"pattern", "return string.find(string.rep('a', 1e5), string.rep('a?', 1e5))"},
    {"pattern_with_captures", "return string.find('', string.rep('(', 1e5))"},
    {"text", "return loadstring('return ' .. string.rep('(', 1e5))()"},
    {"json", "cjson.decode(string.rep('[', 1e5))"},
    {"json_with_its_depth", "cjson.decode_max_depth(1e6) cjson.decode(string.rep('[', 1e6))"},
    {"table_as_json", "local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)"},
    {"msgpack", "return cmsgpack.unpack(string.rep('\\145', 1e5) .. '\\1')"},
    {"msgpack_values", "return {cmsgpack.unpack(string.rep('\\1', 1e5))}"},
    {"msgpack_arguments", "return cmsgpack.pack(unpack({}, 1, 7999))"},
    {"reply", "local t = {} for i = 1, 100 do t = {t} end return t"},
    {"circle", "local t = {} t[1] = t return t"},
    {"map", "local t = {} for i = 1, 100 do t = {map = {a = t}} end return t"},
    {"results", "return {unpack({}, 1, 1e6)}"},
    {"results_that_overflow", "return {unpack({}, -2147483648, 2147483647)}"},
    {"results_from_the_end",
     "return {unpack({}, 2147483646, 2147483647)}, unpack({}, 0, 2147483647)"},
    {"bytes", "return {string.byte(string.rep('x', 1e6), 1, -1)}"},
};
INSTANTIATE_TEST_SUITE_P(All, DeepScript, ::testing::ValuesIn(kDeep), name_of);

// --- The sandbox

TEST_F(AScript, SeesNeitherFilesNorTheProcess) {
  for (const char* name : {"io", "require", "package", "module", "dofile", "loadfile", "debug",
                           "print", "getfenv", "setfenv", "newproxy"}) {
    EXPECT_THAT(eval(std::string{"return "} + name),
                HasSubstr("Script attempted to access nonexistent global variable '" +
                          std::string{name} + "'"));
  }
  EXPECT_EQ(eval("local n = {} for k in pairs(os) do n[#n + 1] = k end return n"), "[\"clock\"]");
  EXPECT_EQ(eval("return type(os.clock())"), "\"number\"");
  EXPECT_EQ(eval("return string.dump"), "(nil)");
  EXPECT_EQ(eval("return cjson.new"), "(nil)");
  EXPECT_EQ(eval("return redis.breakpoint"), "(nil)");
}

TEST_F(AScript, CannotLoadCompiledCode) {
  EXPECT_THAT(eval("\x1bLuaQ"), HasSubstr("Error compiling script"));
  EXPECT_THAT(eval("return loadstring(ARGV[1])()", {"0", "\x1bLuaQ"}), StartsWith("ERR "));
  EXPECT_THAT(eval("local f, e = loadstring(ARGV[1]) return e", {"0", "\x1bLuaQ"}),
              HasSubstr("unexpected symbol near 'char(27)'"));
  EXPECT_THAT(eval("local done = false local f, e = load(function() if not done then done = true "
                   "return ARGV[1] end end) return e",
                   {"0", "\x1bLuaQ"}),
              HasSubstr("unexpected symbol near 'char(27)'"));
}

// Each tries to change what another script would see.
TEST_F(AScript, ChangesNothingThatOthersSee) {
  for (const char* script : {"x = 1",
                             "function f() end",
                             "_G.x = 1",
                             "_G._G = 1",
                             "KEYS = {}",
                             "redis = nil",
                             "redis.call = nil",
                             "string.rep = nil",
                             "string.x = 1",
                             "rawset(_G, 'x', 1)",
                             "rawset(string, 'x', 1)",
                             "rawset(redis, 'call', 1)",
                             "table.insert(string, 1)",
                             "table.remove(string, 1)",
                             "table.sort(string)",
                             "setmetatable(_G, {})",
                             "setmetatable(string, {})",
                             "getmetatable(_G).__index = nil",
                             "getmetatable('').__index = nil",
                             "getmetatable('').x = 1",
                             "getmetatable('').__index.x = 1",
                             "rawset(getmetatable(''), '__index', nil)",
                             "loadstring('x = 1')()",
                             "coroutine.wrap(function() x = 1 end)()",
                             "for k, v in pairs(_G) do if type(v) == 'table' then v.x = 1 end end",
                             "local n, t = pairs(string) t.x = 1",
                             "rawset(select(2, pairs(string)), 'x', 1)"}) {
    EXPECT_THAT(eval(script), StartsWith("ERR ")) << script;
    EXPECT_EQ(eval("return {type(redis.call), ('x'):rep(2), tostring(rawget(_G, 'x')), "
                   "tostring(string.x), tostring(rawget(string, 'x')), tostring(redis.x), #KEYS}"),
              R"(["function", "xx", "nil", "nil", "nil", "nil", 0])")
        << script;
  }
}

TEST_F(AScript, LeavesNoSettingBehind) {
  EXPECT_EQ(eval("cjson.encode_sparse_array(true) return cjson.encode({[1] = 1, [100] = 2})"),
            R"("{"1":1,"100":2}")");
  EXPECT_THAT(eval("return cjson.encode({[1] = 1, [100] = 2})"), HasSubstr("excessively sparse"));
  EXPECT_EQ(eval("redis.setresp(3) return redis.call('hgetall', 'none').map and 1"), "1");
  EXPECT_EQ(eval("return redis.call('hgetall', 'none').map and 1"), "(nil)");
  const std::string random = "return tostring(math.random())";
  EXPECT_EQ(eval("math.randomseed(1) " + random), eval("math.randomseed(1) " + random));
  EXPECT_NE(eval("math.randomseed(1) " + random), eval(random));
  EXPECT_EQ(eval("collectgarbage('stop') return 1"), "1");
  EXPECT_THAT(eval("return KEYS[1] .. ARGV[1]", {"1", "a", "b"}), "\"ab\"");
  EXPECT_EQ(eval("return {#KEYS, #ARGV}"), "[0, 0]");
}

TEST_F(AScript, ReadsThroughWhatItCannotChange) {
  EXPECT_EQ(eval("local n = 0 for k in pairs(_G) do n = n + 1 end return n > 20"), "1");
  EXPECT_EQ(eval("return rawget(_G, 'redis') == redis and rawget(string, 'rep') == string.rep"),
            "1");
  EXPECT_EQ(eval("return tostring(rawget(_G, 'nope'))"), "\"nil\"");
  EXPECT_EQ(
      eval("return next(string) ~= nil and _G._G == _G and getmetatable('').__index == string"),
      "1");
}

// --- Commands

TEST_F(AScript, LeavesItsClientAsItWas) {
  EXPECT_EQ(eval("redis.setresp(3) redis.call('select', 3) redis.call('set', 'a', 1)"), "(nil)");
  EXPECT_EQ(client_("GET a"), "(nil)");
  EXPECT_EQ(client_("HGETALL a"), "[]");
  EXPECT_EQ(eval("redis.call('select', 3) error('x')").substr(0, 3), "ERR");
  EXPECT_EQ(client_("DBSIZE"), "0");
}

TEST_F(AScript, SeesItsOwnChanges) {
  EXPECT_EQ(
      eval("redis.call('set', 'a', 1) redis.call('set', 'b', 1) redis.call('del', 'a') "
           "return {redis.call('keys', '*'), redis.call('dbsize'), redis.call('exists', 'b'), "
           "redis.call('scan', 0)[2], redis.call('randomkey')}"),
      R"([["b"], 1, 1, ["b"], "b"])");
  EXPECT_EQ(eval("redis.call('set', 'c', 1) redis.call('flushall') redis.call('set', 'd', 1) "
                 "return redis.call('keys', '*')"),
            R"(["d"])");
}

// A crash finds each session as it was before the script or after it.
TEST_F(AScript, MakesOneRecordForEachSession) {
  const TempDirectory directory;
  ServedStore served{{}, open("file:" + directory.path()).value()};
  TestClient client = served.client();
  const auto records = [&] { return served.store().stats().value().last_lsn; };
  const auto before = records();
  EXPECT_EQ(eval(client,
                 "redis.call('incr', 'n') redis.call('pexpire', 'n', 60000) "
                 "redis.call('hset', 'h', 'a', 1) redis.call('hset', 'h', 'b', 2) "
                 "return redis.call('get', 'n')"),
            "\"1\"");
  EXPECT_EQ(records(), before + 2);
}

TEST_F(AScript, IsOneOfManyCommandsInATransaction) {
  EXPECT_EQ(client_("MULTI"), "OK");
  EXPECT_EQ(client_("SET a 1"), "QUEUED");
  EXPECT_EQ(eval("return redis.call('incr', KEYS[1])", {"1", "a"}), "QUEUED");
  EXPECT_EQ(eval("redis.call('incr', 'a') return redis.call('no such')"), "QUEUED");
  EXPECT_EQ(client_("GET a"), "QUEUED");
  EXPECT_THAT(client_("EXEC"), ::testing::MatchesRegex(R"(\[OK, 2, ERR Unknown .*, "3"\])"));
}

TEST_F(AScript, OfAUserWhoMayOnlyReadOnlyReads) {
  server::Users users;
  users.add({.name = "default", .password = {}});
  users.add({.name = "reader", .password = digest_of("x"), .read_only = true});
  ServedStore served{{.users = users}};
  TestClient client = served.client();
  EXPECT_EQ(client("SET a 1"), "OK");
  EXPECT_EQ(client("AUTH reader x"), "OK");
  EXPECT_EQ(eval(client, "return redis.call('get', 'a')"), "\"1\"");
  EXPECT_THAT(eval(client, "return redis.call('set', 'a', 2)"),
              HasSubstr("The user executing the script can't run this command"));
  EXPECT_EQ(eval(client,
                 "return {tostring(redis.acl_check_cmd('set', 'a', 1)), "
                 "tostring(redis.acl_check_cmd('get', 'a')), "
                 "tostring(redis.acl_check_cmd('config'))}"),
            R"(["false", "true", "false"])");
  EXPECT_THAT(client("SCRIPT FLUSH"), StartsWith("NOPERM"));
  EXPECT_EQ(client("GET a"), "\"1\"");
}

TEST_F(AScript, SeesMapsAndSetsIfItAsksForThem) {
  EXPECT_EQ(client_("HELLO 3").substr(0, 1), "{");
  EXPECT_EQ(eval("redis.call('hset', 'h', 'a', 1) redis.setresp(3) "
                 "return redis.call('hgetall', 'h').map.a"),
            "\"1\"");
  EXPECT_EQ(eval("return redis.call('hgetall', 'h')"), R"(["a", "1"])");
  EXPECT_EQ(eval("redis.setresp(3) return redis.call('hgetall', 'h')"), R"({"a": "1"})");
  EXPECT_EQ(eval("redis.setresp(3) return {true, false, {double = 1.5}}"),
            "[(true), (false), 1.5 (real)]");
}

TEST_F(AScript, IsAtomic) {
  constexpr int kTimes = 300;
  const std::string script =
      "local n = redis.call('get', KEYS[1]) redis.call('set', KEYS[1], (n or 0) + 1)";
  const auto work = [&] {
    TestClient client = served_.client();
    for (int i = 0; i < kTimes; ++i) EXPECT_EQ(eval(client, script, {"1", "n"}), "(nil)");
  };
  std::thread other{work};
  std::thread third{work};
  work();
  other.join();
  third.join();
  EXPECT_EQ(client_("GET n"), '"' + std::to_string(3 * kTimes) + '"');
}

// --- SCRIPT KILL

TEST(ScriptKill, EndsAScriptThatHasNotWritten) {
  ServedStore served{{.script_time_max = 20s}};
  // Some are on the other loop; a new one could not be accepted by a loop that is busy.
  TestClient clients[] = {served.client(), served.client(), served.client(), served.client()};
  for (TestClient& client : clients) EXPECT_EQ(client("PING"), "PONG");
  clients[0].request({"EVAL", "while true do pcall(function() while true do end end) end", "0"});
  EXPECT_FALSE(clients[0].hears_something(100));
  for (std::size_t i = 1; i < std::size(clients); ++i) {
    clients[i].request({"SCRIPT", "KILL"});
    if (!clients[i].hears_something(500)) continue;
    EXPECT_EQ(clients[i].reply(), "OK");
    break;
  }
  EXPECT_THAT(clients[0].reply(), StartsWith("ERR Script killed by user with SCRIPT KILL."));
  EXPECT_EQ(clients[0]("SCRIPT KILL"), "NOTBUSY No scripts in execution right now.");
}

TEST(ScriptKill, LeavesAScriptThatHasWritten) {
  Scripts scripts;
  EXPECT_EQ(scripts.kill(), Scripts::Killed::none_runs);
  {
    Scripts::Running running{scripts};
    EXPECT_TRUE(running.note_write());
    EXPECT_EQ(scripts.kill(), Scripts::Killed::has_written);
    EXPECT_FALSE(running.is_killed());
  }
  {
    Scripts::Running running{scripts};
    EXPECT_EQ(scripts.kill(), Scripts::Killed::yes);
    EXPECT_TRUE(running.is_killed());
    EXPECT_FALSE(running.note_write());
  }
  EXPECT_EQ(scripts.kill(), Scripts::Killed::none_runs);
}

// --- The cache

Scripts::Ref make(std::string text) {
  return std::make_shared<const Script>(Script::parse(text).value());
}

TEST(Scripts, AreForgottenWhenThereAreTooMany) {
  Scripts scripts;
  const auto first = make("return 'first'");
  scripts.add(first);
  const auto second = make("return 'second'");
  scripts.add(second);
  for (std::size_t i = 2; i < Scripts::kScriptsMax; ++i)
    scripts.add(make("return " + std::to_string(i)));
  EXPECT_NE(scripts.find(first->sha), nullptr);
  scripts.add(make("return 'one more'"));
  EXPECT_TRUE(scripts.contains(first->sha));
  EXPECT_FALSE(scripts.contains(second->sha));
}

TEST(Scripts, AreForgottenWhenTheyAreTooLarge) {
  Scripts scripts;
  for (int i = 0; i < 10; ++i)
    scripts.add(make(std::to_string(i) + std::string(Scripts::kBytesMax / 4, 'x')));
  int kept = 0;
  for (int i = 0; i < 10; ++i) {
    if (scripts.contains(sha1_hex(std::to_string(i) + std::string(Scripts::kBytesMax / 4, 'x'))))
      ++kept;
  }
  EXPECT_EQ(kept, 3);
}

TEST(Sha1, IsThatOfTheStandard) {
  EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST_F(AScript, IsFoundByItsSha) {
  const std::string sha = sha1_hex("return 7");
  EXPECT_EQ(client_("EVALSHA " + sha + " 0"), "NOSCRIPT No matching script. Please use EVAL.");
  EXPECT_EQ(client_("EVALSHA " + sha + " x"), "ERR value is not an integer or out of range");
  EXPECT_EQ(client_("EVALSHA none x"), "NOSCRIPT No matching script. Please use EVAL.");
  EXPECT_EQ(client_({"SCRIPT", "LOAD", "return 7"}), '"' + sha + '"');
  // By every thread's interpreter.
  for (int i = 0; i < 4; ++i) EXPECT_EQ(served_.client()("EVALSHA " + sha + " 0"), "7");
  EXPECT_EQ(client_("SCRIPT EXISTS " + sha + " x"), "[1, 0]");
  EXPECT_EQ(client_("SCRIPT FLUSH ASYNC"), "OK");
  EXPECT_EQ(client_("EVALSHA " + sha + " 0"), "NOSCRIPT No matching script. Please use EVAL.");
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(eval("return " + std::to_string(i)), std::to_string(i));
}

}  // namespace
}  // namespace hybrid::testing
