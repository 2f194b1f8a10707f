#include "store/store.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "scf/log_copy.hpp"
#include "store/recovery.hpp"
#include "store/store_session.hpp"

namespace hybrid::store {
namespace {

using namespace std::chrono_literals;

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

Result<void> EmbeddedStore::check_open() const {
  if (!closed_.load(std::memory_order_relaxed)) return {};
  return std::unexpected(Error{Errc::unavailable, "the store is closed"});
}

Result<void> EmbeddedStore::check_call(std::string_view sid) const {
  auto checked = check_open();
  return checked ? check_sid(sid) : checked;
}

// --- Settings

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

// --- Visiting

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

// --- What those who run it ask for

Result<std::size_t> EmbeddedStore::size() {
  if (auto checked = check_open(); !checked) return std::unexpected(checked.error());
  const std::size_t outdated = count_outdated(past_deadline(clock_.now_exactly()));
  const std::size_t live = table_->live.load(std::memory_order_relaxed);
  return live - std::min(live, outdated);
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

}  // namespace hybrid::store
