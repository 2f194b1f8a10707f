#include "store/packed_block.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace hybrid::store {
namespace {

constexpr std::uint64_t kCacheLine = 64;
constexpr std::uint64_t kPrefetchedLinesMax = 16;

std::uint32_t tag_of(std::string_view key) { return crc32c(as_bytes(key)); }

// The allocator hands out multiples of 16, less its own 8: what would be lost anyway becomes slack. Large blocks get
// an eighth more, so that growing them by many small changes costs each change a constant.
std::size_t capacity_for(std::size_t bytes) {
  if (bytes >= 4096) bytes += bytes / 8;
  return (bytes + 8 + 15) / 16 * 16 - 8;
}

// The lengths were written by us: they are whole.
std::uint64_t read_varint(const std::byte*& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(*at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
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

PackedBlock::Entry PackedBlock::entry_at(std::uint32_t offset) const {
  const std::byte* const start = memory_.get() + offset;
  const std::byte* at = start;
  const std::size_t key = read_varint(at);
  const std::size_t value = read_varint(at);
  const char* const chars = reinterpret_cast<const char*>(at);
  return {.key = {chars, key},
          .value = {chars + key, value},
          .bytes = static_cast<std::size_t>(at - start) + key + value};
}

std::optional<std::size_t> PackedBlock::slot_of(std::uint32_t tag, std::string_view key) const {
  if (!memory_) return std::nullopt;
  const std::span slots{directory(), header().count};
  for (auto slot = std::ranges::lower_bound(slots, tag, {}, &Slot::tag);
       slot != slots.end() && slot->tag == tag; ++slot) {
    if (entry_at(slot->offset).key == key) return static_cast<std::size_t>(slot - slots.begin());
  }
  return std::nullopt;
}

std::optional<std::string_view> PackedBlock::find(std::string_view key) const {
  const auto slot = slot_of(tag_of(key), key);
  if (!slot) return std::nullopt;
  return entry_at(directory()[*slot].offset).value;
}

std::size_t PackedBlock::room_for(std::string_view key, std::string_view value) const {
  const auto present = find(key);
  return present && present->size() == value.size() ? 0 : entry_bytes(key.size(), value.size());
}

void PackedBlock::reserve(std::size_t bytes, std::size_t keys) {
  if (!memory_ && bytes == 0 && keys == 0) return;
  if (wastes(bytes, keys)) return rebuild(bytes, keys);
  if (memory_ && header().capacity - header().end >= bytes &&
      header().directory_capacity - header().count >= keys)
    return;
  rebuild(bytes, keys);
}

bool PackedBlock::wastes(std::size_t bytes, std::size_t keys) const {
  if (!memory_) return false;
  constexpr std::size_t kNotWorthIt = 4096;
  constexpr std::size_t kLengths = 4;  // of a key and a value, about
  const std::size_t needed =
      content_bytes() + bytes + (count() + keys) * (sizeof(Slot) + kLengths) + sizeof(Header);
  return header().capacity > 2 * needed + kNotWorthIt;
}

void PackedBlock::rebuild(std::size_t bytes, std::size_t keys) {
  std::size_t live = 0;
  for_each([&](std::string_view key, std::string_view value) {
    live += entry_bytes(key.size(), value.size());
  });
  // A session tends to get few keys, one by one: a slot or two to spare, or an eighth.
  const std::size_t slots =
      count() + keys + (keys == 0 ? 0 : std::max<std::size_t>(1, count() / 8));
  const std::size_t entries_at = sizeof(Header) + slots * sizeof(Slot);
  const std::size_t capacity = capacity_for(entries_at + live + bytes);
  auto* const memory = static_cast<std::byte*>(std::malloc(capacity));
  if (memory == nullptr) throw std::bad_alloc{};

  PackedBlock rebuilt;
  rebuilt.memory_.reset(memory);
  rebuilt.header() = {.capacity = static_cast<std::uint32_t>(capacity),
                      .end = static_cast<std::uint32_t>(entries_at),
                      .content_bytes = static_cast<std::uint32_t>(content_bytes()),
                      .count = 0,
                      .directory_capacity = static_cast<std::uint32_t>(slots)};
  for (std::size_t i = 0; i < count(); ++i) {
    const Slot slot = directory()[i];
    const Entry entry = entry_at(slot.offset);
    rebuilt.directory()[i] = {.tag = slot.tag, .offset = rebuilt.header().end};
    rebuilt.append_entry(entry.key, entry.value);
    ++rebuilt.header().count;
  }
  memory_ = std::move(rebuilt.memory_);
}

void PackedBlock::append_entry(std::string_view key, std::string_view value) {
  std::byte* at = memory_.get() + header().end;
  at = store_varint(at, key.size());
  at = store_varint(at, value.size());
  std::memcpy(at, key.data(), key.size());
  std::memcpy(at + key.size(), value.data(), value.size());
  header().end += static_cast<std::uint32_t>(entry_bytes(key.size(), value.size()));
  HYBRID_ASSERT(header().end <= header().capacity);
}

void PackedBlock::set(std::string_view key, std::string_view value) {
  const std::uint32_t tag = tag_of(key);
  HYBRID_ASSERT(memory_ != nullptr);
  if (const auto slot = slot_of(tag, key)) {
    const Entry entry = entry_at(directory()[*slot].offset);
    if (entry.value.size() == value.size()) {
      std::memcpy(const_cast<char*>(entry.value.data()), value.data(), value.size());
      return;
    }
    header().content_bytes += static_cast<std::uint32_t>(value.size());
    header().content_bytes -= static_cast<std::uint32_t>(entry.value.size());
    directory()[*slot].offset = header().end;
    append_entry(key, value);
    return;
  }
  HYBRID_ASSERT(header().count < header().directory_capacity);
  Slot* const end = directory() + header().count;
  Slot* const at = std::upper_bound(directory(), end, tag,
                                    [](std::uint32_t t, const Slot& s) { return t < s.tag; });
  std::copy_backward(at, end, end + 1);
  *at = {.tag = tag, .offset = header().end};
  ++header().count;
  header().content_bytes += static_cast<std::uint32_t>(key.size() + value.size());
  append_entry(key, value);
}

void PackedBlock::erase(std::string_view key) {
  const auto slot = slot_of(tag_of(key), key);
  if (!slot) return;
  const Entry entry = entry_at(directory()[*slot].offset);
  header().content_bytes -= static_cast<std::uint32_t>(entry.key.size() + entry.value.size());
  std::copy(directory() + *slot + 1, directory() + header().count, directory() + *slot);
  --header().count;
}

void PackedBlock::clear() {
  if (!memory_) return;
  header().end =
      static_cast<std::uint32_t>(sizeof(Header) + header().directory_capacity * sizeof(Slot));
  header().content_bytes = 0;
  header().count = 0;
}

}  // namespace hybrid::store
