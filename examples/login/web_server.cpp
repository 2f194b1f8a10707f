#include "web_server.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>

#include <pthread.h>
#include <sys/socket.h>

#include "style.hpp"

namespace example {
namespace {

constexpr std::size_t kBodyBytesMax = 8192;
constexpr int kLengthRequired = 411;

sigset_t stopping_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void set_limits(httplib::Server& server) {
  server.set_payload_max_length(kBodyBytesMax);
  // The limit holds for announced lengths only. Our forms always announce it; the rest is refused.
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!request.has_header("Transfer-Encoding"))
      return httplib::Server::HandlerResponse::Unhandled;
    response.status = kLengthRequired;
    return httplib::Server::HandlerResponse::Handled;
  });
  // One request for each connection: an idle one would keep a thread from others, and hold up stopping.
  server.set_keep_alive_max_count(1);
}

void set_headers(httplib::Server& server, bool secure) {
  httplib::Headers headers = {
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
       "frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      // Not no-referrer: browsers would then hide the Origin of our own forms as well.
      {"Referrer-Policy", "same-origin"},
  };
  if (secure) headers.emplace("Strict-Transport-Security", "max-age=31536000");
  server.set_default_headers(headers);
  // Pages show what belongs to one visitor: no cache may keep them, also not the browser's after logout.
  server.set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.has_header("Cache-Control")) response.set_header("Cache-Control", "no-store");
  });
}

void serve_file(httplib::Server& server, const char* path, std::string_view content,
                const char* type) {
  server.Get(path, [content, type](const httplib::Request&, httplib::Response& response) {
    response.set_header("Cache-Control", "max-age=300");
    response.set_content(content.data(), content.size(), type);
  });
}

}  // namespace

void prepare(httplib::Server& server, bool secure) {
  set_limits(server);
  set_headers(server, secure);
  serve_file(server, "/style.css", kStyle, "text/css; charset=utf-8");
  serve_file(server, "/icon.svg", kIcon, "image/svg+xml");
}

std::expected<int, std::string> bind(httplib::Server& server, const std::string& host, int port) {
  // Not httplib's own choice, SO_REUSEPORT: with it two servers can share a port without noticing.
  server.set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  errno = 0;
  if (port == 0) {
    if (const int chosen = server.bind_to_any_port(host); chosen > 0) return chosen;
  } else if (server.bind_to_port(host, port)) {
    return port;
  }
  const std::string where = host + ":" + std::to_string(port);
  if (errno == EADDRINUSE)
    return std::unexpected(where + " is in use; stop who has it, or choose another --port");
  return std::unexpected("cannot listen on " + where + ": " +
                         (errno != 0 ? std::strerror(errno) : "no such address"));
}

void hold_signals() {
  const sigset_t signals = stopping_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

bool serve_until_signal(httplib::Server& server) {
  std::jthread waiter{[&server](const std::stop_token& over) {
    const sigset_t signals = stopping_signals();
    int received = 0;
    sigwait(&signals, &received);
    // stop() does nothing until the server runs; it may be just about to.
    while (!server.is_running() && !over.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    server.stop();
  }};
  const bool served = server.listen_after_bind();
  waiter.request_stop();
  pthread_kill(waiter.native_handle(), SIGTERM);  // if listening broke off, the waiter still waits
  return served;
}

}  // namespace example
