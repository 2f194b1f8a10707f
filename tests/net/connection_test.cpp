// What a handler can rely on.
#include <malloc.h>
#include <sys/socket.h>

#include <atomic>

#include "net_fixture.hpp"

namespace hybrid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

struct Connection : NetTest {
  // Answers nothing, and keeps the connection for the test to use.
  void start_kept() {
    start([this](net::Connection& connection) {
      keep(connection);
      return echo()(connection);
    });
  }
};

// --- Output

TEST_F(Connection, SendsNothingBeforeItIsAllowed) {
  start(lines([this](net::Connection& connection, std::string_view line) {
    keep(connection);
    connection.output().append(line);
    if (line == "now") connection.allow_all();
  }));
  auto one = client();
  one.send("now\nlater\n");
  EXPECT_EQ(one.receive(3), "now");
  EXPECT_FALSE(one.has_input());
  on_loop(0, [](net::Connection& c) {
    EXPECT_EQ(c.unsent(), 5U);
    c.output() += "!?";
    c.allow(c.output_end() - 1);
    c.allow(0);  // never goes back
  });
  EXPECT_EQ(one.receive(6), "later!");
  EXPECT_FALSE(one.has_input());
  on_loop(0, [](net::Connection& c) {
    EXPECT_EQ(c.unsent(), 1U);
    EXPECT_EQ(c.output_end(), 10U) << "all that ever was there";
    c.allow_all();
  });
  EXPECT_EQ(one.receive(1), "?");
}

TEST_F(Connection, SendsAllOfALargeAnswerInOrder) {
  start(lines([](net::Connection& connection, std::string_view) {
    for (int i = 0; i < 1'000'000; ++i) connection.output() += std::to_string(i) + ' ';
    connection.allow_all();
  }));
  auto one = client();
  one.send("go\n");
  std::string expected;
  for (int i = 0; i < 1'000'000; ++i) expected += std::to_string(i) + ' ';
  std::string got;
  while (got.size() < expected.size()) {
    const std::string part =
        one.receive(std::min<std::size_t>(100'000, expected.size() - got.size()));
    if (part.empty()) break;
    got += part;
  }
  EXPECT_TRUE(got == expected) << got.size();
}

TEST_F(Connection, ClosesOnceAllOutputIsSent) {
  start(lines([](net::Connection& connection, std::string_view) {
    connection.output().append(20 * kMegabyte, 'x');
    connection.allow_all();
    connection.close_after_output();
  }));
  auto one = client();
  one.send("bye\nmore that nobody reads");
  EXPECT_TRUE(one.receive_all() == std::string(20 * kMegabyte, 'x'));
}

TEST_F(Connection, WaitsWithClosingForOutputThatIsNotAllowedYet) {
  start(lines([this](net::Connection& connection, std::string_view line) {
    keep(connection);
    connection.output() += line;
    connection.close_after_output();
  }));
  auto one = client();
  one.send("bye\n");
  on_loop(0, [](net::Connection& c) { EXPECT_FALSE(c.is_closed()); });
  EXPECT_FALSE(one.has_input());
  on_loop(0, [](net::Connection& c) { c.allow_all(); });
  EXPECT_EQ(one.receive_all(), "bye");
}

TEST_F(Connection, LosesNotItsLastAnswerWhileThePeerGoesOnSending) {
  net::Server tcp{{.make_handler = lines([](net::Connection& connection, std::string_view) {
                     connection.output() += "-ERR no\r\n";
                     connection.allow_all();
                     connection.close_after_output();
                   })}};
  const std::uint16_t port = tcp.listen_tcp("127.0.0.1", 0).value();
  ASSERT_TRUE(tcp.start());
  for (int round = 0; round < 5; ++round) {
    auto one = Client::tcp("127.0.0.1", port);
    one.send("wrong\n" + std::string(20 * kMegabyte, 'x'));  // more than the system keeps
    one.end_sending();
    EXPECT_EQ(one.receive_all(), "-ERR no\r\n");
  }
}

TEST_F(Connection, AnswersAPeerThatEndedItsSide) {
  start_kept();
  auto one = client();
  one.send(std::string(kMegabyte / 4, 'x'));
  one.end_sending();
  EXPECT_EQ(one.receive_all(), std::string(kMegabyte / 4, 'x'));
  EXPECT_TRUE(eventually([&] { return server().connections() == 0; }));
}

TEST_F(Connection, DropsASlowReaderWhileOthersGoOn) {
  start(net::Server::Config{
      .limits = {.output_bytes_max = 4 * kMegabyte},
      .loops = 1,
      .make_handler = lines([this](net::Connection& connection, std::string_view line) {
        if (line == "listen") return keep(connection);
        connection.output() += "xxxxx";
        connection.allow_all();
      })});
  auto slow = client();
  auto other = client();
  slow.send("listen\n");
  for (int i = 0; i < 20 && log_lines().empty(); ++i) {
    if (const auto listener = kept().lock()) {
      listener->post([](net::Connection& connection) {
        connection.output().append(kMegabyte, 'x');
        connection.allow_all();
      });
    }
    other.send("little\n");
    EXPECT_EQ(other.receive(5), "xxxxx");
  }
  EXPECT_TRUE(eventually([&] { return server().connections() == 1; }));
  EXPECT_THAT(log_lines(), ElementsAre(::testing::MatchesRegex(
                               "dropped a slow reader: unix:.* has [0-9]+ bytes unsent")));
  other.send("little\n");
  EXPECT_EQ(other.receive(5), "xxxxx");
}

TEST_F(Connection, SendsOneAnswerThatIsLargerThanWhatMayWait) {
  start(
      net::Server::Config{.limits = {.output_bytes_max = kMegabyte},
                          .make_handler = lines([](net::Connection& connection, std::string_view) {
                            connection.output().append(20 * kMegabyte, 'x');
                            connection.allow_all();
                          })});
  auto one = client();
  for (int i = 0; i < 2; ++i) {
    one.send("go\n");
    EXPECT_EQ(one.receive(20 * kMegabyte).size(), 20 * kMegabyte);
  }
  EXPECT_THAT(log_lines(), IsEmpty());
}

// --- Input

TEST_F(Connection, KeepsWhatWasNotConsumed) {
  start(lines([](net::Connection& connection, std::string_view line) {
    connection.output().append(line).append(";");
    connection.allow_all();
  }));
  auto one = client();
  one.send("on");
  one.send("e\ntwo\nthr");
  EXPECT_EQ(one.receive(8), "one;two;");
  const std::string large(3 * kMegabyte, 'x');
  one.send("ee\n" + large);
  EXPECT_EQ(one.receive(6), "three;");
  one.send("\n");
  EXPECT_TRUE(one.receive(large.size() + 1) == large + ";");
}

TEST_F(Connection, ReadsInLargerPiecesWhenTheHandlerWantsMore) {
  static constexpr std::size_t kSize = 16 * kMegabyte;
  static std::atomic<int> calls;
  calls = 0;
  class OneValue final : public net::Handler {
   public:
    explicit OneValue(net::Connection& connection) : connection_(connection) {}
    std::size_t on_input(std::string_view input) override {
      ++calls;
      wanted_ = kSize - input.size();
      if (wanted_ != 0) return 0;
      connection_.output() += "all";
      connection_.allow_all();
      return input.size();
    }
    std::size_t bytes_wanted() const override { return wanted_; }

   private:
    net::Connection& connection_;
    std::size_t wanted_ = 0;
  };
  net::Server tcp{
      {.make_handler = [](net::Connection& c) { return std::make_unique<OneValue>(c); }}};
  const std::uint16_t port = tcp.listen_tcp("127.0.0.1", 0).value();
  ASSERT_TRUE(tcp.start());
  auto one = Client::tcp("127.0.0.1", port);
  one.send(std::string(kSize, 'x'));
  EXPECT_EQ(one.receive(3), "all");
  EXPECT_LE(calls, 1000) << "a turn takes 64 KiB or more when the peer is quick";
}

TEST_F(Connection, CallsAHandlerAgainThatStoppedHalfway) {
  start(handlers([](net::Connection& connection, std::string_view input) -> std::size_t {
    const std::size_t end = input.find('\n');
    if (end == std::string_view::npos) return 0;
    connection.output().append(input.substr(0, end + 1));
    connection.allow_all();
    connection.read_again();
    return end + 1;
  }));
  auto one = client();
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += std::to_string(i) + '\n';
  one.send(many);
  EXPECT_EQ(one.receive(many.size()), many);
}

TEST_F(Connection, LetsAHandlerWaitUntilItsPeerHasRead) {
  static std::atomic<std::size_t> unsent_max;
  unsent_max = 0;
  net::HandlerFactory make_handler =
      handlers([](net::Connection& connection, std::string_view input) -> std::size_t {
        connection.output().append(kMegabyte / 2, input[0]);
        connection.allow_all();
        unsent_max = std::max<std::size_t>(unsent_max, connection.unsent());
        if (input.size() > 1) connection.read_again();
        return 1;
      });
  start(net::Server::Config{.limits = {.output_bytes_max = kMegabyte},
                            .loops = 1,
                            .make_handler = std::move(make_handler)});
  auto one = client();
  one.send(std::string(200, 'x'));
  EXPECT_TRUE(one.receive(100 * kMegabyte) == std::string(100 * kMegabyte, 'x'));
  EXPECT_LE(unsent_max, 2 * kMegabyte);
  EXPECT_THAT(log_lines(), IsEmpty());
}

net::HandlerFactory a_megabyte_for_each_byte() {
  return handlers([](net::Connection& connection, std::string_view input) {
    connection.output().append(kMegabyte, 'x');
    connection.allow_all();
    if (input.size() > 1) connection.read_again();
    return std::size_t{1};
  });
}

TEST_F(Connection, DropsAPeerThatHasToReadAndDoesNot) {
  constexpr auto kTimeout = 1000ms;
  start(net::Server::Config{.limits = {.output_bytes_max = kMegabyte, .unread_timeout = kTimeout},
                            .loops = 1,
                            .make_handler = a_megabyte_for_each_byte()});
  auto slow = client();
  auto quick = client();
  slow.send(std::string(20, 'x'));
  quick.send(std::string(20, 'x'));
  // It reads a little all the time, for longer than the timeout.
  std::size_t left = 20 * kMegabyte;
  while (left > 0) {
    const std::size_t part = std::min<std::size_t>(left, kMegabyte);
    EXPECT_EQ(quick.receive(part).size(), part);
    left -= part;
    std::this_thread::sleep_for(kTimeout / 10);
  }
  EXPECT_TRUE(eventually([&] { return server().connections() == 1; }));
  EXPECT_THAT(log_lines(), ElementsAre(::testing::MatchesRegex(
                               "dropped a slow reader: unix:.* has [0-9]+ bytes unsent")));
  quick.send("x");
  EXPECT_EQ(quick.receive(kMegabyte).size(), kMegabyte) << "it owes nothing any more";
  std::this_thread::sleep_for(2 * kTimeout);
  EXPECT_EQ(server().connections(), 1U);
}

// TCP tells of room in its buffer when there is much of it.
TEST_F(Connection, GivesTimeToAPeerThatReadsLittle) {
  constexpr auto kTimeout = 1000ms;
  constexpr std::size_t kRequests = 40;
  net::Server& made = make(
      net::Server::Config{.limits = {.output_bytes_max = kMegabyte, .unread_timeout = kTimeout},
                          .loops = 1,
                          .make_handler = a_megabyte_for_each_byte()});
  const std::uint16_t port = made.listen_tcp("127.0.0.1", 0).value();
  ASSERT_TRUE(made.start());
  auto one = Client::tcp("127.0.0.1", port);
  one.send(std::string(kRequests, 'x'));
  std::this_thread::sleep_for(kTimeout / 2);
  constexpr std::size_t kLittle = 100'000;
  std::size_t left = kRequests * kMegabyte;
  for (int i = 0; i < 16; ++i, left -= kLittle) {
    EXPECT_EQ(one.receive(kLittle).size(), kLittle);
    std::this_thread::sleep_for(kTimeout / 4);
  }
  EXPECT_EQ(one.receive(left).size(), left);
  EXPECT_THAT(log_lines(), IsEmpty());
}

TEST_F(Connection, DropsAPeerThatDoesNotReadTheRest) {
  constexpr auto kTimeout = 1000ms;
  start(
      net::Server::Config{.limits = {.unread_timeout = kTimeout},
                          .loops = 1,
                          .make_handler = lines([](net::Connection& connection, std::string_view) {
                            connection.output().append(10 * kMegabyte, 'x');
                            connection.allow_all();
                            connection.close_after_output();
                          })});
  auto slow = client();
  auto quick = client();
  slow.send("\n");
  quick.send("\n");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(quick.receive(kMegabyte / 2).size(), kMegabyte / 2);
    std::this_thread::sleep_for(kTimeout / 10);
  }
  EXPECT_EQ(quick.receive_all(), "");
  EXPECT_TRUE(eventually([&] { return server().connections() == 0; }));
  EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("dropped a slow reader")));
}

TEST_F(Connection, MakesThePeerWaitWhileReadingIsPaused) {
  start(handlers([this](net::Connection& connection, std::string_view input) {
    if (input.starts_with("pause")) {
      keep(connection);
      connection.pause_reading();
      return std::size_t{5};
    }
    connection.output() += input;
    connection.allow_all();
    return input.size();
  }));
  auto one = client();
  one.send("pause");
  kept();
  std::string sent;
  const std::string part(100'000, 'x');
  for (int quiet = 0; quiet < 50;) {
    const std::size_t count = one.send_what_fits(part);
    sent.append(count, 'x');
    quiet = count == 0 ? quiet + 1 : 0;
    if (count == 0) std::this_thread::sleep_for(1ms);
  }
  EXPECT_LT(sent.size(), 10 * kMegabyte) << "no more than the system keeps";
  EXPECT_FALSE(one.has_input());
  on_loop(0, [](net::Connection& c) { c.resume_reading(); });
  EXPECT_TRUE(one.receive(sent.size()) == sent);
}

TEST_F(Connection, HandsOverAfterAPauseWhatTheHandlerLeft) {
  start(handlers([this](net::Connection& connection, std::string_view input) -> std::size_t {
    if (input.starts_with("pause")) {
      keep(connection);
      connection.pause_reading();
      return 5;
    }
    connection.output() += input;
    connection.allow_all();
    return input.size();
  }));
  auto one = client();
  one.send("pause and go on");
  on_loop(0, [](net::Connection& c) { c.resume_reading(); });
  EXPECT_EQ(one.receive(10), " and go on");
}

TEST_F(Connection, RestsWhileItIsPausedAndItsPeerIsGone) {
  static std::atomic<int> bytes;
  bytes = 0;
  start(handlers([this](net::Connection& connection, std::string_view input) -> std::size_t {
    if (input == "pause") {
      keep(connection);
      connection.pause_reading();
    } else {
      bytes += static_cast<int>(input.size());
    }
    return input.size();
  }));
  {
    auto one = client();
    one.send("pause");
    kept();
    one.send("rest");
  }
  const auto before = processor_time();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(processor_time() - before, 30ms) << "it does not ask again and again";
  on_loop(0, [](net::Connection& c) { c.resume_reading(); });
  EXPECT_TRUE(eventually([&] { return server().connections() == 0; }));
  EXPECT_EQ(bytes, 4) << "what was sent before the peer went";
}

// --- The end

TEST_F(Connection, DestroysTheHandlerOnItsThreadOnceItIsGone) {
  static std::atomic<int> alive;
  static std::atomic<int> wrong_thread;
  alive = wrong_thread = 0;
  class Counted final : public net::Handler {
   public:
    Counted() { ++alive; }
    ~Counted() override {
      --alive;
      if (std::this_thread::get_id() != thread_) ++wrong_thread;
    }
    std::size_t on_input(std::string_view input) override { return input.size(); }

   private:
    std::thread::id thread_ = std::this_thread::get_id();
  };
  start([this](net::Connection& connection) {
    keep(connection);
    return std::make_unique<Counted>();
  });
  for (int i = 0; i < 4; ++i) {
    auto one = client();
    one.send("x");
    kept(static_cast<std::size_t>(i));
  }
  EXPECT_TRUE(eventually([] { return alive == 0; }));
  auto last = client();
  const auto held = kept(4).lock();
  server().stop(0ms);
  EXPECT_EQ(alive, 0) << "also if somebody still holds the connection";
  EXPECT_EQ(wrong_thread, 0);
  ASSERT_NE(held, nullptr);
  EXPECT_TRUE(held->is_closed());
}

TEST_F(Connection, ClosesAtOnceAlsoFromItsHandler) {
  start(lines([](net::Connection& connection, std::string_view line) {
    connection.output() += "never sent";
    connection.allow_all();
    connection.close();
    EXPECT_TRUE(connection.is_closed());
    if (line == "twice") connection.close();
  }));
  for (const char* line : {"once\n", "twice\n"}) {
    auto one = client();
    one.send(line);
    EXPECT_EQ(one.receive_all(), "");
  }
}

TEST_F(Connection, ClosesAnotherOfItsLoopFromAHandler) {
  start(net::Server::Config{
      .loops = 1, .make_handler = lines([this](net::Connection& connection, std::string_view line) {
                    if (line == "keep") keep(connection);
                    if (line == "kill") kept().lock()->close();
                    if (line == "tell") {
                      const auto other = kept().lock();
                      other->output() += "told";
                      other->allow_all();
                    }
                    connection.output() += "done";
                    connection.allow_all();
                  })});
  auto victim = client();
  victim.send("keep\n");
  EXPECT_EQ(victim.receive(4), "done");
  auto killer = client();
  killer.send("tell\n");
  EXPECT_EQ(killer.receive(4), "done");
  EXPECT_EQ(victim.receive(4), "told");
  killer.send("kill\n");
  EXPECT_EQ(killer.receive(4), "done");
  EXPECT_EQ(victim.receive_all(), "");
  EXPECT_TRUE(eventually([&] { return server().connections() == 1; }));
}

TEST_F(Connection, EndsAloneWhenItsHandlerThrows) {
  start(lines([](net::Connection& connection, std::string_view line) {
    if (line == "bad_alloc") throw std::bad_alloc{};
    if (line == "other") throw std::runtime_error{"secret"};
    connection.output() += line;
    connection.allow_all();
  }));
  auto fine = client();
  for (const char* line : {"bad_alloc\n", "other\n"}) {
    auto one = client();
    one.send(line);
    EXPECT_EQ(one.receive_all(), "");
  }
  fine.send("fine\n");
  EXPECT_EQ(fine.receive(4), "fine");
  EXPECT_THAT(log_lines(),
              ElementsAre("closed unix:" + path() + ": out of memory",
                          "closed unix:" + path() + ": its handler threw an exception"));
}

// --- Other threads

TEST_F(Connection, RunsWhatOtherThreadsPost) {
  start_kept();
  auto one = client();
  const auto connection = kept();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&connection] {
      for (int i = 0; i < 1000; ++i) {
        if (const auto held = connection.lock()) {
          held->post([](net::Connection& c) {
            c.output() += 'x';
            c.allow_all();
          });
        }
      }
    });
  }
  EXPECT_EQ(one.receive(4000), std::string(4000, 'x'));
  for (auto& thread : threads) thread.join();
}

TEST_F(Connection, LeavesOutWhatIsPostedToOneThatIsGone) {
  start_kept();
  std::atomic<int> ran = 0;
  std::shared_ptr<net::Connection> held;
  {
    auto one = client();
    held = kept().lock();
  }
  ASSERT_NE(held, nullptr);
  ASSERT_TRUE(eventually([&] { return server().connections() == 0; }));
  held->post([&](net::Connection&) { ++ran; });
  // The loop has been through it once another of its functions ran.
  std::atomic<bool> through = false;
  server().post(held->loop(), [&] { through = true; });
  ASSERT_TRUE(eventually([&] { return through.load(); }));
  EXPECT_EQ(ran, 0);

  server().stop(0ms);
  held->post([&](net::Connection&) { ++ran; });
  held.reset();
  EXPECT_EQ(ran, 0);
}

TEST_F(Connection, SurvivesPostsWhileConnectionsComeAndGo) {
  start_kept();
  std::atomic<bool> stop = false;
  std::thread poster{[&] {
    for (std::size_t i = 0; !stop; ++i) {
      if (const auto held = kept(i % 50).lock()) {
        held->post([](net::Connection& c) {
          c.output() += 'x';
          c.allow_all();
        });
      }
    }
  }};
  for (int i = 0; i < 200; ++i) {
    auto one = client();
    one.send("y");
    one.receive(1);
  }
  server().stop(0ms);
  stop = true;
  poster.join();
}

// --- What it costs

TEST_F(Connection, TakesLessThan2KiBWhileIdle) {
  start(echo());
  const auto in_use = [] { return ::mallinfo2().uordblks; };
  std::vector<Client> clients;
  clients.reserve(200);
  const auto connect = [&](int count) {
    for (int i = 0; i < count; ++i) {
      clients.push_back(client());
      clients.back().send(std::string(100'000, 'x'));
      clients.back().receive(100'000);
    }
  };
  connect(20);  // what loops keep for all
  const std::size_t before = in_use();
  connect(100);
  const std::size_t after = in_use();
  if (before == 0) GTEST_SKIP() << "this allocator does not count";
  EXPECT_LT((after - before) / 100, 2048U);
  RecordProperty("bytes", std::to_string((after - before) / 100));
}

}  // namespace
}  // namespace hybrid::testing
