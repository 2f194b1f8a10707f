// Messages between clients, what each may do, and what they are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/command.hpp"
#include "tests/server/served_store.hpp"
#include "tests/server/wrapped_provider.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

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
  EXPECT_EQ(sender("PUBSUB CHANNELS ''"), "[]");
  EXPECT_EQ(sender("PUBSUB NUMSUB a c"), "[\"a\", 1, \"c\", 0]");
  EXPECT_EQ(sender("PUBSUB NUMPAT"), "1");
  EXPECT_THAT(listener("GET a"), StartsWith("ERR Can't execute 'get'"));
  EXPECT_THAT(listener("CLIENT ID"), StartsWith("ERR Can't execute 'client|id'"));
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
      {"RENAME s s", {}},
      {"RENAME s t", {"rename_from s", "rename_to t"}},
      {"DEL t", {"del t"}},
      {"HDEL h f", {"hdel h", "del h"}},
      {"SET x 1 PX 30", {"set x", "expire x", "expired x"}},
      {"RPUSH l 1 2 3 4", {"rpush l"}},
      {"LPOP l", {"lpop l"}},
      {"LINSERT l BEFORE 2 1", {"linsert l"}},
      {"LSET l 0 0", {"lset l"}},
      {"RPOPLPUSH l m", {"lpush m", "rpop l"}},
      {"RPOPLPUSH m m", {"lpush m", "rpop m"}},
      {"LMOVE m l LEFT RIGHT", {"rpush l", "lpop m", "del m"}},
      {"LREM l 1 0", {"lrem l"}},
      {"LTRIM l 5 6", {"ltrim l", "del l"}},
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

TEST(Messages, ReachWhoHasToReadFirst) {
  ServedStore served{{}, open("memory:").value(), {.output_bytes_max = 100'000}};
  TestClient client = served.client();
  TestClient other = served.client();
  EXPECT_EQ(client("HELLO 3").substr(0, 1), "{");
  EXPECT_EQ(client("SUBSCRIBE c"), "push [\"subscribe\", \"c\", 1]");
  EXPECT_EQ(client({"SET", "k", std::string(1000, 'x')}), "OK");
  // More than what may wait, and what the system keeps.
  constexpr int kRequests = 2000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += TestClient::encoded("GET k");
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(other("PUBLISH c m"), "1");
  int replies = 0;
  int messages = 0;
  while (replies < kRequests || messages < 10) {
    const std::string reply = client.reply();
    ASSERT_NE(reply, "(closed)");
    ++(reply.starts_with("push") ? messages : replies);
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
  EXPECT_EQ(client("DISCARD"), "NOAUTH Authentication required.");
  EXPECT_EQ(client("HELLO 3"),
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO AUTH <user> <pass> option can be used to authenticate the client and select the "
            "RESP protocol version at the same time");
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
    const bool is_refused = command.has(server::kWrite) || command.has(server::kAdmin);
    if (!is_refused || command.has(server::kContainer)) continue;
    std::string words{command.name};
    std::ranges::replace(words, '|', ' ');
    for (auto i = 1 + std::ranges::count(words, ' '); i < std::abs(command.arity); ++i)
      words += " x";
    EXPECT_THAT(client(words), StartsWith("NOPERM")) << command.name;
  }
  // What changes no session, and is not for readers all the same.
  for (const std::string_view name :
       {"bgrewriteaof", "bgsave", "client|kill", "config|get", "config|resetstat", "config|rewrite",
        "config|set", "debug", "function|flush", "latency|reset", "publish", "save", "script|flush",
        "script|kill", "script|load", "shutdown", "slowlog|get", "slowlog|reset"})
    EXPECT_TRUE(server::find_command(name)->has(server::kAdmin)) << name;
}

TEST(Users, HaveToWaitAfterManyWrongPasswords) {
  LogLines lines;
  ServedStore served{{.users = users("secret"), .log = lines.taker()}};
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(lines.get(), IsEmpty());
    EXPECT_THAT(served.client()({"AUTH", "wrong" + std::to_string(i)}), StartsWith("WRONGPASS"));
  }
  EXPECT_THAT(served.client()("AUTH secret"), StartsWith("WRONGPASS"))
      << "right, but it has to wait";
  EXPECT_THAT(lines.get(), ElementsAre(AllOf(StartsWith("10 wrong passwords from user "),
                                             HasSubstr("everybody there is refused for 1 s"))));
}

TEST(Users, WhoseProgramWasNotToldOfANewPasswordKeepNobodyOut) {
  ServedStore served{{.users = users("secret")}};
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(served.client()("AUTH old"), StartsWith("WRONGPASS"));
    EXPECT_THAT(served.client()("AUTH guest older"), StartsWith("WRONGPASS"));
  }
  EXPECT_EQ(served.client()("AUTH secret"), "OK");
}

TEST(Browsers, CannotBeMadeToSendCommands) {
  for (const std::string first : {"POST / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhOsT: x\r\n"}) {
    LogLines lines;
    ServedStore served{{.log = lines.taker()}};
    TestClient client = served.client();
    client.send("SET before 1\r\n" + first + "Content-Length: 9\r\n\r\nSET pwn 1\r\n");
    EXPECT_EQ(client.reply(), "OK");
    std::string last;
    while (last != "(closed)") last = client.reply();
    EXPECT_EQ(served.client()("MGET before pwn"), "[\"1\", (nil)]");
    EXPECT_THAT(lines.get(), ElementsAre(HasSubstr("speaks HTTP and is disconnected")));
  }
}

TEST(WriteHealth, IsBadForAWhileAfterAChangeWasRefused) {
  class Disk final : public WrappedProvider {
   public:
    std::atomic<bool> is_full{false};
    Result<Session> load(std::string_view sid) override {
      return is_full ? full() : WrappedProvider::load(sid);
    }
    Result<Session> put(std::string_view sid, std::span<const Change> changes) override {
      return is_full ? full() : WrappedProvider::put(sid, changes);
    }

   private:
    static Result<Session> full() {
      return std::unexpected(Error{Errc::no_space, "the disk is full"});
    }
  };
  LogLines lines;
  auto owned = std::make_unique<Disk>();
  Disk& disk = *owned;
  ServedStore served{{.log = lines.taker()}, std::move(owned)};
  TestClient client = served.client();
  EXPECT_EQ(client("SET a 1"), "OK");
  EXPECT_THAT(client("INFO persistence"), HasSubstr("aof_last_write_status:ok"));
  disk.is_full = true;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client({"SET", "b" + std::to_string(i), "1"}), "MISCONF no_space: the disk is full");
    EXPECT_THAT(client("INFO persistence"), AllOf(HasSubstr("aof_last_write_status:err"),
                                                  HasSubstr("rdb_last_bgsave_status:err")));
  }
  disk.is_full = false;
  EXPECT_EQ(client("SET c 1"), "OK");
  EXPECT_THAT(client("INFO persistence"), HasSubstr("aof_last_write_status:err"));
  EXPECT_THAT(lines.get(), ElementsAre("a change was refused: MISCONF no_space: the disk is full"));
}

TEST(WriteHealth, IsNotWhatAScriptSays) {
  LogLines lines;
  ServedStore served{{.log = lines.taker()}};
  TestClient client = served.client();
  EXPECT_THAT(client({"EVAL", "error({err='MISCONF pwned'})", "0"}), StartsWith("MISCONF pwned"));
  EXPECT_THAT(client("INFO persistence"), HasSubstr("aof_last_write_status:ok"));
  EXPECT_THAT(lines.get(), IsEmpty());
}

TEST(WriteHealth, SeesWhatATransactionCannotWrite) {
  class Disk final : public WrappedProvider {
   public:
    Result<Session> put(std::string_view, std::span<const Change>) override {
      return std::unexpected(Error{Errc::no_space, "the disk is full"});
    }
  };
  ServedStore served{{}, std::make_unique<Disk>()};
  TestClient client = served.client();
  EXPECT_EQ(client("MULTI"), "OK");
  EXPECT_EQ(client("SET a 1"), "QUEUED");
  EXPECT_THAT(client("EXEC"), StartsWith("MISCONF"));
  EXPECT_THAT(client("INFO persistence"), HasSubstr("aof_last_write_status:err"));
}

TEST(Users, CannotMakeTheServerKeepMuchBeforeTheySayWhoTheyAre) {
  ServedStore served{{.users = users("secret")}, open("memory:").value(), {.unread_timeout = 1h}};
  TestClient client = served.client();
  std::string requests;
  for (int i = 0; i < 100'000; ++i) requests += "x\r\n";
  while (client.send(requests)) {
  }
  TestClient other = served.client();
  EXPECT_EQ(other("AUTH secret"), "OK");
  EXPECT_EQ(served.net().connections(), 1U) << "the first was closed";
}

TEST(Users, CannotSendMuchBeforeTheySayWhoTheyAre) {
  ServedStore served{{.users = users("secret")}};
  TestClient client = served.client();
  client.send("*1000\r\n");
  EXPECT_EQ(client.reply(), "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(client.reply(), "(closed)");
}

TEST(Clients, CanBeListedAndKilled) {
  ServedStore served;
  TestClient client = served.client();
  TestClient victim = served.client();
  EXPECT_EQ(victim("CLIENT SETNAME victim"), "OK");
  const std::string id = victim("CLIENT ID");
  EXPECT_THAT(client("CLIENT LIST"), HasSubstr("name=victim"));
  const std::string address = served.path() + ":0";
  EXPECT_THAT(client("CLIENT INFO"), HasSubstr("addr=" + address + " laddr=" + address));
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

TEST(BadInput, IsShownInPart) {
  ServedStore served;
  TestClient client = served.client();
  const std::string x(200, 'x');
  const std::string y(100, 'y');
  EXPECT_EQ(client({x, y, x, x}), "ERR unknown command '" + x.substr(0, 128) +
                                      "', with args beginning with: '" + y + "' '" +
                                      x.substr(0, 25) + "' ");
  EXPECT_EQ(client({"client", x}),
            "ERR unknown subcommand '" + x.substr(0, 128) + "'. Try CLIENT HELP.");
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

TEST(BadInput, OfCommandsWhoseKeyIsMissingIsRefused) {
  ServedStore served;
  TestClient client = served.client();
  EXPECT_THAT(client("OBJECT HELP"), StartsWith("[OBJECT <subcommand>"));
  EXPECT_EQ(client("MEMORY DOCTOR"), "\"Nothing to say.\"");
  EXPECT_THAT(client("OBJECT ENCODING"), StartsWith("ERR"));
}

}  // namespace
}  // namespace hybrid::testing
