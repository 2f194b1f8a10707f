#include "net/connection.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

#include "base/assert.hpp"
#include "net/loop.hpp"

namespace hybrid::net {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLingerTimeMax{1'000};
// In one turn, so that a peer that reads as fast as we send does not keep the others waiting.
constexpr std::size_t kSendBytesMax = std::size_t{1} << 20;
// Sent bytes that may stay in front of those that wait.
constexpr std::size_t kSentBytesKeptMax = std::size_t{64} << 10;

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

Transferred plain_receive(int socket, std::span<char> room) {
  for (;;) {
    const ssize_t count = ::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
    if (count > 0) return {static_cast<std::size_t>(count), Transfer::done};
    if (count == 0) return {0, Transfer::ended};
    if (errno == EAGAIN) return {0, Transfer::wants_read};
    if (errno != EINTR) return {0, Transfer::failed};
  }
}

Transferred plain_send(int socket, std::string_view bytes) {
  for (;;) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      const auto sent = static_cast<std::size_t>(count);
      return {sent, sent == bytes.size() ? Transfer::done : Transfer::wants_write};
    }
    if (errno == EAGAIN) return {0, Transfer::wants_write};
    if (errno != EINTR) return {0, Transfer::failed};
  }
}

}  // namespace

Connection::Connection(std::shared_ptr<Loop> loop, Parts parts)
    : socket_(std::move(parts.socket)),
      is_loopback_(parts.is_loopback),
      tls_(parts.tls != nullptr ? parts.tls->session(socket_.descriptor()) : nullptr),
      loop_(std::move(loop)),
      last_active_(loop_->now()),
      id_(next_id()),
      place_(std::move(parts.place)),
      peer_(std::move(parts.peer)),
      local_(std::move(parts.local)) {}

Connection::~Connection() = default;

std::size_t Connection::loop() const { return loop_->index(); }

// --- What the handler calls

void Connection::allow(std::uint64_t end) {
  if (is_closed()) return;  // and its output gone
  HYBRID_ASSERT(end <= output_end());
  if (end <= allowed_end_) return;
  allowed_end_ = end;
  if (!busy_) loop_->schedule(*this);
}

void Connection::close_after_output() {
  if (phase_ == Phase::handshaking) return close();
  if (phase_ != Phase::open) return;
  phase_ = Phase::draining;
  if (!busy_) loop_->schedule(*this);
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  loop_->schedule(*this);
}

void Connection::resume_reading() {
  if (!std::exchange(paused_, false)) return;
  if (!input_.empty()) {
    read_again();
  } else if (!busy_) {
    loop_->schedule(*this);
  }
}

void Connection::read_again() {
  again_ = true;
  if (!busy_) loop_->schedule(*this);
}

void Connection::post(std::function<void(Connection&)> fn) {
  loop_->post([weak = weak_from_this(), fn = std::move(fn)] {
    const auto connection = weak.lock();
    if (connection && !connection->is_closed()) connection->run(fn);
  });
}

// --- What the loop calls

// Each of these runs handler's code, or takes memory: what is thrown ends this connection and no other.
template <class Function>
void Connection::guarded(Function function) noexcept {
  busy_ = true;
  try {
    function();
    finish_call();
  } catch (const std::bad_alloc&) {
    drop("out of memory");
  } catch (...) {
    drop("its handler threw an exception");
  }
  busy_ = false;
}

void Connection::begin() noexcept {
  guarded([this] {
    if (tls_) {
      phase_ = Phase::handshaking;
      set_deadline(loop_->limits().handshake_timeout);
    } else {
      make_handler();
    }
  });
}

void Connection::on_ready(std::uint32_t events) {
  guarded([this, events] { handle(events); });
}

void Connection::send_deferred() noexcept {
  send_is_due_ = true;
  guarded([] {});
  send_is_due_ = false;
  send_is_deferred_ = false;
}

bool Connection::settle() noexcept {
  scheduled_ = false;
  send_is_due_ = true;  // others' sends have been
  guarded([this] {
    if (again_is_due()) {
      again_ = false;
      feed_left();
    }
    if (more_pending_ && receives()) receive();
  });
  send_is_due_ = false;
  if (phase_ != Phase::closed || scheduled_) return false;
  tear_down();
  return true;
}

void Connection::run(const std::function<void(Connection&)>& fn) noexcept {
  guarded([this, &fn] {
    const std::uint64_t before = output_end();
    const std::uint64_t posted = before - std::max(answered_end_, sent_end_);
    fn(*this);
    const bool is_added_to = output_end() > before;
    if (is_added_to && posted > loop_->limits().output_bytes_max) drop_slow_reader();
  });
}

void Connection::check_time() noexcept {
  const auto now = loop_->now();
  if (has_deadline_ && now >= deadline_) {
    if (phase_ == Phase::handshaking) return drop("the TLS handshake took too long");
    if (sends()) return check_slow_reader();
    return close();
  }
  const auto idle_max = loop_->limits().idle_timeout;
  if (idle_max.count() != 0 && now - last_active_ >= idle_max && !silence_is_allowed_) close();
}

// --- One call, from what is ready to what has become due

void Connection::handle(std::uint32_t events) {
  if (phase_ == Phase::handshaking) return shake_hands();
  if (phase_ == Phase::lingering) return static_cast<void>(discard());
  if (phase_ == Phase::closed) return;

  const bool hung_up = (events & (EPOLLHUP | EPOLLERR)) != 0;
  const bool writable = hung_up || (events & EPOLLOUT) != 0;
  const bool readable = hung_up || (events & EPOLLIN) != 0 || (writable && read_blocked_);
  if (writable) blocked_ = false;
  if (receives()) {
    if (readable) receive();
  } else if (hung_up) {
    peer_is_gone();
  }
}

// It takes nothing more, and does not even have to be asked: the poller would say so again and again.
void Connection::peer_is_gone() {
  if (phase_ == Phase::draining) return close();
  // What it sent before is still there when reading goes on.
  loop_->poller().remove(descriptor());
  registered_ = false;
  watched_ = 0;
}

void Connection::shake_hands() {
  const Transfer how = tls_->shake_hands();
  blocked_ = how == Transfer::wants_write;
  switch (how) {
    case Transfer::wants_read:
    case Transfer::wants_write: return;
    case Transfer::ended: return close();
    case Transfer::failed: return drop("no TLS handshake: " + tls_->failure());
    case Transfer::done: break;
  }
  clear_deadline();
  last_active_ = loop_->now();
  phase_ = Phase::open;
  make_handler();
  // What came with the end of the handshake is not in the socket any more.
  if (receives()) receive();
}

void Connection::make_handler() {
  handler_ = loop_->make_handler(*this);
  if (!handler_) close();
}

bool Connection::is_held_back() const { return unsent() > loop_->limits().output_bytes_max; }

void Connection::receive() {
  read_blocked_ = false;
  more_pending_ = false;
  const bool is_fresh = input_.empty();
  const std::span<char> room =
      is_fresh ? loop_->read_buffer() : input_.room(handler_->bytes_wanted());
  const Transferred got = tls_ ? tls_->read(room) : plain_receive(socket_.descriptor(), room);
  if (got.bytes != 0) {
    last_active_ = loop_->now();
    if (tls_ && got.how == Transfer::done) more_pending_ = tls_->has_pending();
    if (is_fresh) {
      feed({room.data(), got.bytes});
    } else {
      input_.add(got.bytes);
      feed_left();
    }
  }
  switch (got.how) {
    case Transfer::done:
    case Transfer::wants_read: break;
    case Transfer::wants_write: read_blocked_ = true; break;
    case Transfer::failed: close(); break;
    case Transfer::ended:
      if (!receives()) {
        more_pending_ = true;  // the handler is not done with what came before the end
      } else {
        input_ended_ = true;
        close_after_output();
      }
  }
}

void Connection::feed(std::string_view input) {
  const std::size_t consumed = handler_->on_input(input);
  answered_end_ = output_end();
  HYBRID_ASSERT(consumed <= input.size());
  input_.assign(input.substr(consumed));
}

void Connection::feed_left() {
  input_.consume(handler_->on_input(input_.bytes()));
  answered_end_ = output_end();
  input_.trim();
}

void Connection::finish_call() {
  if (sends() && !blocked_ && sent_end_ < allowed_end_) {
    if (send_is_due_)
      send();
    else if (!std::exchange(send_is_deferred_, true))
      loop_->send_soon(*this);
  }
  if (phase_ != Phase::open && !input_.empty()) {
    input_was_left_ = true;
    input_ = InputBuffer{};
  }
  if (phase_ == Phase::draining && unsent() == 0) finish_output();
  if (output_is_lent_ && unsent() == 0) give_back_output();
  if (again_is_due() || (more_pending_ && receives())) loop_->schedule(*this);
  if (has_to_read()) {
    if (!has_deadline_) expect_reading();
  } else if (sends()) {
    clear_deadline();
  }
  update_watch();
}

void Connection::send() {
  std::string_view bytes = output_;
  bytes = bytes.substr(static_cast<std::size_t>(sent_end_ - output_begin_),
                       static_cast<std::size_t>(allowed_end_ - sent_end_));
  const bool is_cut = bytes.size() > kSendBytesMax;
  bytes = bytes.substr(0, kSendBytesMax);
  const Transferred sent = tls_ ? tls_->write(bytes) : plain_send(socket_.descriptor(), bytes);
  if (sent.bytes != 0) last_active_ = loop_->now();
  sent_end_ += sent.bytes;
  switch (sent.how) {
    case Transfer::done: blocked_ = is_cut; break;
    case Transfer::wants_write: blocked_ = true; break;
    case Transfer::wants_read:  // only while hands are shaken
    case Transfer::ended:
    case Transfer::failed: return close();
  }
  const auto kept = static_cast<std::size_t>(sent_end_ - output_begin_);
  if (kept > kSentBytesKeptMax && kept > output_.size() / 2 && kept < output_.size()) {
    output_.erase(0, kept);
    output_begin_ = sent_end_;
  }
}

// A socket that is closed while input is unread, or still coming, resets the connection, and the peer may lose what we sent last.
// So if the peer is in the middle of sending, it is given some time to see our end first.
void Connection::finish_output() {
  if (input_ended_) return close();
  if (tls_) tls_->say_goodbye();
  ::shutdown(socket_.descriptor(), SHUT_WR);
  phase_ = Phase::lingering;
  const bool is_sending = discard() || input_was_left_;
  if (!is_sending) return close();
  handler_.reset();
  set_deadline(kLingerTimeMax);
}

// Whether something came.
bool Connection::discard() {
  const Transferred got = plain_receive(socket_.descriptor(), loop_->read_buffer());
  if (got.how == Transfer::ended || got.how == Transfer::failed) close();
  return got.bytes != 0;
}

void Connection::update_watch() {
  if (phase_ == Phase::closed) return;
  const std::uint32_t wanted = events_wanted();
  if (registered_ && wanted != watched_) {
    loop_->poller().change(descriptor(), wanted, *this);
  } else if (!registered_ && wanted != 0) {
    registered_ = loop_->poller().add(descriptor(), wanted, *this);
    if (!registered_) drop("the system cannot watch more sockets");
  }
  watched_ = wanted;
}

std::uint32_t Connection::events_wanted() const {
  switch (phase_) {
    case Phase::handshaking: return blocked_ ? EPOLLOUT : EPOLLIN;
    case Phase::lingering: return EPOLLIN;
    case Phase::closed: return 0;
    case Phase::open:
    case Phase::draining: break;
  }
  return (receives() ? EPOLLIN : 0U) | (blocked_ || read_blocked_ ? EPOLLOUT : 0U);
}

void Connection::borrow_output() {
  loop_->lend_buffer(output_);
  output_is_lent_ = true;
}

void Connection::give_back_output() {
  output_begin_ += output_.size();
  loop_->give_back_buffer(output_);
  output_is_lent_ = false;
}

void Connection::expect_reading() {
  taken_ = taken_by_peer();
  set_deadline(loop_->limits().unread_timeout);
}

// TCP says that there is room again once much of its buffer was read: it may have been a little.
void Connection::check_slow_reader() {
  if (taken_by_peer() == taken_) return drop_slow_reader();
  expect_reading();
}

std::uint64_t Connection::taken_by_peer() const {
  int kept = 0;
  ::ioctl(descriptor(), SIOCOUTQ, &kept);
  return sent_end_ - static_cast<std::uint64_t>(kept);
}

void Connection::drop_slow_reader() {
  loop_->log(
      {"dropped a slow reader: ", peer_, " has ", std::to_string(unsent()), " bytes unsent"});
  close();
}

void Connection::set_deadline(milliseconds from_now) {
  clear_deadline();
  deadline_ = loop_->now() + from_now;
  has_deadline_ = true;
  loop_->add_deadline();
}

void Connection::clear_deadline() {
  if (std::exchange(has_deadline_, false)) loop_->remove_deadline();
}

void Connection::drop(std::string_view why) noexcept {
  if (phase_ == Phase::closed) return;
  loop_->log({"closed ", peer_, ": ", why});
  close();
}

void Connection::tear_down() {
  scheduled_ = true;  // never again, whatever the handler does at its end
  handler_.reset();
  clear_deadline();
  if (registered_) loop_->poller().remove(descriptor());
  if (tls_) tls_->say_goodbye();
  socket_ = Socket{};
  input_ = InputBuffer{};
  output_ = std::string{};
  place_ = ConnectionCount::Place{};
}

}  // namespace hybrid::net
