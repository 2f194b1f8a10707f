// One connection to a server, and what speaks over it.
//
//     class Echo : public net::Handler {
//      public:
//       explicit Echo(net::Connection& connection) : connection_(connection) {}
//       std::size_t on_input(std::string_view input) override {
//         connection_.output() += input;
//         connection_.allow_all();
//         return input.size();
//       }
//      private:
//       net::Connection& connection_;
//     };
//
// A connection belongs to a loop, and all calls are made on that loop's thread, but post(). Other threads keep a std::weak_ptr
// (weak_from_this()) and post.
//
//   N1  Bytes of the output are sent in order, and none before allow() let it pass.
//   N2  on_input() is not called while the handler runs, nor while reading is paused or more output waits than may, nor after close()
//      or close_after_output().
//   N3  The handler goes before its connection, on the loop's thread, and never while it is being called.
//   N4  Without output and unconsumed input a connection has no buffers: both are lent by the loop for as long as they are needed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/thread.hpp"
#include "net/connection_count.hpp"
#include "net/input_buffer.hpp"
#include "net/poller.hpp"
#include "net/socket.hpp"
#include "net/tls.hpp"

namespace hybrid::net {

class Connection;
class Loop;

struct Limits {
  std::size_t connections_max = 10000;
  // What may wait for a peer that does not read, beside one answer: many send all that they have to say before they read. While more
  // waits, nothing is received; what is posted may add as much again before the connection is dropped.
  std::size_t output_bytes_max = std::size_t{64} << 20;
  // Who has to read, since that much waits or since it is the end, and reads nothing for so long is dropped, at the latest
  // after twice that.
  std::chrono::milliseconds unread_timeout{60'000};
  // Without a byte sent or received for so long, a connection is closed, within another 250 ms. 0: never.
  std::chrono::seconds idle_timeout{0};
  // For a peer to begin with TLS.
  std::chrono::milliseconds handshake_timeout{10'000};
};

// What speaks over one connection.
class Handler {
 public:
  virtual ~Handler() = default;  // the connection is gone
  // `input`: all that was received and not consumed yet. Returns how many bytes it consumed. Called again when more has come, or if it
  // called Connection::read_again(). What it throws closes the connection.
  virtual std::size_t on_input(std::string_view input) = 0;
  // How many more bytes it knows to need before it can go on, or 0. Asked after on_input() did not consume everything.
  virtual std::size_t bytes_wanted() const { return 0; }
};

// Makes what speaks over a new connection (one with TLS: after the handshake), on its loop's thread. Called by all loops.
// None: the connection is closed.
using HandlerFactory = std::function<std::unique_ptr<Handler>(Connection&)>;

class Connection final : public std::enable_shared_from_this<Connection>, private Pollable {
 public:
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Unique in the process, from 1.
  std::uint64_t id() const { return id_; }
  // "127.0.0.1:50000", "[::1]:50000"; of a unix socket "unix:" and the path that it was accepted on, for both.
  const std::string& peer() const { return peer_; }
  const std::string& local() const { return local_; }
  // The peer is on this machine.
  bool is_loopback() const { return is_loopback_; }
  bool is_tls() const { return tls_ != nullptr; }
  int descriptor() const { return socket_.descriptor(); }
  // Which of the server's loops it belongs to: see Server::post().
  std::size_t loop() const;

  // Append replies here. Good until the handler, or the function that was posted, returns.
  std::string& output() {
    if (!output_is_lent_) borrow_output();
    return output_;
  }
  // How many bytes were ever put into output().
  std::uint64_t output_end() const { return output_begin_ + output_.size(); }
  // Bytes up to `end` may be sent. What may be is sent once the handler returns, all of it together. Never goes back.
  void allow(std::uint64_t end);
  void allow_all() { allow(output_end()); }
  // How many bytes of the output wait to be sent, allowed or not.
  std::size_t unsent() const { return static_cast<std::size_t>(output_end() - sent_end_); }

  // Reads no more, and closes once all of the output is sent: what is not allowed yet is waited for. Also what happens when the
  // peer has sent all that it will.
  void close_after_output();
  // Sends and reads no more. The handler goes soon.
  void close();
  bool is_closed() const { return phase_ == Phase::lingering || phase_ == Phase::closed; }

  // Nothing is received and on_input() is not called until resume_reading(), so that the peer has to wait.
  void pause_reading() { paused_ = true; }
  // on_input() is called soon if it left something.
  void resume_reading();
  // The idle timeout does not apply: the handler waits for something else than the peer.
  void allow_silence(bool allowed) { silence_is_allowed_ = allowed; }
  // Calls on_input() once more with what it left, even if nothing has come: on the loop's next turn, so that others have theirs. Until
  // then nothing is received. For a handler that has more to do than it wants to do, or to answer, at once.
  void read_again();

  // From any thread: runs `fn` on the loop's thread, unless the connection is gone by then.
  void post(std::function<void(Connection&)> fn);

 private:
  friend class Loop;
  friend class Listener;

  enum class Phase : std::uint8_t {
    handshaking,  // TLS; there is no handler yet
    open,
    draining,   // reads no more, sends the rest of its output
    lingering,  // all is sent: waits for the peer to end, or the rest would be lost to a reset
    closed,     // waits for settle()
  };

  struct Parts {
    Socket socket{};
    std::string peer{};
    std::string local{};
    bool is_loopback = false;
    const TlsContext* tls = nullptr;  // none: plain
    ConnectionCount::Place place{};
  };
  Connection(std::shared_ptr<Loop> loop, Parts parts);

  // --- For its loop. Each ends with what has become due: sending, closing.
  void begin() noexcept;
  void on_ready(std::uint32_t events) override;
  // What it asked its loop for by send_soon().
  void send_deferred() noexcept;
  // What it asked its loop for by schedule(). True: it is closed and to be forgotten.
  [[nodiscard]] bool settle() noexcept;
  void check_time() noexcept;
  void run(const std::function<void(Connection&)>& fn) noexcept;

  template <class Function>
  void guarded(Function function) noexcept;
  void handle(std::uint32_t events);
  void shake_hands();
  void make_handler();
  // The peer has to read first.
  bool is_held_back() const;
  bool sends() const { return phase_ == Phase::open || phase_ == Phase::draining; }
  bool has_to_read() const {
    return sends() && blocked_ && (is_held_back() || phase_ == Phase::draining);
  }
  bool takes_input() const { return phase_ == Phase::open && !paused_ && !is_held_back(); }
  bool receives() const { return takes_input() && !again_; }
  bool again_is_due() const { return takes_input() && again_; }
  void receive();
  Transferred receive_into(std::span<char> room);
  void feed(std::string_view input);
  void feed_left();
  bool discard();
  void peer_is_gone();
  void send();
  Transferred send_some(std::string_view bytes);
  void finish_call();
  void finish_output();
  void update_watch();
  std::uint32_t events_wanted() const;
  void borrow_output();
  void give_back_output();
  void drop(std::string_view why) noexcept;
  void drop_slow_reader();
  void expect_reading();
  void check_slow_reader();
  // Changes if and only if the peer takes something.
  std::uint64_t taken_by_peer() const;
  void set_deadline(std::chrono::milliseconds from_now);
  void clear_deadline();
  void tear_down();

  // What a turn uses comes first.
  Socket socket_;
  Phase phase_ = Phase::open;
  bool busy_ = false;              // a call is under way that ends with finish_call()
  bool scheduled_ = false;         // the loop will call settle()
  bool send_is_due_ = false;       // in this call; else it is deferred:
  bool send_is_deferred_ = false;  // the loop will call send_deferred()
  bool paused_ = false;
  bool again_ = false;  // read_again() was called
  bool blocked_ =
      false;  // the socket's buffer is full, or it is another's turn: send when it is writable
  bool read_blocked_ = false;    // TLS has to write before it can read
  bool more_pending_ = false;    // TLS has bytes that were not read yet
  bool input_was_left_ = false;  // when reading ended: the peer may be still sending
  bool input_ended_ = false;     // the peer sends no more
  bool registered_ = false;      // with the poller,
  bool output_is_lent_ = false;
  bool has_deadline_ = false;
  bool silence_is_allowed_ = false;
  bool is_loopback_ = false;
  std::uint32_t watched_ = 0;       // for these events
  std::uint64_t output_begin_ = 0;  // where in all of the output, output_ begins
  std::uint64_t sent_end_ = 0;
  std::uint64_t allowed_end_ = 0;
  std::uint64_t answered_end_ =
      0;  // output_end() after the last on_input(): what is behind was posted
  std::string output_;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<TlsSession> tls_;
  std::shared_ptr<Loop> loop_;
  InputBuffer input_;
  SteadyClock::time_point last_active_{};
  SteadyClock::time_point deadline_{};

  const std::uint64_t id_;
  std::uint64_t taken_ = 0;  // by the peer, when the deadline for reading was set
  std::size_t index_ = 0;    // in the loop's list
  ConnectionCount::Place place_;
  const std::string peer_;
  const std::string local_;
};

}  // namespace hybrid::net
