// The headers of the Session Change File and their bytes. With record.hpp the only code that knows offsets.
// Format: docs/formats/scf.md
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace hybrid::scf {

// A log sequence number: the place of a record in the order of all changes. The first is 1.
struct Lsn {
  std::uint64_t value = 0;
  friend auto operator<=>(const Lsn&, const Lsn&) = default;
  Lsn operator+(std::uint64_t count) const { return {value + count}; }
  Lsn operator-(std::uint64_t count) const { return {value - count}; }
};

// A segment's sequence number, which is also its file's name.
struct SegmentNumber {
  std::uint64_t value = 0;  // 0: none
  friend auto operator<=>(const SegmentNumber&, const SegmentNumber&) = default;
};

// A place in a segment's file.
struct Offset {
  std::uint64_t value = 0;
  friend auto operator<=>(const Offset&, const Offset&) = default;
  Offset operator+(std::uint64_t bytes) const { return {value + bytes}; }
};

using Uuid = std::array<std::byte, 16>;

inline constexpr std::uint16_t kMajor = 1;
inline constexpr std::uint16_t kMinor = 0;
inline constexpr std::size_t kSegmentHeaderBytes = 512;
inline constexpr std::size_t kFrameHeaderBytes = 64;
inline constexpr std::size_t kFrameAlignment = 64;
inline constexpr std::size_t kSyncAlignment = 512;  // frames that follow a sync start at a sector

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

struct SegmentHeader {
  Uuid store{};
  SegmentNumber number;
  std::uint64_t epoch = 0;
  Lsn first_lsn;
  Millis created = 0;
  std::uint64_t allocated = 0;  // 0: not known
  SegmentNumber predecessor;
  std::uint64_t predecessor_epoch = 0;
  Offset predecessor_end;
  Lsn predecessor_last_lsn;
  Lsn low_water;
  Lsn durable;
};

using SegmentHeaderBytes = std::array<std::byte, kSegmentHeaderBytes>;
SegmentHeaderBytes encode(const SegmentHeader& header);

enum class HeaderFault : std::uint8_t {
  unused,   // prepared, not begun
  invalid,  // damaged
  newer,    // of a version that this reader does not know
};
std::expected<SegmentHeader, HeaderFault> decode_segment_header(ByteView bytes);

// What stands in the fields of a header that may be damaged; `bytes` is as long as a header.
SegmentHeader guess_segment_header(ByteView bytes);

enum class FrameKind : std::uint32_t { records = 0, sync_point = 1, seal = 2, closed = 3 };

inline constexpr std::uint32_t kFrameOpen =
    0xFFFFFFFF;  // record count of a frame that may still grow

struct FrameHeader {
  std::uint64_t epoch = 0;
  Lsn first_lsn;
  Lsn durable;
  Lsn low_water;
  Millis time = 0;
  FrameKind kind = FrameKind::records;
  std::uint32_t record_count = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_crc = 0;
};

// Length and CRC of the payload, as the one word that is stored at once.
constexpr std::uint64_t payload_word(std::uint32_t bytes, std::uint32_t crc) {
  return std::uint64_t{crc} << 32 | bytes;
}
inline constexpr std::size_t kRecordCountOffset = 52;
inline constexpr std::size_t kPayloadWordOffset = 56;

using FrameHeaderBytes = std::array<std::byte, kFrameHeaderBytes>;
FrameHeaderBytes encode(const FrameHeader& header);
// Nothing unless magic, header CRC and kind are right. The caller checks the epoch.
std::optional<FrameHeader> decode_frame_header(ByteView bytes);

// "0000000000000001.scf"
std::string segment_name(SegmentNumber number);
// Nothing if it is no segment's name.
std::optional<SegmentNumber> parse_segment_name(std::string_view name);

}  // namespace hybrid::scf
