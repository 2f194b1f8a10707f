#include "bench/server/load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/sure.hpp"

namespace bench {
namespace {

using Ticks = std::chrono::steady_clock;

std::string key_of(std::size_t session) {
  // As long as real ones: a prefix and 32 characters.
  std::string id =
      std::to_string(session * 2654435761U % 4294967296U) + "-" + std::to_string(session);
  id.resize(32, 'x');
  return "sess:" + id;
}

void append_bulk(std::string& out, std::string_view text) {
  out += '$';
  out += std::to_string(text.size());
  out += "\r\n";
  out += text;
  out += "\r\n";
}

int connect_to(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) die("the socket's path is too long");
  path.copy(address.sun_path, path.size());
  if (descriptor < 0 ||
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    die("cannot connect to " + path);
  return descriptor;
}

void append_request(std::string& out, Protocol protocol, Request request, std::string_view key,
                    std::size_t field, std::string_view value) {
  const bool is_get = request == Request::get;
  const std::string name = "field" + std::to_string(field);
  if (protocol == Protocol::redis) {
    out += is_get ? "*3\r\n" : "*4\r\n";
    append_bulk(out, is_get ? "HGET" : "HSET");
    append_bulk(out, key);
    append_bulk(out, name);
    if (!is_get) append_bulk(out, value);
    return;
  }
  out += is_get ? "get " : "set ";
  out += key;
  out += ":" + name;
  if (!is_get) out += " 0 0 " + std::to_string(value.size()) + "\r\n" + std::string{value};
  out += "\r\n";
}

// Takes one reply off `bytes`: false if it is not whole. Dies of one that is not expected.
bool take_reply(std::string_view& bytes, Protocol protocol, Request request) {
  const std::size_t line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos) return false;
  const std::string_view line = bytes.substr(0, line_end);
  const bool is_redis = protocol == Protocol::redis;
  std::size_t size = line_end + 2;
  bool is_expected = false;
  if (request == Request::set) {
    is_expected = is_redis ? line.starts_with(':') : line == "STORED";
  } else {
    is_expected = is_redis ? line == "$100" : line.starts_with("VALUE ") && line.ends_with(" 100");
    size += kValueBytes +
            (is_redis ? 2 : 7);  // what ends the value: a line's end, and END of one's own
  }
  if (!is_expected) die("an unexpected reply: " + std::string{line});
  if (bytes.size() < size) return false;
  bytes.remove_prefix(size);
  return true;
}

struct Connection {
  int descriptor = -1;
  std::string unread;
  std::size_t awaited = 0;
  Ticks::time_point sent_at;
};

void send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) die("the server does not read any more");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace

Load run_load(const LoadOptions& options) {
  std::mt19937_64 random{42};
  const std::string value(kValueBytes, 'v');
  // Requests are made before: making them is not what is measured.
  constexpr std::size_t kMade = 4096;
  std::vector<std::string> batches;
  for (std::size_t i = 0; i < kMade; ++i) {
    std::string batch;
    for (std::size_t j = 0; j < options.pipeline; ++j) {
      const std::string key = key_of(random() % options.sessions);
      append_request(batch, options.protocol, options.request, key, random() % kFields, value);
    }
    batches.push_back(std::move(batch));
  }
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections(options.connections);
  std::size_t next = 0;
  const auto send_next = [&](Connection& connection) {
    connection.awaited = options.pipeline;
    connection.sent_at = Ticks::now();
    send_all(connection.descriptor, batches[next++ % kMade]);
  };
  for (Connection& connection : connections) {
    connection.descriptor = connect_to(options.socket);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    ::epoll_ctl(poller, EPOLL_CTL_ADD, connection.descriptor, &event);
    send_next(connection);
  }
  std::vector<double> times;
  std::uint64_t done = 0;
  const auto start = Ticks::now();
  const auto end = start + std::chrono::duration<double>(options.seconds);
  std::vector<char> buffer(std::size_t{64} << 10);
  for (bool going = true; going;) {
    epoll_event events[64];
    const int ready = ::epoll_wait(poller, events, 64, 1000);
    const auto now = Ticks::now();
    going = now < end;
    for (int i = 0; i < ready; ++i) {
      Connection& connection = *static_cast<Connection*>(events[i].data.ptr);
      const ssize_t got = ::recv(connection.descriptor, buffer.data(), buffer.size(), 0);
      if (got <= 0) die("the server closed a connection");
      connection.unread.append(buffer.data(), static_cast<std::size_t>(got));
      std::string_view unread = connection.unread;
      while (connection.awaited > 0 && take_reply(unread, options.protocol, options.request)) {
        --connection.awaited;
        ++done;
      }
      connection.unread.erase(0, connection.unread.size() - unread.size());
      if (connection.awaited > 0) continue;
      times.push_back(std::chrono::duration<double, std::micro>(now - connection.sent_at).count());
      if (going) send_next(connection);
    }
  }
  const double seconds = std::chrono::duration<double>(Ticks::now() - start).count();
  for (const Connection& connection : connections) ::close(connection.descriptor);
  ::close(poller);
  std::ranges::sort(times);
  return {.per_second = static_cast<double>(done) / seconds,
          .p50_us = times[times.size() / 2],
          .p99_us = times[times.size() * 99 / 100],
          .max_us = times.back()};
}

void fill(const std::string& socket, Protocol protocol, std::size_t sessions) {
  constexpr std::size_t kAtOnce = 64;
  const int descriptor = connect_to(socket);
  const std::string value(kValueBytes, 'v');
  std::vector<char> buffer(std::size_t{64} << 10);
  for (std::size_t first = 0; first < sessions; first += kAtOnce) {
    const std::size_t end = std::min(first + kAtOnce, sessions);
    std::size_t requests = 0;
    std::string batch;
    for (std::size_t session = first; session < end; ++session) {
      const std::string key = key_of(session);
      if (protocol == Protocol::redis) {
        batch += "*" + std::to_string(2 + 2 * kFields) + "\r\n";
        append_bulk(batch, "HSET");
        append_bulk(batch, key);
      }
      for (std::size_t field = 0; field < kFields; ++field) {
        if (protocol == Protocol::redis) {
          append_bulk(batch, "field" + std::to_string(field));
          append_bulk(batch, value);
        } else {
          append_request(batch, protocol, Request::set, key, field, value);
        }
      }
      requests += protocol == Protocol::redis ? 1 : kFields;
    }
    send_all(descriptor, batch);
    std::string unread;
    while (requests > 0) {
      const ssize_t got = ::recv(descriptor, buffer.data(), buffer.size(), 0);
      if (got <= 0) die("the server closed a connection");
      unread.append(buffer.data(), static_cast<std::size_t>(got));
      std::string_view rest = unread;
      while (requests > 0 && take_reply(rest, protocol, Request::set)) --requests;
      unread.erase(0, unread.size() - rest.size());
    }
  }
  ::close(descriptor);
}

std::string ask(const std::string& socket, const std::string& request) {
  const int descriptor = connect_to(socket);
  send_all(descriptor, request);
  std::string reply(std::size_t{64} << 10, '\0');
  const ssize_t got = ::recv(descriptor, reply.data(), reply.size(), 0);
  ::close(descriptor);
  reply.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return reply;
}

void wait_until_loaded(const std::string& socket, std::size_t sessions) {
  std::string request;
  append_request(request, Protocol::redis, Request::get, key_of(sessions - 1), 0, {});
  for (int tries = 0; tries < 6000; ++tries) {
    if (ask(socket, request).starts_with("$100")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});  // "-LOADING"
  }
  die("the server did not load its sessions");
}

}  // namespace bench
