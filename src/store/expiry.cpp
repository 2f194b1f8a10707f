// The part of the embedded store that has to do with time: deadlines, gc, and logging touches (rules S6, S7, S9), and the
// thread that does what is due.
//
// Nothing here looks at all sessions: each chunk of the table knows a time before which none of its sessions was accessed, and
// one before which none was created. They are lower bounds, set right whenever a chunk is looked through, so a sweep reads a few
// bytes for 256 sessions, the times of chunks that may hold an outdated one, and the entries of outdated ones only.
// So it is with deadlines that single sessions have (Attribute::deadline), which stand side by side, apart from their sessions.

#include <algorithm>
#include <new>

#include "store/attributes.hpp"
#include "store/store.hpp"

namespace hybrid::store {
namespace {

constexpr std::size_t kTouchesPerRecord = 1000;
constexpr Millis kTouchIntervalMax = 60'000;
constexpr Millis kTickMax = 1000;

}  // namespace

// --- Deadlines and gc

std::string EmbeddedStore::served(const Entry& entry) const {
  if (!has_listener_.load(std::memory_order_relaxed)) return {};
  const auto value = entry.block.find(attribute_key(Attribute::served));
  return std::string{value.value_or(std::string_view{})};
}

Result<std::optional<EmbeddedStore::Removed>> EmbeddedStore::expire(Entry& entry,
                                                                    const Outdated& outdated) {
  std::string record;
  append_record(record, scf::Op::destroy, entry.digest, {});
  {
    // In one step with the look at its times: a session touched before it stays, and one that is asked for after it is
    // gone (S6). The lock is not held while the log, which may have to wait for the disk, is written.
    const SpinLockGuard data{entry.data};
    if (entry.state != State::live || !outdated.matches(entry)) {
      return std::optional<Removed>{};
    }
    entry.state = State::pending;
  }
  struct Undo {
    Entry* entry;
    ~Undo() {
      if (entry == nullptr) return;
      const SpinLockGuard data{entry->data};
      entry->state = State::live;
    }
  } undo{&entry};
  Removed removed{
      .digest = entry.digest, .place = {}, .kind = Event::Kind::expired, .served = served(entry)};
  const auto logged = log(record, now(), {.room = CommitLog::Room::destroy});
  if (!logged) return std::unexpected(logged.error());
  removed.place = *logged;
  undo.entry = nullptr;
  {
    const SpinLockGuard data{entry.data};
    bury(entry);
  }
  expired_.fetch_add(1, std::memory_order_relaxed);
  return std::optional{std::move(removed)};
}

Result<std::optional<EmbeddedStore::Removed>> EmbeddedStore::expire_if_due(Entry& entry) {
  const auto writer = WriterLock::take(entry);
  if (!writer) return std::unexpected(writer.error());
  return expire(entry, past_deadline(now()));
}

Result<std::size_t> EmbeddedStore::sweep(const Outdated& outdated) {
  std::vector<Removed> removed;
  Result<void> result = remove_outdated(outdated, removed);
  for (const Removed& session : removed) {
    if (auto done = conclude(session); !done && result) result = done;
  }
  if (!result) return std::unexpected(result.error());
  return removed.size();
}

Result<void> EmbeddedStore::remove_outdated(const Outdated& outdated,
                                            std::vector<Removed>& removed) {
  const MutexLock lock{sweep_mutex_};
  Result<void> result{};
  const auto where = [&](const Floors& floors) { return outdated.may_match(floors); };
  table_->for_each_chunk_where(where, [&](Chunk& chunk) {
    if (!result) return;
    // Entries that move in from now on lower the floors themselves: see set_times() and set_deadline().
    Floors& floors = *chunk.floors;
    floors.access.store(Entry::kNever, std::memory_order_seq_cst);
    floors.created.store(Entry::kNever, std::memory_order_seq_cst);
    floors.deadline.store(Entry::kNever, std::memory_order_seq_cst);
    Millis access = Entry::kNever;
    Millis created = Entry::kNever;
    Millis deadline = Entry::kNever;
    for (Entry& place : chunk.entries) {
      if (result && outdated.matches(place)) result = remove_if_outdated(place, outdated, removed);
      access = std::min(access, place.access.load(std::memory_order_seq_cst));
      created = std::min(created, place.created().load(std::memory_order_seq_cst));
      deadline = std::min(deadline, place.deadline());
    }
    lower(floors.access, access);
    lower(floors.created, created);
    lower(floors.deadline, deadline);
  });
  return result;
}

Result<void> EmbeddedStore::remove_if_outdated(Entry& place, const Outdated& outdated,
                                               std::vector<Removed>& removed) {
  const EntryRef entry = Table::try_refer(place);
  if (!entry) return {};
  // Never wait: who holds it may be inside an update() that waits for this sweep. And it is in use.
  const auto writer = WriterLock::try_take(*entry);
  if (!writer) return {};
  if (removed.size() == removed.capacity())
    removed.reserve(2 * removed.size() + 1);  // before it is logged
  auto expired = expire(*entry, outdated);
  if (!expired) return std::unexpected(expired.error());
  if (*expired) removed.push_back(std::move(**expired));
  return {};
}

Result<std::size_t> EmbeddedStore::gc(std::chrono::seconds max_lifetime) {
  if (auto checked = check_open(); !checked) return std::unexpected(checked.error());
  if (max_lifetime < std::chrono::seconds{0}) {
    return std::unexpected(Error{Errc::invalid_argument, "max_lifetime must not be negative"});
  }
  const Millis now = this->now();
  // Those past a deadline are gone already: they are not counted.
  if (auto swept = sweep(past_deadline(now)); !swept) return swept;
  const Millis lifetime = max_lifetime.count() > now / 1000 ? now : max_lifetime.count() * 1000;
  return sweep({.accessed_before = now - lifetime});
}

std::size_t EmbeddedStore::count_outdated(const Outdated& outdated) {
  std::size_t count = 0;
  const auto where = [&](const Floors& floors) { return outdated.may_match(floors); };
  table_->for_each_chunk_where(where, [&](Chunk& chunk) {
    count += static_cast<std::size_t>(std::ranges::count_if(
        chunk.entries, [&](Entry& entry) { return outdated.matches(entry); }));
  });
  return count;
}

// --- Touches

Millis EmbeddedStore::touch_interval() const {
  const Millis idle = idle_timeout_.load(std::memory_order_relaxed);
  return idle == 0 ? kTouchIntervalMax
                   : std::min(kTouchIntervalMax, std::max<Millis>(1, idle / 10));
}

namespace {

struct PendingTouch {
  EntryRef entry;
  Digest digest;
  Millis accessed = 0;
  Millis logged_before = 0;
};

}  // namespace

Result<void> EmbeddedStore::log_touches(Touches which) {
  std::vector<PendingTouch> batch;
  Result<void> result{};

  const auto flush = [&] {
    if (batch.empty()) return;
    std::string record;
    scf::begin_record(record, scf::Op::touch, Digest{});
    for (const PendingTouch& touch : batch)
      scf::append_touch(record, {.sid = touch.digest, .last_access = touch.accessed});
    scf::end_record(record);
    const auto logged = log(record, now());
    if (!logged) result = std::unexpected(logged.error());
    for (const PendingTouch& touch : batch) {
      const SpinLockGuard data{touch.entry->data};
      if (logged && touch.entry->digest == touch.digest) continue;
      // Not logged, or under an id that was given up meanwhile: the next round takes it again.
      auto& logged_access = touch.entry->logged_access();
      if (logged_access.load(std::memory_order_relaxed) == touch.accessed) {
        logged_access.store(touch.logged_before, std::memory_order_relaxed);
        table_->note_touch(touch.entry->chunk());
      }
    }
    batch.clear();
    if (logged) {
      if (auto done = acknowledge(*logged); !done) result = done;
    }
  };

  const Table::TouchedChunks touched = table_->take_touched();
  table_->for_each_chunk([&](Chunk& chunk) {
    if (!(touched.contains(chunk) || which == Touches::all)) return;
    if (!result) return table_->note_touch(chunk);
    for (Entry& place : chunk.entries) {
      const Millis accessed = place.access.load(std::memory_order_relaxed);
      if (accessed == Entry::kNever) continue;
      if (accessed <= place.logged_access().load(std::memory_order_relaxed)) continue;
      // A made-up time is not logged as long as another crash may come: an excuse on top of an excuse would keep a session that
      // nobody uses.
      if (accessed <= excused_until_ && which == Touches::since) continue;
      EntryRef entry = Table::try_refer(place);
      if (!entry) continue;
      {
        const SpinLockGuard data{entry->data};
        if (entry->state != State::live) continue;
        const Millis now_accessed = entry->access.load(std::memory_order_relaxed);
        const Millis logged_before =
            entry->logged_access().exchange(now_accessed, std::memory_order_relaxed);
        batch.push_back({entry, entry->digest, now_accessed, logged_before});
      }
      if (batch.size() == kTouchesPerRecord) flush();
    }
  });
  flush();
  return result;
}

// After a crash up to one interval of touches may be missing. So that nobody who was active is logged out early, every session is
// given that much; the absolute deadline, which does not move with touches, is not affected.
void EmbeddedStore::excuse_lost_touches(Millis now) {
  const Millis excuse = touch_interval();
  excused_until_ = now;
  table_->for_each_chunk([&](Chunk& chunk) {
    for (Entry& entry : chunk.entries) {
      const Millis accessed = entry.access.load(std::memory_order_relaxed);
      if (accessed == Entry::kNever) continue;
      const Millis excused = std::min(accessed + excuse, excused_until_);
      if (excused > accessed) entry.access.store(excused, std::memory_order_relaxed);
    }
  });
}

// --- The background thread

void EmbeddedStore::run_duties() {
  const Millis now = this->now();
  // A full disk or a failed log is reported to who makes changes; here it only means to try again later.
  static_cast<void>(sweep(past_deadline(now)));
  if (log_) {
    const MutexLock lock{sweep_mutex_};
    if (now >= touches_due_) {
      touches_due_ = now + touch_interval();
      static_cast<void>(log_touches(Touches::since));
    }
  }
  if (!log_ || options_.background) return;
  log_->run_duties();
  while (clean()) {
  }
}

std::optional<std::chrono::microseconds> EmbeddedStore::clean() {
  if (!log_ || !clean_mutex_.try_lock()) return std::nullopt;  // somebody compacts
  const MutexLock lock{clean_mutex_, std::adopt_lock};
  // A full disk or a failed log is reported to who makes changes; here it only means to try again later, as does a lack of memory.
  try {
    if (const auto pause = cleaner_->step()) return *pause;
  } catch (const std::bad_alloc&) {
  }
  return std::nullopt;
}

void EmbeddedStore::run_thread() {
  for (;;) {
    const auto next_duties =
        SteadyClock::now() + std::chrono::milliseconds{std::min(kTickMax, touch_interval())};
    for (;;) {
      const auto pause = clean();
      const MutexLock lock{thread_mutex_};
      const auto until = pause ? std::min(next_duties, SteadyClock::now() + *pause) : next_duties;
      wake_up_.wait_until(thread_mutex_, until, [&]() HYBRID_REQUIRES(thread_mutex_) {
        return stop_ || (log_grew_ && !pause);
      });
      log_grew_ = false;
      if (stop_) return;
      if (SteadyClock::now() >= next_duties) break;
    }
    try {
      run_duties();
    } catch (const std::bad_alloc&) {  // the next tick tries again
    }
  }
}

}  // namespace hybrid::store
