#include "store/packed_block.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace hybrid::store {
namespace {

constexpr std::uint64_t kCacheLine = 64;
constexpr std::uint64_t kPrefetchedLinesMax = 16;

template <class Word>
std::uint64_t load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// A hash of the key, which stays in memory. By folded multiplication, as in wyhash (Wang Yi, 2019): most keys take two.
std::uint32_t tag_of(std::string_view key) {
  const auto fold = [](std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const auto product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  constexpr std::uint64_t kMix = 0xa076'1d64'78bd'642f;
  constexpr std::uint64_t kEnd = 0xe703'7ed1'a0b4'28db;
  const char* at = key.data();
  std::size_t left = key.size();
  std::uint64_t hash = left;
  for (; left > 8; left -= 8, at += 8) hash = fold(hash ^ load<std::uint64_t>(at), kMix);
  std::uint64_t last = 0;
  if (left >= 4) {  // both ends, which may overlap
    last = load<std::uint32_t>(at) | load<std::uint32_t>(at + left - 4) << 32;
  } else if (left > 0) {
    last = load<std::uint8_t>(at) | load<std::uint8_t>(at + left / 2) << 8 |
           load<std::uint8_t>(at + left - 1) << 16;
  }
  return static_cast<std::uint32_t>(fold(hash ^ last, kEnd) >> 32);
}

// The allocator hands out multiples of 16, less its own 8: what would be lost anyway becomes slack. Large blocks get
// an eighth more, so that growing them by many small changes costs each change a constant.
std::size_t capacity_for(std::size_t bytes) {
  if (bytes >= 4096) bytes += bytes / 8;
  return (bytes + 8 + 15) / 16 * 16 - 8;
}

// Of the hash table of a large block: how many slots so many keys need, and how many they get when it is made.
std::size_t slots_min(std::size_t keys) { return keys * 5 / 4 + 1; }
std::size_t slots_for(std::size_t keys) { return keys * 3 / 2 + 1; }
std::size_t home(std::uint32_t tag, std::size_t slots) { return tag * slots >> 32; }
std::size_t after(std::size_t slot, std::size_t slots) { return slot + 1 == slots ? 0 : slot + 1; }

void overwrite(std::string_view at, std::string_view value) {
  std::memcpy(const_cast<char*>(at.data()), value.data(), value.size());
}

}  // namespace

std::size_t PackedBlock::entry_bytes(std::size_t key, std::size_t value) {
  return varint_bytes(key) + varint_bytes(value) + key + value;
}

std::uint64_t PackedBlock::place() const {
  if (!memory_) return 0;
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
  HYBRID_ASSERT(address % kPrefetchedLinesMax == 0 && address >> 48 == 0);
  return address | std::min((header().capacity - 1) / kCacheLine, kPrefetchedLinesMax - 1);
}

void PackedBlock::prefetch(std::uint64_t place) {
  if (place == 0) return;
  const auto* const memory = reinterpret_cast<const std::byte*>(place & ~(kPrefetchedLinesMax - 1));
  const std::size_t lines = place % kPrefetchedLinesMax + 1;
  for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(memory + i * kCacheLine);
}

// By multiplying instead of branching: no processor can guess which half a tag is in.
inline std::size_t PackedBlock::lower_bound(std::span<const SmallSlot> slots, std::uint16_t tag) {
  if (slots.empty()) return 0;
  std::size_t first = 0;
  for (std::size_t count = slots.size(); count > 1;) {
    const std::size_t half = count / 2;
    first += static_cast<std::size_t>(slots[first + half - 1].tag < tag) * half;
    count -= half;
  }
  return first + static_cast<std::size_t>(slots[first].tag < tag);
}

PackedBlock::Found PackedBlock::look_up(std::uint32_t tag, std::string_view key) const {
  if (small()) {
    const auto small_tag = static_cast<std::uint16_t>(tag);
    const std::span slots = small_slots();
    for (std::size_t i = lower_bound(slots, small_tag);
         i < slots.size() && slots[i].tag == small_tag; ++i) {
      const std::uint32_t offset = slots[i].offset;
      if (const Entry entry = entry_at(offset); entry.key == key) return {i, offset, entry};
    }
    return {};
  }
  const std::span slots = large_slots();
  for (std::size_t i = home(tag, slots.size()); slots[i].offset != 0; i = after(i, slots.size())) {
    if (slots[i].tag != tag) continue;
    const std::uint32_t offset = slots[i].offset;
    if (const Entry entry = entry_at(offset); entry.key == key) return {i, offset, entry};
  }
  return {};
}

std::optional<std::string_view> PackedBlock::find(std::string_view key) const {
  Hint hint;
  return find(key, hint);
}

std::optional<std::string_view> PackedBlock::find(std::string_view key, Hint& hint) const {
  hint = {.tag = tag_of(key), .offset = 0};
  if (!memory_) return std::nullopt;
  const Found found = look_up(hint.tag, key);
  hint.offset = found.offset;
  if (found.offset == 0) return std::nullopt;
  return found.entry.value;
}

std::size_t PackedBlock::room_for(std::string_view key, std::string_view value) const {
  const auto present = find(key);
  return present && present->size() == value.size() ? 0 : entry_bytes(key.size(), value.size());
}

std::size_t PackedBlock::free_bytes() const {
  return header().entries - (small() ? sizeof(Header) + small_slots().size_bytes()
                                     : sizeof(LargeHeader) + large_slots().size_bytes());
}

bool PackedBlock::must_rebuild(std::size_t bytes, std::size_t keys) const {
  return memory_ ? wastes(bytes, keys) || !has_room(bytes, keys) : bytes != 0 || keys != 0;
}

void PackedBlock::reserve(std::size_t bytes, std::size_t keys) {
  if (must_rebuild(bytes, keys)) rebuild(bytes, keys);
}

bool PackedBlock::has_room(std::size_t bytes, std::size_t keys) const {
  const std::size_t free = free_bytes();
  return small() ? free >= bytes + keys * sizeof(SmallSlot)
                 : free >= bytes && large_slots().size() >= slots_min(count() + keys);
}

bool PackedBlock::wastes(std::size_t bytes, std::size_t keys) const {
  constexpr std::size_t kNotWorthIt = 128;
  constexpr std::size_t kLengths = 4;  // of a key and a value, about
  keys += count();
  // Not less than a block made anew would have, or each change would make one.
  const std::size_t needed =
      capacity_for(sizeof(LargeHeader) + slots_for(keys) * sizeof(LargeSlot) + content_bytes() +
                   bytes + keys * kLengths);
  return header().capacity > needed + needed / 4 + kNotWorthIt;
}

PackedBlock PackedBlock::make(std::size_t bytes, std::size_t keys) {
  std::size_t slots = 0;
  std::size_t capacity = capacity_for(sizeof(Header) + keys * sizeof(SmallSlot) + bytes);
  if (capacity > kSmallBytesMax) {
    slots = slots_for(keys);
    // Larger yet, so it is seen to be large.
    capacity = capacity_for(sizeof(LargeHeader) + slots * sizeof(LargeSlot) + bytes);
  }
  auto* const memory = static_cast<std::byte*>(std::malloc(capacity));
  if (memory == nullptr) throw std::bad_alloc{};

  PackedBlock made;
  made.memory_.reset(memory);
  made.header() = {.capacity = static_cast<std::uint32_t>(capacity),
                   .entries = static_cast<std::uint32_t>(capacity),
                   .content_bytes = 0,
                   .count = 0};
  if (slots != 0) {
    static_cast<LargeHeader&>(made.header()).slots = static_cast<std::uint32_t>(slots);
    std::ranges::fill(made.large_slots(), LargeSlot{});
  }
  return made;
}

template <class F>
void PackedBlock::for_each_without(std::span<const Hint> hints, F&& fn) const {
  for_each_offset([&](std::uint32_t offset) {
    const bool is_left_out =
        std::ranges::any_of(hints, [&](const Hint& hint) { return hint.offset == offset; });
    if (!is_left_out) fn(entry_at(offset));
  });
}

PackedBlock PackedBlock::successor(std::span<const Hint> hints, std::size_t bytes,
                                   std::size_t keys) const {
  for_each_without(hints, [&](const Entry& entry) {
    bytes += entry_bytes(entry.key.size(), entry.value.size());
    ++keys;
  });
  return make(bytes, keys);
}

void PackedBlock::copy_to(PackedBlock& successor, std::span<const Hint> hints) const {
  for_each_without(
      hints, [&](const Entry& entry) { successor.add(tag_of(entry.key), entry.key, entry.value); });
}

void PackedBlock::rebuild(std::size_t bytes, std::size_t keys) {
  PackedBlock rebuilt = successor({}, bytes, keys);
  copy_to(rebuilt, {});
  *this = std::move(rebuilt);
}

void PackedBlock::add(std::string_view key, std::string_view value) {
  add(tag_of(key), key, value);
}

void PackedBlock::add(std::uint32_t tag, std::string_view key, std::string_view value) {
  add_slot(tag, add_entry(key, value));
  header().content_bytes += static_cast<std::uint32_t>(key.size() + value.size());
}

std::uint32_t PackedBlock::add_entry(std::string_view key, std::string_view value) {
  const std::size_t bytes = entry_bytes(key.size(), value.size());
  HYBRID_ASSERT(bytes <= free_bytes());
  header().entries -= static_cast<std::uint32_t>(bytes);
  std::byte* at = memory_.get() + header().entries;
  at = store_varint(at, key.size());
  at = store_varint(at, value.size());
  std::memcpy(at, key.data(), key.size());
  std::memcpy(at + key.size(), value.data(), value.size());
  return header().entries;
}

void PackedBlock::add_slot(std::uint32_t tag, std::uint32_t offset) {
  if (small()) {
    HYBRID_ASSERT(sizeof(SmallSlot) <= free_bytes());
    ++header().count;
    const std::span slots = small_slots();
    SmallSlot* const end = slots.data() + slots.size() - 1;
    const SmallSlot added{.tag = static_cast<std::uint16_t>(tag),
                          .offset = static_cast<std::uint16_t>(offset)};
    SmallSlot* const at =
        std::ranges::upper_bound(slots.data(), end, added.tag, {}, &SmallSlot::tag);
    std::copy_backward(at, end, end + 1);
    *at = added;
    return;
  }
  const std::span slots = large_slots();
  ++header().count;
  HYBRID_ASSERT(header().count < slots.size());
  std::size_t i = home(tag, slots.size());
  while (slots[i].offset != 0) i = after(i, slots.size());
  slots[i] = {.tag = tag, .offset = offset};
}

void PackedBlock::erase_slot(std::size_t slot) {
  if (small()) {
    const std::span slots = small_slots();
    std::ranges::copy(slots.subspan(slot + 1), slots.begin() + static_cast<std::ptrdiff_t>(slot));
    --header().count;
    return;
  }
  // Moves back whatever probed past the hole.
  const std::span slots = large_slots();
  const auto distance = [&](std::size_t from, std::size_t to) {
    return to >= from ? to - from : to + slots.size() - from;
  };
  std::size_t hole = slot;
  for (std::size_t i = after(hole, slots.size()); slots[i].offset != 0;
       i = after(i, slots.size())) {
    if (distance(home(slots[i].tag, slots.size()), i) >= distance(hole, i)) {
      slots[hole] = slots[i];
      hole = i;
    }
  }
  slots[hole] = {};
  --header().count;
}

void PackedBlock::set(std::string_view key, std::string_view value) {
  const bool had_room = try_set(key, value);
  HYBRID_ASSERT(had_room);
}

void PackedBlock::set(std::string_view key, std::string_view value, Hint hint) {
  if (hint.offset == 0) return add(hint.tag, key, value);
  const Entry entry = entry_at(hint.offset);
  HYBRID_ASSERT(entry.key.size() == key.size());
  if (entry.value.size() == value.size()) return overwrite(entry.value, value);
  set(key, value);  // others may have moved its slot
}

bool PackedBlock::try_set(std::string_view key, std::string_view value) {
  if (!memory_) return false;
  const std::uint32_t tag = tag_of(key);
  const Found found = look_up(tag, key);
  const std::size_t needed = entry_bytes(key.size(), value.size());
  if (found.offset == 0) {
    if (!has_room(needed, 1)) return false;
    add(tag, key, value);
    return true;
  }
  const std::string_view replaced = found.entry.value;
  if (replaced.size() == value.size()) {
    overwrite(replaced, value);
    return true;
  }
  if (!has_room(needed, 0)) return false;
  header().content_bytes += static_cast<std::uint32_t>(value.size());
  header().content_bytes -= static_cast<std::uint32_t>(replaced.size());
  const std::uint32_t offset = add_entry(key, value);
  if (small())
    small_slots()[found.slot].offset = static_cast<std::uint16_t>(offset);
  else
    large_slots()[found.slot].offset = offset;
  return true;
}

void PackedBlock::erase(std::string_view key) {
  if (!memory_) return;
  const Found found = look_up(tag_of(key), key);
  if (found.offset == 0) return;
  header().content_bytes -= static_cast<std::uint32_t>(key.size() + found.entry.value.size());
  erase_slot(found.slot);
}

void PackedBlock::clear() {
  if (!memory_) return;
  if (!small()) std::ranges::fill(large_slots(), LargeSlot{});
  header().entries = header().capacity;
  header().content_bytes = 0;
  header().count = 0;
}

}  // namespace hybrid::store
