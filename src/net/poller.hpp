// Which sockets of a loop are ready: an epoll set, level-triggered. Used by the loop's thread only, but for wake().
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
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
  Poller();  // throws std::system_error if there are no descriptors left
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  // False without memory, or past a limit of the system.
  [[nodiscard]] bool add(int socket, std::uint32_t events, Pollable& pollable);
  void change(int socket, std::uint32_t events, Pollable& pollable);
  void remove(int socket);

  // Those that are ready, each once. Waits until one is, or for wake(), for `time` at most; nothing: for ever. Good until the next call.
  std::span<const epoll_event> wait(std::optional<std::chrono::milliseconds> time);
  static Pollable& pollable(const epoll_event& event) {
    return *static_cast<Pollable*>(event.data.ptr);
  }
  // From any thread: has wait() return, once, now or when it is called next.
  void wake();

 private:
  void close();

  static constexpr int kEventsMax = 128;
  // Is in the set to wake it. Edge-triggered, so that it need not be read.
  class Waker final : public Pollable {
   public:
    void on_ready(std::uint32_t) override {}
  };

  int descriptor_;
  int waker_descriptor_;
  Waker waker_;
  std::unique_ptr<epoll_event[]> events_;
};

}  // namespace hybrid::net
