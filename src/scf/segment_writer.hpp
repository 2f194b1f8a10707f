// Appends frames to one segment through its mapping. Called under the log's lock.
//   W1  Whenever the process is killed, the segment holds a valid prefix of what was appended: a record counts
//       from the one 8-byte store of its frame's length and CRC on.
//   W2  No 512-byte sector that seal_for_sync() was called on is written to again.
//   W3  There is always room left for one marker, so that any segment can be sealed or closed.
// Does not sync, roll or know files. Format: docs/formats/scf.md
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "scf/format.hpp"
#include "scf/record.hpp"

namespace hybrid::scf {

// What a frame's header says besides what the writer knows.
struct FrameContext {
  Lsn durable;
  Lsn low_water;
  Millis time = 0;
};

inline constexpr std::size_t kFramePayloadMax = std::size_t{256}
                                                << 10;  // unless one record is larger
inline constexpr std::size_t kMarkerRoom = kSyncAlignment + kFrameHeaderBytes;

// The smallest segment that can hold a record of `record_bytes`.
constexpr std::uint64_t segment_bytes_for(std::uint64_t record_bytes) {
  return kSegmentHeaderBytes + kSyncAlignment + kFrameHeaderBytes + record_bytes + kMarkerRoom;
}

class SegmentWriter {
 public:
  // `bytes`: the whole segment, zero. Nothing is written yet.
  SegmentWriter(std::span<std::byte> bytes, std::uint64_t epoch, Lsn first_lsn);

  // Its magic last, so that it is there as a whole or not at all. Frames may be there already.
  void write_header(const SegmentHeader& header);

  // Whether a record of `bytes` fits, with `reserve` bytes left over.
  bool fits(std::size_t bytes, std::size_t reserve = 0) const;
  // One record, whole, as append_record() makes it. It must fit. Its LSN is next_lsn().
  void append(std::string_view record, const FrameContext& context);
  // The same in two steps: where the record is to be put, and that `record` is there.
  std::span<std::byte> begin_record(std::size_t bytes, const FrameContext& context);
  void end_record(ByteView record);
  // The payload of a frame of another segment, of `count` records.
  void append_payload(ByteView payload, std::uint32_t count, const FrameContext& context);
  // A sync point, seal or closed frame.
  void mark(FrameKind kind, const FrameContext& context);

  // Ends the open frame; what comes next starts at another sector. Call before each sync.
  void seal_for_sync();

  Offset end() const { return {end_}; }
  Lsn next_lsn() const { return next_lsn_; }

 private:
  void begin_frame(FrameKind kind, const FrameContext& context);
  void end_frame();
  std::byte* frame() { return bytes_.data() + frame_at_; }

  std::span<std::byte> bytes_;
  std::uint64_t epoch_;
  Lsn next_lsn_;
  std::uint64_t end_ = kSegmentHeaderBytes;  // of what is valid
  bool synced_to_end_ = true;                // the next frame starts at a sector

  bool frame_open_ = false;
  std::uint64_t frame_at_ = 0;
  Millis frame_time_ = 0;
  std::uint32_t record_count_ = 0;
  std::uint32_t payload_bytes_ = 0;
  std::uint32_t payload_crc_ = 0;
};

}  // namespace hybrid::scf
