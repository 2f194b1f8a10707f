// What the server promises beside its replies: what C++ programs see, atomicity, durability, messages, who may do what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/command.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

// --- Durability

// A store in memory.
class WrappedProvider : public Provider {
 public:
  Result<void> set_params(const Params& params) override { return inner_->set_params(params); }
  Result<Session> init(std::string_view sid) override { return inner_->init(sid); }
  Result<Session> load(std::string_view sid) override { return inner_->load(sid); }
  Result<std::optional<Session>> find(std::string_view sid) override { return inner_->find(sid); }
  Result<Session> put(std::string_view sid, std::span<const Change> changes) override {
    return inner_->put(sid, changes);
  }
  Result<void> destroy(std::string_view sid) override { return inner_->destroy(sid); }
  Result<void> change_id(std::string_view from, std::string_view to) override {
    return inner_->change_id(from, to);
  }
  bool exists(std::string_view sid) override { return inner_->exists(sid); }
  Result<std::size_t> gc(std::chrono::seconds lifetime) override { return inner_->gc(lifetime); }
  Result<std::uint64_t> scan(std::uint64_t cursor, std::size_t places,
                             const std::function<void(Session&)>& fn) override {
    return inner_->scan(cursor, places, fn);
  }

 private:
  const std::unique_ptr<Provider> inner_ = open("memory:").value();
};

// Its flush() waits until it is let through.
class GatedProvider final : public WrappedProvider {
 public:
  Result<void> flush() override {
    ++flushes;
    flushes.notify_all();
    is_open_.wait(false);
    if (fails) return std::unexpected(Error{Errc::io, "the disk is gone"});
    return {};
  }

  void let_through() {
    is_open_ = true;
    is_open_.notify_all();
  }
  std::atomic<int> flushes{0};
  std::atomic<bool> fails{false};

 private:
  std::atomic<bool> is_open_{false};
};

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

struct GatedStore {
  GatedProvider* gate;
  ServedStore served;

  explicit GatedStore(server::ServiceOptions options = {.durability = Durability::always})
      : GatedStore(std::move(options), std::make_unique<GatedProvider>()) {}

 private:
  GatedStore(server::ServiceOptions options, std::unique_ptr<GatedProvider> provider)
      : gate(provider.get()), served(std::move(options), std::move(provider)) {}
};

TEST(InAlways, RepliesToWritesWaitForTheDiskAndOthersDoNot) {
  GatedStore store;
  TestClient writer = store.served.client();
  TestClient reader = store.served.client();
  writer.request({"SET", "a", "1"});
  store.gate->flushes.wait(0);
  EXPECT_FALSE(writer.hears_something(50));
  EXPECT_EQ(reader("PING"), "PONG") << "who has written nothing need not wait";
  writer.request({"GET", "a"});
  EXPECT_FALSE(writer.hears_something(50)) << "its replies come in order";
  store.gate->let_through();
  EXPECT_EQ(writer.reply(), "OK");
  EXPECT_EQ(writer.reply(), "\"1\"");
}

TEST(InAlways, OneSyncIsForAllThatWait) {
  GatedStore store;
  std::vector<std::unique_ptr<TestClient>> clients;
  TestClient first = store.served.client();
  first.request({"SET", "a", "1"});
  store.gate->flushes.wait(0);
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TestClient>(store.served.path()));
    clients.back()->request({"SET", "b" + std::to_string(i), "1"});
  }
  // They have come when they are seen.
  TestClient reader = store.served.client();
  for (int i = 0; i < 20; ++i) {
    while (reader({"EXISTS", "b" + std::to_string(i)}) != "1") std::this_thread::yield();
  }
  store.gate->let_through();
  EXPECT_EQ(first.reply(), "OK");
  for (const auto& client : clients) EXPECT_EQ(client->reply(), "OK");
  EXPECT_LE(store.gate->flushes, 10);
}

TEST(InAlways, AFailedSyncDisconnectsWhoseChangesMayBeLost) {
  GatedStore store;
  TestClient writer = store.served.client();
  TestClient reader = store.served.client();
  store.gate->fails = true;
  store.gate->let_through();
  EXPECT_EQ(writer("SET a 1"), "(closed)");
  EXPECT_EQ(reader("PING"), "PONG");
}

TEST(SecurityOps, WaitForTheDiskIfSoConfiguredAndOthersDoNot) {
  for (const char* const request :
       {"DEL a", "UNLINK a", "RENAME a b", "GETDEL a", "EXPIRE a -1", "MOVE a 1", "FLUSHALL"}) {
    SCOPED_TRACE(request);
    GatedStore store{{.sync_security_ops = true}};
    TestClient client = store.served.client();
    EXPECT_EQ(client("SET a 1"), "OK");
    EXPECT_EQ(client("DEL b"), "0");
    client.send(std::string{request} + "\r\n");
    store.gate->flushes.wait(0);
    EXPECT_FALSE(client.hears_something(20));
    store.gate->let_through();
    EXPECT_NE(client.reply(), "(closed)");
    EXPECT_EQ(client("EXISTS a"), "0");
  }
}

TEST(SecurityOps, WaitForTheDiskAlsoIfTheLastFieldIsErased) {
  GatedStore store{{.sync_security_ops = true}};
  TestClient client = store.served.client();
  EXPECT_EQ(client("HSET h a 1 b 2"), "2");
  EXPECT_EQ(client("HDEL h a"), "1");
  client.request({"HDEL", "h", "b"});
  store.gate->flushes.wait(0);
  store.gate->let_through();
  EXPECT_EQ(client.reply(), "1");
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

TEST(Transactions, SeeTheirChangesInScriptsThatLookAtAllKeys) {
  ServedStore served;
  TestClient client = served.client();
  client("MULTI");
  client("SET a 1");
  client({"EVAL", "redis.call('SET', KEYS[1], 1) return redis.call('DBSIZE')", "1", "b"});
  EXPECT_EQ(client("EXEC"), "[OK, 2]");
}

// --- Messages

TEST(Messages, GoToWhoListens) {
  ServedStore served;
  TestClient listener = served.client();
  TestClient sender = served.client();
  EXPECT_EQ(listener("SUBSCRIBE a"), "[\"subscribe\", \"a\", 1]");
  EXPECT_EQ(listener("PSUBSCRIBE b*"), "[\"psubscribe\", \"b*\", 2]");
  EXPECT_EQ(sender("PUBLISH a hello"), "1");
  EXPECT_EQ(sender("PUBLISH bb hello"), "1");
  EXPECT_EQ(sender("PUBLISH c hello"), "0");
  EXPECT_EQ(listener.reply(), "[\"message\", \"a\", \"hello\"]");
  EXPECT_EQ(listener.reply(), "[\"pmessage\", \"b*\", \"bb\", \"hello\"]");
  EXPECT_EQ(sender("PUBSUB CHANNELS"), "[\"a\"]");
  EXPECT_EQ(sender("PUBSUB NUMSUB a c"), "[\"a\", 1, \"c\", 0]");
  EXPECT_EQ(sender("PUBSUB NUMPAT"), "1");
  EXPECT_THAT(listener("GET a"), StartsWith("ERR Can't execute 'get'"));
  EXPECT_EQ(listener("PING"), "[\"pong\", \"\"]");
  EXPECT_EQ(listener("UNSUBSCRIBE"), "[\"unsubscribe\", \"a\", 1]");
  EXPECT_EQ(listener("PUNSUBSCRIBE b*"), "[\"punsubscribe\", \"b*\", 0]");
  EXPECT_EQ(listener("GET a"), "(nil)");
  EXPECT_EQ(sender("PUBLISH a hello"), "0");
}

TEST(Messages, ThatNobodyFetchesEndTheirSubscriber) {
  std::atomic<int> lines{0};
  ServedStore served{{.log = [&](const std::string& line) {
    EXPECT_THAT(line, HasSubstr("too far behind its messages"));
    ++lines;
  }}};
  TestClient subscriber = served.client();
  EXPECT_EQ(subscriber("SUBSCRIBE c"), "[\"subscribe\", \"c\", 1]");
  std::atomic<bool> go_on{false};
  for (std::size_t i = 0; i < served.net().loops(); ++i)
    served.net().post(i, [&] { go_on.wait(false); });
  const std::string text(std::size_t{8} << 20, 'm');
  for (int i = 0; i < 100; ++i) EXPECT_EQ(served.service().channels().publish("c", text), 1U);
  go_on = true;
  go_on.notify_all();
  std::string last;
  do last = subscriber.reply();
  while (last.starts_with("[") && !last.ends_with("(cut)"));
  TestClient other = served.client();
  EXPECT_EQ(other("PING"), "PONG");
  EXPECT_EQ(other("PUBSUB NUMSUB c"), "[\"c\", 0]");
  EXPECT_EQ(lines, 1);
}

TEST(Messages, AreWaitedForInSilence) {
  ServedStore served{{.idle_timeout = 1s}};
  TestClient subscriber = served.client();
  TestClient idle = served.client();
  EXPECT_EQ(idle("PING"), "PONG");
  EXPECT_EQ(subscriber("SUBSCRIBE c"), "[\"subscribe\", \"c\", 1]");
  std::this_thread::sleep_for(1800ms);
  EXPECT_EQ(idle("PING"), "(closed)");
  EXPECT_EQ(served.service().channels().publish("c", "m"), 1U);
  EXPECT_EQ(subscriber.reply(), "[\"message\", \"c\", \"m\"]");
}

TEST(Messages, TellOfKeys) {
  ServedStore served;
  TestClient listener = served.client();
  TestClient client = served.client();
  EXPECT_EQ(client("CONFIG SET notify-keyspace-events KEA"), "OK");
  EXPECT_EQ(client("CONFIG GET notify-keyspace-events"), "[\"notify-keyspace-events\", \"AKE\"]");
  EXPECT_EQ(listener("PSUBSCRIBE __key*__:*"), "[\"psubscribe\", \"__key*__:*\", 1]");
  const struct {
    const char* request;
    std::vector<std::string> events;  // name and key
  } cases[] = {
      {"SET s 1", {"set s"}},
      {"HSET h f 1", {"hset h"}},
      {"EXPIRE s 100", {"expire s"}},
      {"RENAME s t", {"rename_from s", "rename_to t"}},
      {"DEL t", {"del t"}},
      {"HDEL h f", {"hdel h", "del h"}},
      {"SET x 1 PX 30", {"set x", "expire x", "expired x"}},
  };
  for (const auto& [request, events] : cases) {
    client(request);
    for (const std::string& event : events) {
      const std::string name = event.substr(0, event.find(' '));
      const std::string key = event.substr(event.find(' ') + 1);
      EXPECT_EQ(listener.reply(),
                "[\"pmessage\", \"__key*__:*\", \"__keyspace@0__:" + key + "\", \"" + name + "\"]")
          << request;
      EXPECT_EQ(listener.reply(),
                "[\"pmessage\", \"__key*__:*\", \"__keyevent@0__:" + name + "\", \"" + key + "\"]")
          << request;
    }
  }
}

// --- Who may do what

server::Users users(const char* password) {
  server::Users users;
  users.add({.name = "default", .password = digest_of(password)});
  users.add({.name = "guest", .password = digest_of("guest"), .read_only = true});
  return users;
}

TEST(Users, MustSayWhoTheyAre) {
  ServedStore served{{.users = users("secret")}};
  TestClient client = served.client();
  EXPECT_EQ(client("GET a"), "NOAUTH Authentication required.");
  EXPECT_EQ(client("NONSENSE"), "ERR unknown command 'NONSENSE', with args beginning with: ");
  EXPECT_THAT(client("HELLO 3"), StartsWith("NOAUTH HELLO must be called"));
  EXPECT_EQ(client("AUTH wrong"), "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(client("AUTH nobody secret"),
            "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(client("AUTH secret"), "OK");
  EXPECT_EQ(client("SET a 1"), "OK");
  EXPECT_EQ(client("RESET"), "RESET");
  EXPECT_EQ(client("GET a"), "NOAUTH Authentication required.");
  EXPECT_THAT(client("HELLO 2 AUTH default secret"), HasSubstr("\"proto\", 2"));
  EXPECT_EQ(client("GET a"), "\"1\"");
}

TEST(Users, ThatMayOnlyReadCannotWrite) {
  ServedStore served{{.users = users("secret")}};
  TestClient client = served.client();
  EXPECT_EQ(client("AUTH guest guest"), "OK");
  EXPECT_EQ(client("GET a"), "(nil)");
  EXPECT_EQ(client("SET a 1"), "NOPERM this user has no permissions to run the 'set' command");
  EXPECT_EQ(client("MULTI"), "OK");
  EXPECT_EQ(client("DEL a"), "NOPERM this user has no permissions to run the 'del' command");
  EXPECT_EQ(client("EXEC"), "EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(client("CLIENT KILL ID 1"),
            "NOPERM this user has no permissions to run the 'client|kill' command");
  for (const server::Command& command : server::commands()) {
    if (!command.has(server::kWrite) && !command.has(server::kAdmin)) continue;
    std::vector<std::string> request(static_cast<std::size_t>(std::abs(command.arity)), "x");
    request[0] = command.name;
    EXPECT_THAT(client(request), StartsWith("NOPERM")) << command.name;
  }
}

TEST(Users, HaveToWaitAfterManyWrongPasswords) {
  ServedStore served{{.users = users("secret")}};
  for (int i = 0; i < 10; ++i) EXPECT_THAT(served.client()("AUTH wrong"), StartsWith("WRONGPASS"));
  EXPECT_THAT(served.client()("AUTH secret"), StartsWith("WRONGPASS"))
      << "right, but it has to wait";
}

TEST(Users, CannotSendMuchBeforeTheySayWhoTheyAre) {
  ServedStore served{{.users = users("secret")}};
  TestClient client = served.client();
  client.send("*1000\r\n");
  EXPECT_EQ(client.reply(), "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(client.reply(), "(closed)");
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

// --- Bad input

TEST(BadInput, EndsTheConnectionWithAReasonAndNothingElse) {
  ServedStore served;
  for (const auto& [bytes, reply] : std::initializer_list<std::pair<const char*, const char*>>{
           {"*x\r\n", "ERR Protocol error: invalid multibulk length"},
           {"*2\r\n$3\r\nGET\r\n$-1\r\n", "ERR Protocol error: invalid bulk length"},
           {"*1\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'"}}) {
    TestClient client = served.client();
    client.send(bytes);
    EXPECT_EQ(client.reply(), reply);
    EXPECT_EQ(client.reply(), "(closed)");
  }
  EXPECT_EQ(served.client()("PING"), "PONG");
}

TEST(BadInput, CannotAskForMoreThanAReplyMayHave) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_EQ(client({"SET", "k", std::string(std::size_t{16} << 20, 'v')}), "OK");
  const char* const refusal = "ERR the reply is longer than 128 MiB";
  EXPECT_EQ(client("MGET k k k k k k k k k"), refusal);
  EXPECT_EQ(client({"EVAL", "return redis.call('mget', unpack(ARGV))", "0", "k", "k", "k", "k", "k",
                    "k", "k", "k", "k"})
                .substr(0, std::string_view{refusal}.size()),
            refusal);
  EXPECT_EQ(client("MULTI"), "OK");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(client("GET k"), "QUEUED");
  EXPECT_EQ(client("SET l 1"), "QUEUED");
  const std::string replies = client("EXEC");
  EXPECT_TRUE(
      replies.ends_with("\", ERR the reply is longer than 128 MiB, "
                        "ERR the reply is longer than 128 MiB, OK]"));
  EXPECT_EQ(client("GET l"), "\"1\"");
  const std::string long_name(70'000, 'x');
  EXPECT_EQ(client({"KEYS", std::string(5000, '?')}), "ERR the pattern is longer than 4 KiB");
  EXPECT_EQ(client({"PSUBSCRIBE", "a*", std::string(5000, '?')}),
            "ERR the pattern is longer than 4 KiB");
  EXPECT_EQ(client({"SUBSCRIBE", "a", long_name}), "ERR the channel's name is longer than 64 KiB");
  EXPECT_EQ(client({"WATCH", "a", long_name}), "ERR the key is longer than 64 KiB");
  EXPECT_EQ(client({"MSET", "a", "1", long_name, "1"}), "ERR the key is longer than 64 KiB");
  EXPECT_EQ(client("EXISTS a"), "0") << "nothing of it was done, and nothing is subscribed to";
}

TEST(BadInput, OfATransactionIsBounded) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_EQ(client("MULTI"), "OK");
  const std::string large(std::size_t{16} << 20, 'x');
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client({"SET", "a", large}), "QUEUED");
  EXPECT_EQ(client({"SET", "a", large}), "ERR the transaction is too large");
  EXPECT_THAT(client("EXEC"), StartsWith("EXECABORT"));
}

TEST(Clients, CanBeListedAndKilled) {
  ServedStore served;
  TestClient client = served.client();
  TestClient victim = served.client();
  EXPECT_EQ(victim("CLIENT SETNAME victim"), "OK");
  const std::string id = victim("CLIENT ID");
  EXPECT_THAT(client("CLIENT LIST"), HasSubstr("name=victim"));
  EXPECT_EQ(client("CLIENT KILL ID " + id), "1");
  EXPECT_EQ(victim.reply(), "(closed)");
  EXPECT_EQ(client("CLIENT KILL ID " + client("CLIENT ID")), "0") << "not oneself, unless asked";
  EXPECT_EQ(client("CLIENT KILL 1.2.3.4:5"), "ERR No such client");
}

TEST(Clients, CanBeKilledByWhatTheyDo) {
  ServedStore served;
  TestClient client = served.client();
  TestClient other = served.client();
  TestClient listener = served.client();
  EXPECT_EQ(other("CLIENT SETNAME other"), "OK");
  EXPECT_EQ(listener("CLIENT SETNAME listener"), "OK");
  EXPECT_EQ(listener("SUBSCRIBE c"), "[\"subscribe\", \"c\", 1]");
  EXPECT_THAT(client("CLIENT LIST TYPE pubsub"),
              AllOf(HasSubstr("name=listener"), Not(HasSubstr("name=other"))));
  EXPECT_THAT(client("CLIENT LIST TYPE normal"),
              AllOf(HasSubstr("name=other"), Not(HasSubstr("name=listener"))));
  EXPECT_EQ(client("CLIENT LIST TYPE replica"), "\"\"");
  EXPECT_EQ(client("CLIENT KILL TYPE replica"), "0");
  EXPECT_EQ(client("CLIENT KILL TYPE pubsub"), "1");
  EXPECT_EQ(listener.reply(), "(closed)");
  EXPECT_EQ(client("CLIENT KILL TYPE normal"), "1");
  EXPECT_EQ(other.reply(), "(closed)");
  EXPECT_EQ(client("CLIENT KILL USER default"), "0");
  EXPECT_EQ(client("CLIENT KILL TYPE busy"), "ERR Unknown client type 'busy'");
  EXPECT_EQ(client("CLIENT KILL USER eve"), "ERR No such user 'eve'");
}

TEST(BadInput, OfCommandsWhoseKeyIsMissingIsRefused) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_THAT(client("OBJECT HELP"), StartsWith("["));
  EXPECT_EQ(client("MEMORY DOCTOR"), "\"Nothing to say.\"");
  EXPECT_THAT(client("OBJECT ENCODING"), StartsWith("ERR"));
}

TEST(Served, TakesAnEmptySessionForAnEmptyHash) {
  ServedStore served;
  TestClient client = served.client();
  ASSERT_TRUE(served.store().init("empty").has_value());
  EXPECT_EQ(client("HRANDFIELD empty"), "(nil)");
  EXPECT_EQ(client("HRANDFIELD empty -3"), "[]");
  EXPECT_EQ(client("HGETALL empty"), "[]");
}

TEST(Clients, MayTurnRepliesOff) {
  ServedStore served;
  TestClient client = served.client();
  client.request({"CLIENT", "REPLY", "OFF"});
  client.request({"SET", "a", "1"});
  EXPECT_EQ(client("CLIENT REPLY ON"), "OK");
  client.request({"CLIENT", "REPLY", "SKIP"});
  client.request({"GET", "a"});
  EXPECT_EQ(client("GET a"), "\"1\"");
}

}  // namespace
}  // namespace hybrid::testing
