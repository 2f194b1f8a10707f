// What was deleted stays so: --protect-prefix.
#include "server/buried_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "testing/fault_file_system.hpp"
#include "testing/manual_clock.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ProtectedKeys, ThatWereDeletedAreNotMadeAgain) {
  const struct {
    const char* name;
    const char* gone;
  } ends[] = {{"deleted", "DEL sess:1"},
              {"unlinked", "UNLINK sess:1"},
              {"renamed", "RENAME sess:1 sess:2"},
              {"in a transaction", nullptr}};
  using Then = server::BuriedKeys::Then;
  for (const Then then : {Then::refuse, Then::ignore}) {
    for (const auto& [name, gone] : ends) {
      SCOPED_TRACE(name);
      ServedStore served{{.buried = {.prefixes = {"sess:"}, .then = then}}};
      TestClient client = served.client();
      EXPECT_EQ(client("SET sess:1 data"), "OK");
      EXPECT_EQ(client("SADD set a b"), "2");
      EXPECT_EQ(client("RPUSH list e"), "1");
      if (gone != nullptr) {
        client(gone);
      } else {
        client("MULTI");
        client("DEL sess:1");
        client("EXEC");
      }
      for (const char* save :
           {"SET sess:1 late", "SETEX sess:1 100 late", "HSET sess:1 f late", "SADD sess:1 late",
            "APPEND sess:1 late", "INCR sess:1", "GETSET sess:1 late", "MSET sess:1 late",
            "HINCRBY sess:1 f 1", "RPUSH sess:1 late", "RPOPLPUSH list sess:1",
            "SMOVE set sess:1 a", "SUNIONSTORE sess:1 set"}) {
        const std::string reply = client(save);
        if (then == Then::refuse)
          EXPECT_EQ(reply, "ERR the session was deleted a short while ago (see --protect-prefix)");
        else
          EXPECT_THAT(reply, ::testing::Not(StartsWith("ERR"))) << save;
        EXPECT_EQ(client("EXISTS sess:1"), "0") << save;
      }
      EXPECT_EQ(client("LLEN list"), "1");
      EXPECT_EQ(client("SCARD set"), "2");
      EXPECT_EQ(client("SET sess:3 new"), "OK");
      EXPECT_EQ(client("SET lock 1"), "OK");
      EXPECT_EQ(client("DEL lock"), "1");
      EXPECT_EQ(client("SET lock 1"), "OK") << "other keys come and go";
    }
  }
}

TEST(ProtectedKeys, MayLoseTheirLastFieldAndComeBack) {
  ServedStore served{{.buried = {.prefixes = {"sess:"}}}};
  TestClient client = served.client();
  EXPECT_EQ(client("HSET sess:1 f 1"), "1");
  EXPECT_EQ(client("HDEL sess:1 f"), "1");
  EXPECT_EQ(client("RPUSH sess:1 e"), "1");
  EXPECT_EQ(client("LPOP sess:1"), "\"e\"");
  EXPECT_EQ(client("SADD sess:1 m"), "1");
  EXPECT_EQ(client("SINTERSTORE sess:1 none"), "0");
  EXPECT_EQ(client("HSET sess:1 f 1"), "1");
}

TEST(ProtectedKeys, MayBeMadeAgainByWhoDeletesThem) {
  ServedStore served{{.buried = {.prefixes = {"sess:"}}}};
  TestClient client = served.client();
  EXPECT_EQ(client("HSET sess:1 f 1"), "1");
  EXPECT_EQ(client("MULTI"), "OK");
  for (const char* request : {"DEL sess:1", "HSET sess:1 g 2"})
    EXPECT_EQ(client(request), "QUEUED");
  EXPECT_EQ(client("EXEC"), "[1, 1]");
  EXPECT_EQ(client("HGETALL sess:1"), "[\"g\", \"2\"]");
  EXPECT_EQ(client("HSET sess:1 h 3"), "1");
  EXPECT_EQ(client({"EVAL", "redis.call('del', KEYS[1]) return redis.call('hset', KEYS[1], 'i', 4)",
                    "1", "sess:1"}),
            "1");
  EXPECT_EQ(client("DEL sess:1"), "1");
  EXPECT_THAT(client("HSET sess:1 f 1"), StartsWith("ERR the session was deleted"));
}

TEST(ProtectedKeys, AreAllLeftOutOfAnMset) {
  ServedStore served{{.buried = {.prefixes = {"sess:"}}}};
  TestClient client = served.client();
  EXPECT_EQ(client("SET sess:1 1"), "OK");
  EXPECT_EQ(client("DEL sess:1"), "1");
  EXPECT_THAT(client("MSET a 1 sess:1 1"), StartsWith("ERR the session was deleted"));
  EXPECT_EQ(client("EXISTS a"), "0");
}

TEST(ProtectedKeys, DoNotComeBackByOtherCommands) {
  ServedStore served{{.buried = {.prefixes = {"sess:"}}}};
  TestClient client = served.client();
  EXPECT_EQ(client("SET sess:1 x"), "OK");
  EXPECT_EQ(client("SET other x"), "OK");
  EXPECT_EQ(client("FLUSHALL"), "OK");
  EXPECT_EQ(client("SET other x"), "OK");
  for (const char* request : {"COPY other sess:1", "RENAME other sess:1", "SET sess:1 x"})
    EXPECT_THAT(client(request), StartsWith("ERR the ")) << request;
  EXPECT_EQ(client("EXISTS sess:1"), "0");
}

TEST(ProtectedKeys, AreForgottenAfterAWhile) {
  auto store = open("memory:").value();
  server::BuriedKeys keys{{.prefixes = {"s:"}, .time = 2s}, *store};
  keys.bury("s:1");
  keys.bury("s:2");
  EXPECT_FALSE(keys.contains("s:3"));
  std::this_thread::sleep_for(1000ms);
  keys.bury("s:1");
  EXPECT_TRUE(keys.contains("s:1"));
  EXPECT_TRUE(keys.contains("s:2"));
  std::this_thread::sleep_for(1200ms);
  EXPECT_TRUE(keys.contains("s:1")) << "1.2 s after the second time";
  EXPECT_FALSE(keys.contains("s:2"));
  server::BuriedKeys short_time{{.prefixes = {"s:"}, .time = 0s}, *store};
  short_time.bury("s:1");
  EXPECT_FALSE(short_time.contains("s:1"));
  server::BuriedKeys long_time{{.prefixes = {"s:"}, .time = 24h}, *store};
  EXPECT_TRUE(long_time.contains("s:2"));
  EXPECT_GE(long_time.sessions(), 1U);
  EXPECT_LE(long_time.sessions(), 4U) << "two keys, and the hour may have ended meanwhile";
}

TEST(ProtectedKeys, AreRememberedThoughTheDiskIsFull) {
  FaultFileSystem files;
  ManualClock clock;
  store::EmbeddedStore::Options options{
      .files = &files, .directory = "sessions", .clock = &clock, .background = false};
  options.first_segment_bytes = 16384;
  auto store = store::EmbeddedStore::open(options).value();
  std::vector<std::string> log;
  server::BuriedKeys keys{
      {.prefixes = {"s:"}}, *store, [&](std::string line) { log.push_back(line); }};
  keys.bury("s:1");
  Session session = store->load("another").value();
  files.limit_bytes(1);
  while (session.set("text", std::string(500, 'x'))) {
  }
  for (const char* sid : {"s:2", "s:3"}) keys.bury(sid);
  for (const char* sid : {"s:1", "s:2", "s:3"}) EXPECT_TRUE(keys.contains(sid)) << sid;
  EXPECT_FALSE(keys.contains("s:4"));
  ASSERT_EQ(log.size(), 1U);
  EXPECT_THAT(log[0], HasSubstr("known until a restart only"));
}

TEST(ProtectedKeys, AreRememberedByTheStoreThatNobodySeesThemIn) {
  const TempDirectory directory;
  const server::ServiceOptions options{.buried = {.prefixes = {"sess:"}}};
  const auto expect_protected = [](TestClient& client) {
    EXPECT_THAT(client("SET sess:1 late"), StartsWith("ERR the session was deleted"));
    EXPECT_EQ(client("DBSIZE"), "1");
    EXPECT_EQ(client("KEYS *"), "[\"other\"]");
    EXPECT_EQ(client("RANDOMKEY"), "\"other\"");
    EXPECT_THAT(client("INFO keyspace"), HasSubstr("db0:keys=1,"));
  };
  {
    ServedStore served{options, open(directory.path() + "/store").value()};
    TestClient client = served.client();
    EXPECT_EQ(client("MSET sess:1 x other y"), "OK");
    EXPECT_EQ(client("DEL sess:1"), "1");
    expect_protected(client);
  }
  ServedStore served{options, open(directory.path() + "/store").value()};
  TestClient client = served.client();
  expect_protected(client);
  EXPECT_EQ(client("FLUSHALL"), "OK");
  EXPECT_EQ(client("SET other y"), "OK");
  expect_protected(client);
}

}  // namespace
}  // namespace hybrid::testing
