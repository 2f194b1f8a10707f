// Little-endian integers and varints in byte strings: what every format of ours is made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hybrid {

using ByteView = std::span<const std::byte>;

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian; add swaps to port");

template <class T>
T load_le(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store_le(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

template <class T>
void append_integer(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Returns where the copy ends. (std::ranges::copy of g++ 12 copies spans byte by byte.)
inline std::byte* copy_bytes(std::byte* to, ByteView from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
  return to + from.size();
}

// Unsigned LEB128. Returns where it ends.
inline std::byte* store_varint(std::byte* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
  *to++ = static_cast<std::byte>(value);
  return to;
}

constexpr std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

inline std::string_view as_chars(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteView as_bytes(std::string_view chars) { return std::as_bytes(std::span{chars}); }

// Equal? Neither is empty. The last bytes tell apart what is counted up, without a call.
inline bool is_same_key(std::string_view a, std::string_view b) {
  return a.size() == b.size() && a.back() == b.back() &&
         std::memcmp(a.data(), b.data(), a.size()) == 0;
}

inline bool all_zero(ByteView bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Takes pieces off the front of bytes that may hold anything; nothing once they do not suffice.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  std::size_t remaining() const { return rest_.size(); }

  std::optional<ByteView> take(std::uint64_t size) {
    if (size > rest_.size()) return std::nullopt;
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  template <class T>
  std::optional<T> integer() {
    const auto bytes = take(sizeof(T));
    if (!bytes) return std::nullopt;
    return load_le<T>(bytes->data());
  }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = integer<std::uint8_t>();
      if (!byte || (shift == 63 && *byte > 1)) return std::nullopt;
      value |= std::uint64_t{*byte & 0x7fU} << shift;
      if (*byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<ByteView> sized() {
    const auto size = varint();
    return size ? take(*size) : std::nullopt;
  }

 private:
  ByteView rest_;
};

}  // namespace hybrid
