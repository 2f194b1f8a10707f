// A thread that serves connections: it waits for their sockets (Poller), for what others post, and for timers, and then has a turn.
//
//   L1  Everything runs on the loop's thread, in a turn, but what says otherwise; a turn ends with settle().
//   L2  A connection leaves the list, and with it the set, in settle() only, so that those that a poll returned all exist.
//   L3  A turn serves each socket that is ready once, and each connection that asked for it (schedule()) once.
// The threads block all signals but those that a fault raises: SIGPIPE would come from OpenSSL, the others are for the main thread.
// A loop is kept by its connections, which other threads may still hold when it has stopped; then nothing runs any more.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "net/connection.hpp"
#include "net/poller.hpp"

namespace hybrid::net {

class Loop final : public std::enable_shared_from_this<Loop> {
 public:
  struct Config {
    std::size_t index = 0;
    Limits limits{};
    HandlerFactory make_handler{};
    std::function<void(std::string)> log{};
  };
  explicit Loop(Config config);  // throws std::system_error
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // --- From any thread
  void start();  // throws std::system_error
  // Runs `fn` soon, unless the loop is stopped before.
  void post(std::function<void()> fn);
  void stop_and_join();
  bool runs_here() const { return std::this_thread::get_id() == thread_.get_id(); }
  std::size_t index() const { return config_.index; }
  const Limits& limits() const { return config_.limits; }
  void log(std::initializer_list<std::string_view> parts_of_line) const noexcept;

  // --- On its thread
  void after(std::chrono::milliseconds delay, std::function<void()> fn);
  void adopt(Connection::Parts parts);
  // All connections close when their output is sent; new ones at once.
  void drain();
  Poller& poller() { return poller_; }

  // --- For its connections
  std::unique_ptr<Handler> make_handler(Connection& connection) const {
    return config_.make_handler(connection);
  }
  // The time when this turn began.
  SteadyClock::time_point now() const { return now_; }
  // Where to receive; one for all, since it is empty again before the next one's turn.
  std::span<char> read_buffer() { return {read_buffer_.get(), InputBuffer::kRoomMax}; }
  // Gives it memory to append to, and takes that back. `to` is empty.
  void lend_buffer(std::string& to);
  void give_back_buffer(std::string& from);
  // Connection::settle() is called before this turn ends, or in the next if it was called in this one already.
  void schedule(Connection& connection) noexcept;
  // Connection::send_deferred() is called in this turn: once others have been served, too, so that a peer of many connections is woken
  // by the first of their answers and finds the rest. Once for each, until then.
  void send_soon(Connection& connection) noexcept { unsent_.push_back(&connection); }
  void add_deadline();
  void remove_deadline() { --deadlines_; }

 private:
  void run();
  // How long nothing may happen; nothing: for ever.
  std::optional<std::chrono::milliseconds> idle_time();
  void turn(std::span<const epoll_event> events);
  void run_posted();
  void run_timers();
  void try_to(const std::function<void()>& fn) noexcept;
  void send_deferred() noexcept;
  void settle() noexcept;
  void remove(Connection& connection);
  void arm_tick();
  void tick();

  const Config config_;
  SteadyClock::time_point now_ = SteadyClock::now();
  Poller poller_;
  std::unique_ptr<char[]> read_buffer_;
  std::array<std::string, 32> spare_buffers_;  // the first spare_buffers_count_ of them
  std::size_t spare_buffers_count_ = 0;
  std::vector<std::shared_ptr<Connection>> connections_;
  // All with room for all connections, so that schedule() and send_soon() cannot fail.
  std::vector<Connection*> scheduled_;
  std::vector<Connection*> settling_;
  std::vector<Connection*> unsent_;
  std::size_t deadlines_ = 0;  // connections that have one
  bool ticking_ = false;
  bool draining_ = false;
  bool stopped_ = false;
  std::multimap<SteadyClock::time_point, std::function<void()>> timers_;
  Mutex mutex_;
  std::vector<std::function<void()>> posted_ HYBRID_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> running_;  // of those that were
  Thread thread_;
};

}  // namespace hybrid::net
