// A socket's descriptor, and how the addresses of its two ends are written.
#pragma once

#include <sys/socket.h>

#include <string>
#include <utility>

namespace hybrid::net {

// Closed by the destructor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket();

  int descriptor() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

// One end of a socket.
struct Address {
  sockaddr_storage bytes{};
  socklen_t size = sizeof(sockaddr_storage);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }

  bool is_unix() const { return bytes.ss_family == AF_UNIX; }
  // Of this machine: 127.0.0.0/8, ::1, or a unix socket.
  bool is_loopback() const;
  // 0 for unix sockets.
  unsigned port() const;
  // "127.0.0.1:50000", "[::1]:50000", "unix:/path", "unix:" without a name.
  std::string text() const;
};

// Of the socket's own end.
Address local_address(int descriptor);

}  // namespace hybrid::net
