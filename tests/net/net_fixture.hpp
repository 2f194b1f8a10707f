// What the tests of net share: clients that block, a server with its log, and handlers made of functions.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/server.hpp"
#include "net/socket.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {

using namespace std::chrono_literals;

// How much processor time this process used so far.
std::chrono::microseconds processor_time();

// Whether `condition` comes true within 20 s.
template <class Condition>
bool eventually(Condition condition) {
  for (const auto end = std::chrono::steady_clock::now() + 20s; !condition();) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// A client that waits, but never for more than 20 s. What it cannot do is a failed expectation.
class Client {
 public:
  static Client tcp(const std::string& address, std::uint16_t port);
  static Client unix_path(const std::string& path);
  // Connects to it and goes; whether that was possible.
  static bool visits(const std::string& path);
  // To 127.0.0.1. With `first`, that arrives together with the end of the handshake.
  static Client tls(std::uint16_t port, int version_max = 0, std::string_view first = {});

  Client(Client&& other) noexcept = default;
  ~Client();

  void send(std::string_view bytes);
  // As many bytes as fit without waiting; how many.
  std::size_t send_what_fits(std::string_view bytes);
  // So many bytes, or fewer if it ends before.
  std::string receive(std::size_t size);
  std::string receive_line();
  // Up to the end; an error is an end with "(reset)" after it.
  std::string receive_all();
  // Whether something has come, or the end, that was not received yet. Does not wait.
  bool has_input() const;
  // Tells the server that nothing follows.
  void end_sending();
  int descriptor() const { return socket_.descriptor(); }
  std::string tls_version() const;
  // Whether the server agreed.
  bool renegotiates();

 private:
  explicit Client(net::Socket socket);
  void set_tcp_option(int option, int value);
  std::ptrdiff_t receive_some(char* to, std::size_t size);

  net::Socket socket_;
  struct Tls;
  std::shared_ptr<Tls> tls_;
};

// A self-signed certificate and its key, in files of `directory`.
net::TlsFiles make_certificate(const std::string& directory, const std::string& name = "server");

// A handler made of a function that is what on_input() is.
using OnInput = std::function<std::size_t(net::Connection&, std::string_view)>;
net::HandlerFactory handlers(OnInput on_input);
// Sends back what comes.
net::HandlerFactory echo();
// Calls `fn` for each line, without its end.
net::HandlerFactory lines(std::function<void(net::Connection&, std::string_view)> fn);

struct NetTest : ::testing::Test {
  TempDirectory directory;

  std::string path(const std::string& name = "socket") const {
    return directory.path() + "/" + name;
  }
  // A server on path(), which logs to log_lines().
  void start(net::Server::Config config);
  void start(net::HandlerFactory make_handler) {
    start(net::Server::Config{.loops = 2, .make_handler = std::move(make_handler)});
  }
  // Before start().
  net::Server& make(net::Server::Config config);
  net::Server& server() { return *server_; }
  Client client() const { return Client::unix_path(path()); }
  std::vector<std::string> log_lines() {
    const std::lock_guard lock{mutex_};
    return log_lines_;
  }
  // As handlers see them, kept by keep().
  void keep(net::Connection& connection) {
    const std::lock_guard lock{mutex_};
    kept_.push_back(connection.weak_from_this());
  }
  std::weak_ptr<net::Connection> kept(std::size_t index = 0) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock{mutex_};
      return kept_.size() > index;
    }));
    const std::lock_guard lock{mutex_};
    return kept_.at(index);
  }
  // Runs `fn` on the connection's thread and waits for it.
  void on_loop(std::size_t index, std::function<void(net::Connection&)> fn);

 private:
  std::mutex mutex_;
  std::vector<std::string> log_lines_;
  std::vector<std::weak_ptr<net::Connection>> kept_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace hybrid::testing
