#include "net/poller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "base/assert.hpp"

namespace hybrid::net {
namespace {

epoll_event event_of(std::uint32_t events, Pollable& pollable) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &pollable;
  return event;
}

}  // namespace

Poller::Poller()
    : descriptor_(::epoll_create1(EPOLL_CLOEXEC)),
      waker_descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(std::make_unique<epoll_event[]>(kEventsMax)) {
  if (descriptor_ < 0 || waker_descriptor_ < 0 ||
      !add(waker_descriptor_, EPOLLIN | EPOLLET, waker_)) {
    const int error = errno;
    close();
    throw std::system_error(error, std::generic_category(), "epoll");
  }
}

Poller::~Poller() { close(); }

void Poller::close() {
  if (waker_descriptor_ >= 0) ::close(waker_descriptor_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool Poller::add(int socket, std::uint32_t events, Pollable& pollable) {
  epoll_event event = event_of(events, pollable);
  return ::epoll_ctl(descriptor_, EPOLL_CTL_ADD, socket, &event) == 0;
}

void Poller::change(int socket, std::uint32_t events, Pollable& pollable) {
  epoll_event event = event_of(events, pollable);
  HYBRID_ASSERT(::epoll_ctl(descriptor_, EPOLL_CTL_MOD, socket, &event) == 0);
}

void Poller::remove(int socket) {
  epoll_event ignored{};
  HYBRID_ASSERT(::epoll_ctl(descriptor_, EPOLL_CTL_DEL, socket, &ignored) == 0);
}

std::span<const epoll_event> Poller::wait(std::optional<std::chrono::milliseconds> time) {
  constexpr std::int64_t kTimeMax = std::numeric_limits<int>::max();
  const int timeout =
      time ? static_cast<int>(std::clamp<std::int64_t>(time->count(), 0, kTimeMax)) : -1;
  const int count = ::epoll_wait(descriptor_, events_.get(), kEventsMax, timeout);
  return {events_.get(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

void Poller::wake() {
  const std::uint64_t one = 1;
  // If it does not fit, the counter is full of others' calls.
  static_cast<void>(::write(waker_descriptor_, &one, sizeof one) == sizeof one);
}

}  // namespace hybrid::net
