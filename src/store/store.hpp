// The embedded store: the Provider that keeps sessions in memory and, unless it is `memory:`, in a log. It wires table,
// log, recovery, expiry and cleaner together; the rules S1..S11 of docs/durability.md are kept here.
//
//   E1  A change is checked, then logged, then applied, all under the session's writer lock; what can fail (limits, memory, the
//       log) comes before it is applied.
//   E2  A session that is past a deadline is absent to every call, whether the sweep has come by or not.
//   E3  Nothing of the store is touched through a handle before its entry was seen live under one of its locks: Table::close()
//       makes all entries closed before the store goes.
// Lock order: sweep_mutex_ and clean_mutex_ first, then see table.hpp; the log's own lock comes last. No lock is held while user code runs, but
// the writer lock during update(), and clean_mutex_ while compact() reports progress.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/provider.hpp"
#include "io/file_system.hpp"
#include "scf/record.hpp"
#include "store/change_plan.hpp"
#include "store/cleaner.hpp"
#include "store/commit_log.hpp"
#include "store/table.hpp"
#include "store/writer_lock.hpp"

namespace hybrid::store {

class EmbeddedStore final : public Provider {
 public:
  struct Options {
    Params params;
    io::FileSystem* files = nullptr;  // none: memory only
    std::string directory{};
    const Clock* clock = nullptr;  // none: the system's
    bool background = true;        // false: the caller drives run_duties()
    std::uint64_t first_segment_bytes = std::uint64_t{4} << 20;
    std::uint64_t clean_bytes_min = std::uint64_t{1} << 20;  // see Cleaner::Config
    std::size_t clean_slice_bytes = std::size_t{64} << 10;
  };

  static Result<std::unique_ptr<EmbeddedStore>> open(Options options);
  ~EmbeddedStore() override;
  // What the destructor does, with its result. Not beside other calls; those that follow are `unavailable`.
  Result<void> close();

  Result<void> set_params(const Params& params) override;
  Result<Session> init(std::string_view sid) override;
  Result<Session> load(std::string_view sid) override;
  Result<std::optional<Session>> find(std::string_view sid) override;
  Result<std::vector<std::optional<Session>>> find_many(
      std::span<const std::string_view> sids) override;
  Result<Session> put(std::string_view sid, std::span<const Change> changes) override;
  Result<void> destroy(std::string_view sid) override;
  Result<void> change_id(std::string_view old_sid, std::string_view new_sid) override;
  bool exists(std::string_view sid) override;
  Result<std::size_t> gc(std::chrono::seconds max_lifetime) override;
  Result<std::size_t> size() override;
  Result<void> for_each(const std::function<bool(Session&)>& fn) override;
  Result<std::uint64_t> scan(std::uint64_t cursor, std::size_t places,
                             const std::function<void(Session&)>& fn) override;
  Result<Stats> stats() override;
  Result<std::uint64_t> memory_bytes() override;
  Result<void> flush() override;
  Result<void> compact(const OnProgress& on_progress = {}) override;
  Result<void> backup(const std::string& directory, const OnProgress& on_progress = {}) override;
  Result<void> on_event(std::function<void(const Event&)> fn) override;

  // What the background threads do at each tick: expire, log touches that are due, sync, prepare, clean.
  void run_duties();

 private:
  friend class StoreSession;

  enum class IfAlive : std::uint8_t { refuse, adopt };
  // Which entries a sweep is after, by their times.
  struct Outdated {
    static constexpr Millis kNone = std::numeric_limits<Millis>::min();
    Millis accessed_before = kNone;  // idle: last access before this
    Millis created_before = kNone;   // too old: created before this
    Millis ended_before = kNone;     // its own deadline is before this

    bool matches(Entry& entry) const {
      return entry.access.load(std::memory_order_relaxed) < accessed_before ||
             // The creation time is in another cache line: look only if it matters.
             (created_before != kNone &&
              entry.created().load(std::memory_order_relaxed) < created_before) ||
             entry.deadline() < ended_before;
    }
    bool may_match(const Floors& floors) const {
      return floors.access.load(std::memory_order_relaxed) < accessed_before ||
             floors.created.load(std::memory_order_relaxed) < created_before ||
             floors.deadline.load(std::memory_order_relaxed) < ended_before;
    }
  };

  explicit EmbeddedStore(Options options);
  Result<void> start();

  Millis now() { return clock_.now(); }
  Result<void> check_open() const;
  // That it is open, and the session id within limits.
  Result<void> check_call(std::string_view sid) const;
  // The sessions that are past a deadline at `now`.
  Outdated past_deadline(Millis now) const;
  // Under writer or data. The clock is read exactly only for who ends so soon that it matters.
  bool alive(Entry& entry, Millis now) {
    if (entry.state != State::live) return false;
    return !past_deadline(now + Clock::kLagMax).matches(entry) ||
           !past_deadline(clock_.now_exactly()).matches(entry);
  }
  std::optional<Millis> deadline(Entry& entry) const;
  static std::unexpected<Error> why_absent(const Entry& entry);
  Millis touch_interval() const;

  Session handle(EntryRef entry, std::string_view sid);
  Result<Session> create(std::string_view sid, IfAlive if_alive, std::span<const Change> changes);
  // Logs a new session with `changes` in it. Under its writer lock, as are the two below.
  Result<CommitLog::Place> log_new(Entry& entry, std::span<const Change> changes, Millis now);
  // A handle that watches; nothing if no session lives there.
  std::optional<Session> look_at(Entry& place);
  // Whether a session lives there, which is then touched.
  bool lives(const EntryRef& entry, Millis now);
  Result<CommitLog::Place> log(std::string_view record, Millis now,
                               CommitLog::AppendOptions options = {});
  Result<void> acknowledge(const CommitLog::Place& place);
  struct Removed {
    Digest digest;
    CommitLog::Place place;
    Event::Kind kind;
    std::string served{};  // see Event
  };
  // Tells the listener, and waits as the durability demands. With no lock held.
  Result<void> conclude(const Removed& removed);
  // Nothing if it is not there. Under its writer lock; the event and the acknowledgement are the caller's.
  Result<std::optional<Removed>> destroy(Entry& entry);
  // Takes the entry out of the table after its destroy was logged. Under writer and data.
  void bury(Entry& entry);
  // Destroys the entry if it is outdated still; nothing if it is not. Under its writer lock.
  Result<std::optional<Removed>> expire(Entry& entry, const Outdated& outdated);
  // For the event. Under its writer lock.
  std::string served(const Entry& entry) const;
  // Waits for whoever has the entry's writer lock, and destroys it if it is past a deadline; the rest is the caller's.
  Result<std::optional<Removed>> expire_if_due(Entry& entry);
  // Removes the outdated sessions, tells the listener, and says how many.
  Result<std::size_t> sweep(const Outdated& outdated);
  Result<void> remove_if_outdated(Entry& place, const Outdated& outdated,
                                  std::vector<Removed>& removed);
  Result<void> remove_outdated(const Outdated& outdated, std::vector<Removed>& removed);
  std::size_t count_outdated(const Outdated& outdated);
  enum class Touches : std::uint8_t {
    since,  // the last round
    all,    // that the log does not know of: the store is being closed
  };
  Result<void> log_touches(Touches which);
  void excuse_lost_touches(Millis now);
  using Listener = std::shared_ptr<const std::function<void(const Event&)>>;
  Listener listener();
  void emit(Event::Kind kind, const Digest& digest);
  // A slice of cleaning; how long to wait before the next, or nothing if there is none for now.
  std::optional<std::chrono::microseconds> clean();
  void run_thread();

  // For StoreSession.
  Result<void> commit(Entry& entry, std::span<const Change> changes, ChangePlan::Keys keys,
                      std::optional<std::uint64_t> if_version, CommitLog::Place& place);

  const Options options_;
  SystemClock system_clock_;
  ClampedClock clock_;
  std::unique_ptr<io::DirectoryLock> lock_;
  Table::Owner table_;
  std::unique_ptr<CommitLog> log_;  // none: memory only
  RecoveryReport recovery_;
  // Access times up to this one were made up after a crash, by excuse_lost_touches().
  Millis excused_until_ = 0;

  std::atomic<Millis> idle_timeout_{0};      // 0: none
  std::atomic<Millis> absolute_timeout_{0};  // 0: none
  std::atomic<bool> sync_security_ops_{false};
  std::atomic<std::uint64_t> expired_{0};
  Mutex params_mutex_;
  Params params_ HYBRID_GUARDED_BY(params_mutex_);

  std::atomic<bool> has_listener_{false};
  Mutex listener_mutex_;
  Listener listener_ HYBRID_GUARDED_BY(listener_mutex_);

  Mutex sweep_mutex_;  // one sweep at a time
  Millis touches_due_ HYBRID_GUARDED_BY(sweep_mutex_) = 0;

  std::atomic<bool> compacting_{false};
  Mutex clean_mutex_;
  std::optional<Cleaner> cleaner_ HYBRID_GUARDED_BY(clean_mutex_);  // none: memory only

  Mutex thread_mutex_;
  Condition wake_up_;
  bool stop_ HYBRID_GUARDED_BY(thread_mutex_) = false;
  bool log_grew_ HYBRID_GUARDED_BY(thread_mutex_) = false;
  std::atomic<bool> closed_{true};  // until start() has come to its end
  Thread thread_;
};

}  // namespace hybrid::store
