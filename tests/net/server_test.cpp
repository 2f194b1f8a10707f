// The server as a whole: over each kind of transport, with many connections, and its end.
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <set>

#include "net_fixture.hpp"

namespace hybrid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- Every transport

enum class Transport { tcp_v4, tcp_v6, unix_socket, tls };

struct EveryTransport : NetTest, ::testing::WithParamInterface<Transport> {
  std::uint16_t port = 0;
  std::optional<std::string> missing;

  void serve(net::HandlerFactory make_handler) {
    make({.loops = 2, .make_handler = std::move(make_handler)});
    const auto listen = [this](const char* address, const std::optional<net::TlsFiles>& tls = {}) {
      const auto got = server().listen_tcp(address, 0, tls);
      if (got) port = *got;
      if (!got) missing = got.error().message();
    };
    switch (GetParam()) {
      case Transport::tcp_v4: listen("127.0.0.1"); break;
      case Transport::tcp_v6: listen("::1"); break;
      case Transport::tls: listen("127.0.0.1", make_certificate(directory.path())); break;
      case Transport::unix_socket: server().listen_unix(path()).value(); break;
    }
    server().start().value();
  }
  Client connect() {
    switch (GetParam()) {
      case Transport::tcp_v4: return Client::tcp("127.0.0.1", port);
      case Transport::tcp_v6: return Client::tcp("::1", port);
      case Transport::tls: return Client::tls(port);
      case Transport::unix_socket: break;
    }
    return client();
  }
};

INSTANTIATE_TEST_SUITE_P(, EveryTransport,
                         ::testing::Values(Transport::tcp_v4, Transport::tcp_v6,
                                           Transport::unix_socket, Transport::tls),
                         [](const auto& which) {
                           switch (which.param) {
                             case Transport::tcp_v4: return "TcpV4";
                             case Transport::tcp_v6: return "TcpV6";
                             case Transport::unix_socket: return "Unix";
                             case Transport::tls: return "Tls";
                           }
                           return "";
                         });

TEST_P(EveryTransport, CarriesSmallAndLargeMessages) {
  serve(echo());
  if (missing) GTEST_SKIP() << *missing;
  auto one = connect();
  for (const std::size_t size : {1U, 100U, 16'384U, 100'000U, 3'000'000U}) {
    std::string message(size, 'x');
    message.back() = '!';
    std::thread sender{[&] { one.send(message); }};
    if (GetParam() == Transport::tls) sender.join();  // OpenSSL's sessions are for one thread
    EXPECT_TRUE(one.receive(size) == message) << size;
    if (sender.joinable()) sender.join();
  }
  one.end_sending();
  EXPECT_EQ(one.receive_all(), "");
  EXPECT_TRUE(eventually([&] { return server().connections() == 0; }));
  EXPECT_THAT(log_lines(), IsEmpty());
}

TEST_P(EveryTransport, TellsWhoIsThere) {
  serve(lines([this](net::Connection& connection, std::string_view) { keep(connection); }));
  if (missing) GTEST_SKIP() << *missing;
  auto one = connect();
  one.send("x\n");
  const net::Address address = net::local_address(one.descriptor());
  on_loop(0, [&](net::Connection& c) {
    const std::string local = server().addresses()[0];
    EXPECT_EQ(c.local(), local.starts_with("tls:") ? local.substr(4) : local);
    EXPECT_EQ(c.peer(), GetParam() == Transport::unix_socket ? c.local() : address.text());
    EXPECT_TRUE(c.is_loopback());
    EXPECT_EQ(c.is_tls(), GetParam() == Transport::tls);
    EXPECT_GT(c.descriptor(), 0);
    EXPECT_GT(c.id(), 0U);
    EXPECT_LT(c.loop(), server().loops());
  });
}

TEST_P(EveryTransport, ClosesAfterALargeAnswerThatIsReadSlowly) {
  serve(lines([](net::Connection& connection, std::string_view) {
    connection.output().append(10'000'000, 'x');
    connection.allow_all();
    connection.close_after_output();
  }));
  if (missing) GTEST_SKIP() << *missing;
  auto one = connect();
  one.send("go\n");
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(one.receive(1'000'000).size(), 1'000'000U);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(one.receive_all().size(), 9'000'000U);
}

TEST_P(EveryTransport, DrainsWhenItStops) {
  serve(lines([this](net::Connection& connection, std::string_view) {
    keep(connection);
    connection.output().append(10'000'000, 'x');
    connection.allow_all();
  }));
  if (missing) GTEST_SKIP() << *missing;
  auto busy = connect();
  auto idle = connect();
  busy.send("go\n");
  kept();
  std::thread stopper{[this] { server().stop(20s); }};
  EXPECT_EQ(idle.receive_all(), "");
  EXPECT_EQ(busy.receive_all().size(), 10'000'000U);
  stopper.join();
  EXPECT_EQ(server().connections(), 0U);
}

// --- Many connections

struct Server : NetTest {};

TEST_F(Server, ServesManyConnectionsOnAllItsLoops) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::set<std::uint64_t> ids;
  start(net::Server::Config{.loops = 3, .make_handler = [&](net::Connection& connection) {
                              const std::lock_guard lock{mutex};
                              threads.insert(std::this_thread::get_id());
                              ids.insert(connection.id());
                              return echo()(connection);
                            }});
  std::vector<Client> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(client());
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i].send(std::to_string(1000 + i));
    for (std::size_t i = 0; i < clients.size(); ++i)
      EXPECT_EQ(clients[i].receive(4), std::to_string(1000 + i));
  }
  EXPECT_EQ(server().connections(), 300U);
  EXPECT_THAT(threads, SizeIs(3));
  EXPECT_THAT(ids, SizeIs(300)) << "each has its own";
  clients.clear();
  EXPECT_TRUE(eventually([&] { return server().connections() == 0; }));
}

TEST_F(Server, RefusesThoseThatAreTooMany) {
  start(net::Server::Config{.limits = {.connections_max = 2},
                            .loops = 2,
                            .make_handler = echo(),
                            .refusal = "-ERR max number of clients reached\r\n"});
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(client());
    clients.back().send("x");
    EXPECT_EQ(clients.back().receive(1), "x");
  }
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(client().receive_all(), "-ERR max number of clients reached\r\n");
  EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("there are 2 connections"))) << "once, for all";
  clients.pop_back();
  ASSERT_TRUE(eventually([&] { return server().connections() == 1; }));
  auto next = client();
  next.send("y");
  EXPECT_EQ(next.receive(1), "y");
}

TEST_F(Server, ClosesThoseThatItsFactoryDoesNotWant) {
  start([](net::Connection&) { return nullptr; });
  EXPECT_EQ(client().receive_all(), "");
  EXPECT_TRUE(eventually([&] { return server().connections() == 0; }));
}

TEST_F(Server, ClosesIdleConnectionsButNotThoseThatMayBeSilent) {
  start(net::Server::Config{
      .limits = {.idle_timeout = 2s},
      .make_handler = lines([](net::Connection& connection, std::string_view line) {
        connection.allow_silence(line == "wait");
        if (line != "unanswered") connection.output() += line;
        connection.allow_all();
      })});
  auto waits = client();
  waits.send("wait\n");
  auto active = client();
  const auto began = std::chrono::steady_clock::now();
  auto idle = client();
  std::thread chatter{[&] {
    for (int i = 0; i < 27; ++i) {
      active.send("unanswered\n");
      std::this_thread::sleep_for(100ms);
    }
  }};
  EXPECT_EQ(idle.receive_all(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1900ms);
  chatter.join();
  EXPECT_EQ(server().connections(), 2U);
  waits.send("go\n");
  EXPECT_EQ(waits.receive_all(), "waitgo") << "idle again";
}

TEST_F(Server, RestsWithoutDescriptorsAndGoesOnWithThem) {
  start(net::Server::Config{.loops = 1, .make_handler = echo()});
  auto first = client();
  first.send("x");
  EXPECT_EQ(first.receive(1), "x");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  {
    auto second = client();  // takes the last descriptor; there is none to accept it
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(second.descriptor()) + 1;
    second.send("y");
    EXPECT_EQ(second.receive(1), "y");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ASSERT_TRUE(eventually([&] { return server().connections() == 1; }));
  auto third = client();
  third.send("z");
  EXPECT_TRUE(eventually([&] { return !log_lines().empty(); }));
  const auto before_rest = processor_time();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(processor_time() - before_rest, 30ms) << "it does not ask again and again";
  first.send("x");
  EXPECT_EQ(first.receive(1), "x") << "those that are there are served";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(third.receive(1), "z");
  EXPECT_THAT(log_lines(), ElementsAre(HasSubstr("Too many open files; raise the limit")));
}

TEST_F(Server, RunsWhatIsPostedToALoop) {
  start(echo());
  std::atomic<int> ran = 0;
  for (std::size_t i = 0; i < server().loops(); ++i) server().post(i, [&] { ++ran; });
  EXPECT_TRUE(eventually([&] { return ran == 2; }));
  server().post(0, [] { throw std::runtime_error{"secret"}; });
  server().post(0, [&] { ++ran; });
  EXPECT_TRUE(eventually([&] { return ran == 3; })) << "whatever the one before threw";
  EXPECT_THAT(log_lines(), ElementsAre("what a loop did threw an exception, and was left undone"));
}

// --- The end

TEST_F(Server, StopsWhenTheGraceIsOver) {
  start(lines([this](net::Connection& connection, std::string_view) {
    keep(connection);
    connection.output() += "not allowed";
  }));
  auto one = client();
  one.send("x\n");
  kept();
  const auto began = std::chrono::steady_clock::now();
  server().stop(100ms);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 100ms);
  EXPECT_EQ(server().connections(), 0U);
  EXPECT_EQ(one.receive_all(), "");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Server, SendsWhileItStopsWhatIsAllowedOnlyThen) {
  start(lines([this](net::Connection& connection, std::string_view) {
    keep(connection);
    connection.output() += "late";
  }));
  auto one = client();
  one.send("x\n");
  kept();
  std::thread stopper{[this] { server().stop(20s); }};
  std::this_thread::sleep_for(50ms);
  on_loop(0, [](net::Connection& c) { c.allow_all(); });
  EXPECT_EQ(one.receive_all(), "late");
  stopper.join();
}

TEST_F(Server, StopsTwiceOrWithoutHavingStarted) {
  make({.make_handler = echo()}).stop(1s);
  start(echo());
  server().stop(1s);
  server().stop(1s);
}

TEST_F(Server, StopsWhileConnectionsComeIn) {
  for (int round = 0; round < 10; ++round) {
    start(echo());
    std::thread visitor{[this] {
      while (Client::visits(path())) {
      }
    }};
    std::this_thread::sleep_for(5ms);
    server().stop(1s);
    visitor.join();
    EXPECT_EQ(server().connections(), 0U);
  }
}

}  // namespace
}  // namespace hybrid::testing
