// Reads the frames of one segment, front to back, whatever bytes the file holds: an answer or an Error, never
// more. Memory: one frame at a time. Not thread-safe. Format: docs/formats/scf.md, sections 2 and 4
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "io/file_system.hpp"
#include "scf/format.hpp"
#include "scf/record.hpp"

namespace hybrid::scf {

struct Frame {
  FrameHeader header;
  Offset at;
  ByteView payload;             // until the reader's next call
  std::vector<Record> records;  // views of the payload

  // Equal to header.first_lsn - 1 for frames without records.
  Lsn last_lsn() const { return header.first_lsn + records.size() - 1; }
};

struct FramesEnd {};

// Something that is neither a valid frame nor the end.
struct BadFrame {
  Offset at;
  const char* why;
};

using FrameOrEnd = std::variant<Frame, FramesEnd, BadFrame>;

class SegmentReader {
 public:
  static Result<SegmentReader> open(io::FileSystem& files, const std::string& path);

  std::uint64_t file_bytes() const { return file_bytes_; }
  const std::expected<SegmentHeader, HeaderFault>& header() const { return header_; }

  // For a segment whose header is damaged.
  void assume_epoch(std::uint64_t epoch) { epoch_ = epoch; }

  // The next frame, which must begin with `expected`. Only if the header is sound, or an epoch is assumed. `end`: where the successor
  // says that this segment ends; nothing if it is the last one.
  Result<FrameOrEnd> next(Lsn expected, std::optional<Offset> end);
  // The end of the last frame that next() returned.
  Offset position() const { return {position_}; }
  // next() goes on at a frame that it returned before.
  void seek(Offset frame) { position_ = frame.value; }

  // Whether any frame header from `from` up to `end` or the file's end, of this segment's epoch (the first frame's, if
  // its header is unused), claims a durable LSN of at least `lsn`; then the first LSN of that frame.
  Result<std::optional<Lsn>> find_durable_claim(Offset from, std::optional<Offset> end, Lsn lsn);
  // The first intact frame header of this segment's epoch at or behind `from`; of the payload nothing is known.
  struct FoundFrame {
    Offset at;
    FrameHeader header;
  };
  Result<std::optional<FoundFrame>> find_frame(Offset from);
  // Where the file's last byte that is not zero ends; at least `from`.
  Result<Offset> content_end(Offset from);

 private:
  SegmentReader(std::unique_ptr<io::File> file, std::uint64_t file_bytes)
      : file_(std::move(file)), file_bytes_(file_bytes) {}

  // Exactly `size` bytes, which must lie within the file.
  Result<ByteView> view(std::uint64_t at, std::size_t size);
  Result<bool> zero(std::uint64_t from, std::uint64_t to);

  std::unique_ptr<io::File> file_;
  std::uint64_t file_bytes_;
  std::expected<SegmentHeader, HeaderFault> header_{std::unexpected(HeaderFault::unused)};
  std::uint64_t epoch_ = 0;  // 0: not known
  std::uint64_t position_ = kSegmentHeaderBytes;

  // A window of the file, refilled as reading moves on.
  std::vector<std::byte> window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_bytes_ = 0;
};

}  // namespace hybrid::scf
