#include "net/loop.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace hybrid::net {
namespace {

constexpr std::chrono::milliseconds kTick{250};
// How many connections are served before their answers are sent.
constexpr std::size_t kServedTogether = 32;
constexpr std::size_t kBufferBytesMin = 4096;
constexpr std::size_t kBufferBytesMax = std::size_t{64} << 10;
constexpr std::size_t kConnectionsRoomMin = 64;

// Blocks what would interrupt the threads that are started meanwhile.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    // Raised by what a thread does itself; the log's handler of SIGBUS is one that goes on after it.
    for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
      ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Loop::Loop(Config config)
    : config_(std::move(config)),
      read_buffer_(std::make_unique_for_overwrite<char[]>(InputBuffer::kRoomMax)) {}

Loop::~Loop() { HYBRID_ASSERT(!thread_.joinable()); }

// --- From any thread

void Loop::start() {
  const SignalsBlocked here;
  thread_ = Thread{[this] { run(); }};
  ::pthread_setname_np(thread_.native_handle(), ("net-" + std::to_string(index())).c_str());
}

void Loop::post(std::function<void()> fn) {
  {
    const MutexLock lock{mutex_};
    posted_.push_back(std::move(fn));
    if (posted_.size() > 1) return;  // it has been woken
  }
  poller_.wake();
}

void Loop::stop_and_join() {
  if (!thread_.joinable()) return;
  post([this] {
    send_deferred();  // before they go
    for (const auto& connection : connections_) connection->close();
    while (!connections_.empty()) settle();
    stopped_ = true;
  });
  thread_.join();
}

void Loop::log(std::initializer_list<std::string_view> parts_of_line) const noexcept {
  if (!config_.log) return;
  try {
    std::string line;
    for (const std::string_view part : parts_of_line) line += part;
    config_.log(std::move(line));
  } catch (...) {
    // A line that is lost is no reason to stop.
  }
}

// --- On its thread

void Loop::run() {
  while (!stopped_) turn(poller_.wait(idle_time()));
}

std::optional<std::chrono::milliseconds> Loop::idle_time() {
  if (!scheduled_.empty()) return std::chrono::milliseconds{0};
  if (timers_.empty()) return std::nullopt;
  return std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - SteadyClock::now());
}

void Loop::turn(std::span<const epoll_event> events) {
  now_ = SteadyClock::now();
  for (const epoll_event& event : events) {
    try_to([&event] { Poller::pollable(event).on_ready(event.events); });
  }
  run_posted();
  run_timers();
  send_deferred();
  settle();
}

void Loop::run_posted() {
  {
    const MutexLock lock{mutex_};
    running_.swap(posted_);
  }
  for (const auto& fn : running_) {
    if (stopped_) break;
    try_to(fn);
  }
  running_.clear();
}

void Loop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    const auto timer = timers_.extract(timers_.begin());
    try_to(timer.mapped());
  }
}

void Loop::try_to(const std::function<void()>& fn) noexcept {
  try {
    fn();
  } catch (...) {
    log({"what a loop did threw an exception, and was left undone"});
  }
  if (unsent_.size() >= kServedTogether) send_deferred();
}

void Loop::after(std::chrono::milliseconds delay, std::function<void()> fn) {
  timers_.emplace(SteadyClock::now() + delay, std::move(fn));
}

void Loop::adopt(Connection::Parts parts) {
  if (draining_) return;
  if (connections_.size() == connections_.capacity()) {
    const std::size_t room = std::max(kConnectionsRoomMin, 2 * connections_.capacity());
    scheduled_.reserve(room);
    settling_.reserve(room);
    unsent_.reserve(room);
    connections_.reserve(room);
  }
  const std::shared_ptr<Connection> connection{
      new Connection{shared_from_this(), std::move(parts)}};
  connection->index_ = connections_.size();
  connections_.push_back(connection);
  connection->begin();
  arm_tick();
}

void Loop::drain() {
  draining_ = true;
  for (const auto& connection : connections_) connection->close_after_output();
}

void Loop::send_deferred() noexcept {
  for (Connection* const connection : unsent_) connection->send_deferred();
  unsent_.clear();
}

void Loop::schedule(Connection& connection) noexcept {
  if (connection.scheduled_) return;
  connection.scheduled_ = true;
  scheduled_.push_back(&connection);
}

void Loop::settle() noexcept {
  settling_.swap(scheduled_);
  for (Connection* const connection : settling_) {
    if (connection->settle()) remove(*connection);
  }
  settling_.clear();
}

void Loop::remove(Connection& connection) {
  const std::size_t index = connection.index_;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index_ = index;
  connections_.pop_back();
}

// By swapping, which is the cheapest that a string can do: this is done for every answer.
void Loop::lend_buffer(std::string& to) {
  if (spare_buffers_count_ == 0) return to.reserve(kBufferBytesMin);
  to.swap(spare_buffers_[--spare_buffers_count_]);
}

void Loop::give_back_buffer(std::string& from) {
  from.clear();
  if (from.capacity() > kBufferBytesMax || spare_buffers_count_ == spare_buffers_.size()) {
    from = std::string{};
  } else {
    from.swap(spare_buffers_[spare_buffers_count_++]);
  }
}

// --- Time

void Loop::add_deadline() {
  ++deadlines_;
  arm_tick();
}

void Loop::arm_tick() {
  const bool idle_ends = config_.limits.idle_timeout.count() != 0 && !connections_.empty();
  if (ticking_ || (deadlines_ == 0 && !idle_ends)) return;
  ticking_ = true;
  after(kTick, [this] { tick(); });
}

void Loop::tick() {
  ticking_ = false;
  for (const auto& connection : connections_) connection->check_time();
  arm_tick();
}

}  // namespace hybrid::net
