// The keys and values of one session in one piece of memory. Not thread-safe; knows nothing of sessions or disk.
//
// Layout: header | directory, sorted by tag: (tag u32, offset u32) | entries: key length varint, value length
// varint, key, value. A replaced value of another length leaves its old entry behind until the next rebuild.
//   B1  set() and clear() after a sufficient reserve() allocate nothing and cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace hybrid::store {

class PackedBlock {
 public:
  PackedBlock() = default;

  std::optional<std::string_view> find(std::string_view key) const;
  std::size_t count() const { return memory_ ? header().count : 0; }
  // Of all keys and values, without what the block adds.
  std::size_t content_bytes() const { return memory_ ? header().content_bytes : 0; }
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
  // Makes room for `keys` new keys and entries of `bytes` in all, and gives back memory that is mostly unused. May throw
  // std::bad_alloc; the content stays.
  void reserve(std::size_t bytes, std::size_t keys);

  void set(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void clear();

  template <class F>
  void for_each(F&& fn) const {
    for (std::size_t i = 0; i < count(); ++i) {
      const Entry entry = entry_at(directory()[i].offset);
      fn(entry.key, entry.value);
    }
  }

 private:
  struct Header {
    std::uint32_t capacity;  // of the whole block
    std::uint32_t end;       // of the entries
    std::uint32_t content_bytes;
    std::uint32_t count;
    std::uint32_t directory_capacity;  // in slots
  };
  struct Slot {
    std::uint32_t tag;
    std::uint32_t offset;
  };
  struct Entry {
    std::string_view key;
    std::string_view value;
    std::size_t bytes;  // with its lengths
  };
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  Header& header() const { return *reinterpret_cast<Header*>(memory_.get()); }
  Slot* directory() const { return reinterpret_cast<Slot*>(memory_.get() + sizeof(Header)); }
  Entry entry_at(std::uint32_t offset) const;
  // Where the key is; nothing if it is absent.
  std::optional<std::size_t> slot_of(std::uint32_t tag, std::string_view key) const;
  void append_entry(std::string_view key, std::string_view value);
  // Whether a block made anew would be much smaller.
  bool wastes(std::size_t bytes, std::size_t keys) const;
  void rebuild(std::size_t bytes, std::size_t keys);

  std::unique_ptr<std::byte, Free> memory_;  // none: no keys
};

static_assert(sizeof(PackedBlock) == sizeof(void*));

}  // namespace hybrid::store
