#include "store/replay.hpp"

#include <algorithm>

#include "hybrid/params.hpp"
#include "store/attributes.hpp"

namespace hybrid::store {
namespace {

using scf::Op;

// What holds for the block after every change: a limit, and that the table knows the deadline in it, if that may have moved.
const char* conclude(Entry& entry, bool deadline_moved) {
  if (entry.block.content_bytes() > kSessionBytesMax) return "a session larger than any is";
  if (!deadline_moved) return nullptr;
  const auto value = entry.block.find(attribute_key(Attribute::deadline));
  if (!value) {
    entry.set_deadline(Entry::kNever);
    return nullptr;
  }
  const auto deadline = parse_deadline(*value);
  if (!deadline) return "a deadline that cannot be";
  entry.chunk().make_deadlines();
  entry.set_deadline(*deadline);
  return nullptr;
}

bool sets(const scf::ChangeView& change) {
  return change.kind == scf::ChangeKind::create || change.kind == scf::ChangeKind::update;
}

// For all that `changes` may set, so that the block is made anew at most once.
void reserve(PackedBlock& block, std::span<const scf::ChangeView> changes) {
  std::size_t bytes = 0;
  std::size_t keys = 0;
  for (const scf::ChangeView& change : changes) {
    if (change.kind == scf::ChangeKind::clear) break;
    if (!sets(change)) continue;
    const std::size_t room = block.room_for(change.key, change.value);
    bytes += room;
    keys += room == 0 ? 0 : 1;
  }
  block.reserve(bytes, keys);
}

void apply(PackedBlock& block, std::span<const scf::ChangeView> changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& [kind, key, value] = changes[i];
    switch (kind) {
      case scf::ChangeKind::create:
      case scf::ChangeKind::update:
        if (block.try_set(key, value)) break;
        reserve(block, changes.subspan(i));
        block.set(key, value);
        break;
      case scf::ChangeKind::erase: block.erase(key); break;
      case scf::ChangeKind::clear: block.clear(); break;
    }
  }
  block.reserve(0, 0);  // gives back what it has too much
}

bool may_move_deadline(const scf::ChangeView& change) {
  return change.kind == scf::ChangeKind::clear || change.key == attribute_key(Attribute::deadline);
}

}  // namespace

const char* Replay::apply(const scf::Record& record, Entry* guess, scf::Lsn lsn, Millis time) {
  if (!is_time(time)) return "a time that cannot be";
  switch (record.op) {
    case Op::create: return create(record, guess, lsn, time);
    case Op::destroy: return destroy(record, guess);
    case Op::change_id: return change_id(record, guess);
    case Op::modify: return modify(record, guess, time);
    case Op::touch: return touch(record);
  }
  return "an unknown operation";
}

Entry* Replay::find(const Digest& sid, Entry* guess) {
  // What lives is in the index, and nobody else changes that.
  if (guess != nullptr && guess->state == State::live && guess->digest == sid) return guess;
  const EntryRef found = table_.find(sid);
  return found ? &*found : nullptr;
}

const char* Replay::absent() const {
  return lost_start_ ? nullptr : "it is of a session that does not live";
}

Entry* Replay::add(const Digest& sid, scf::Lsn lsn, Millis time) HYBRID_NO_ANALYSIS {
  const auto [entry, added] = table_.find_or_add(sid, time);
  if (!added) return nullptr;
  entry->state = State::live;
  entry->anchor().store(lsn.value, std::memory_order_relaxed);
  entry->writer.unlock();
  table_.live.fetch_add(1, std::memory_order_relaxed);
  return &*entry;
}

void Replay::remove(Entry& entry) {
  ahead_.forget(entry);
  entry.die(State::dead);
  table_.remove(entry);
  table_.live.fetch_sub(1, std::memory_order_relaxed);
}

const char* Replay::create(const scf::Record& record, Entry* guess, scf::Lsn lsn, Millis time) {
  if (record.data.empty())
    return add(record.sid, lsn, time) != nullptr ? nullptr : "it creates a session that lives";
  if (!scf::parse_image(record.data, image_)) return "a malformed image";
  if (!is_time(image_.created) || !is_time(image_.last_access)) return "a time that cannot be";
  if (Entry* const before = find(record.sid, guess)) remove(*before);
  Entry& entry = *add(record.sid, lsn, time);
  entry.set_times(image_.created, image_.last_access);
  entry.rest().version = image_.version;
  std::size_t bytes = 0;
  for (const auto& [key, value] : image_.entries)
    bytes += PackedBlock::entry_bytes(key.size(), value.size());
  table_.change_block(entry, [&](PackedBlock& block) {
    block.reserve(bytes, image_.entries.size());
    for (const auto& [key, value] : image_.entries) block.add(key, value);
  });
  return conclude(entry, true);
}

const char* Replay::destroy(const scf::Record& record, Entry* guess) {
  if (!record.data.empty()) return "a malformed destroy";
  Entry* const entry = find(record.sid, guess);
  if (entry == nullptr) return absent();
  remove(*entry);
  return nullptr;
}

const char* Replay::change_id(const scf::Record& record, Entry* guess) HYBRID_NO_ANALYSIS {
  const auto new_sid = scf::parse_new_sid(record.data);
  if (!new_sid) return "a malformed change of id";
  Entry* const entry = find(record.sid, guess);
  if (entry == nullptr) return absent();
  auto [placeholder, added] = table_.find_or_add(*new_sid, 0);
  if (!added) return "it changes an id to one that lives";
  placeholder->die(State::dead);
  table_.rename(*entry, *placeholder);
  placeholder->writer.unlock();
  return nullptr;
}

const char* Replay::give(const scf::Record& record, Entry* guess, Millis time, Entry*& given) {
  if (!is_time(time)) return "a time that cannot be";
  given = find(record.sid, guess);
  if (given == nullptr) return absent();
  ahead_.forget(*given);
  table_.detach(*given);
  return nullptr;
}

const char* Replay::take(const Digest& new_sid, Entry& given) {
  return table_.attach(given, new_sid) ? nullptr : "it changes an id to one that lives";
}

const char* Replay::modify(const scf::Record& record, Entry* guess, Millis time) {
  if (!scf::parse_changes(record.data, changes_)) return "malformed changes";
  Entry* const entry = find(record.sid, guess);
  if (entry == nullptr) return absent();
  table_.change_block(*entry,
                      [&](PackedBlock& block) { store::apply(block, std::span{changes_}); });
  const bool deadline_moved = std::ranges::any_of(changes_, may_move_deadline);
  if (const char* const wrong = conclude(*entry, deadline_moved)) return wrong;
  ++entry->rest().version;
  entry->access.store(time, std::memory_order_relaxed);
  entry->logged_access().store(time, std::memory_order_relaxed);
  return nullptr;
}

const char* Replay::touch(const scf::Record& record) {
  auto touches = scf::parse_touches(record.data);
  if (!touches) return "malformed touches";
  for (const scf::Touch& touch : *touches) {
    if (!is_time(touch.last_access)) return "a time that cannot be";
  }
  std::erase_if(*touches, [&](const scf::Touch& touch) { return !share_.has(touch.sid); });
  LookAhead ahead{table_};
  for (std::size_t i = 0; i < touches->size(); ++i) {
    const auto& [sid, last_access] = (*touches)[i];
    Entry* const guess =
        ahead.next(touches->size(), i, [&](std::size_t j) { return &(*touches)[j].sid; });
    // Its session may have been destroyed or have changed its id while the batch was made.
    Entry* const entry = find(sid, guess);
    if (entry == nullptr || last_access <= entry->access.load(std::memory_order_relaxed)) continue;
    entry->access.store(last_access, std::memory_order_relaxed);
    entry->logged_access().store(last_access, std::memory_order_relaxed);
  }
  return nullptr;
}

}  // namespace hybrid::store
