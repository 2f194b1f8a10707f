// Accepts the connections of one listening socket and deals them out to all loops in turn. Runs on the first loop's thread.
//
// One that accepts is enough: it takes some microseconds for each connection. A socket of its own for each loop (SO_REUSEPORT) would leave
// loops without work while connections are few.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/thread.hpp"
#include "net/connection_count.hpp"
#include "net/listening_socket.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace hybrid::net {

class Listener final : public Pollable {
 public:
  Listener(ListeningSocket socket, std::shared_ptr<TlsContext> tls)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  // "127.0.0.1:6380", "tls:127.0.0.1:6381", "unix:/run/x.sock".
  std::string address() const { return (tls_ ? "tls:" : "") + socket_.address().text(); }
  // Reads certificate and key again, if it speaks TLS.
  Result<void> reload_tls() { return tls_ ? tls_->reload() : Result<void>{}; }
  unsigned port() const { return socket_.address().port(); }

  // On the first of the loops. `refusal` is sent to those that come when there are as many connections as may be.
  void start(std::vector<std::shared_ptr<Loop>> loops, std::shared_ptr<ConnectionCount> count,
             std::string refusal, std::function<void()> on_refused);
  void stop();
  void on_ready(std::uint32_t events) override;

 private:
  void accept();
  void take(Socket socket, const Address& peer);
  void refuse(const Socket& socket, const std::string& peer);
  void rest(int error);
  // Whether the log may have another line of what could fill it.
  bool may_log();

  ListeningSocket socket_;
  std::shared_ptr<TlsContext> tls_;
  std::vector<std::shared_ptr<Loop>> loops_;
  std::shared_ptr<ConnectionCount> count_;
  std::string refusal_;
  std::function<void()> on_refused_;
  std::size_t next_loop_ = 0;
  bool is_open_ = false;
  SteadyClock::time_point may_log_at_{};
};

}  // namespace hybrid::net
