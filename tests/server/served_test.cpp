// What the server promises beside its replies: what C++ programs see, what is atomic, keys that go while a command looks at them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/served_store.hpp"
#include "tests/server/wrapped_provider.hpp"

namespace hybrid::testing {
namespace {

// --- What is in the store

TEST(Served, IsWhatACppProgramSees) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_EQ(client("HSET sess:1 user ada visits 3"), "2");
  EXPECT_EQ(client("SET token secret"), "OK");
  const Session session = served.store().find("sess:1").value().value();
  EXPECT_EQ(session.get<std::string>("user").value(), "ada");
  EXPECT_EQ(session.info()->keys, 2U);
  EXPECT_EQ(served.store().find("token").value()->get<std::string>(std::nullopt).value(), "secret");
}

TEST(Served, ShowsWhatACppProgramHasStored) {
  ServedStore served;
  TestClient client = served.client();
  Session session = served.store().load("sess:1").value();
  ASSERT_TRUE(session.set("integer", -7).has_value());
  ASSERT_TRUE(session.set("large", ~std::uint64_t{0}).has_value());
  ASSERT_TRUE(session.set("real", 0.5).has_value());
  ASSERT_TRUE(session.set("yes", true).has_value());
  ASSERT_TRUE(session.set(7, "seven").has_value());
  EXPECT_EQ(client("HGET sess:1 integer"), "\"-7\"");
  EXPECT_EQ(client("HINCRBY sess:1 integer 8"), "1");
  EXPECT_EQ(client("HGET sess:1 large"), "\"18446744073709551615\"");
  EXPECT_EQ(client("HGET sess:1 real"), "\"0.5\"");
  EXPECT_EQ(client("HGET sess:1 yes"), "\"1\"");
  EXPECT_EQ(client("HGET sess:1 7"), "\"seven\"");
  EXPECT_EQ(client("HDEL sess:1 7"), "1");
  EXPECT_FALSE(session.contains(7).value());
  EXPECT_EQ(client("TYPE sess:1"), "hash");
  EXPECT_EQ(client("KEYS *"), "[]") << "it has no name that could be listed";
  EXPECT_EQ(client("SELECT 1"), "OK");
  EXPECT_EQ(client("FLUSHDB"), "OK");
  EXPECT_EQ(client("SELECT 0"), "OK");
  EXPECT_EQ(client("DBSIZE"), "1");
  EXPECT_EQ(client("DEL sess:1"), "1");
  EXPECT_EQ(session.get<int>("integer").error().code(), Errc::session_gone);
  ASSERT_TRUE(served.store().load("sess:2").has_value());
  EXPECT_EQ(client("FLUSHALL"), "OK");
  EXPECT_EQ(served.store().size().value(), 0U);
}

TEST(Served, KeepsAListAsValuesInOrder) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_EQ(client("RPUSH basket tea milk"), "2");
  EXPECT_EQ(client("LPUSH basket bread"), "3");
  Session session = served.store().find("basket").value().value();
  EXPECT_EQ(session.get<std::string>(-1).value(), "bread");
  EXPECT_EQ(session.get<std::string>(1).value(), "milk");
  ASSERT_TRUE(session.set(7, 42).has_value());
  ASSERT_TRUE(session.set("note", "not of the list").has_value());
  EXPECT_EQ(client("LRANGE basket 0 -1"), "[\"bread\", \"tea\", \"milk\", \"42\"]");
  ASSERT_TRUE(session.set(std::numeric_limits<std::int64_t>::max(), "last").has_value());
  EXPECT_EQ(client("RPUSH basket more"), "ERR the list has no place at this end");
  EXPECT_EQ(client("RPOP basket"), "\"last\"");
  EXPECT_EQ(client("RPUSH basket more"), "5");
  EXPECT_EQ(client("LLEN basket"), "5");
  EXPECT_EQ(client("LPOP basket 9"), "[\"bread\", \"tea\", \"milk\", \"42\", \"more\"]");
  EXPECT_EQ(session.get<std::string>("note").value(), "not of the list");
}

TEST(Served, ListsEveryKeyOfManyAndLongNames) {
  ServedStore served;
  TestClient client = served.client();
  std::set<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string name =
        i % 100 == 0 ? std::string(3000, 'x') + std::to_string(i) : "key:" + std::to_string(i);
    EXPECT_EQ(client({"SET", name, "v"}), "OK");
    EXPECT_EQ(client({"GET", name}), "\"v\"");
    expected.insert('"' + name + '"');
  }
  std::set<std::string> seen;
  std::string cursor = "0";
  do {
    const std::string reply = client({"SCAN", cursor, "COUNT", "64"});
    cursor = reply.substr(2, reply.find('"', 2) - 2);
    std::string names = reply.substr(reply.find('[', 1) + 1);
    names.resize(names.size() - 2);
    for (std::size_t at = 0; at < names.size();) {
      const std::size_t end = std::min(names.find(", ", at), names.size());
      seen.insert(names.substr(at, end - at));
      at = end + 2;
    }
  } while (cursor != "0");
  EXPECT_EQ(seen, expected);
}

TEST(Served, MakesOneRecordOfATransactionForEachSession) {
  const TempDirectory directory;
  ServedStore served{{}, open(directory.path() + "/store").value()};
  TestClient client = served.client();
  EXPECT_EQ(client("HSET a f 0"), "1");
  const std::uint64_t before = served.store().stats()->records_appended;
  client("MULTI");
  for (const char* request : {"HSET a f 1", "HSET a g 2", "HDEL a g", "EXPIRE a 100", "HSET b f 1",
                              "HSET b g 1", "SET c 1", "DEL c"})
    EXPECT_EQ(client(request), "QUEUED");
  EXPECT_EQ(client("EXEC"), "[0, 1, 1, 1, 1, 1, OK, 1]");
  EXPECT_EQ(served.store().stats()->records_appended, before + 2) << "one for a, one for b";
  EXPECT_EQ(client("HGETALL a"), "[\"f\", \"1\"]");
  EXPECT_EQ(client("TTL a"), "100");
}

TEST(Served, MakesOneRecordOfEachCommand) {
  const TempDirectory directory;
  ServedStore served{{}, open(directory.path() + "/store").value()};
  TestClient client = served.client();
  for (const char* request :
       {"HSET h f 1 g 2", "HSET h f 3", "SET s 1 EX 100", "SET s 2", "EXPIRE s 100", "INCR s",
        "SADD m a b c", "SREM m a", "DEL s", "HDEL h g", "HDEL h f", "SPOP m", "SREM m a b c"}) {
    const std::uint64_t before = served.store().stats()->records_appended;
    client(request);
    EXPECT_EQ(served.store().stats()->records_appended, before + 1) << request;
  }
}

TEST(Served, TakesAnEmptySessionForAnEmptyHash) {
  ServedStore served;
  TestClient client = served.client();
  ASSERT_TRUE(served.store().init("empty").has_value());
  EXPECT_EQ(client("HRANDFIELD empty"), "(nil)");
  EXPECT_EQ(client("HRANDFIELD empty -3"), "[]");
  EXPECT_EQ(client("HGETALL empty"), "[]");
}

// --- What is atomic

TEST(Served, CountsRightWithManyClients) {
  ServedStore served;
  constexpr int kClients = 4;
  constexpr int kRounds = 300;
  std::latch start{kClients};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kClients; ++i) {
      threads.emplace_back([&] {
        TestClient client = served.client();
        start.arrive_and_wait();
        for (int round = 0; round < kRounds; ++round) {
          client("INCR n");
          client("HINCRBY h f 1");
        }
      });
    }
  }
  TestClient client = served.client();
  const std::string expected = '"' + std::to_string(kClients * kRounds) + '"';
  EXPECT_EQ(client("GET n"), expected);
  EXPECT_EQ(client("HGET h f"), expected);
}

TEST(Served, EndsATransactionWhoseKeysWereChanged) {
  const struct {
    const char* name;
    const char* before;
    const char* change;
    bool ends;
  } cases[] = {
      {"set", "SET k 1", "SET k 2", true},          {"expire", "SET k 1", "EXPIRE k 100", true},
      {"deleted", "SET k 1", "DEL k", true},        {"made", "DEL k", "SET k 1", true},
      {"renamed", "SET k 1", "RENAME k l", true},   {"read", "SET k 1", "GET k", false},
      {"another key", "SET k 1", "SET l 1", false}, {"flushed", "SET k 1", "FLUSHALL", true},
  };
  for (const auto& [name, before, change, ends] : cases) {
    SCOPED_TRACE(name);
    ServedStore served;
    TestClient client = served.client();
    TestClient other = served.client();
    client(before);
    EXPECT_EQ(client("WATCH k"), "OK");
    other(change);
    EXPECT_EQ(client("MULTI"), "OK");
    EXPECT_EQ(client("PING"), "QUEUED");
    EXPECT_EQ(client("EXEC"), ends ? "(nil)" : "[PONG]");
    EXPECT_EQ(client("MULTI"), "OK");
    EXPECT_EQ(client("EXEC"), "[]") << "nothing is watched any more";
  }
}

// --- Requests that come together, whose sessions are found together

TEST(RequestsTogether, SeeWhatThoseBeforeThemDid) {
  const struct {
    const char* name;
    std::vector<const char*> requests;
    std::vector<const char*> replies;
  } cases[] = {
      {"deleted", {"GET a", "DEL a", "GET a"}, {"\"1\"", "1", "(nil)"}},
      {"made", {"GET c", "SET c 3", "GET c"}, {"(nil)", "OK", "\"3\""}},
      {"made again", {"GET a", "DEL a", "SET a 9", "GET a"}, {"\"1\"", "1", "OK", "\"9\""}},
      {"renamed", {"GET a", "RENAME a c", "GET a", "GET c"}, {"\"1\"", "OK", "(nil)", "\"1\""}},
      {"renamed and back",
       {"GET a", "RENAME a c", "RENAME c a", "GET a"},
       {"\"1\"", "OK", "OK", "\"1\""}},
      {"replaced", {"GET a", "RENAME b a", "GET a", "GET b"}, {"\"1\"", "OK", "\"2\"", "(nil)"}},
      {"of another database",
       {"GET a", "SELECT 1", "GET a", "SET a 3", "SELECT 0", "GET a", "SELECT 1", "GET a"},
       {"\"1\"", "OK", "(nil)", "OK", "OK", "\"1\"", "OK", "\"3\""}},
      {"deleted and made again if it is not there",
       {"GET a", "DEL a", "SET a 9 NX", "GET a"},
       {"\"1\"", "1", "OK", "\"9\""}},
      {"ended twice", {"EXPIRE a -1", "EXPIRE a -1", "GET a"}, {"1", "0", "(nil)"}},
      {"flushed", {"GET a", "FLUSHALL", "GET a", "GET b"}, {"\"1\"", "OK", "(nil)", "(nil)"}},
      {"queued",
       {"GET a", "MULTI", "DEL a", "GET a", "EXEC", "GET a"},
       {"\"1\"", "OK", "QUEUED", "QUEUED", "[1, (nil)]", "(nil)"}},
      {"of strange names",
       {"SET '' 1", "GET ''", "GET a", "NOTHING a", "GET", "HGET a f"},
       {"OK", "\"1\"", "\"1\"", "ERR unknown command 'NOTHING', with args beginning with: 'a' ",
        "ERR wrong number of arguments for 'get' command",
        "WRONGTYPE Operation against a key holding the wrong kind of value"}},
      {"the last", {"GET a", "QUIT", "GET a"}, {"\"1\"", "OK", "(closed)"}},
  };
  for (const auto& [name, requests, replies] : cases) {
    SCOPED_TRACE(name);
    ServedStore served;
    TestClient client = served.client();
    EXPECT_EQ(client("SET a 1"), "OK");
    EXPECT_EQ(client("SET b 2"), "OK");
    std::string together;
    for (const char* const request : requests) together += TestClient::encoded(request);
    client.send(together);
    for (const char* const reply : replies) EXPECT_EQ(client.reply(), reply);
  }
}

TEST(RequestsTogether, MayBeManyAndLarge) {
  ServedStore served;
  TestClient client = served.client();
  const std::string value(100'000, 'v');
  std::string together;
  constexpr int kMany =
      300;  // also more words than are taken at a time, and more replies than a turn may write
  for (int i = 0; i < kMany; ++i) {
    std::vector<std::string> set{"HSET", "h" + std::to_string(i)};
    for (int f = 0; f < i; ++f) set.insert(set.end(), {"f" + std::to_string(f), "x"});
    set.insert(set.end(), {"value", value});
    together += TestClient::encoded(set);
    together += "HLEN h" + std::to_string(i) + "\r\n";
    together += TestClient::encoded({"HGET", "h" + std::to_string(i), "value"});
  }
  std::jthread sender{[&] { client.send(together); }};
  for (int i = 0; i < kMany; ++i) {
    ASSERT_EQ(client.reply(), std::to_string(i + 1));
    ASSERT_EQ(client.reply(), std::to_string(i + 1));
    ASSERT_EQ(client.reply(), '"' + value + '"');
  }
}

// Many clients do so: those that have no thread that reads, or no event loop.
TEST(RequestsTogether, MayAllBeSentBeforeAReplyIsRead) {
  ServedStore served;
  TestClient client = served.client();
  constexpr int kRequests = 20'000;
  constexpr std::size_t kValueBytes = 1000;
  client({"SET", "k", std::string(kValueBytes, 'x')});
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += TestClient::encoded("GET k");
  ASSERT_TRUE(client.send(requests)) << "the server waits for the client, which waits for it";
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client.reply().size(), kValueBytes + 2);
}

TEST(RequestsTogether, EndAtOneThatIsMalformed) {
  ServedStore served;
  TestClient client = served.client();
  const std::string value(500'000, 'v');
  EXPECT_EQ(client({"SET", "a", value}), "OK");
  // The replies before it take more than one turn.
  client.send(
      "GET a\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
      "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\nGET\r\n*1\r\n$4\r\nPING\r\n");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.reply(), '"' + value + '"');
  EXPECT_EQ(client.reply(), "ERR Protocol error: expected '$', got 'G'");
  EXPECT_EQ(client.reply(), "(closed)");
}

// --- Keys that expire while a command looks at them

// The next session that is found has gone before it can be used.
class ForgetfulProvider final : public WrappedProvider {
 public:
  Result<std::optional<Session>> find(std::string_view sid) override {
    auto found = WrappedProvider::find(sid);
    if (forgets.exchange(false)) static_cast<void>(destroy(sid));
    return found;
  }
  std::atomic<bool> forgets{false};
};

TEST(KeysThatExpireMeanwhile, WereNotThere) {
  const struct {
    const char* request;
    const char* reply;
  } cases[] = {{"GET s", "(nil)"},
               {"TTL s", "-2"},
               {"TYPE s", "none"},
               {"STRLEN s", "0"},
               {"INCR s", "1"},

               {"SET s 2 KEEPTTL", "OK"},
               {"APPEND s x", "1"},
               {"EXPIRE s 10", "0"},
               {"PERSIST s", "0"},
               {"GETSET s 2", "(nil)"},
               {"RENAME s t", "ERR no such key"},
               {"COPY s t", "0"},
               {"HGET h f", "(nil)"},
               {"HGETALL h", "[]"},
               {"HSET h f 2", "1"},
               {"HDEL h f", "0"},
               {"HLEN h", "0"},
               {"HINCRBY h f 1", "1"},
               {"MGET s", "[(nil)]"},
               {"OBJECT ENCODING s", "(nil)"},
               {"EVAL return(redis.call('incr',KEYS[1])) 1 s", "1"}};
  for (const auto& [request, reply] : cases) {
    for (const bool in_multi : {false, true}) {
      SCOPED_TRACE(std::string{request} + (in_multi ? " in MULTI" : ""));
      auto provider = std::make_unique<ForgetfulProvider>();
      ForgetfulProvider& forgetful = *provider;
      ServedStore served{{}, std::move(provider)};
      TestClient client = served.client();
      EXPECT_EQ(client("SET s 7 EX 100"), "OK");
      EXPECT_EQ(client("HSET h f 7"), "1");
      if (in_multi) {
        client("MULTI");
        client(request);
      }
      forgetful.forgets = true;
      if (in_multi)
        EXPECT_EQ(client("EXEC"), '[' + std::string{reply} + ']');
      else
        EXPECT_EQ(client(request), reply);
      if (std::string_view{request}.starts_with("INCR")) {
        EXPECT_EQ(client("TTL s"), "-1") << "it is another key";
      }
    }
  }
}

// As in Redis, where time stands still for them.
TEST(KeysThatExpireMeanwhile, AreThereUntilTheTransactionEnds) {
  const struct {
    const char* request;
    const char* reply;
    const char* after;
    const char* ttl;
  } cases[] = {{"SET s new", "OK", "\"new\"", "-1"}, {"SETEX s 100 new", "OK", "\"new\"", "100"},
               {"PERSIST s", "1", "\"7\"", "-1"},    {"EXPIRE s 100", "1", "\"7\"", "100"},
               {"INCR s", "8", "(nil)", "-2"},       {"GET s", "\"7\"", "(nil)", "-2"},
               {"DEL s", "1", "(nil)", "-2"}};
  for (const auto& [request, reply, after, ttl] : cases) {
    SCOPED_TRACE(request);
    ServedStore served{{.allow_debug = true}};
    TestClient client = served.client();
    EXPECT_EQ(client("SET s 7 PX 300"), "OK");
    client("MULTI");
    for (const char* queued : {request, "DEBUG SLEEP 0.4", "TYPE s"})
      EXPECT_EQ(client(queued), "QUEUED");
    const bool is_gone = std::string_view{request}.starts_with("DEL");
    EXPECT_EQ(client("EXEC"),
              '[' + std::string{reply} + ", OK, " + (is_gone ? "none" : "string") + ']');
    EXPECT_EQ(client("GET s"), after);
    EXPECT_EQ(client("TTL s"), ttl);
  }
}

TEST(KeysThatExpireMeanwhile, MayBeDeletedAndMadeAgain) {
  ServedStore served{{.allow_debug = true}};
  TestClient client = served.client();
  EXPECT_EQ(client("HSET h a 1"), "1");
  EXPECT_EQ(client("PEXPIRE h 300"), "1");
  client("MULTI");
  for (const char* queued : {"DEL h", "DEBUG SLEEP 0.4", "HSET h b 2", "HGETALL h", "TTL h"})
    EXPECT_EQ(client(queued), "QUEUED");
  EXPECT_EQ(client("EXEC"), "[1, OK, 1, [\"b\", \"2\"], -1]");
  EXPECT_EQ(client("HGETALL h"), "[\"b\", \"2\"]");
}

TEST(Transactions, ReplaceWhatTheyDelete) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_EQ(client("HSET k a 1 b 2"), "2");
  EXPECT_EQ(client("EXPIRE k 100"), "1");
  client("MULTI");
  for (const char* queued : {"DEL k", "SET k v", "GET k", "TTL k", "TYPE k"})
    EXPECT_EQ(client(queued), "QUEUED");
  EXPECT_EQ(client("EXEC"), "[1, OK, \"v\", -1, string]");
  EXPECT_EQ(client("GET k"), "\"v\"");
  EXPECT_EQ(client("TTL k"), "-1");
  EXPECT_EQ(client("KEYS *"), "[\"k\"]");
}

// What a session can hold at most is seen when the transaction ends.
TEST(Transactions, DoNotLoseWhatCannotBeMoved) {
  ServedStore served;
  TestClient client = served.client();
  const std::string large(kValueBytesMax - 100, 'x');
  for (int i = 0; i < 4; ++i) client({"RPUSH", "full", large});
  const std::string element(std::size_t{1} << 20, 'y');
  client({"RPUSH", "source", element});
  const auto expect_kept = [&](const char* how) {
    EXPECT_EQ(client("LLEN source"), "1") << how;
    EXPECT_EQ(client("LLEN full"), "4") << how;
  };
  EXPECT_THAT(client("RPOPLPUSH source full"), ::testing::StartsWith("ERR"));
  expect_kept("alone");
  client("MULTI");
  client("LMOVE source full LEFT RIGHT");
  EXPECT_THAT(client("EXEC"), ::testing::StartsWith("ERR"));
  expect_kept("in a transaction");
  EXPECT_THAT(client({"EVAL", "return redis.call('rpoplpush', 'source', 'full')", "0"}),
              ::testing::StartsWith("ERR"));
  expect_kept("in a script");
}

TEST(Transactions, SeeTheirChangesInScriptsThatLookAtAllKeys) {
  ServedStore served;
  TestClient client = served.client();
  client("MULTI");
  client("SET a 1");
  client({"EVAL", "redis.call('SET', KEYS[1], 1) return redis.call('DBSIZE')", "1", "b"});
  EXPECT_EQ(client("EXEC"), "[OK, 2]");
}

// --- Time

TEST(Served, CountsFromTheClockThatClientsHave) {
  ServedStore served;
  TestClient client = served.client();
  for (int i = 0; i < 100; ++i) {
    const auto deadline = std::chrono::floor<std::chrono::milliseconds>(
        std::chrono::system_clock::now() + std::chrono::seconds{10});
    client("SET key value PXAT " + std::to_string(deadline.time_since_epoch().count()));
    const int left = std::stoi(client("PTTL key"));
    ASSERT_LE(left, 10'000);
    ASSERT_GT(left, 9'000);
  }
}

}  // namespace
}  // namespace hybrid::testing
