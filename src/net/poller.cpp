#include "net/poller.hpp"

#include <unistd.h>

#include <cerrno>
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
      events_(std::make_unique<epoll_event[]>(kEventsMax)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Poller::~Poller() { ::close(descriptor_); }

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

std::span<const epoll_event> Poller::ready() {
  const int count = ::epoll_wait(descriptor_, events_.get(), kEventsMax, 0);
  return {events_.get(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

}  // namespace hybrid::net
