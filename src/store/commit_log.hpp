// The log as the store writes it: appends, group commit, the change from one segment to the next, and closing.
//
// append() and wait_durable() come from any thread; a thread of its own prepares segments and syncs in `interval`.
//   L1  Records are in the log in the order of their LSNs, and so are changes of one session, whose caller holds
//       the session's writer lock.
//   L2  durable() only rises, and only after a sync that began after the records up to it had been appended.
//   L3  After a failed sync nothing is accepted any more: the kernel may have dropped what it could not write, and a
//       second try would report success (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
//   L4  A segment's directory entry is durable before its first record and before its predecessor's seal.
//   L5  Nothing that reading the store may still need is removed before what replaces it is durable, and before a low-water
//       mark that says so is.
//   L6  Segments are begun in the order of their numbers, one at a time: nobody prepares one while another thread does.
//   L7  Who waits for a change to be durable is woken by the sync that makes it so, by the failure of the log, or to run that sync:
//       while somebody waits, a sync runs or one of them is on its way to begin one.
// commit_log.cpp has what happens to records, commit_log_segments.cpp what happens to files.
// Does not know sessions. Format: docs/formats/scf.md, section 5 for what happens after a crash.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/event_count.hpp"
#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/params.hpp"
#include "io/file_system.hpp"
#include "scf/log_reader.hpp"
#include "scf/segment_writer.hpp"

namespace hybrid::store {

class CommitLog {
 public:
  struct Config {
    io::FileSystem& files;
    std::string directory;
    std::uint64_t segment_bytes = 0;
    std::uint64_t first_segment_bytes = std::uint64_t{4}
                                        << 20;  // they grow from there, up to segment_bytes
    Durability durability = Durability::interval;
    std::chrono::milliseconds sync_interval{1000};
    bool background = true;  // false: the caller drives run_duties()
    // After a segment was begun, from the background thread, with no lock held. May be empty.
    std::function<void()> on_segment{};
  };

  struct Place {
    scf::Lsn lsn;
    Millis time = 0;  // not before the last record's
    bool waits = false;
  };

  // How much of the room that is kept for a full disk a record may use.
  enum class Room : std::uint8_t {
    change,   // none
    image,    // most: it is written so that an old segment can go
    destroy,  // all: it makes the store smaller
  };
  struct AppendOptions {
    Room room = Room::change;
    bool at_once = false;        // in `interval`, wait until it is durable
    bool in_background = false;  // nobody waits for it, whatever the durability
  };

  struct Counters {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
    scf::Lsn last_lsn;
    scf::Lsn durable;
    std::uint64_t records_appended = 0;
    std::uint64_t syncs = 0;
    bool no_room = false;  // no spare can be prepared
  };

  // Goes on after `summary`, which must be sound or torn. Writes only if the log has records that may not be on the disk.
  static Result<std::unique_ptr<CommitLog>> open(Config config, const scf::LogSummary& summary,
                                                 Millis now);
  // Without close(): as if killed.
  ~CommitLog();
  CommitLog(const CommitLog&) = delete;
  CommitLog& operator=(const CommitLog&) = delete;

  // One record as scf::append_record() makes it. Each must be followed by its acknowledge().
  Result<Place> append(std::string_view record, Millis now, AppendOptions options);
  // One of `bytes`, which `write` puts into the log itself, under the log's lock.
  Result<Place> append(std::size_t bytes, const std::function<void(std::span<std::byte>)>& write,
                       Millis now, AppendOptions options);
  // Waits as the durability demands before the change may be reported done.
  Result<void> acknowledge(const Place& place);
  // Returns when all records up to `lsn` are durable, whatever the durability.
  Result<void> wait_durable(scf::Lsn lsn);

  void set_durability(Durability durability, std::chrono::milliseconds sync_interval);
  Counters counters() const;
  scf::Lsn last_lsn() const;
  scf::Lsn low_water() const;

  // The first LSN behind the oldest segments, so many that they hold `bytes`, but at least one, and not the one that is being
  // written to; nothing if there is no other.
  std::optional<scf::Lsn> end_of_oldest(std::uint64_t bytes) const;
  // What follows goes into another segment than what was before; returns the LSN in between.
  Result<scf::Lsn> begin_segment(Millis now);
  // All records below `low_water` are superseded by others, which are in the log: makes those durable, and removes the
  // segments that hold nothing else.
  Result<void> discard_before(scf::Lsn low_water, Millis now);
  // Returns when more that nobody waits for (images) may be appended without making those wait who have changes: the other half
  // of a segment is theirs until the next one is ready, and what they wait for the disk with should not be much.
  Result<void> yield_to_changes();
  // About how much of the log is still needed: segments are sized by it.
  void set_live_bytes(std::uint64_t bytes);

  // What the background thread does at each tick. Not beside it.
  void run_duties();

  // Writes the mark of a clean close. No append may follow; waits for acknowledge() calls under way.
  Result<void> close();

 private:
  struct Segment {
    scf::SegmentNumber number;
    std::string path;
    std::unique_ptr<io::File> file;
    std::unique_ptr<io::Mapping> mapping;  // none once retired
    std::uint64_t bytes = 0;
    bool synced_zeros = false;
    std::uint64_t epoch = 0;
    scf::Lsn first_lsn;           // once it is begun
    std::uint64_t let_go_to = 0;  // its mapping's bytes up to here were; of who is syncing
    std::optional<scf::SegmentWriter> writer;
  };
  // A segment of the chain that is not written to any more.
  struct ClosedSegment {
    std::string path;
    scf::Lsn first_lsn;
    std::uint64_t bytes = 0;
  };
  // Where the log ended before the current segment.
  struct Predecessor {
    scf::SegmentNumber number;
    std::uint64_t epoch = 0;
    std::string path;
    scf::Offset end;
    bool closed = false;  // by the process that had it before
  };

  // How a segment is filled before its use.
  struct Zeros {
    bool synced = false;
    std::size_t step = 0;                                                  // bytes a write
    std::uint64_t sync_every = std::numeric_limits<std::uint64_t>::max();  // bytes
  };

  // What is lowered at the end, come what may: others must not wait for it for ever.
  class Preparing {
   public:
    explicit Preparing(CommitLog& log) : log_(log) {}
    Preparing(const Preparing&) = delete;
    Preparing& operator=(const Preparing&) = delete;
    ~Preparing() {
      {
        const MutexLock lock{log_.mutex_};
        log_.preparing_ = false;
      }
      log_.changed_.notify_all();
    }

   private:
    CommitLog& log_;
  };
  class Syncing {
   public:
    explicit Syncing(CommitLog& log) : log_(log) {}
    Syncing(const Syncing&) = delete;
    Syncing& operator=(const Syncing&) = delete;
    ~Syncing() { log_.end_sync(); }

   private:
    CommitLog& log_;
  };

  explicit CommitLog(Config config) : config_(std::move(config)) {}

  void take_predecessor(const scf::LogSummary& summary) HYBRID_REQUIRES(mutex_);
  void sort_segments(const scf::LogSummary& summary) HYBRID_REQUIRES(mutex_);
  Result<void> repeat_tail(const scf::LogSummary& summary, Millis now);
  Result<void> empty_unused(const scf::LogSummary& summary);
  Result<std::unique_ptr<io::File>> seal_file(Predecessor& predecessor, scf::Lsn next,
                                              scf::FrameContext context);
  Result<void> begin_after_crash(Millis now) HYBRID_REQUIRES(mutex_);
  Result<std::shared_ptr<Segment>> prepare(scf::SegmentNumber number, std::uint64_t bytes,
                                           Zeros zeros);
  void prepare_spare();
  void remove_obsolete(std::vector<std::string> paths);
  std::size_t room_kept_from(Room room) const HYBRID_REQUIRES(mutex_);
  Result<void> make_room(std::size_t record_bytes, Room room, Millis now) HYBRID_REQUIRES(mutex_);
  Result<void> roll(std::size_t record_bytes, Millis now) HYBRID_REQUIRES(mutex_);
  scf::Lsn end_of_closed(std::size_t index) const HYBRID_REQUIRES(mutex_);
  void retire_current(bool seal) HYBRID_REQUIRES(mutex_);
  void begin(std::shared_ptr<Segment> segment) HYBRID_REQUIRES(mutex_);
  template <class Write>
  Result<Place> append_with(std::size_t bytes, Millis now, AppendOptions options, Write&& write);
  scf::SegmentHeader header_for(const Segment& segment, Millis now) const HYBRID_REQUIRES(mutex_);
  scf::FrameContext context(Millis now) const HYBRID_REQUIRES(mutex_) {
    return {.durable = durable_, .low_water = low_water_, .time = now};
  }
  bool syncs_by_itself() const HYBRID_REQUIRES(mutex_) {
    return durability_ == Durability::always || durability_ == Durability::interval;
  }
  // Whether the next segment is made durable before its use: always, once there is a seal or a size that counts on it.
  bool syncs_zeros() const HYBRID_REQUIRES(mutex_) {
    return syncs_by_itself() || last_is_sealed_ || (current_ && current_->synced_zeros);
  }
  Zeros zeros_for_next() const HYBRID_REQUIRES(mutex_);
  std::uint64_t next_segment_bytes() const HYBRID_REQUIRES(mutex_);
  std::uint64_t bytes_a_sync() const HYBRID_REQUIRES(mutex_);

  Result<void> await_durable(scf::Lsn lsn) HYBRID_REQUIRES(mutex_);
  Result<void> await_shared_sync(scf::Lsn lsn);
  void begin_sync() HYBRID_REQUIRES(mutex_);
  void end_sync();
  void set_durable(scf::Lsn durable) HYBRID_REQUIRES(mutex_);
  void gather();
  void sync_for_all() HYBRID_REQUIRES(mutex_);
  Result<void> sync_now();
  void sync_once();
  std::uint64_t written_end(const Segment& segment) const;
  void release(const std::vector<std::shared_ptr<Segment>>& retired, bool synced);
  static constexpr const char* kSyncFailed =
      "a sync of the log failed, so the store takes no more changes; check the disk, then reopen "
      "it";
  void fail(const char* what, const Error& why) HYBRID_REQUIRES(mutex_);
  Result<void> check_written(const Segment& segment) HYBRID_REQUIRES(mutex_);
  std::unexpected<Error> failure() const HYBRID_REQUIRES(mutex_);
  Result<void> check_open() const HYBRID_REQUIRES(mutex_);
  void run_thread();
  // run_duties() or less; out of memory, say, it is tried again at the next tick.
  void try_duties(bool all) noexcept;

  const Config config_;

  mutable Mutex mutex_;
  Condition changed_;           // durable_, failed_, syncing_, preparing_, spare_, closed_
  Condition thread_is_wanted_;  // wake_ups_, stop_
  Durability durability_ HYBRID_GUARDED_BY(mutex_) = Durability::interval;
  std::chrono::milliseconds sync_interval_ HYBRID_GUARDED_BY(mutex_){1000};

  std::shared_ptr<Segment> current_
      HYBRID_GUARDED_BY(mutex_);  // none until the first append after opening
  std::shared_ptr<Segment> spare_ HYBRID_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Segment>> retired_
      HYBRID_GUARDED_BY(mutex_);                                         // sealed, not synced yet
  std::deque<ClosedSegment> closed_segments_ HYBRID_GUARDED_BY(mutex_);  // oldest first
  std::optional<Predecessor> predecessor_ HYBRID_GUARDED_BY(mutex_);
  std::vector<std::string> superseded_ HYBRID_GUARDED_BY(mutex_);  // see prepare_spare()
  std::vector<std::string> obsolete_
      HYBRID_GUARDED_BY(mutex_);  // to remove once a spare is there, oldest first
  scf::Uuid store_ HYBRID_GUARDED_BY(mutex_){};
  scf::SegmentNumber next_number_ HYBRID_GUARDED_BY(mutex_){1};
  bool last_is_sealed_ HYBRID_GUARDED_BY(mutex_) = false;  // on the disk, when it was opened
  std::uint64_t rolls_ HYBRID_GUARDED_BY(mutex_) = 0;
  std::uint64_t wake_ups_ HYBRID_GUARDED_BY(mutex_) =
      0;  // of the background thread, beside its ticks

  scf::Lsn next_lsn_ HYBRID_GUARDED_BY(mutex_){1};
  scf::Lsn durable_ HYBRID_GUARDED_BY(mutex_);
  scf::Lsn low_water_ HYBRID_GUARDED_BY(mutex_){1};
  Millis last_time_ HYBRID_GUARDED_BY(mutex_) = 0;
  scf::Lsn seen_by_duties_ HYBRID_GUARDED_BY(mutex_);  // last_lsn() at the last tick
  bool sync_point_due_ HYBRID_GUARDED_BY(mutex_) =
      false;  // no frame tells yet what the last sync made durable

  std::optional<Error> failed_ HYBRID_GUARDED_BY(mutex_);
  // Why no spare can be prepared; the background thread tries again.
  std::optional<Error> no_room_ HYBRID_GUARDED_BY(mutex_);
  std::uint64_t live_bytes_ HYBRID_GUARDED_BY(mutex_) = 0;
  bool syncing_ HYBRID_GUARDED_BY(mutex_) = false;
  std::uint64_t syncs_begun_ HYBRID_GUARDED_BY(mutex_) = 0;
  scf::Lsn sync_target_ HYBRID_GUARDED_BY(mutex_);  // what the one that is running makes durable
  bool preparing_ HYBRID_GUARDED_BY(mutex_) = false;
  bool closed_ HYBRID_GUARDED_BY(mutex_) = false;
  bool stop_ HYBRID_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> in_flight_{0};     // appended and waiting, not acknowledged yet
  std::atomic<std::uint64_t> durable_seen_{0};  // durable_, for who does not hold mutex_
  EventCount
      sync_ended_[2];  // of odd and of even number: who waits for one is not woken by the other
  std::uint64_t waiting_ HYBRID_GUARDED_BY(mutex_) = 0;  // for a sync
  Counters counters_ HYBRID_GUARDED_BY(mutex_);
  std::uint64_t syncs_before_ HYBRID_GUARDED_BY(mutex_) = 0;  // the current segment was begun
  std::uint64_t bytes_a_sync_before_ HYBRID_GUARDED_BY(mutex_) =
      std::numeric_limits<std::uint64_t>::max();  // in the segment before

  Thread thread_;
};

}  // namespace hybrid::store
