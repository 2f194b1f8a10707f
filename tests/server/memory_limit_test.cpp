// --max-memory: what needs more memory is refused once the sessions take it, nothing else, and no session goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "server/command.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr const char* kRefused = "OOM command not allowed when used memory > 'maxmemory'.";

class AFullServer : public ::testing::Test {
 protected:
  AFullServer() {
    EXPECT_EQ(client_("HSET h f 1"), "1");
    EXPECT_EQ(client_("SET s 1"), "OK");
    EXPECT_EQ(client_("SADD m a"), "1");
    set_limit("1");
  }
  void set_limit(const char* bytes) {
    EXPECT_EQ(served_.client()({"CONFIG", "SET", "maxmemory", bytes}), "OK");
  }

  ServedStore served_;
  TestClient client_ = served_.client();
};

TEST_F(AFullServer, RefusesWhatMayNeedMore) {
  for (const char* const request :
       {"SET s 1", "SETNX x 1", "MSET x 1", "APPEND s 1", "INCR s", "HSET h f 1", "HMSET h f 1",
        "HINCRBY h f 1", "SADD m b", "COPY s t", "SETRANGE s 1 x", "GETSET s 2", "SETEX s 9 2"}) {
    EXPECT_EQ(client_(request), kRefused) << request;
  }
  EXPECT_EQ(client_("DBSIZE"), "3") << "and ends no session";
}

TEST_F(AFullServer, KnowsWhatMayNeedMore) {
  std::vector<std::string> names;
  for (const server::Command& command : server::commands()) {
    if (command.has(server::kGrows)) names.emplace_back(command.name);
  }
  // As Redis 7.0 has it.
  EXPECT_THAT(names, UnorderedElementsAre(
                         "append", "copy", "decr", "decrby", "getset", "hincrby", "hincrbyfloat",
                         "hmset", "hset", "hsetnx", "incr", "incrby", "incrbyfloat", "linsert",
                         "lmove", "lpush", "lpushx", "lset", "rpoplpush", "rpush", "rpushx", "mset",
                         "msetnx", "psetex", "restore", "restore-asking", "sadd", "set", "setbit",
                         "sdiffstore", "setex", "setnx", "setrange", "sinterstore", "sunionstore"));
}

TEST_F(AFullServer, GivesNoLongerNames) {
  EXPECT_EQ(client_("RENAME s shorter-it-is-not"), kRefused);
  EXPECT_EQ(client_("RENAME s t"), "OK");
  TestClient other = served_.client();
  set_limit("0");
  EXPECT_EQ(other("MULTI"), "OK");
  EXPECT_EQ(other("DEL h"), "QUEUED");
  EXPECT_EQ(other("RENAME t shorter-it-is-not"), "QUEUED");
  set_limit("1");
  EXPECT_THAT(other("EXEC"), StartsWith("EXECABORT"));
  EXPECT_EQ(client_({"EVAL", "redis.call('del', 'm') return redis.call('rename', 't', 'tt')", "0"}),
            "OK")
      << "a script that has written is not cut short";
  EXPECT_EQ(client_("EXISTS h m t tt"), "2");
}

TEST_F(AFullServer, DoesAllElse) {
  EXPECT_EQ(client_("GET s"), "\"1\"");
  EXPECT_EQ(client_("EXPIRE s 100"), "1");
  EXPECT_EQ(client_("RENAME s t"), "OK");
  EXPECT_EQ(client_("HDEL h f"), "1");
  EXPECT_EQ(client_("SREM m a"), "1");
  EXPECT_EQ(client_("GETDEL t"), "\"1\"");
  EXPECT_EQ(client_("DBSIZE"), "0");
}

TEST_F(AFullServer, RefusesATransactionAsAWhole) {
  TestClient other = served_.client();
  EXPECT_EQ(other("MULTI"), "OK");
  EXPECT_EQ(other("DEL h"), "QUEUED");
  EXPECT_EQ(other("SET s 2"), kRefused);
  EXPECT_THAT(other("EXEC"), StartsWith("EXECABORT"));

  set_limit("0");
  EXPECT_EQ(other("MULTI"), "OK");
  EXPECT_EQ(other("DEL h"), "QUEUED");
  EXPECT_EQ(other("SET s 2"), "QUEUED");
  set_limit("1");
  EXPECT_EQ(other("EXEC"), std::string{"EXECABORT Transaction discarded because of: "} + kRefused);
  EXPECT_EQ(other("EXISTS h"), "1");
  EXPECT_EQ(other("SET s 2"), kRefused) << "it is no transaction any more";

  EXPECT_EQ(other("MULTI"), "OK");
  EXPECT_EQ(other("GET s"), "QUEUED");
  EXPECT_EQ(other("EXEC"), "[\"1\"]");
}

TEST_F(AFullServer, LetsScriptsReadAndThoseWriteThatSaySo) {
  const auto eval = [&](const char* script) { return client_({"EVAL", script, "0"}); };
  EXPECT_EQ(eval("return redis.call('get', 's')"), "\"1\"");
  EXPECT_THAT(eval("return redis.call('set', 's', 2)"), StartsWith(kRefused));
  EXPECT_EQ(eval("return redis.pcall('set', 's', 2).err"), '"' + std::string{kRefused} + '"');
  EXPECT_EQ(eval("#!lua\nreturn 1"), kRefused);
  EXPECT_EQ(eval("#!lua flags=no-writes\nreturn 1"), "1");
  EXPECT_EQ(eval("#!lua flags=allow-oom\nreturn redis.call('set', 's', 3)"), "OK");
  EXPECT_EQ(client_("GET s"), "\"3\"");
  EXPECT_EQ(eval("redis.call('del', 's') return redis.call('set', 't', 4)"), "OK")
      << "it is not cut short in the middle";
  EXPECT_EQ(client_("GET t"), "\"4\"");
}

TEST_F(AFullServer, TakesMoreOnceSomeIsFree) {
  set_limit("0");
  const std::string value(100'000, 'x');
  EXPECT_EQ(client_({"SET", "large", value}), "OK");
  set_limit("90kb");
  EXPECT_EQ(client_("SET a 1"), kRefused);
  EXPECT_EQ(client_("DEL large"), "1");
  EXPECT_EQ(client_("SET a 1"), "OK");
}

TEST_F(AFullServer, SaysHowFullItIs) {
  EXPECT_THAT(client_("INFO memory"), HasSubstr("\r\nmaxmemory:1\r\n"));
  set_limit("2gb");
  EXPECT_THAT(client_("INFO memory"), HasSubstr("\r\nmaxmemory:2147483648\r\n"));
  EXPECT_EQ(client_("CONFIG GET maxmemory"), "[\"maxmemory\", \"2147483648\"]");
  for (const char* const wrong : {"x", "-1", "1.5gb", "1tb", "''", "99999999999999gb"}) {
    EXPECT_THAT(client_(std::string{"CONFIG SET maxmemory "} + wrong),
                HasSubstr("argument must be a memory value"))
        << wrong;
  }
  EXPECT_THAT(client_("COMMAND INFO set"), HasSubstr("denyoom"));
  set_limit("7");
  EXPECT_THAT(client_("CONFIG SET maxmemory 1mb notify-keyspace-events nonsense"),
              HasSubstr("Invalid event class"));
  EXPECT_EQ(client_("CONFIG GET maxmemory"), "[\"maxmemory\", \"7\"]") << "all or none";
  EXPECT_THAT(client_("INFO memory"), HasSubstr("\r\nmaxmemory_human:7B\r\n"));
}

TEST(MemoryLimit, IsExceededByMoreThanIt) {
  const auto store = open("memory:").value();
  ASSERT_TRUE(store->load("a").has_value());
  const std::uint64_t bytes = store->memory_bytes().value();
  EXPECT_EQ(store->stats()->memory_bytes, bytes);
  server::MemoryLimit limit{*store, bytes, {}};
  EXPECT_FALSE(limit.is_exceeded());
  limit.set_bytes_max(bytes - 1);
  EXPECT_TRUE(limit.is_exceeded());
  limit.set_bytes_max(0);
  EXPECT_FALSE(limit.is_exceeded());
}

TEST(MemoryLimit, IsOfTheOptionsAndIsLoggedOnce) {
  std::mutex mutex;
  std::vector<std::string> lines;
  ServedStore served{{.memory_max = 1, .log = [&](std::string line) {
                        const std::lock_guard lock{mutex};
                        lines.push_back(std::move(line));
                      }}};
  TestClient client = served.client();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client("SET s 1"), kRefused);
  const std::lock_guard lock{mutex};
  EXPECT_THAT(lines, ElementsAre(HasSubstr("more than the 1 allowed")));
}

}  // namespace
}  // namespace hybrid::testing
