// TLS: what is agreed on, and peers that do not speak it.
#include <openssl/ssl.h>

#include <atomic>

#include "net_fixture.hpp"

namespace hybrid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

struct Tls : NetTest {
  std::uint16_t port = 0;

  void serve(net::Limits limits = {}, net::HandlerFactory make_handler = echo()) {
    make({.limits = limits, .loops = 1, .make_handler = std::move(make_handler)});
    port = server().listen_tcp("127.0.0.1", 0, make_certificate(directory.path())).value();
    server().start().value();
  }
  void expect_echo(Client& one) {
    one.send("hello");
    EXPECT_EQ(one.receive(5), "hello");
  }
};

TEST_F(Tls, SpeaksVersions12And13Only) {
  serve();
  const struct {
    int version;
    std::string agreed;
  } cases[] = {{TLS1_1_VERSION, "none"}, {TLS1_2_VERSION, "TLSv1.2"}, {TLS1_3_VERSION, "TLSv1.3"}};
  for (const auto& [version, agreed] : cases) {
    auto one = Client::tls(port, version);
    EXPECT_EQ(one.tls_version(), agreed);
    if (agreed != "none") expect_echo(one);
  }
  EXPECT_THAT(log_lines(),
              ElementsAre(MatchesRegex(
                  "closed 127.0.0.1:[0-9]+: no TLS handshake: .*unsupported protocol")));
}

TEST_F(Tls, DoesNotRenegotiate) {
  serve();
  auto one = Client::tls(port, TLS1_2_VERSION);
  expect_echo(one);
  EXPECT_FALSE(one.renegotiates());
}

TEST_F(Tls, ClosesThoseThatSpeakPlainText) {
  serve();
  auto secure = Client::tls(port);
  for (const char* text : {"PING\r\n", "GET / HTTP/1.1\r\n\r\n", "*1\r\n$4\r\nPING\r\n"}) {
    auto plain = Client::tcp("127.0.0.1", port);
    plain.send(text);
    plain.receive_all();  // perhaps TLS's way to say so
  }
  EXPECT_TRUE(eventually([&] { return server().connections() == 1; }));
  expect_echo(secure);
  EXPECT_EQ(log_lines().size(), 3U);
  for (const std::string& line : log_lines()) {
    EXPECT_THAT(line, MatchesRegex("closed 127.0.0.1:[0-9]+: no TLS handshake: [a-z ]+"));
  }
}

TEST_F(Tls, ClosesThoseThatDoNotBegin) {
  serve({.handshake_timeout = 300ms});
  auto silent = Client::tcp("127.0.0.1", port);
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_THAT(
      log_lines(),
      ElementsAre(MatchesRegex("closed 127.0.0.1:[0-9]+: the TLS handshake took too long")));
  auto one = Client::tls(port);
  std::this_thread::sleep_for(700ms);
  expect_echo(one);
}

TEST_F(Tls, DoesNotWaitForHandshakesWhenItStops) {
  serve();
  auto silent = Client::tcp("127.0.0.1", port);
  ASSERT_TRUE(eventually([&] { return server().connections() == 1; }));
  const auto began = std::chrono::steady_clock::now();
  server().stop(20s);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_F(Tls, SaysNothingOfThoseThatJustLookWhetherItIsThere) {
  serve();
  for (int i = 0; i < 3; ++i) Client::tcp("127.0.0.1", port);
  auto one = Client::tls(port);
  expect_echo(one);
  EXPECT_TRUE(eventually([&] { return server().connections() == 1; }));
  EXPECT_THAT(log_lines(), IsEmpty());
}

TEST_F(Tls, MakesTheHandlerAfterTheHandshake) {
  std::atomic<int> made = 0;
  serve({}, [&](net::Connection& connection) {
    ++made;
    connection.output() += "welcome";
    connection.allow_all();
    return echo()(connection);
  });
  auto plain = Client::tcp("127.0.0.1", port);
  plain.send("PING\r\n");
  plain.receive_all();
  EXPECT_EQ(made, 0);
  auto one = Client::tls(port);
  EXPECT_EQ(one.receive(7), "welcome");
}

TEST_F(Tls, ForgetsNothingThatCameWithTheEndOfTheHandshake) {
  serve();
  auto one = Client::tls(port, TLS1_3_VERSION, "early");
  EXPECT_EQ(one.receive(5), "early");
}

// Echoes, but pauses reading at "pause" and keeps the connection, for the test to resume it.
struct TlsPaused : Tls {
  TlsPaused() {
    serve({}, handlers([this](net::Connection& connection, std::string_view input) -> std::size_t {
            if (input.starts_with("pause")) {
              keep(connection);
              connection.pause_reading();
              return 5;
            }
            connection.output() += input;
            connection.allow_all();
            return input.size();
          }));
  }
  void resume(std::size_t index) {
    on_loop(index, [](net::Connection& c) { c.resume_reading(); });
  }
};

TEST_F(TlsPaused, HandsOverWhatCameMeanwhile) {
  auto one = Client::tls(port);
  one.send("pause");
  kept();
  const std::string many(200'000, 'x');
  std::thread sender{[&] { one.send(many); }};  // more than the system keeps
  resume(0);
  sender.join();
  EXPECT_TRUE(one.receive(many.size()) == many);
}

// Two records that OpenSSL reads from the socket at once, and a buffer that has room for the first only: then the second is in no
// socket that could become readable.
TEST_F(Tls, ForgetsNothingThatIsNotInTheSocketAnyMore) {
  constexpr std::size_t kFirst = net::InputBuffer::kRoomMin;
  constexpr std::size_t kSecond = 100;
  std::atomic<bool> was_paused = false;
  serve({}, handlers([this, &was_paused](net::Connection& connection,
                                         std::string_view input) -> std::size_t {
          if (input.size() == 1 && !was_paused.exchange(true)) {
            keep(connection);
            connection.pause_reading();
          }
          if (input.size() < 1 + kFirst + kSecond) return 0;
          connection.output() += "all";
          connection.allow_all();
          return input.size();
        }));
  auto one = Client::tls(port);
  one.send("x");
  kept();
  one.send(std::string(kFirst, 'x'));
  one.send(std::string(kSecond, 'x'));
  on_loop(0, [](net::Connection& c) { c.resume_reading(); });
  EXPECT_EQ(one.receive(3), "all");
}

TEST_F(TlsPaused, AnswersWhatCameBeforeTheEndWhateverTheHandlerIsWaitingFor) {
  auto one = Client::tls(port);
  one.send("pause");
  kept(0);
  one.send("pause and answer");  // with the end, in one piece
  one.end_sending();
  resume(0);
  kept(1);
  resume(1);
  EXPECT_EQ(one.receive_all(), " and answer");
}

}  // namespace
}  // namespace hybrid::testing
