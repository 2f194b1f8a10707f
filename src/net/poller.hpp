// Which sockets of a loop are ready: an epoll set, level-triggered. Used by the loop's thread only.
//
// Asio's own set is edge-triggered and armed anew for every wait, which is one system call more for each request. So the sockets
// are in this set, and only the set itself is in Asio's: see Loop.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

namespace hybrid::net {

// What has a socket in a poller's set.
class Pollable {
 public:
  // `events` are epoll's: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR. Comes again as long as they hold.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Pollable() = default;
};

class Poller {
 public:
  Poller();  // throws std::system_error if there is no descriptor left
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  // Of the set: readable while a socket is ready.
  int descriptor() const { return descriptor_; }
  // False without memory, or past a limit of the system.
  [[nodiscard]] bool add(int socket, std::uint32_t events, Pollable& pollable);
  void change(int socket, std::uint32_t events, Pollable& pollable);
  void remove(int socket);

  // Those that are ready now, each once; does not wait. Good until the next call.
  std::span<const epoll_event> ready();
  static Pollable& pollable(const epoll_event& event) {
    return *static_cast<Pollable*>(event.data.ptr);
  }

 private:
  static constexpr int kEventsMax = 128;
  int descriptor_;
  std::unique_ptr<epoll_event[]> events_;
};

}  // namespace hybrid::net
