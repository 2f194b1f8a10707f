// A server in this process over a store in memory, and clients of it that say replies as text.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <hybrid/hybrid.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "server/server.hpp"
#include "testing/temp_directory.hpp"

namespace hybrid::testing {

// One connection. Waits at most a minute for anything.
class TestClient {
 public:
  explicit TestClient(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;
  ~TestClient() { ::close(descriptor_); }

  // Whether the server is still there is seen by the reply, too. False: it does not take them.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  static std::string encoded(const std::vector<std::string>& arguments) {
    std::string bytes = "*" + std::to_string(arguments.size()) + "\r\n";
    for (const std::string& argument : arguments)
      bytes += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
    return bytes;
  }
  static std::string encoded(const char* words) { return encoded(split(words)); }
  void request(const std::vector<std::string>& arguments) { send(encoded(arguments)); }
  // Words of the request, and the reply: 1, OK, "text", (nil), [1, "a"], {"k": 1}, ERR no such key, (closed)
  std::string operator()(const std::vector<std::string>& arguments) {
    request(arguments);
    return reply();
  }
  std::string operator()(std::string_view words) { return (*this)(split(words)); }
  std::string reply() {
    const std::string head = line();
    if (head.empty()) return "(closed)";
    const std::string rest = head.substr(1);
    switch (head[0]) {
      case '+':
      case '-':
      case ':': return rest;
      case ',': return rest + " (real)";
      case '#': return rest == "t" ? "(true)" : "(false)";
      case '_': return "(nil)";
      case '$':
      case '=': return rest == "-1" ? "(nil)" : '"' + bytes(std::stoul(rest)) + '"';
      case '*': return rest == "-1" ? "(nil)" : elements(std::stoul(rest), "[", "]");
      case '>': return elements(std::stoul(rest), "push [", "]");
      case '~': return elements(std::stoul(rest), "set [", "]");
      case '(': return rest + " (big)";
      case '%':
      case '|': return pairs(std::stoul(rest));
      default: return "(not understood: " + head + ")";
    }
  }
  // Whether something comes within so many milliseconds.
  bool hears_something(int ms) const {
    const timeval patience{.tv_sec = 0, .tv_usec = ms * 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(descriptor_, &set);
    timeval left = patience;
    return !buffer_.empty() || ::select(descriptor_ + 1, &set, nullptr, nullptr, &left) > 0;
  }

 private:
  static std::vector<std::string> split(std::string_view words) {
    std::vector<std::string> split;
    std::size_t at = 0;
    while (at < words.size()) {
      const std::size_t end = std::min(words.find(' ', at), words.size());
      const std::string_view word = words.substr(at, end - at);
      split.emplace_back(word == "''" ? std::string_view{} : word);
      at = end + 1;
    }
    return split;
  }
  bool receive() {
    char bytes[4096];
    const ssize_t got = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  std::string line() {
    std::size_t end;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (!receive()) return {};
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }
  std::string bytes(std::size_t count) {
    while (buffer_.size() < count + 2) {
      if (!receive()) return "(cut)";
    }
    std::string bytes = buffer_.substr(0, count);
    buffer_.erase(0, count + 2);
    return bytes;
  }
  std::string elements(std::size_t count, const char* before, const char* after) {
    std::string text = before;
    for (std::size_t i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + reply();
    return text + after;
  }
  std::string pairs(std::size_t count) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) {
      text += (i > 0 ? ", " : "") + reply() + ": ";
      text += reply();
    }
    return text + "}";
  }

  int descriptor_;
  std::string buffer_;
};

// What a server logs.
class LogLines {
 public:
  std::function<void(std::string)> taker() {
    return [this](std::string line) {
      const MutexLock lock{mutex_};
      lines_.push_back(std::move(line));
    };
  }
  std::vector<std::string> get() {
    const MutexLock lock{mutex_};
    return lines_;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_ HYBRID_GUARDED_BY(mutex_);
};

class ServedStore {
 public:
  explicit ServedStore(server::ServiceOptions options = {},
                       std::unique_ptr<Provider> provider = open("memory:").value(),
                       net::Limits limits = {})
      : provider_(std::move(provider)) {
    limits.idle_timeout = options.idle_timeout;
    server_ = std::make_unique<server::Server>(
        *provider_,
        server::ServerOptions{.service = std::move(options), .limits = limits, .threads = 2});
    EXPECT_TRUE(server_->net().listen_unix(path()).has_value());
    EXPECT_TRUE(server_->net().start().has_value());
  }
  ServedStore(const ServedStore&) = delete;
  ServedStore& operator=(const ServedStore&) = delete;
  ~ServedStore() { server_->net().stop(std::chrono::seconds{1}); }

  std::string path() const { return directory_.path() + "/s"; }
  TestClient client() const { return TestClient{path()}; }
  Provider& store() { return *provider_; }
  server::Service& service() { return server_->service(); }
  net::Server& net() { return server_->net(); }

 private:
  TempDirectory directory_;
  std::unique_ptr<Provider> provider_;
  std::unique_ptr<server::Server> server_;
};

}  // namespace hybrid::testing
