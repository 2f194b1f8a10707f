#include "net/server.hpp"

#include <algorithm>
#include <system_error>

#include "base/assert.hpp"
#include "base/thread.hpp"
#include "net/connection_count.hpp"
#include "net/listener.hpp"
#include "net/listening_socket.hpp"
#include "net/loop.hpp"

namespace hybrid::net {

Server::Server(Config config)
    : config_(std::move(config)), count_(std::make_shared<ConnectionCount>()) {
  HYBRID_ASSERT(config_.make_handler != nullptr);
}

Server::~Server() { stop({}); }

Result<std::uint16_t> Server::add(Result<ListeningSocket> socket,
                                  const std::optional<TlsFiles>& tls) {
  HYBRID_ASSERT(loops_.empty());
  if (!socket) return std::unexpected(socket.error());
  std::shared_ptr<TlsContext> context;
  if (tls) {
    auto loaded = TlsContext::load(*tls);
    if (!loaded) return std::unexpected(loaded.error());
    context = std::move(*loaded);
  }
  listeners_.push_back(std::make_unique<Listener>(std::move(*socket), std::move(context)));
  return static_cast<std::uint16_t>(listeners_.back()->port());
}

Result<std::uint16_t> Server::listen_tcp(const std::string& address, std::uint16_t port,
                                         const std::optional<TlsFiles>& tls) {
  return add(ListeningSocket::tcp(address, port), tls);
}

Result<void> Server::listen_unix(const std::string& path, unsigned mode) {
  const auto added = add(ListeningSocket::unix_path(path, mode), {});
  if (!added) return std::unexpected(added.error());
  return {};
}

Result<void> Server::adopt(int descriptor, const std::optional<TlsFiles>& tls) {
  auto socket = ListeningSocket::adopt(descriptor);
  const bool is_unix = socket && socket->address().is_unix();
  const auto added = add(std::move(socket), is_unix ? std::nullopt : tls);
  if (!added) return std::unexpected(added.error());
  return {};
}

Result<void> Server::reload_tls() {
  Result<void> result{};
  for (const auto& listener : listeners_) {
    if (auto reloaded = listener->reload_tls(); !reloaded) result = reloaded;
  }
  return result;
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> addresses;
  addresses.reserve(listeners_.size());
  for (const auto& listener : listeners_) addresses.push_back(listener->address());
  return addresses;
}

Result<void> Server::start() {
  HYBRID_ASSERT(loops_.empty());
  const unsigned count =
      config_.loops != 0 ? config_.loops : std::max(1U, Thread::hardware_concurrency());
  try {
    for (unsigned i = 0; i < count; ++i) {
      loops_.push_back(std::make_shared<Loop>(Loop::Config{.index = i,
                                                           .limits = config_.limits,
                                                           .make_handler = config_.make_handler,
                                                           .log = config_.log}));
      loops_.back()->start();
    }
  } catch (const std::system_error& error) {
    stop({});
    return std::unexpected(Error{Errc::io,
                                 "cannot start " + std::to_string(count) +
                                     " threads to serve connections; allow the process more "
                                     "threads and open files",
                                 error.code().value()});
  }
  loops_[0]->post([this] {
    for (const auto& listener : listeners_)
      listener->start(loops_, count_, config_.refusal, config_.on_refused);
  });
  return {};
}

void Server::stop(std::chrono::milliseconds grace) {
  for (const auto& loop : loops_) {
    HYBRID_ASSERT(!loop->runs_here());
    if (loop == loops_[0]) {
      loop->post([this] {
        for (const auto& listener : listeners_) listener->stop();
      });
    }
    loop->post([&drained = *loop] { drained.drain(); });
  }
  if (grace.count() > 0) count_->wait_for_none(grace);
  for (const auto& loop : loops_) loop->stop_and_join();
  listeners_.clear();
}

std::size_t Server::connections() const { return count_->get(); }

void Server::post(std::size_t loop, std::function<void()> fn) { loops_[loop]->post(std::move(fn)); }

}  // namespace hybrid::net
