// The part of the embedded store that makes, finds, changes, ends and renames sessions (rules S1 to S5, S8).

#include <algorithm>
#include <array>

#include "store/store.hpp"
#include "store/store_session.hpp"

namespace hybrid::store {
namespace {

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

}  // namespace

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

// --- Logging, and telling who listens

Result<CommitLog::Place> EmbeddedStore::log(std::string_view record, Millis now,
                                            CommitLog::AppendOptions options) {
  if (!log_) return CommitLog::Place{.lsn = {}, .time = now, .waits = false};
  return log_->append(record, now, options);
}

Result<void> EmbeddedStore::acknowledge(const CommitLog::Place& place) {
  return place.waits ? log_->acknowledge(place) : Result<void>{};
}

Result<void> EmbeddedStore::conclude(const Removed& removed) {
  if (const Listener listener = this->listener())
    (*listener)(Event{removed.kind, removed.digest.bytes, removed.served});
  return acknowledge(removed.place);
}

EmbeddedStore::Listener EmbeddedStore::listener() {
  if (!has_listener_.load(std::memory_order_relaxed)) return nullptr;
  const MutexLock lock{listener_mutex_};
  return listener_;
}

void EmbeddedStore::emit(Event::Kind kind, const Digest& digest) {
  if (const Listener listener = this->listener()) (*listener)(Event{kind, digest.bytes, {}});
}

// --- Finding

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

// --- Making

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

// --- Ending

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

// --- Another id

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

}  // namespace hybrid::store
