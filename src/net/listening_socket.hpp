// Sockets that wait for connections, made at the start. Every failure says what, where, and what to do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include <hybrid/error.hpp>

#include "net/socket.hpp"

namespace hybrid::net {

class ListeningSocket {
 public:
  // `address` is numeric, "127.0.0.1" or "::1"; "0.0.0.0" and "::" are all of the machine's of that kind. Port 0: one that is free.
  static Result<ListeningSocket> tcp(const std::string& address, std::uint16_t port);
  // Takes the place of a socket on which nobody listens any more. `mode` says who may connect. Removed by the destructor.
  static Result<ListeningSocket> unix_path(const std::string& path, mode_t mode);
  // One that somebody else made, as systemd does. Closed if it is none.
  static Result<ListeningSocket> adopt(int descriptor);

  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int descriptor() const { return socket_.descriptor(); }
  const Address& address() const { return address_; }

 private:
  explicit ListeningSocket(Socket socket)
      : socket_(std::move(socket)), address_(local_address(socket_.descriptor())) {}

  Socket socket_;
  Address address_;
  // Of a unix socket that we made: another one in its place is not ours to remove.
  std::string path_{};
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace hybrid::net
