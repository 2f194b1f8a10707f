// The keys and values of one session in one piece of memory. Not thread-safe; knows nothing of sessions or disk.
//
// Layout: header | directory | free | entries: key length varint, value length varint, key, value. Entries are added from the end
// down; one that was erased, or whose value was replaced by one of another length, stays behind until the next rebuild.
// The directory of a block of up to 64 KiB is sorted by tag and as long as there are keys; that of a larger one is a hash table, so
// that a key more costs the same however many there are.
//   B1  set() and clear() after a sufficient reserve() allocate nothing and cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace hybrid::store {

class PackedBlock {
 public:
  PackedBlock() = default;

  std::optional<std::string_view> find(std::string_view key) const;
  // What a look-up found out, so that set() need not look again.
  struct Hint {
    std::uint32_t tag;
    std::uint32_t offset;  // of the key's entry; 0: it is absent
  };
  std::optional<std::string_view> find(std::string_view key, Hint& hint) const;
  std::size_t count() const { return memory_ ? header().count : 0; }
  // Of all keys and values, without what the block adds.
  std::size_t content_bytes() const { return memory_ ? header().content_bytes : 0; }
  const void* memory() const { return memory_.get(); }
  // What the block takes from the allocator.
  std::size_t memory_bytes() const { return memory_ ? header().capacity : 0; }

  // What an entry of such a key and value takes.
  static std::size_t entry_bytes(std::size_t key, std::size_t value);
  // Where it is, in 48 bits, the last 4 of which say how many cache lines of it to prefetch, less one. 0: no memory.
  std::uint64_t place() const;
  // For who will soon look into the block that was at `place`, which may be gone meanwhile.
  static void prefetch(std::uint64_t place);

  // The bytes that set(key, value) will need from reserve(); 0 if it replaces a value in place.
  std::size_t room_for(std::string_view key, std::string_view value) const;
  // Whether reserve() has anything to do.
  bool must_rebuild(std::size_t bytes, std::size_t keys) const;
  // Makes room for `keys` new keys and entries of `bytes` in all, and gives back memory that is mostly unused. May throw
  // std::bad_alloc; the content stays.
  void reserve(std::size_t bytes, std::size_t keys);

  void set(std::string_view key, std::string_view value);
  // `hint`: of this key, which nothing was done to since. An offset ends when the block is rebuilt.
  void set(std::string_view key, std::string_view value, Hint hint);
  // Whether much of the memory is of values that were replaced or erased, or never used.
  bool is_wasteful() const { return memory_ && wastes(0, 0); }

  // An empty block with room for what is in this one, but for what `hints` are of, and for entries of `bytes` and `keys` keys. May throw
  // std::bad_alloc.
  PackedBlock successor(std::span<const Hint> hints, std::size_t bytes, std::size_t keys) const;
  // Puts into such a block what is in this one, but for what `hints` are of.
  void copy_to(PackedBlock& successor, std::span<const Hint> hints) const;
  // A key that is absent, and there is room.
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, std::string_view value, Hint hint) { add(hint.tag, key, value); }
  // The same, if there is room; else false, and nothing changed.
  bool try_set(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void clear();

  template <class F>
  void for_each(F&& fn) const {
    for_each_offset([&](std::uint32_t offset) {
      const Entry entry = entry_at(offset);
      fn(entry.key, entry.value);
    });
  }

 private:
  struct Header {
    std::uint32_t capacity;  // of the whole block
    std::uint32_t entries;   // where they begin
    std::uint32_t content_bytes;
    std::uint32_t count;
  };
  struct LargeHeader : Header {
    std::uint32_t slots;  // of the hash table
  };
  struct SmallSlot {
    std::uint16_t tag;
    std::uint16_t offset;
  };
  struct LargeSlot {
    std::uint32_t tag;
    std::uint32_t offset;  // 0: none
  };
  static constexpr std::size_t kSmallBytesMax = std::size_t{1} << 16;
  struct Entry {
    std::string_view key;
    std::string_view value;
  };
  struct Found {
    std::size_t slot;
    std::uint32_t offset;  // 0: it is absent
    Entry entry;
  };
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  Header& header() const { return *reinterpret_cast<Header*>(memory_.get()); }
  bool small() const { return header().capacity <= kSmallBytesMax; }
  std::span<SmallSlot> small_slots() const {
    return {reinterpret_cast<SmallSlot*>(memory_.get() + sizeof(Header)), header().count};
  }
  std::span<LargeSlot> large_slots() const {
    return {reinterpret_cast<LargeSlot*>(memory_.get() + sizeof(LargeHeader)),
            static_cast<LargeHeader&>(header()).slots};
  }
  template <class F>
  void for_each_offset(F&& fn) const {
    if (!memory_) return;
    if (small()) {
      for (const SmallSlot& slot : small_slots()) fn(slot.offset);
    } else {
      for (const LargeSlot& slot : large_slots()) {
        if (slot.offset != 0) fn(slot.offset);
      }
    }
  }
  template <class F>
  void for_each_without(std::span<const Hint> hints, F&& fn) const;
  Entry entry_at(std::uint32_t offset) const {
    const std::byte* at = memory_.get() + offset;
    const std::size_t key = read_varint(at);
    const std::size_t value = read_varint(at);
    const char* const chars = reinterpret_cast<const char*>(at);
    return {.key = {chars, key}, .value = {chars + key, value}};
  }
  // The lengths were written by us: they are whole.
  static std::size_t read_varint(const std::byte*& at) {
    std::size_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = std::to_integer<std::size_t>(*at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  // The first slot whose tag is not below `tag`.
  static std::size_t lower_bound(std::span<const SmallSlot> slots, std::uint16_t tag);
  // There is memory.
  Found look_up(std::uint32_t tag, std::string_view key) const;
  bool has_room(std::size_t bytes, std::size_t keys) const;
  // How many bytes are free between the directory and the entries.
  std::size_t free_bytes() const;
  // A key that is absent. There is room.
  void add(std::uint32_t tag, std::string_view key, std::string_view value);
  std::uint32_t add_entry(std::string_view key, std::string_view value);
  void add_slot(std::uint32_t tag, std::uint32_t offset);
  void erase_slot(std::size_t slot);
  // An empty block with room for `keys` keys whose entries take `bytes`.
  static PackedBlock make(std::size_t bytes, std::size_t keys);
  // Whether a block made anew would be much smaller.
  bool wastes(std::size_t bytes, std::size_t keys) const;
  void rebuild(std::size_t bytes, std::size_t keys);

  std::unique_ptr<std::byte, Free> memory_;  // none: no keys
};

static_assert(sizeof(PackedBlock) == sizeof(void*));

}  // namespace hybrid::store
