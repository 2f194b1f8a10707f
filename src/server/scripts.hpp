// The scripts that clients have sent, by their SHA-1, and the one that runs. Shared by all clients; any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/thread_annotations.hpp"

namespace hybrid::server {

struct Script {
  std::string sha;  // 40 digits
  std::string text;
  // The part for Lua: what follows a first line of "#!lua ..."; from the end of that line on, so that lines keep their numbers.
  std::size_t body = 0;
  bool has_flags = false;  // such a line is there
  bool only_reads = false;
  bool may_exceed_memory = false;  // "allow-oom"

  std::string_view body_text() const { return std::string_view{text}.substr(body); }
  // Or the text of an error reply, if that line is wrong.
  static std::expected<Script, std::string> parse(std::string_view text);
};

class Scripts {
 public:
  // Of more, those that were not used for longest are forgotten.
  static constexpr std::size_t kScriptsMax = 10'000;
  static constexpr std::size_t kBytesMax = std::size_t{64} << 20;

  using Ref = std::shared_ptr<const Script>;
  // By its SHA-1, in lower case; null if it is not there.
  Ref find(std::string_view sha);
  void add(Ref script);
  bool contains(std::string_view sha);
  std::size_t count();
  void clear();

  // --- The one that runs: there is one at most, since it has the locks of all keys.
  class Running {
   public:
    explicit Running(Scripts& scripts) : state_(scripts.state_) { state_ = State::runs; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { state_ = State::none; }
    // From now on it cannot be killed; false if it has been.
    bool note_write();
    bool is_killed() const { return state_.load(std::memory_order_relaxed) == State::killed; }

   private:
    friend class Scripts;
    enum class State : std::uint8_t { none, runs, has_written, killed };
    std::atomic<State>& state_;
  };
  enum class Killed : std::uint8_t { yes, none_runs, has_written };
  Killed kill();

 private:
  using Order = std::list<Ref>;  // the one used last is first
  void drop_last() HYBRID_REQUIRES(mutex_);

  Mutex mutex_;
  Order order_ HYBRID_GUARDED_BY(mutex_);
  // The keys are parts of the scripts.
  std::unordered_map<std::string_view, Order::iterator> places_ HYBRID_GUARDED_BY(mutex_);
  std::size_t bytes_ HYBRID_GUARDED_BY(mutex_) = 0;
  std::atomic<Running::State> state_{Running::State::none};
};

}  // namespace hybrid::server
