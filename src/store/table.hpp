// All sessions, in memory: an index by digest over entries that never move. Knows nothing of disk, log or time.
//
// Locks, in the order in which they are taken (a thread may leave some out, never go back):
//   1. Entry::writer   one change of the session at a time, from its check to its place in the log
//   2. Entry::data     the session's keys, values and state; held briefly, never over a wait for the disk
//   3. a shard's       its part of the index
//   4. the pool's      which entries are free
// What is written under both writer and data may be read under either.
//   T1  An entry that is in the index has a digest that does not change, except in rename(), under the locks of both shards.
//   T2  Only who holds an entry's writer lock adds it to the index, removes or renames it.
//   T3  An entry is reused only when nobody refers to it; its memory stays while any entry of the table is referred to.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/small_mutex.hpp"
#include "base/spin_lock.hpp"
#include "base/thread_annotations.hpp"
#include "store/packed_block.hpp"

namespace hybrid::store {

class Table;
struct Chunk;

// g++ 12 takes a function that does nothing else for one without effect, and leaves calls of it out; the asm has one.
inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  asm volatile("");
}

enum class State : std::uint8_t {
  pending,  // being created or expired: absent to all but who does it, and holds the writer lock
  live,
  dead,    // destroyed or expired; handles may remain
  closed,  // the store was closed; handles may remain
};

// What every get needs, in one cache line; the rest is in the chunk.
struct alignas(64) Entry {
  std::atomic<std::uint32_t> references{0};  // the index's and each EntryRef's; 0: free
  SmallMutex writer;
  SpinLock data;
  std::uint8_t slot = 0;                   // in its chunk
  bool has_other_name = false;             // see renamed_to(); written under writer and data
  State state = State::dead;               // written under writer and data
  std::atomic<bool> has_deadline = false;  // see deadline(); written under writer and data
  Digest digest;                           // written under writer, data and the shard's lock
  PackedBlock block;                       // written under writer and data
  std::atomic<Millis> access{kNever};      // the last access; kNever unless a session lives here

  static constexpr Millis kNever = std::numeric_limits<Millis>::max();
  static constexpr std::uint64_t kNoAnchor = std::numeric_limits<std::uint64_t>::max();

  struct Rest {
    std::atomic<Millis> created{kNever};
    std::atomic<Millis> logged_access{0};
    std::uint64_t version = 0;  // written under writer and data
    // The LSN of the create record or image that reading the log has to start from for this session. 0: it is being
    // created; kNoAnchor unless a session lives here.
    std::atomic<std::uint64_t> anchor{kNoAnchor};
  };
  Chunk& chunk();
  Rest& rest();
  std::atomic<Millis>& created() { return rest().created; }
  std::atomic<Millis>& logged_access() { return rest().logged_access; }
  std::atomic<std::uint64_t>& anchor() { return rest().anchor; }
  // The sid, if older handles were made under another; else null. Under writer or data.
  const std::string* renamed_to();
  // `sid` may be null. Cannot fail after Chunk::make_names(). Under writer and data.
  void set_renamed_to(std::unique_ptr<std::string> sid);
  // When it ends, however busy; kNever: no such time. Any thread.
  Millis deadline();
  // Cannot fail after Chunk::make_deadlines(). Under writer and data.
  void set_deadline(Millis deadline);
  // For who will soon change it.
  void prefetch_rest() { store::prefetch(&rest()); }

  // All of its times, as they are in the log. Under writer and data.
  void set_times(Millis created_at, Millis accessed_at);
  // Frees its keys and values and takes its times out of sight. Under writer and data.
  void die(State as);
  // About what an image of it takes in the log.
  std::size_t image_bytes() const {
    constexpr std::size_t kImage = 96;
    constexpr std::size_t kKey = 6;
    return kImage + block.content_bytes() + kKey * block.count();
  }
};

static_assert(sizeof(Entry) == 64);

// Makes `floor` at most `time`.
void lower(std::atomic<Millis>& floor, Millis time);

// No live entry of a chunk was accessed, or created, or ends before these. Lowered when an entry moves in or is given a deadline,
// raised by who looks through the chunk; accesses in between leave them too low, which costs a look, not an error.
struct Floors {
  std::atomic<Millis> access{Entry::kNever};
  std::atomic<Millis> created{Entry::kNever};
  std::atomic<Millis> deadline{Entry::kNever};
};

struct Chunk {
  static constexpr std::size_t kEntries = 256;
  using Names = std::array<std::unique_ptr<std::string>, kEntries>;
  using Deadlines = std::array<std::atomic<Millis>, kEntries>;

  static_assert(kEntries == std::numeric_limits<decltype(Entry::slot)>::max() + 1);

  Chunk() = default;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() {
    delete names.load(std::memory_order_relaxed);
    delete deadlines.load(std::memory_order_relaxed);
  }
  // For Entry::set_renamed_to(), and for Entry::set_deadline(). Any thread.
  void make_names();
  void make_deadlines();

  std::array<Entry, kEntries> entries{};  // first, so that an entry finds its chunk
  std::array<Entry::Rest, kEntries> rests{};
  Table* table = nullptr;
  Floors* floors = nullptr;
  std::atomic<std::uint64_t> image_bytes{0};  // of the entries that are in use
  // Of its entries; null until one is needed.
  std::atomic<Names*> names{nullptr};
  std::atomic<Deadlines*> deadlines{nullptr};
};

// Many chunks, and what a sweep reads of each of them side by side.
struct ChunkGroup {
  static constexpr std::size_t kChunks = 1024;
  std::array<Floors, kChunks> floors;
  std::array<std::unique_ptr<Chunk>, kChunks> chunks;
};

// A counted reference to an entry.
class EntryRef {
 public:
  EntryRef() = default;
  // Takes over a reference that is counted already.
  explicit EntryRef(Entry* entry) : entry_(entry) {}
  EntryRef(const EntryRef& other) : entry_(other.entry_) {
    if (entry_ != nullptr) entry_->references.fetch_add(1, std::memory_order_relaxed);
  }
  EntryRef(EntryRef&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  EntryRef& operator=(EntryRef other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~EntryRef();

  Entry* operator->() const { return entry_; }
  Entry& operator*() const { return *entry_; }
  explicit operator bool() const { return entry_ != nullptr; }

 private:
  Entry* entry_ = nullptr;
};

class Table {
 public:
  static constexpr std::size_t kTouchedFlags = 4096;

  struct Leave {
    void operator()(Table* table) const {
      table->drop_index();
      table->leave();
    }
  };
  using Owner = std::unique_ptr<Table, Leave>;
  static Owner make();

  // Whatever its state. Nothing if the digest is not in the index.
  EntryRef find(const Digest& digest);

  // For who will look up several at once: the slot's cache line, then the entry's and the block's, once the slot's is there.
  void prefetch_slot(const Digest& digest);
  void prefetch_entry(const Digest& digest);
  // The same for who has the digest's share for itself, without a lock, which would wait for earlier misses. Returns which entry it is: a guess,
  // by a part of the digest; null if it is surely not there.
  void prefetch_slot_alone(const Digest& digest) HYBRID_NO_ANALYSIS;
  Entry* prefetch_entry_alone(const Digest& digest) HYBRID_NO_ANALYSIS;

  // The entry in the index and false, or a new one, pending, and true; then the caller holds its writer lock.
  std::pair<EntryRef, bool> find_or_add(const Digest& digest, Millis now) HYBRID_NO_ANALYSIS;

  // Where the index has it that the entry's block is, see PackedBlock::place(). For tests.
  std::uint64_t place_in_index(Entry& entry);

  // Takes an entry out of the index. Under its writer lock.
  void remove(Entry& entry);

  // Puts `entry` in the place of `placeholder`, which is dead thereafter. Under both writer locks.
  void rename(Entry& entry, Entry& placeholder) HYBRID_NO_ANALYSIS;

  // For who has the digest's share for itself: takes an entry out of the index, whose reference to it stays, ...
  void detach(Entry& entry) HYBRID_NO_ANALYSIS;
  // ... and puts it back under another digest; false if that is in the index.
  bool attach(Entry& entry, const Digest& digest) HYBRID_NO_ANALYSIS;
  // Which of `shares` parts a digest is in, whose parts of the index have nothing in common.
  static std::size_t share_of(const Digest& digest, std::size_t shares) {
    return (digest.hash() >> 57) % shares;
  }

  // Moves the entry's last access time forward. Any thread, under data.
  void touch(Entry& entry, Millis now) {
    if (entry.access.load(std::memory_order_relaxed) >= now) return;
    entry.access.store(now, std::memory_order_relaxed);
    note_touch(entry.chunk());
  }
  // That some access time in it is newer than what was logged.
  void note_touch(const Chunk& chunk) {
    // Read first, so that threads share the line.
    auto& touched = touched_[touched_index(chunk)];
    if (!touched.load(std::memory_order_relaxed)) touched.store(true, std::memory_order_relaxed);
  }
  // A set of chunks, and maybe some more.
  class TouchedChunks {
   public:
    bool contains(const Chunk& chunk) const { return flags_[touched_index(chunk)]; }

   private:
    friend class Table;
    std::bitset<kTouchedFlags> flags_;
  };
  // Those of note_touch() since the last call.
  TouchedChunks take_touched();

  // Calls fn(PackedBlock&), which may change what it holds. Under writer and data.
  template <class F>
  void change_block(Entry& entry, F&& fn) {
    const std::size_t bytes_before = entry.image_bytes();
    const auto memory = [&] { return std::pair{entry.block.memory(), entry.block.memory_bytes()}; };
    const auto memory_before = memory();
    fn(entry.block);
    const std::size_t bytes = entry.image_bytes();
    // Unsigned: a difference below zero wraps, and so does the sum, back to what is right.
    if (bytes != bytes_before)
      entry.chunk().image_bytes.fetch_add(bytes - bytes_before, std::memory_order_relaxed);
    const auto memory_after = memory();
    if (memory_after == memory_before) return;
    memory_bytes.fetch_add(memory_after.second - memory_before.second, std::memory_order_relaxed);
    note_place(entry);
  }

  // Live entries, as the caller counts them.
  std::atomic<std::size_t> live{0};
  // Entries with a deadline of their own.
  std::atomic<std::size_t> deadlines{0};
  // What this and entries in use take: themselves, their blocks, and their share of the index. Without what the allocator adds, and
  // without the little of names and deadlines of their own.
  std::atomic<std::uint64_t> memory_bytes{sizeof(Table)};
  static constexpr std::size_t entry_bytes() {
    constexpr std::size_t kSlotsInTen = 14;  // for ten entries: it is 64 to 80 % full
    return sizeof(Entry) + sizeof(Entry::Rest) + kSlotsInTen * sizeof(Slot) / 10;
  }

  // Calls fn(Chunk&) for all; new ones may or may not be included.
  template <class F>
  void for_each_chunk(F&& fn) {
    for_each_chunk_where([](const Floors&) { return true; }, fn);
  }
  // The same, for those of whose floors `where` is true; looks at nothing else of the others.
  template <class Where, class F>
  void for_each_chunk_where(Where&& where, F&& fn) {
    for (std::size_t first = 0; first < chunks(); first += ChunkGroup::kChunks) {
      ChunkGroup& group = this->group(first);
      const std::size_t count = std::min(chunks() - first, ChunkGroup::kChunks);
      for (std::size_t i = 0; i < count; ++i) {
        if (where(std::as_const(group.floors[i]))) fn(*group.chunks[i]);
      }
    }
  }
  // The ith chunk; null behind the last.
  Chunk* chunk(std::size_t i);
  // What a log takes that holds each session once.
  std::uint64_t image_bytes();
  // A reference to an entry that was found by its place; nothing if it is free.
  static EntryRef try_refer(Entry& entry);

  // Ends all sessions for handles that remain. No other call may be under way, but through entries.
  void close();

 private:
  friend class EntryRef;

  // Where an entry is, and where its block was when somebody last said so: a look-up has both fetched at once. The upper 16 bits of
  // both hold 32 bits of the digest, so that growing need not look at entries.
  class Slot {
   public:
    Slot() = default;
    Slot(std::uint32_t hash, const Entry* entry, std::uint64_t block)
        : entry_(upper(hash >> 16) | reinterpret_cast<std::uintptr_t>(entry)),
          block_(upper(hash) | block) {}
    bool empty() const { return entry_ == 0; }
    std::uint32_t hash() const {
      return static_cast<std::uint32_t>(entry_ >> 48 << 16 | block_ >> 48);
    }
    Entry* entry() const { return reinterpret_cast<Entry*>(entry_ & kAddress); }
    std::uint64_t block() const { return block_ & kAddress; }
    void prefetch() const {
      store::prefetch(entry());
      PackedBlock::prefetch(block());
    }

   private:
    static constexpr std::uint64_t kAddress = (std::uint64_t{1} << 48) - 1;
    static std::uint64_t upper(std::uint32_t bits) { return std::uint64_t{bits} << 48; }

    std::uint64_t entry_ = 0;
    std::uint64_t block_ = 0;
  };
  // Open addressing with linear probing, in the order of the hashes; removal shifts back, so that there are no tombstones.
  struct alignas(64) Shard {
    SpinLock mutex;
    std::size_t count HYBRID_GUARDED_BY(mutex) = 0;
    std::vector<Slot> slots HYBRID_GUARDED_BY(mutex);

    Entry* find(const Digest& digest) HYBRID_REQUIRES(mutex);
    void prefetch_slot(const Digest& digest) const HYBRID_REQUIRES(mutex);
    Entry* prefetch_entry(const Digest& digest) const HYBRID_REQUIRES(mutex);
    void insert(const Slot& slot) HYBRID_REQUIRES(mutex);
    std::size_t slot_of(const Entry& entry) HYBRID_REQUIRES(mutex);
    void erase(const Entry& entry) HYBRID_REQUIRES(mutex);
    void grow() HYBRID_REQUIRES(mutex);
    std::size_t home(std::uint32_t hash) const HYBRID_REQUIRES(mutex) {
      return hash * slots.size() >> 32;
    }
    std::size_t after(std::size_t slot) const HYBRID_REQUIRES(mutex) {
      return slot + 1 == slots.size() ? 0 : slot + 1;
    }
  };
  static constexpr std::size_t kShards = 128;

  Table() = default;
  ~Table() = default;

  Shard& shard_of(const Digest& digest) { return shards_[digest.hash() >> 57]; }
  static_assert(kShards == std::size_t{1} << (64 - 57));
  static std::uint32_t hash_in_shard(const Digest& digest) {
    return static_cast<std::uint32_t>(digest.hash());
  }
  static Slot make_slot(Entry& entry) {
    return Slot{hash_in_shard(entry.digest), &entry, entry.block.place()};
  }
  static std::size_t touched_index(const Chunk& chunk) {
    return reinterpret_cast<std::uintptr_t>(&chunk) / sizeof(Chunk) % kTouchedFlags;
  }

  std::size_t chunks();
  ChunkGroup& group(std::size_t chunk);
  Chunk& add_chunk() HYBRID_REQUIRES(pool_mutex_);
  Entry* allocate(const Digest& digest, Millis now);
  void recycle(Entry& entry);     // nobody refers to it
  void drop_index();              // nothing is found any more
  void leave();                   // one reason less to exist
  void note_place(Entry& entry);  // of its block, in the index

  std::array<Shard, kShards> shards_;
  // For each chunk, by its address; a large table's share them. In the chunk itself each would be a cache miss for a get.
  std::array<std::atomic<bool>, kTouchedFlags> touched_{};
  Mutex pool_mutex_;
  std::vector<std::unique_ptr<ChunkGroup>> groups_ HYBRID_GUARDED_BY(pool_mutex_);
  std::size_t chunks_ HYBRID_GUARDED_BY(pool_mutex_) = 0;
  std::vector<Entry*> free_ HYBRID_GUARDED_BY(pool_mutex_);
  // The owner and each entry in use: handles may outlive the store, and the memory must outlive them.
  std::atomic<std::size_t> reasons_{1};
};

inline Chunk& Entry::chunk() { return *static_cast<Chunk*>(static_cast<void*>(this - slot)); }
inline Entry::Rest& Entry::rest() { return chunk().rests[slot]; }
inline Millis Entry::deadline() {
  if (!has_deadline.load(std::memory_order_seq_cst)) return kNever;
  const Chunk::Deadlines* const deadlines = chunk().deadlines.load(std::memory_order_acquire);
  return (*deadlines)[slot].load(std::memory_order_seq_cst);
}

}  // namespace hybrid::store
