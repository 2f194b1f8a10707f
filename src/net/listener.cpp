#include "net/listener.hpp"

#include <cerrno>
#include <cstring>
#include <new>

#include "base/assert.hpp"

namespace hybrid::net {
namespace {

using std::chrono::milliseconds;

constexpr int kAcceptsMax = 64;  // in one turn
// Without descriptors or memory the system goes on to say that a connection waits: leave it for so long.
constexpr milliseconds kRest{100};
constexpr std::chrono::seconds kLogInterval{10};

}  // namespace

void Listener::start(std::vector<std::shared_ptr<Loop>> loops,
                     std::shared_ptr<ConnectionCount> count, std::string refusal,
                     std::function<void()> on_refused) {
  loops_ = std::move(loops);
  count_ = std::move(count);
  refusal_ = std::move(refusal);
  on_refused_ = std::move(on_refused);
  is_open_ = loops_[0]->poller().add(socket_.descriptor(), EPOLLIN, *this);
  if (!is_open_) loops_[0]->log({"cannot accept on ", address(), ": ", std::strerror(errno)});
}

void Listener::stop() {
  if (std::exchange(is_open_, false)) loops_[0]->poller().remove(socket_.descriptor());
}

void Listener::on_ready(std::uint32_t) {
  if (!is_open_) return;
  try {
    accept();
  } catch (const std::bad_alloc&) {
    rest(ENOMEM);
  }
}

void Listener::accept() {
  for (int i = 0; i < kAcceptsMax; ++i) {
    Address peer;
    Socket socket{
        ::accept4(socket_.descriptor(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (socket) {
      take(std::move(socket), peer);
      continue;
    }
    switch (errno) {
      case EAGAIN: return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM: return rest(errno);
      case EBADF:
      case EFAULT:
      case EINVAL:
      case ENOTSOCK:
      case EOPNOTSUPP: return HYBRID_ASSERT(false);  // it listens
      default: break;  // that connection failed before it was accepted
    }
  }
}

void Listener::take(Socket socket, const Address& peer) {
  Loop& here = *loops_[0];
  const Address local = peer.is_unix() ? socket_.address() : local_address(socket.descriptor());
  Connection::Parts parts{
      .socket = std::move(socket),
      .peer = peer.is_unix() ? local.text() : peer.text(),
      .local = local.text(),
      .is_loopback = peer.is_loopback(),
      .tls = tls_.get(),
      .place = ConnectionCount::take(count_, here.limits().connections_max),
  };
  if (!parts.place) return refuse(parts.socket, parts.peer);

  Loop& loop = *loops_[next_loop_];
  next_loop_ = (next_loop_ + 1) % loops_.size();
  if (&loop == &here) return here.adopt(std::move(parts));
  // std::function wants what can be copied.
  loop.post([&loop, shared = std::make_shared<Connection::Parts>(std::move(parts))] {
    loop.adopt(std::move(*shared));
  });
}

void Listener::refuse(const Socket& socket, const std::string& peer) {
  Loop& here = *loops_[0];
  if (on_refused_) on_refused_();
  if (may_log()) {
    here.log({"refused ", peer, ": there are ", std::to_string(here.limits().connections_max),
              " connections, the most allowed"});
  }
  if (tls_) return;  // it cannot be told before the handshake
  ::send(socket.descriptor(), refusal_.data(), refusal_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // What it sent already is read, or closing would reset the connection, and what was sent be lost.
  ::shutdown(socket.descriptor(), SHUT_WR);
  const std::span<char> nowhere = here.read_buffer();
  ::recv(socket.descriptor(), nowhere.data(), nowhere.size(), MSG_DONTWAIT);
}

void Listener::rest(int error) {
  Loop& here = *loops_[0];
  if (may_log()) {
    here.log({"cannot accept on ", address(), ": ", std::strerror(error),
              error == EMFILE ? "; raise the limit of open files (ulimit -n)" : ""});
  }
  here.poller().change(socket_.descriptor(), 0, *this);
  here.after(kRest, [this] {
    if (is_open_) loops_[0]->poller().change(socket_.descriptor(), EPOLLIN, *this);
  });
}

bool Listener::may_log() {
  const auto now = loops_[0]->now();
  if (now < may_log_at_) return false;
  may_log_at_ = now + kLogInterval;
  return true;
}

}  // namespace hybrid::net
