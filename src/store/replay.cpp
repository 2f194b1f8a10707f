#include "store/replay.hpp"

#include "hybrid/params.hpp"
#include "store/attributes.hpp"

namespace hybrid::store {
namespace {

using scf::Op;

// What holds for the block after every change: a limit, and that the table knows the deadline in it.
const char* conclude(Entry& entry) {
  if (entry.block.content_bytes() > kSessionBytesMax) return "a session larger than any is";
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

void set(PackedBlock& block, std::string_view key, std::string_view value) {
  const std::size_t room = block.room_for(key, value);
  block.reserve(room, room == 0 ? 0 : 1);
  block.set(key, value);
}

}  // namespace

const char* Replay::apply(const scf::Record& record, scf::Lsn lsn, Millis time) {
  if (!is_time(time)) return "a time that cannot be";
  switch (record.op) {
    case Op::create: return create(record, lsn, time);
    case Op::destroy: return destroy(record);
    case Op::change_id: return change_id(record);
    case Op::modify: return modify(record, time);
    case Op::touch: return touch(record);
  }
  return "an unknown operation";
}

const char* Replay::absent() const {
  return lost_start_ ? nullptr : "it is of a session that does not live";
}

EntryRef Replay::add(const Digest& sid, scf::Lsn lsn, Millis time) HYBRID_NO_ANALYSIS {
  auto [entry, added] = table_.find_or_add(sid, time);
  if (!added) return {};
  entry->state = State::live;
  entry->anchor().store(lsn.value, std::memory_order_relaxed);
  entry->writer.unlock();
  table_.live.fetch_add(1, std::memory_order_relaxed);
  return entry;
}

void Replay::remove(const EntryRef& entry) {
  entry->die(State::dead);
  table_.remove(*entry);
  table_.live.fetch_sub(1, std::memory_order_relaxed);
}

const char* Replay::create(const scf::Record& record, scf::Lsn lsn, Millis time) {
  if (record.data.empty())
    return add(record.sid, lsn, time) ? nullptr : "it creates a session that lives";
  const auto image = scf::parse_image(record.data);
  if (!image) return "a malformed image";
  if (!is_time(image->created) || !is_time(image->last_access)) return "a time that cannot be";
  if (const EntryRef before = table_.find(record.sid)) remove(before);
  const EntryRef entry = add(record.sid, lsn, time);
  entry->set_times(image->created, image->last_access);
  entry->rest().version = image->version;
  std::size_t bytes = 0;
  for (const auto& [key, value] : image->entries)
    bytes += PackedBlock::entry_bytes(key.size(), value.size());
  table_.change_block(*entry, [&](PackedBlock& block) {
    block.reserve(bytes, image->entries.size());
    for (const auto& [key, value] : image->entries) block.set(key, value);
  });
  return conclude(*entry);
}

const char* Replay::destroy(const scf::Record& record) {
  if (!record.data.empty()) return "a malformed destroy";
  const EntryRef entry = table_.find(record.sid);
  if (!entry) return absent();
  remove(entry);
  return nullptr;
}

const char* Replay::change_id(const scf::Record& record) HYBRID_NO_ANALYSIS {
  const auto new_sid = scf::parse_new_sid(record.data);
  if (!new_sid) return "a malformed change of id";
  const EntryRef entry = table_.find(record.sid);
  if (!entry) return absent();
  auto [placeholder, added] = table_.find_or_add(*new_sid, 0);
  if (!added) return "it changes an id to one that lives";
  placeholder->die(State::dead);
  table_.rename(*entry, *placeholder);
  placeholder->writer.unlock();
  return nullptr;
}

const char* Replay::modify(const scf::Record& record, Millis time) {
  const auto changes = scf::parse_changes(record.data);
  if (!changes) return "malformed changes";
  const EntryRef entry = table_.find(record.sid);
  if (!entry) return absent();
  table_.change_block(*entry, [&](PackedBlock& block) {
    for (const scf::ChangeView& change : *changes) {
      switch (change.kind) {
        case scf::ChangeKind::create:
        case scf::ChangeKind::update: set(block, change.key, change.value); break;
        case scf::ChangeKind::erase: block.erase(change.key); break;
        case scf::ChangeKind::clear: block.clear(); break;
      }
    }
  });
  if (const char* const wrong = conclude(*entry)) return wrong;
  ++entry->rest().version;
  entry->access.store(time, std::memory_order_relaxed);
  entry->logged_access().store(time, std::memory_order_relaxed);
  return nullptr;
}

const char* Replay::touch(const scf::Record& record) {
  const auto touches = scf::parse_touches(record.data);
  if (!touches) return "malformed touches";
  for (const scf::Touch& touch : *touches) {
    // Its session may have been destroyed or have changed its id while the batch was made.
    if (!is_time(touch.last_access)) return "a time that cannot be";
    const EntryRef entry = table_.find(touch.sid);
    if (!entry || touch.last_access <= entry->access.load(std::memory_order_relaxed)) continue;
    entry->access.store(touch.last_access, std::memory_order_relaxed);
    entry->logged_access().store(touch.last_access, std::memory_order_relaxed);
  }
  return nullptr;
}

}  // namespace hybrid::store
