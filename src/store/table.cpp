#include "store/table.hpp"

#include "base/assert.hpp"

namespace hybrid::store {

void lower(std::atomic<Millis>& floor, Millis time) {
  Millis seen = floor.load(std::memory_order_seq_cst);
  while (time < seen && !floor.compare_exchange_weak(seen, time, std::memory_order_relaxed)) {
  }
}

void Chunk::make_names() {
  if (names.load(std::memory_order_acquire) != nullptr) return;
  auto made = std::make_unique<Names>();
  Names* none = nullptr;
  if (names.compare_exchange_strong(none, made.get(), std::memory_order_acq_rel)) made.release();
}

void Chunk::make_deadlines() {
  if (deadlines.load(std::memory_order_acquire) != nullptr) return;
  auto made = std::make_unique<Deadlines>();
  for (std::atomic<Millis>& deadline : *made) deadline.store(Entry::kNever);
  Deadlines* none = nullptr;
  if (deadlines.compare_exchange_strong(none, made.get(), std::memory_order_acq_rel))
    made.release();
}

void Entry::set_deadline(Millis deadline) {
  Chunk::Deadlines* const deadlines = chunk().deadlines.load(std::memory_order_acquire);
  if (deadlines == nullptr) return;
  // In one order with the sweep's raising of the floor: see set_times().
  (*deadlines)[slot].store(deadline, std::memory_order_seq_cst);
  const bool had_one = has_deadline.exchange(deadline != kNever, std::memory_order_seq_cst);
  if (had_one != (deadline != kNever))
    chunk().table->deadlines.fetch_add(had_one ? std::size_t{0} - 1 : 1, std::memory_order_relaxed);
  if (deadline != kNever) lower(chunk().floors->deadline, deadline);
}

const std::string* Entry::renamed_to() {
  if (!has_other_name) return nullptr;
  return (*chunk().names.load(std::memory_order_acquire))[slot].get();
}

void Entry::set_renamed_to(std::unique_ptr<std::string> sid) {
  if (!has_other_name && sid == nullptr) return;
  has_other_name = sid != nullptr;
  (*chunk().names.load(std::memory_order_acquire))[slot] = std::move(sid);
}

EntryRef::~EntryRef() {
  if (entry_ != nullptr && entry_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    entry_->chunk().table->recycle(*entry_);
  }
}

Table::Owner Table::make() { return Owner{new Table}; }

Entry* Table::Shard::find(const Digest& digest) {
  if (slots.empty()) return nullptr;
  const std::uint32_t hash = hash_in_shard(digest);
  for (std::size_t i = home(hash); !slots[i].empty(); i = after(i)) {
    if (slots[i].hash() != hash) continue;
    slots[i].prefetch();
    if (slots[i].entry()->digest == digest) return slots[i].entry();
  }
  return nullptr;
}

void Table::Shard::prefetch_slot(const Digest& digest) const {
  if (!slots.empty()) prefetch(&slots[home(hash_in_shard(digest))]);
}

Entry* Table::Shard::prefetch_entry(const Digest& digest) const {
  if (slots.empty()) return nullptr;
  const std::uint32_t hash = hash_in_shard(digest);
  std::size_t i = home(hash);
  while (!slots[i].empty() && slots[i].hash() != hash) i = after(i);
  slots[i].prefetch();
  return slots[i].entry();
}

void Table::Shard::insert(const Slot& slot) {
  std::size_t i = home(slot.hash());
  while (!slots[i].empty()) i = after(i);
  slots[i] = slot;
  ++count;
}

std::size_t Table::Shard::slot_of(const Entry& entry) {
  std::size_t i = home(hash_in_shard(entry.digest));
  while (slots[i].entry() != &entry) {
    HYBRID_ASSERT(!slots[i].empty());
    i = after(i);
  }
  return i;
}

void Table::Shard::erase(const Entry& entry) {
  const std::size_t size = slots.size();
  std::size_t hole = slot_of(entry);
  // Move back whatever probed past the hole.
  const auto distance = [&](std::size_t from, std::size_t to) {
    return to >= from ? to - from : to + size - from;
  };
  for (std::size_t i = after(hole); !slots[i].empty(); i = after(i)) {
    if (distance(home(slots[i].hash()), i) >= distance(hole, i)) {
      slots[hole] = slots[i];
      hole = i;
    }
  }
  slots[hole] = {};
  --count;
}

// A quarter at a time, so that little stays empty.
void Table::Shard::grow() {
  constexpr std::size_t kSlotsMin = 8;
  if ((count + 1) * 5 <= slots.size() * 4) return;  // up to 80 % full
  const std::size_t size = slots.size() + std::max(kSlotsMin, slots.size() / 4);
  const std::vector<Slot> before = std::exchange(slots, std::vector<Slot>(size));
  count = 0;
  for (const Slot& slot : before) {
    if (!slot.empty()) insert(slot);
  }
}

EntryRef Table::find(const Digest& digest) {
  Shard& shard = shard_of(digest);
  const SpinLockGuard lock{shard.mutex};
  Entry* const entry = shard.find(digest);
  if (entry == nullptr) return {};
  entry->references.fetch_add(1, std::memory_order_relaxed);
  return EntryRef{entry};
}

void Table::prefetch_slot(const Digest& digest) {
  Shard& shard = shard_of(digest);
  const SpinLockGuard lock{shard.mutex};
  shard.prefetch_slot(digest);
}

void Table::prefetch_entry(const Digest& digest) {
  Shard& shard = shard_of(digest);
  const SpinLockGuard lock{shard.mutex};
  shard.prefetch_entry(digest);
}

void Table::prefetch_slot_alone(const Digest& digest) { shard_of(digest).prefetch_slot(digest); }

Entry* Table::prefetch_entry_alone(const Digest& digest) {
  return shard_of(digest).prefetch_entry(digest);
}

std::pair<EntryRef, bool> Table::find_or_add(const Digest& digest, Millis now) {
  Shard& shard = shard_of(digest);
  const SpinLockGuard lock{shard.mutex};
  if (Entry* const entry = shard.find(digest)) {
    entry->references.fetch_add(1, std::memory_order_relaxed);
    return {EntryRef{entry}, false};
  }
  shard.grow();
  Entry* const entry = allocate(digest, now);
  // Free until now, so nobody else can hold it: taking it here, against the order, cannot wait.
  const bool free = entry->writer.try_lock();
  HYBRID_ASSERT(free);
  shard.insert(make_slot(*entry));
  entry->references.store(2, std::memory_order_release);  // the index's and the caller's
  return {EntryRef{entry}, true};
}

void Table::remove(Entry& entry) {
  Shard& shard = shard_of(entry.digest);
  {
    const SpinLockGuard lock{shard.mutex};
    shard.erase(entry);
  }
  const EntryRef index_reference{&entry};
}

void Table::rename(Entry& entry, Entry& placeholder) {
  Shard& from = shard_of(entry.digest);
  Shard& to = shard_of(placeholder.digest);
  // Two shards are locked by address, so that two renames cannot wait for each other.
  Shard* const first = std::min(&from, &to);
  Shard* const second = std::max(&from, &to);
  {
    const SpinLockGuard first_lock{first->mutex};
    if (second != first) second->mutex.lock();
    from.erase(entry);
    to.erase(placeholder);
    entry.digest = placeholder.digest;
    to.insert(make_slot(entry));
    if (second != first) second->mutex.unlock();
  }
  const EntryRef index_reference{&placeholder};
}

void Table::detach(Entry& entry) { shard_of(entry.digest).erase(entry); }

bool Table::attach(Entry& entry, const Digest& digest) {
  Shard& shard = shard_of(digest);
  if (shard.find(digest) != nullptr) return false;
  shard.grow();
  entry.digest = digest;
  shard.insert(make_slot(entry));
  return true;
}

void Table::note_place(Entry& entry) {
  Shard& shard = shard_of(entry.digest);
  const SpinLockGuard lock{shard.mutex};
  shard.slots[shard.slot_of(entry)] = make_slot(entry);
}

std::uint64_t Table::place_in_index(Entry& entry) {
  Shard& shard = shard_of(entry.digest);
  const SpinLockGuard lock{shard.mutex};
  return shard.slots[shard.slot_of(entry)].block();
}

Table::TouchedChunks Table::take_touched() {
  TouchedChunks taken;
  for (std::size_t i = 0; i < kTouchedFlags; ++i) {
    if (touched_[i].load(std::memory_order_relaxed))
      taken.flags_[i] = touched_[i].exchange(false, std::memory_order_relaxed);
  }
  return taken;
}

void Entry::die(State as) {
  const bool was_in_use = access.load(std::memory_order_relaxed) != kNever;
  if (was_in_use) chunk().image_bytes.fetch_sub(image_bytes(), std::memory_order_relaxed);
  state = as;
  if (const std::size_t bytes = block.memory_bytes(); bytes != 0)
    chunk().table->memory_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  block = PackedBlock{};
  access.store(kNever, std::memory_order_relaxed);
  created().store(kNever, std::memory_order_relaxed);
  anchor().store(kNoAnchor, std::memory_order_relaxed);
  if (has_deadline.load(std::memory_order_relaxed)) set_deadline(kNever);
}

std::size_t Table::chunks() {
  const MutexLock lock{pool_mutex_};
  return chunks_;
}

ChunkGroup& Table::group(std::size_t chunk) {
  const MutexLock lock{pool_mutex_};
  return *groups_[chunk / ChunkGroup::kChunks];
}

Chunk* Table::chunk(std::size_t i) {
  return i < chunks() ? group(i).chunks[i % ChunkGroup::kChunks].get() : nullptr;
}

Chunk& Table::add_chunk() {
  const std::size_t place = chunks_ % ChunkGroup::kChunks;
  if (place == 0 && groups_.size() * ChunkGroup::kChunks == chunks_)
    groups_.push_back(std::make_unique<ChunkGroup>());
  ChunkGroup& group = *groups_.back();
  group.chunks[place] = std::make_unique<Chunk>();
  Chunk& chunk = *group.chunks[place];
  chunk.table = this;
  chunk.floors = &group.floors[place];
  for (std::size_t i = 0; i < Chunk::kEntries; ++i) {
    chunk.entries[i].slot = static_cast<std::uint8_t>(i);
    chunk.entries[i].die(State::dead);
  }
  ++chunks_;
  return chunk;
}

std::uint64_t Table::image_bytes() {
  std::uint64_t bytes = 0;
  for_each_chunk([&](Chunk& chunk) { bytes += chunk.image_bytes.load(std::memory_order_relaxed); });
  return bytes;
}

EntryRef Table::try_refer(Entry& entry) {
  std::uint32_t seen = entry.references.load(std::memory_order_relaxed);
  while (seen != 0) {
    if (entry.references.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire))
      return EntryRef{&entry};
  }
  return {};
}

Entry* Table::allocate(const Digest& digest, Millis now) {
  Entry* entry = nullptr;
  {
    const MutexLock lock{pool_mutex_};
    if (free_.empty()) {
      free_.reserve((chunks_ + 1) * Chunk::kEntries);  // so that recycle() need not allocate
      Chunk& chunk = add_chunk();
      for (std::size_t i = Chunk::kEntries; i-- > 0;) free_.push_back(&chunk.entries[i]);
    }
    entry = free_.back();
    free_.pop_back();
  }
  reasons_.fetch_add(1, std::memory_order_relaxed);
  memory_bytes.fetch_add(entry_bytes(), std::memory_order_relaxed);
  entry->digest = digest;
  entry->state = State::pending;
  entry->rest().version = 0;
  entry->anchor().store(0, std::memory_order_relaxed);
  entry->chunk().image_bytes.fetch_add(entry->image_bytes(), std::memory_order_relaxed);
  entry->set_times(now, now);
  return entry;
}

void Entry::set_times(Millis created_at, Millis accessed_at) {
  // In one order with the sweep's raising of the floors: either the sweep sees the times, or lower() sees the raised floors.
  created().store(created_at, std::memory_order_seq_cst);
  access.store(accessed_at, std::memory_order_seq_cst);
  logged_access().store(accessed_at, std::memory_order_relaxed);
  lower(chunk().floors->created, created_at);
  lower(chunk().floors->access, accessed_at);
}

void Table::recycle(Entry& entry) {
  entry.die(State::dead);
  entry.set_renamed_to(nullptr);
  memory_bytes.fetch_sub(entry_bytes(), std::memory_order_relaxed);
  {
    const MutexLock lock{pool_mutex_};
    free_.push_back(&entry);
  }
  leave();
}

void Table::drop_index() {
  for (Shard& shard : shards_) {
    std::vector<Slot> slots;
    {
      const SpinLockGuard lock{shard.mutex};
      slots = std::exchange(shard.slots, {});
      shard.count = 0;
    }
    for (const Slot& slot : slots) {
      if (!slot.empty()) const EntryRef index_reference{slot.entry()};
    }
  }
}

void Table::leave() {
  if (reasons_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

// In the order in which blocks were made, about, so that the allocator joins them as they go.
void Table::close() {
  for_each_chunk([this](Chunk& chunk) {
    for (const Entry& entry : chunk.entries) {
      if (entry.references.load(std::memory_order_relaxed) != 0) prefetch_slot(entry.digest);
    }
    for (Entry& entry : chunk.entries) {
      const EntryRef held = try_refer(entry);
      if (!held) continue;
      const SmallMutexLock writer{entry.writer};
      if (entry.state != State::live) continue;  // destroyed while we waited
      {
        const SpinLockGuard data{entry.data};
        entry.die(State::closed);
      }
      remove(entry);
    }
  });
}

}  // namespace hybrid::store
