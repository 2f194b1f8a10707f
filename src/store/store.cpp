#include "store/store.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "scf/log_copy.hpp"
#include "store/recovery.hpp"
#include "store/store_session.hpp"

namespace hybrid::store {
namespace {

using namespace std::chrono_literals;
using scf::Op;

// The calling thread's record in the making; empty.
std::string& scratch() {
  constexpr std::size_t kKept = std::size_t{1} << 20;
  thread_local std::string record;
  if (record.capacity() > kKept) record = {};
  record.clear();
  return record;
}

std::string_view make_record(Op op, const Digest& sid, std::string_view data = {}) {
  std::string& record = scratch();
  append_record(record, op, sid, data);
  return record;
}

// Takes an entry that is being created out of the table again, unless it was kept. Under its writer lock.
class PendingEntry {
 public:
  PendingEntry(Table& table, Entry& entry) : table_(table), entry_(&entry) {}
  PendingEntry(const PendingEntry&) = delete;
  PendingEntry& operator=(const PendingEntry&) = delete;
  ~PendingEntry() {
    if (entry_ == nullptr) return;
    const SpinLockGuard data{entry_->data};
    entry_->die(State::dead);
    table_.remove(*entry_);
  }
  void keep() { entry_ = nullptr; }

 private:
  Table& table_;
  Entry* entry_;
};

Result<void> check_params(const Params& params) {
  const auto wrong = [](const char* what) {
    return std::unexpected(Error{Errc::invalid_argument, what});
  };
  constexpr auto kForever = std::chrono::hours{24 * 365 * 100};
  if (params.durability > Durability::none)
    return wrong("Params::durability is none of its values");
  if (params.sync_interval < 1ms || params.sync_interval > 1h)
    return wrong("Params::sync_interval must be 1 ms to 1 h");
  if (params.idle_timeout < 0s || params.idle_timeout > kForever) {
    return wrong("Params::idle_timeout must be 0 (none) to 100 years");
  }
  if (params.absolute_timeout < 0s || params.absolute_timeout > kForever) {
    return wrong("Params::absolute_timeout must be 0 (none) to 100 years");
  }
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  if (params.segment_bytes < kMiB || params.segment_bytes > 1024 * kMiB) {
    return wrong("Params::segment_bytes must be 1 MiB to 1 GiB");
  }
  return {};
}

Millis to_millis(std::chrono::seconds time) { return std::chrono::milliseconds{time}.count(); }

}  // namespace

// --- Opening and closing

EmbeddedStore::EmbeddedStore(Options options)
    : options_(std::move(options)),
      clock_(options_.clock != nullptr ? *options_.clock : system_clock_),
      table_(Table::make()) {}

Result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(Options options) {
  if (auto checked = check_params(options.params); !checked)
    return std::unexpected(checked.error());
  std::unique_ptr<EmbeddedStore> store{new EmbeddedStore{std::move(options)}};
  if (auto started = store->start(); !started) return std::unexpected(started.error());
  return store;
}

Result<void> EmbeddedStore::start() {
  const Params& params = options_.params;
  {
    const MutexLock lock{params_mutex_};
    params_ = params;
  }
  idle_timeout_ = to_millis(params.idle_timeout);
  absolute_timeout_ = to_millis(params.absolute_timeout);
  sync_security_ops_ = params.sync_security_ops;

  if (options_.files != nullptr) {
    io::FileSystem& files = *options_.files;
    if (auto made = files.make_directory(options_.directory); !made) return made;
    // Before the lock, which makes a file: a directory of something else is left as it was.
    if (auto readable = scf::check_is_store(files, options_.directory); !readable) return readable;
    auto directory_lock = files.lock(options_.directory);
    if (!directory_lock) return std::unexpected(directory_lock.error());
    lock_ = std::move(*directory_lock);
    auto recovered = recover(files, options_.directory, *table_, params.on_recovery_progress);
    if (!recovered) return std::unexpected(recovered.error());
    recovery_ = std::move(recovered->report);
    for (const scf::FramePlace& place : recovered->log.not_durable) {
      recovery_.records_rewritten += place.last_lsn.value - place.first_lsn.value + 1;
    }
    clock_.advance_to(recovered->log.latest_time);
    const Millis opened_at = now();
    auto log = CommitLog::open(
        {.files = files,
         .directory = options_.directory,
         .segment_bytes = params.segment_bytes,
         .first_segment_bytes = std::min(options_.first_segment_bytes, params.segment_bytes),
         .durability = params.durability,
         .sync_interval = params.sync_interval,
         .background = options_.background,
         .on_segment =
             [this] {
               {
                 const MutexLock lock{thread_mutex_};
                 log_grew_ = true;
               }
               wake_up_.notify_all();
             }},
        recovered->log, opened_at);
    if (!log) return std::unexpected(log.error());
    log_ = std::move(*log);
    if (!recovery_.clean_close) excuse_lost_touches(opened_at);
    const MutexLock lock{clean_mutex_};
    cleaner_.emplace(Cleaner::Config{.table = *table_,
                                     .log = *log_,
                                     .clock = clock_,
                                     .excused_until = excused_until_,
                                     .bytes_min = options_.clean_bytes_min,
                                     .slice_bytes = options_.clean_slice_bytes});
  }
  {
    const MutexLock lock{sweep_mutex_};
    touches_due_ = now() + touch_interval();
  }
  closed_ = false;
  if (options_.background) thread_ = Thread{[this] { run_thread(); }};
  return {};
}

EmbeddedStore::~EmbeddedStore() {
  static_cast<void>(close());
  log_.reset();  // its thread calls us, also if opening failed half way
}

Result<void> EmbeddedStore::close() {
  {
    const MutexLock lock{thread_mutex_};
    stop_ = true;
  }
  wake_up_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (closed_) return {};
  closed_ = true;

  Result<void> result{};
  if (log_) result = log_touches(Touches::all);
  table_->close();
  if (log_) {
    if (auto closed = log_->close(); !closed) result = closed;
  }
  lock_.reset();
  return result;
}

// --- What is alive

EmbeddedStore::Outdated EmbeddedStore::past_deadline(Millis now) const {
  const Millis idle = idle_timeout_.load(std::memory_order_relaxed);
  const Millis absolute = absolute_timeout_.load(std::memory_order_relaxed);
  // At its deadline a session is gone.
  return {.accessed_before = idle == 0 ? Outdated::kNone : now - idle + 1,
          .created_before = absolute == 0 ? Outdated::kNone : now - absolute + 1,
          .ended_before = now + 1};
}

std::optional<Millis> EmbeddedStore::deadline(Entry& entry) const {
  const Millis idle = idle_timeout_.load(std::memory_order_relaxed);
  const Millis absolute = absolute_timeout_.load(std::memory_order_relaxed);
  std::optional<Millis> deadline;
  if (idle != 0) deadline = entry.access.load(std::memory_order_relaxed) + idle;
  if (absolute != 0) {
    const Millis too_old = entry.created().load(std::memory_order_relaxed) + absolute;
    deadline = deadline ? std::min(*deadline, too_old) : too_old;
  }
  if (const Millis own = entry.deadline(); own != Entry::kNever)
    deadline = deadline ? std::min(*deadline, own) : own;
  return deadline;
}

std::unexpected<Error> EmbeddedStore::why_absent(const Entry& entry) {
  if (entry.state == State::closed)
    return std::unexpected(Error{Errc::unavailable, "the store is closed"});
  return std::unexpected(Error{Errc::session_gone, "the session was destroyed or has expired"});
}

// --- Logging

Result<CommitLog::Place> EmbeddedStore::log(std::string_view record, Millis now,
                                            CommitLog::AppendOptions options) {
  if (!log_) return CommitLog::Place{.lsn = {}, .time = now, .waits = false};
  return log_->append(record, now, options);
}

Result<void> EmbeddedStore::acknowledge(const CommitLog::Place& place) {
  return place.waits ? log_->acknowledge(place) : Result<void>{};
}

// --- The origin's calls

Result<void> EmbeddedStore::check_open() const {
  if (!closed_.load(std::memory_order_relaxed)) return {};
  return std::unexpected(Error{Errc::unavailable, "the store is closed"});
}

Result<void> EmbeddedStore::check_call(std::string_view sid) const {
  auto checked = check_open();
  return checked ? check_sid(sid) : checked;
}

Session EmbeddedStore::handle(EntryRef entry, std::string_view sid) {
  return Session{std::make_shared<StoreSession>(*this, std::move(entry), sid)};
}

Result<CommitLog::Place> EmbeddedStore::log_new(Entry& entry, std::span<const Change> changes,
                                                Millis now) {
  if (changes.empty()) return log(make_record(Op::create, entry.digest), now);
  // The block first, which nobody sees yet: the record is an image of it.
  ChangePlan plan{changes, ChangePlan::Keys::any};
  if (auto made = plan.make(entry.digest, entry.block, scratch()); !made)
    return std::unexpected(made.error());
  if (plan.deadline()) entry.chunk().make_deadlines();
  table_->change_block(entry, [&](PackedBlock& block) {
    plan.make_room(block);
    plan.apply(block);
  });
  scf::Image image{.created = now, .last_access = now, .version = 1, .entries = {}};
  entry.block.for_each([&](std::string_view key, std::string_view value) {
    image.entries.emplace_back(key, value);
  });
  const auto logged = log(scf::image_record(entry.digest, image), now);
  if (!logged) return logged;
  entry.rest().version = image.version;
  if (plan.deadline()) entry.set_deadline(*plan.deadline());
  return logged;
}

Result<Session> EmbeddedStore::create(std::string_view sid, IfAlive if_alive,
                                      std::span<const Change> changes) {
  if (auto checked = check_call(sid); !checked) return std::unexpected(checked.error());
  const Digest digest = digest_of(sid);
  for (;;) {
    const Millis now = this->now();
    auto [entry, added] = table_->find_or_add(digest, now);
    if (added) {
      CommitLog::Place place;
      {
        const WriterLock writer = WriterLock::adopt(*entry);
        PendingEntry pending{*table_, *entry};
        const auto logged = log_new(*entry, changes, now);
        if (!logged) return std::unexpected(logged.error());
        pending.keep();
        const SpinLockGuard data{entry->data};
        place = *logged;
        // An image has its times in it.
        const Millis created = changes.empty() ? place.time : now;
        entry->set_times(created, created);
        entry->anchor().store(place.lsn.value, std::memory_order_relaxed);
        entry->state = State::live;
        table_->live.fetch_add(1, std::memory_order_relaxed);
      }
      if (auto done = acknowledge(place); !done) return std::unexpected(done.error());
      emit(Event::Kind::created, digest);
      return handle(std::move(entry), sid);
    }
    bool lives = false;
    {
      const SpinLockGuard data{entry->data};
      if (entry->state == State::closed) return why_absent(*entry);
      lives = alive(*entry, now);
      if (lives && if_alive == IfAlive::adopt) table_->touch(*entry, now);
    }
    if (lives && if_alive == IfAlive::refuse)
      return std::unexpected(Error{Errc::already_exists, "a live session has this id"});
    if (lives) {
      Session session = handle(entry, sid);
      if (changes.empty()) return session;
      auto applied = session.backend()->apply(changes, std::nullopt);
      if (applied) return session;
      if (applied.error().code() != Errc::session_gone)
        return std::unexpected(std::move(applied.error()));
    }
    // Somebody is creating, destroying or renaming it, or it has expired: wait, clear up, and look again.
    const auto gone = expire_if_due(*entry);
    if (!gone) return std::unexpected(gone.error());
    if (*gone) {
      if (auto done = conclude(**gone); !done) return std::unexpected(done.error());
    }
  }
}

Result<Session> EmbeddedStore::init(std::string_view sid) {
  return create(sid, IfAlive::refuse, {});
}

Result<Session> EmbeddedStore::load(std::string_view sid) {
  return create(sid, IfAlive::adopt, {});
}

Result<Session> EmbeddedStore::put(std::string_view sid, std::span<const Change> changes) {
  return create(sid, IfAlive::adopt, changes);
}

Result<std::optional<Session>> EmbeddedStore::find(std::string_view sid) {
  if (auto checked = check_call(sid); !checked) return std::unexpected(checked.error());
  EntryRef entry = table_->find(digest_of(sid));
  if (!lives(entry, now())) return std::nullopt;
  return handle(std::move(entry), sid);
}

bool EmbeddedStore::lives(const EntryRef& entry, Millis now) {
  if (!entry) return false;
  const SpinLockGuard data{entry->data};
  if (!alive(*entry, now)) return false;
  table_->touch(*entry, now);
  return true;
}

Result<std::vector<std::optional<Session>>> EmbeddedStore::find_many(
    std::span<const std::string_view> sids) {
  constexpr std::size_t kInFlight = 16;  // more cache misses than that no core waits for at a time
  for (const std::string_view sid : sids) {
    if (auto checked = check_call(sid); !checked) return std::unexpected(checked.error());
  }
  std::vector<std::optional<Session>> found;
  found.reserve(sids.size());
  std::array<Digest, kInFlight> digests;
  using Handles = std::array<std::optional<StoreSession>, kInFlight>;
  for (; found.size() < sids.size();) {
    const auto batch = sids.subspan(found.size(), std::min(kInFlight, sids.size() - found.size()));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      digests[i] = digest_of(batch[i]);
      table_->prefetch_slot(digests[i]);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) table_->prefetch_entry(digests[i]);
    const Millis now = this->now();
    // In one piece of memory: malloc() has few pieces of one size at hand.
    const auto handles = std::make_shared<Handles>();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      EntryRef entry = table_->find(digests[i]);
      if (!lives(entry, now)) {
        found.emplace_back();
        continue;
      }
      StoreSession& session = (*handles)[i].emplace(*this, std::move(entry), batch[i]);
      found.emplace_back(Session{std::shared_ptr<SessionBackend>{handles, &session}});
    }
  }
  return found;
}

bool EmbeddedStore::exists(std::string_view sid) {
  if (!check_call(sid)) return false;
  const EntryRef entry = table_->find(digest_of(sid));
  if (!entry) return false;
  const SpinLockGuard data{entry->data};
  return alive(*entry, now());
}

std::optional<Session> EmbeddedStore::look_at(Entry& place) {
  const EntryRef entry = Table::try_refer(place);
  if (!entry) return std::nullopt;
  {
    const SpinLockGuard data{entry->data};
    if (!alive(*entry, now())) return std::nullopt;
  }
  return Session{std::make_shared<StoreSession>(*this, entry, std::string_view{},
                                                StoreSession::Access::watches)};
}

void EmbeddedStore::bury(Entry& entry) {
  entry.die(State::dead);
  table_->remove(entry);
  table_->live.fetch_sub(1, std::memory_order_relaxed);
}

Result<void> EmbeddedStore::destroy(std::string_view sid) {
  if (auto checked = check_call(sid); !checked) return checked;
  const Digest digest = digest_of(sid);
  const EntryRef entry = table_->find(digest);
  if (!entry) return {};
  std::optional<Removed> removed;
  {
    const auto writer = WriterLock::take(*entry);
    if (!writer) return std::unexpected(writer.error());
    // The wait may have seen it destroyed, expired or renamed.
    if (entry->digest != digest) return {};
    auto destroyed = destroy(*entry);
    if (!destroyed) return std::unexpected(destroyed.error());
    removed = *destroyed;
  }
  return removed ? conclude(*removed) : Result<void>{};
}

Result<void> EmbeddedStore::conclude(const Removed& removed) {
  if (const Listener listener = this->listener())
    (*listener)(Event{removed.kind, removed.digest.bytes, removed.served});
  return acknowledge(removed.place);
}

Result<std::optional<EmbeddedStore::Removed>> EmbeddedStore::destroy(Entry& entry) {
  const Millis now = this->now();
  if (entry.state != State::live) return std::optional<Removed>{};
  // One that is past a deadline and was not swept yet must be gone from the log, too: after a crash its deadline is later.
  const bool expired = !alive(entry, now);
  Removed removed{.digest = entry.digest,
                  .place = {},
                  .kind = expired ? Event::Kind::expired : Event::Kind::destroyed,
                  .served = expired ? served(entry) : std::string{}};
  const auto logged = log(make_record(Op::destroy, removed.digest), now,
                          {.room = CommitLog::Room::destroy,
                           .at_once = sync_security_ops_.load(std::memory_order_relaxed)});
  if (!logged) return std::unexpected(logged.error());
  const SpinLockGuard data{entry.data};
  bury(entry);
  if (expired) expired_.fetch_add(1, std::memory_order_relaxed);
  removed.place = *logged;
  return std::optional{std::move(removed)};
}

Result<void> EmbeddedStore::change_id(std::string_view old_sid, std::string_view new_sid) {
  if (auto checked = check_call(old_sid); !checked) return checked;
  if (auto checked = check_call(new_sid); !checked) return checked;
  if (old_sid == new_sid)
    return std::unexpected(Error{Errc::invalid_argument, "the new session id is the old one"});
  const Digest old_digest = digest_of(old_sid);
  const Digest new_digest = digest_of(new_sid);
  const auto not_found = [] {
    return std::unexpected(Error{Errc::not_found, "no live session has the old id"});
  };

  const EntryRef entry = table_->find(old_digest);
  if (!entry) return not_found();
  auto new_name = std::make_unique<std::string>(new_sid);
  entry->chunk().make_names();
  CommitLog::Place place;
  std::vector<Removed> expired;  // that had the new id
  const struct Concluding {
    EmbeddedStore& store;
    std::vector<Removed>& removed;
    ~Concluding() {
      for (const Removed& session : removed) static_cast<void>(store.conclude(session));
    }
  } concluding{*this, expired};
  {
    const auto writer = WriterLock::take(*entry);
    if (!writer) return std::unexpected(writer.error());
    const Millis now = this->now();
    if (!alive(*entry, now) || entry->digest != old_digest) return not_found();

    // Holds the new id's place, so that nobody else takes it meanwhile.
    EntryRef placeholder;
    for (bool added = false; !added;) {
      std::tie(placeholder, added) = table_->find_or_add(new_digest, now);
      if (added) break;
      {
        const SpinLockGuard data{placeholder->data};
        if (alive(*placeholder, now)) {
          return std::unexpected(Error{Errc::already_exists, "a live session has the new id"});
        }
      }
      expired.reserve(expired.size() + 1);
      const auto gone = expire_if_due(*placeholder);
      if (!gone) return std::unexpected(gone.error());
      if (*gone) expired.push_back(**gone);
    }
    const WriterLock placeholder_writer = WriterLock::adopt(*placeholder);
    PendingEntry pending{*table_, *placeholder};
    const auto logged = log(make_record(Op::change_id, old_digest, as_chars(new_digest.bytes)), now,
                            {.room = CommitLog::Room::destroy,
                             .at_once = sync_security_ops_.load(std::memory_order_relaxed)});
    if (!logged) return std::unexpected(logged.error());
    pending.keep();
    {
      const SpinLockGuard data{placeholder->data};
      placeholder->die(State::dead);
    }
    place = *logged;
    const SpinLockGuard data{entry->data};
    table_->rename(*entry, *placeholder);
    // Handles made under the old id must learn the new one. Beside the index and us nobody refers to it, mostly.
    const bool has_handles = entry->references.load(std::memory_order_acquire) > 2;
    entry->set_renamed_to(has_handles ? std::move(new_name) : nullptr);
  }
  if (auto done = acknowledge(place); !done) return done;
  emit(Event::Kind::id_changed, new_digest);
  return {};
}

// --- One session's changes

Result<void> EmbeddedStore::commit(Entry& entry, std::span<const Change> changes,
                                   ChangePlan::Keys keys, std::optional<std::uint64_t> if_version,
                                   CommitLog::Place& place) {
  const Millis now = this->now();
  if (!alive(entry, now)) return why_absent(entry);
  if (if_version && *if_version != entry.rest().version) {
    return std::unexpected(Error{Errc::conflict, "the session is at another version"});
  }
  ChangePlan plan{changes, keys};
  if (auto made = plan.make(entry.digest, entry.block, scratch()); !made) return made;
  if (plan.record().empty()) return {};
  if (plan.deadline()) entry.chunk().make_deadlines();
  if (!plan.reserve(entry.block)) {
    const SpinLockGuard data{entry.data};  // readers look into the block that this moves
    table_->change_block(entry, [&](PackedBlock& block) { plan.make_room(block); });
  }
  const auto logged = log(plan.record(), now);
  if (!logged) return std::unexpected(logged.error());
  place = *logged;

  const SpinLockGuard data{entry.data};
  table_->change_block(entry, [&](PackedBlock& block) { plan.apply(block); });
  if (plan.deadline()) entry.set_deadline(*plan.deadline());
  ++entry.rest().version;
  table_->touch(entry, place.time);
  entry.logged_access().store(place.time, std::memory_order_relaxed);
  return {};
}

// --- The rest

Result<void> EmbeddedStore::set_params(const Params& params) {
  if (auto checked = check_open(); !checked) return checked;
  if (auto checked = check_params(params); !checked) return checked;
  // A longer timeout must not bring back what the one before has ended.
  if (auto swept = sweep(past_deadline(clock_.now_exactly())); !swept)
    return std::unexpected(swept.error());
  {
    const MutexLock lock{params_mutex_};
    const bool to_or_from_none =
        (params.durability == Durability::none) != (params_.durability == Durability::none);
    if (params.segment_bytes != params_.segment_bytes || (to_or_from_none && log_)) {
      return std::unexpected(
          Error{Errc::invalid_argument,
                "segment_bytes, and durability to or from none, are set at open only"});
    }
    params_ = params;
    idle_timeout_ = to_millis(params.idle_timeout);
    absolute_timeout_ = to_millis(params.absolute_timeout);
    sync_security_ops_ = params.sync_security_ops;
    if (log_) log_->set_durability(params.durability, params.sync_interval);
  }
  {
    const MutexLock lock{sweep_mutex_};
    touches_due_ = std::min(touches_due_, now() + touch_interval());
  }
  return {};
}

Result<std::size_t> EmbeddedStore::size() {
  if (auto checked = check_open(); !checked) return std::unexpected(checked.error());
  const std::size_t outdated = count_outdated(past_deadline(clock_.now_exactly()));
  const std::size_t live = table_->live.load(std::memory_order_relaxed);
  return live - std::min(live, outdated);
}

Result<void> EmbeddedStore::for_each(const std::function<bool(Session&)>& fn) {
  if (auto checked = check_open(); !checked) return checked;
  bool go_on = true;
  table_->for_each_chunk([&](Chunk& chunk) {
    for (std::size_t i = 0; go_on && i < Chunk::kEntries; ++i) {
      if (auto session = look_at(chunk.entries[i])) go_on = fn(*session);
    }
  });
  return {};
}

Result<std::uint64_t> EmbeddedStore::scan(std::uint64_t cursor, std::size_t places,
                                          const std::function<void(Session&)>& fn) {
  if (auto checked = check_open(); !checked) return std::unexpected(checked.error());
  // Entries stay where they are, so a place is a cursor.
  for (; places > 0; --places, ++cursor) {
    Chunk* const chunk = table_->chunk(cursor / Chunk::kEntries);
    if (chunk == nullptr) return 0;
    if (auto session = look_at(chunk->entries[cursor % Chunk::kEntries])) fn(*session);
  }
  return table_->chunk(cursor / Chunk::kEntries) != nullptr ? cursor : 0;
}

Result<Stats> EmbeddedStore::stats() {
  if (auto checked = check_open(); !checked) return std::unexpected(checked.error());
  Stats stats;
  const auto sessions = size();
  if (!sessions) return std::unexpected(sessions.error());
  stats.sessions = *sessions;
  stats.deadlines = table_->deadlines.load(std::memory_order_relaxed);
  stats.memory_bytes = table_->memory_bytes.load(std::memory_order_relaxed);
  stats.expired = expired_.load(std::memory_order_relaxed);
  stats.recovery = recovery_;
  if (log_) {
    const CommitLog::Counters counters = log_->counters();
    stats.segments = counters.segments;
    stats.log_bytes = counters.bytes;
    stats.last_lsn = counters.last_lsn.value;
    stats.durable_lsn = counters.durable.value;
    stats.records_appended = counters.records_appended;
    stats.syncs = counters.syncs;
  }
  return stats;
}

Result<std::uint64_t> EmbeddedStore::memory_bytes() {
  if (auto checked = check_open(); !checked) return std::unexpected(checked.error());
  return table_->memory_bytes.load(std::memory_order_relaxed);
}

Result<void> EmbeddedStore::flush() {
  if (auto checked = check_open(); !checked) return checked;
  return log_ ? log_->wait_durable(log_->last_lsn()) : Result<void>{};
}

Result<void> EmbeddedStore::compact(const OnProgress& on_progress) {
  if (auto checked = check_open(); !checked) return checked;
  // Another one is not waited for: it may be waiting for the session whose update() this call is in.
  if (compacting_.exchange(true)) {
    return std::unexpected(Error{Errc::locked, "another compact() is under way"});
  }
  const struct Done {
    std::atomic<bool>& compacting;
    ~Done() { compacting = false; }
  } done{compacting_};
  const MutexLock lock{clean_mutex_};
  return cleaner_ ? cleaner_->compact(on_progress) : Result<void>{};
}

Result<void> EmbeddedStore::backup(const std::string& directory, const OnProgress& on_progress) {
  if (auto checked = check_open(); !checked) return checked;
  if (!log_) {
    return std::unexpected(
        Error{Errc::unsupported, "a store that is in memory only has no log to copy"});
  }
  auto copied =
      scf::copy_log(*options_.files, options_.directory, directory, log_->last_lsn(), on_progress);
  if (!copied) return std::unexpected(copied.error());
  return {};
}

Result<void> EmbeddedStore::on_event(std::function<void(const Event&)> fn) {
  if (auto checked = check_open(); !checked) return checked;
  const MutexLock lock{listener_mutex_};
  has_listener_ = static_cast<bool>(fn);
  listener_ =
      fn ? std::make_shared<const std::function<void(const Event&)>>(std::move(fn)) : nullptr;
  return {};
}

EmbeddedStore::Listener EmbeddedStore::listener() {
  if (!has_listener_.load(std::memory_order_relaxed)) return nullptr;
  const MutexLock lock{listener_mutex_};
  return listener_;
}

void EmbeddedStore::emit(Event::Kind kind, const Digest& digest) {
  if (const Listener listener = this->listener()) (*listener)(Event{kind, digest.bytes, {}});
}

}  // namespace hybrid::store
