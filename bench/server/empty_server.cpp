#include "bench/server/empty_server.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <string_view>
#include <vector>

#include "bench/server/load.hpp"
#include "bench/sure.hpp"

namespace bench {
namespace {

// Takes one request off `bytes`, and says whether it is an HGET; false if it is not whole.
bool take_request(std::string_view& bytes, bool& is_get) {
  std::size_t at = 0;
  const auto number = [&](char kind, std::size_t& value) {
    if (at >= bytes.size() || bytes[at] != kind) return false;
    value = 0;
    for (++at; at < bytes.size() && bytes[at] != '\r'; ++at)
      value = value * 10 + static_cast<std::size_t>(bytes[at] - '0');
    at += 2;
    return at <= bytes.size();
  };
  std::size_t count = 0;
  if (!number('*', count)) return false;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t size = 0;
    if (!number('$', size)) return false;
    if (i == 0 && at + 2 <= bytes.size()) is_get = bytes[at + 1] == 'G';
    at += size + 2;
    if (at > bytes.size()) return false;
  }
  bytes.remove_prefix(at);
  return true;
}

}  // namespace

EmptyServer::EmptyServer(const std::string& socket)
    : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      poller_(::epoll_create1(EPOLL_CLOEXEC)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) die("the socket's path is too long");
  socket.copy(address.sun_path, socket.size());
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 511) != 0)
    die("cannot listen at " + socket);
  for (const int descriptor : {listener_, stop_}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
    ::epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor, &event);
  }
  thread_ = std::thread{[this] { run(); }};
}

EmptyServer::~EmptyServer() {
  const std::uint64_t one = 1;
  if (::write(stop_, &one, sizeof one) != sizeof one) die("write failed");
  thread_.join();
  for (const int descriptor : {listener_, poller_, stop_}) ::close(descriptor);
}

void EmptyServer::run() {
  const std::string value = "$100\r\n" + std::string(kValueBytes, 'v') + "\r\n";
  std::map<int, std::string> unread;
  std::vector<char> buffer(std::size_t{64} << 10);
  std::string output;
  for (;;) {
    epoll_event events[64];
    const int ready = ::epoll_wait(poller_, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[i].data.fd;
      if (descriptor == stop_) return;
      if (descriptor == listener_) {
        const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        epoll_event event{.events = EPOLLIN, .data = {.fd = accepted}};
        ::epoll_ctl(poller_, EPOLL_CTL_ADD, accepted, &event);
        continue;
      }
      const ssize_t got = ::recv(descriptor, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        unread.erase(descriptor);
        ::close(descriptor);
        continue;
      }
      std::string& kept = unread[descriptor];
      kept.append(buffer.data(), static_cast<std::size_t>(got));
      std::string_view input = kept;
      output.clear();
      for (bool is_get = false; take_request(input, is_get);) output += is_get ? value : ":0\r\n";
      kept.erase(0, kept.size() - input.size());
      if (!output.empty() && ::send(descriptor, output.data(), output.size(), MSG_NOSIGNAL) < 0)
        unread.erase(descriptor);
    }
  }
}

}  // namespace bench
