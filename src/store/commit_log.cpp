#include "store/commit_log.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/assert.hpp"

namespace hybrid::store {
namespace {

using scf::FrameKind;
using scf::Lsn;

constexpr auto kTickMax = std::chrono::milliseconds{1000};
constexpr auto kLook = std::chrono::milliseconds{1};

}  // namespace

CommitLog::~CommitLog() {
  {
    const MutexLock lock{mutex_};
    stop_ = true;
  }
  thread_is_wanted_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// --- Appending

Result<void> CommitLog::check_open() const {
  if (failed_) return failure();
  if (closed_) return std::unexpected(Error{Errc::unavailable, "the store is closed"});
  return {};
}

template <class Write>
Result<CommitLog::Place> CommitLog::append_with(std::size_t bytes, Millis now,
                                                AppendOptions options, Write&& write) {
  const MutexLock lock{mutex_};
  if (auto open = check_open(); !open) return std::unexpected(open.error());
  if (auto made = make_room(bytes, options.room, now); !made) return std::unexpected(made.error());
  now = std::max(now, last_time_);
  write(*current_->writer, context(now));
  if (auto written = check_written(*current_); !written) return std::unexpected(written.error());
  last_time_ = now;
  const bool waits =
      durability_ == Durability::always || (options.at_once && durability_ == Durability::interval);
  const Place place{.lsn = next_lsn_, .time = now, .waits = waits && !options.in_background};
  next_lsn_ = next_lsn_ + 1;
  ++counters_.records_appended;
  if (place.waits) in_flight_.fetch_add(1, std::memory_order_relaxed);
  return place;
}

Result<CommitLog::Place> CommitLog::append(std::string_view record, Millis now,
                                           AppendOptions options) {
  return append_with(record.size(), now, options,
                     [&](scf::SegmentWriter& writer, const scf::FrameContext& context) {
                       writer.append(record, context);
                     });
}

Result<CommitLog::Place> CommitLog::append(std::size_t bytes,
                                           const std::function<void(std::span<std::byte>)>& write,
                                           Millis now, AppendOptions options) {
  return append_with(bytes, now, options,
                     [&](scf::SegmentWriter& writer, const scf::FrameContext& context) {
                       const std::span<std::byte> record = writer.begin_record(bytes, context);
                       write(record);
                       writer.end_record(record);
                     });
}

Result<void> CommitLog::acknowledge(const Place& place) {
  if (!place.waits) return {};
  const struct Done {
    std::atomic<std::uint64_t>& in_flight;
    // After it close() may return, and this log be gone.
    ~Done() { in_flight.fetch_sub(1, std::memory_order_release); }
  } done{in_flight_};
  return await_shared_sync(place.lsn);
}

// --- Syncing

// Who finds no sync running runs one for all that wait; those that come meanwhile share the next.
Result<void> CommitLog::await_durable(Lsn lsn) {
  ++waiting_;
  const struct Done {
    CommitLog& log;
    ~Done() HYBRID_NO_ANALYSIS { --log.waiting_; }
  } done{*this};
  while (durable_ < lsn && !failed_) {
    if (syncing_) {
      changed_.wait(mutex_);
    } else {
      sync_for_all();
    }
  }
  if (durable_ < lsn) return failure();
  return {};
}

// The same for many threads at once (L7): those that a sync was for need no lock when they wake, and one of those that wait for the
// next is woken, to run it.
Result<void> CommitLog::await_shared_sync(Lsn lsn) {
  while (durable_seen_.load(std::memory_order_acquire) < lsn.value) {
    EventCount* ended = nullptr;
    EventCount::Key key = 0;
    {
      const MutexLock lock{mutex_};
      if (failed_ && durable_ < lsn) return failure();
      if (!syncing_) {
        if (durable_ < lsn) sync_for_all();
        continue;
      }
      ended = &sync_ended_[(syncs_begun_ + (lsn > sync_target_ ? 1 : 0)) % 2];
      key = ended->key();  // it ends after we let go of the lock
    }
    ended->wait(key);
  }
  return {};
}

void CommitLog::begin_sync() {
  HYBRID_ASSERT(!syncing_);
  syncing_ = true;
  ++syncs_begun_;
  sync_target_ = Lsn{std::numeric_limits<std::uint64_t>::max()};  // all there is when it is set
}

void CommitLog::end_sync() {
  std::uint64_t number = 0;
  {
    const MutexLock lock{mutex_};
    syncing_ = false;
    number = syncs_begun_;
  }
  changed_.notify_all();
  sync_ended_[number % 2].announce_to_all();
  sync_ended_[(number + 1) % 2].announce_to_one();
}

void CommitLog::set_durable(Lsn durable) {
  durable_ = std::max(durable_, durable);
  durable_seen_.store(durable_.value, std::memory_order_release);
}

Result<void> CommitLog::wait_durable(Lsn lsn) {
  const MutexLock lock{mutex_};
  return await_durable(lsn);
}

// One that begins after the call, though nothing may have been appended.
Result<void> CommitLog::sync_now() {
  const MutexLock lock{mutex_};
  changed_.wait(mutex_, [this]() HYBRID_REQUIRES(mutex_) { return !syncing_; });
  if (!failed_) sync_for_all();
  if (failed_) return failure();
  return {};
}

// Lets go of mutex_ meanwhile. Nobody else may be syncing.
void CommitLog::sync_for_all() HYBRID_NO_ANALYSIS {
  begin_sync();
  mutex_.unlock();
  const struct Relock {
    Mutex& mutex;
    ~Relock() HYBRID_NO_ANALYSIS { mutex.lock(); }
  } relock{mutex_};
  const Syncing syncing{*this};
  gather();
  sync_once();
}

// Those whom the last sync has woken come back with their next changes one after the other: a sync that begins with the first of
// them has the others wait for a whole one more. Lets them come as long as they do.
void CommitLog::gather() {
  constexpr int kLooks = 64;
  constexpr int kWithoutOne = 3;
  Lsn seen;
  for (int look = 0, since = 0; look < kLooks && since < kWithoutOne; ++look) {
    {
      const MutexLock lock{mutex_};
      if (in_flight_ <= 1) return;
      since = next_lsn_ == seen ? since + 1 : 0;
      seen = next_lsn_;
    }
    std::this_thread::yield();
  }
}

std::uint64_t CommitLog::written_end(const Segment& segment) const {
  const MutexLock lock{mutex_};
  return segment.writer->end().value;
}

// By the one thread that has set syncing_.
void CommitLog::sync_once() {
  std::vector<std::shared_ptr<Segment>> to_sync;
  std::vector<std::shared_ptr<Segment>> retired;
  Lsn target;
  {
    const MutexLock lock{mutex_};
    if (failed_) return;
    retired = retired_;
    to_sync = retired_;
    if (current_) {
      current_->writer->seal_for_sync();
      to_sync.push_back(current_);
    }
    target = next_lsn_ - 1;
    sync_target_ = target;
  }
  // Oldest first: what is durable is then always a prefix.
  for (const auto& segment : to_sync) {
    if (segment->mapping) {
      const std::uint64_t end = written_end(*segment);
      segment->mapping->let_go(segment->let_go_to, end);
      segment->let_go_to = end;
    }
    auto synced = segment->file->sync();
    const MutexLock lock{mutex_};
    ++counters_.syncs;
    if (!synced) return fail(kSyncFailed, synced.error());
    if (!check_written(*segment)) return;
  }
  {
    const MutexLock lock{mutex_};
    if (durable_ < target) sync_point_due_ = true;
    set_durable(target);
    retired_.erase(retired_.begin(),
                   retired_.begin() + static_cast<std::ptrdiff_t>(retired.size()));
  }
  release(retired, true);
}

// Gives back the memory of segments that nobody writes to any more and, once they are synced, their unused ends: a file that is
// shorter than it was allocated must have its seal on the disk.
void CommitLog::release(const std::vector<std::shared_ptr<Segment>>& retired, bool synced) {
  for (const auto& segment : retired) {
    segment->mapping.reset();
    // If it fails, the file keeps its zeros: no harm.
    if (synced && segment->writer)
      static_cast<void>(segment->file->truncate(segment->writer->end().value));
  }
}

void CommitLog::fail(const char* what, const Error& why) {
  if (!failed_) failed_.emplace(Errc::io, what, why.system_error());
  changed_.notify_all();
  for (EventCount& ended : sync_ended_) ended.announce_to_all();  // no sync will
}

// L3 for what was stored into a mapping whose pages the kernel could not give us: syncs succeed without it.
Result<void> CommitLog::check_written(const Segment& segment) {
  if (!segment.mapping || !segment.mapping->failed()) return {};
  fail(
      "a write to the log failed, so the store takes no more changes; check the disk, then reopen "
      "it",
      Error{Errc::io, "", EIO});
  return failure();
}

std::unexpected<Error> CommitLog::failure() const { return std::unexpected(*failed_); }

void CommitLog::run_duties() {
  bool sync = false;
  std::vector<std::shared_ptr<Segment>> retired;
  {
    const MutexLock lock{mutex_};
    if (failed_ || closed_) return;
    const Lsn last = next_lsn_ - 1;
    const bool idle = last == seen_by_duties_;
    seen_by_duties_ = last;
    if (syncing_) {
      // Somebody syncs already: next time.
    } else if (syncs_by_itself()) {
      sync = durability_ == Durability::interval && durable_ < last;
      if (idle && durable_ == last && sync_point_due_ && current_ && current_->writer->fits(0)) {
        // So that damage to what was synced last can be told from a torn tail.
        current_->writer->mark(FrameKind::sync_point, context(last_time_));
        sync_point_due_ = false;
        sync = true;
      }
    } else {
      retired = retired_;  // they stay listed, for flush() and close() to sync
    }
    if (sync || !retired.empty()) begin_sync();
  }
  if (sync || !retired.empty()) {
    const Syncing syncing{*this};
    if (sync) sync_once();
    release(retired, false);
  }
  prepare_spare();
}

void CommitLog::try_duties(bool all) noexcept {
  try {
    if (all)
      run_duties();
    else
      prepare_spare();
  } catch (...) {
  }
}

void CommitLog::run_thread() {
  try_duties(false);
  std::uint64_t seen = 0;
  auto last_duties = SteadyClock::now();
  for (;;) {
    bool woken = false;
    bool all = true;
    {
      const MutexLock lock{mutex_};
      const auto interval = durability_ == Durability::interval ? sync_interval_ : kTickMax;
      const auto next_duties = last_duties + interval;
      const auto next_try = no_room_ ? SteadyClock::now() + kTickMax : next_duties;
      thread_is_wanted_.wait_until(
          mutex_, std::min(next_duties, next_try),
          [&]() HYBRID_REQUIRES(mutex_) { return stop_ || wake_ups_ != seen; });
      if (stop_) return;
      woken = wake_ups_ != seen;
      seen = wake_ups_;
      all = woken || SteadyClock::now() >= next_duties;
    }
    if (all) last_duties = SteadyClock::now();
    try_duties(all);
    if (woken && config_.on_segment) config_.on_segment();
  }
}

void CommitLog::set_durability(Durability durability, std::chrono::milliseconds sync_interval) {
  {
    const MutexLock lock{mutex_};
    durability_ = durability;
    sync_interval_ = sync_interval;
    ++wake_ups_;
  }
  thread_is_wanted_.notify_all();
}

CommitLog::Counters CommitLog::counters() const {
  const MutexLock lock{mutex_};
  Counters counters = counters_;
  counters.last_lsn = next_lsn_ - 1;
  counters.durable = durable_;
  counters.no_room = no_room_.has_value();
  counters.segments = closed_segments_.size() + (current_ ? 1 : 0);
  for (const ClosedSegment& segment : closed_segments_) counters.bytes += segment.bytes;
  if (current_) counters.bytes += current_->writer->end().value;
  return counters;
}

Lsn CommitLog::last_lsn() const {
  const MutexLock lock{mutex_};
  return next_lsn_ - 1;
}

Lsn CommitLog::low_water() const {
  const MutexLock lock{mutex_};
  return low_water_;
}

Result<void> CommitLog::close() {
  {
    const MutexLock lock{mutex_};
    closed_ = true;
    stop_ = true;
  }
  changed_.notify_all();
  thread_is_wanted_.notify_all();
  if (thread_.joinable()) thread_.join();

  mutex_.lock();
  const auto is_quiet = [this]() HYBRID_REQUIRES(mutex_) {
    return in_flight_.load(std::memory_order_acquire) == 0 && !syncing_;
  };
  // Who was told that a change is durable takes no lock to say that it is gone.
  while (!changed_.wait_until(mutex_, SteadyClock::now() + kLook, is_quiet)) {
  }
  const std::shared_ptr<Segment> current = current_;
  const std::shared_ptr<Segment> spare = std::move(spare_);
  // A sealed segment counts on a successor's file.
  const bool keep_spare = !current && last_is_sealed_;
  const std::optional<Error> failed = failed_;
  const Lsn last = next_lsn_ - 1;
  const Millis now = last_time_;
  mutex_.unlock();

  if (failed) return std::unexpected(*failed);
  if (current) {
    if (auto durable = wait_durable(last); !durable) return durable;
    {
      const MutexLock lock{mutex_};
      current->writer->seal_for_sync();
      current->writer->mark(FrameKind::closed, context(now));
    }
    // The mark before the cut: a file that is cut and not marked was cut by somebody else.
    if (auto synced = current->file->sync(); !synced) return synced;
    {
      const MutexLock lock{mutex_};
      if (auto written = check_written(*current); !written) return written;
    }
    current->mapping.reset();
    if (auto cut = current->file->truncate(current->writer->end().value); !cut) return cut;
    if (auto synced = current->file->sync(); !synced) return synced;
  }
  if (spare && !keep_spare) {
    spare->mapping.reset();
    if (auto removed = config_.files.remove(spare->path); !removed) return removed;
  }
  return {};
}

}  // namespace hybrid::store
