// Serves byte streams: TCP, unix sockets, and TLS over TCP. Knows nothing of what is spoken; see Handler in connection.hpp.
//
//     net::Server server{{.make_handler = [](net::Connection& c) { return std::make_unique<Echo>(c); }}};
//     const std::uint16_t port = server.listen_tcp("127.0.0.1", 0).value();
//     server.start().value();
//
// One thread listens, starts and stops it; connections are served by the threads of its loops.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hybrid/error.hpp>

#include "net/connection.hpp"
#include "net/tls.hpp"

namespace hybrid::net {

class Listener;
class ListeningSocket;

class Server {
 public:
  struct Config {
    Limits limits{};
    // Threads that serve connections. 0: one per processor.
    unsigned loops = 0;
    HandlerFactory make_handler{};
    // Gets one line, never with what a peer sent. Called by all loops.
    std::function<void(std::string)> log{};
    // Sent to a connection past connections_max before it is closed (not to one with TLS).
    std::string refusal{};
    // Called for each of these, by one of the loops.
    std::function<void()> on_refused{};
  };

  explicit Server(Config config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // stops at once

  // --- Before start(). Connections are queued by the system until then.
  // `address` is an IP address; "0.0.0.0" and "::" are all that the machine has of that kind. Port 0: a free one. Returns the port.
  Result<std::uint16_t> listen_tcp(const std::string& address, std::uint16_t port,
                                   const std::optional<TlsFiles>& tls = {});
  // A socket at `path` that nobody listens on any more is replaced. Who may write the file may connect. Removed by stop().
  Result<void> listen_unix(const std::string& path, unsigned mode = 0700);
  // A socket that listens already (socket activation). Owned from now on, also if this fails. `tls` is for TCP only.
  Result<void> adopt(int descriptor, const std::optional<TlsFiles>& tls = {});
  // Where it listens: "127.0.0.1:6380", "tls:[::1]:6381", "unix:/run/hybrid.sock".
  std::vector<std::string> addresses() const;

  // Starts the threads. Once.
  Result<void> start();
  // Reads certificates and keys again, for connections that come from now on. On error those that cannot be read stay as they were.
  Result<void> reload_tls();
  // Accepts no more; connections are closed when their output is sent, or when `grace` is over. Ends the threads. Not from one of them.
  void stop(std::chrono::milliseconds grace);

  // --- From any thread
  std::size_t connections() const;
  // Once started.
  std::size_t loops() const { return loops_.size(); }
  // Runs `fn` on the thread of the loop with this number (see Connection::loop()), unless the server stops before.
  void post(std::size_t loop, std::function<void()> fn);

 private:
  Result<std::uint16_t> add(Result<ListeningSocket> socket, const std::optional<TlsFiles>& tls);

  const Config config_;
  std::shared_ptr<ConnectionCount> count_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::shared_ptr<Loop>> loops_;
};

}  // namespace hybrid::net
