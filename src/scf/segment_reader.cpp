#include "scf/segment_reader.hpp"

#include <algorithm>

#include "base/crc32c.hpp"

namespace hybrid::scf {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

}  // namespace

Result<SegmentReader> SegmentReader::open(io::FileSystem& files, const std::string& path) {
  auto file = files.open(path, io::OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  SegmentReader reader{std::move(*file), *size};
  const auto bytes =
      reader.view(0, static_cast<std::size_t>(std::min<std::uint64_t>(*size, kSegmentHeaderBytes)));
  if (!bytes) return std::unexpected(bytes.error());
  reader.header_ = decode_segment_header(*bytes);
  if (reader.header_) reader.epoch_ = reader.header_->epoch;
  return reader;
}

Result<ByteView> SegmentReader::view(std::uint64_t at, std::size_t size) {
  if (at < window_at_ || at + size > window_at_ + window_bytes_) {
    const std::size_t wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(size, kWindowBytes), file_bytes_ - at));
    if (window_.size() < wanted) window_.resize(wanted);
    window_bytes_ = 0;
    const auto got = file_->read_at(at, std::span{window_}.first(wanted));
    if (!got) return std::unexpected(got.error());
    window_at_ = at;
    window_bytes_ = *got;
    if (*got < size)
      return std::unexpected(Error{Errc::io, "a segment became shorter while it was read"});
  }
  return ByteView{window_}.subspan(static_cast<std::size_t>(at - window_at_), size);
}

Result<bool> SegmentReader::zero(std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const auto part =
        view(from, static_cast<std::size_t>(std::min<std::uint64_t>(to - from, kWindowBytes)));
    if (!part) return std::unexpected(part.error());
    if (!all_zero(*part)) return false;
    from += part->size();
  }
  return true;
}

Result<FrameOrEnd> SegmentReader::next(Lsn expected, std::optional<Offset> end) {
  const std::uint64_t limit = std::min(end ? end->value : file_bytes_, file_bytes_);

  // Find the frame's start: the next multiple of 64, or if there are zeros the next sector.
  std::uint64_t at = align_up(position_, kFrameAlignment);
  for (const std::size_t alignment : {kFrameAlignment, kSyncAlignment}) {
    at = align_up(at, alignment);
    const std::uint64_t until = std::min<std::uint64_t>(at + kFrameHeaderBytes, limit);
    if (until <= at) break;
    const auto blank = zero(at, until);
    if (!blank) return std::unexpected(blank.error());
    if (!*blank) break;
    if (alignment == kSyncAlignment) at = limit;
  }
  at = std::min(at, limit);
  const auto padding_blank = zero(position_, at);
  if (!padding_blank) return std::unexpected(padding_blank.error());
  if (!*padding_blank) return FrameOrEnd{BadFrame{{position_}, "bytes that belong to no frame"}};
  if (at == limit) {
    if (end && limit < end->value) {
      return FrameOrEnd{BadFrame{{at}, "the file is shorter than its successor says"}};
    }
    return FrameOrEnd{FramesEnd{}};
  }

  const auto bad = [at](const char* why) { return FrameOrEnd{BadFrame{{at}, why}}; };
  if (limit - at < kFrameHeaderBytes) return bad("part of a frame header");
  const auto header_bytes = view(at, kFrameHeaderBytes);
  if (!header_bytes) return std::unexpected(header_bytes.error());
  const auto header = decode_frame_header(*header_bytes);
  if (!header) return bad("no intact frame header");
  if (header->epoch != epoch_) return bad("a frame of another segment");
  if (header->first_lsn != expected) return bad("a frame with an unexpected LSN");
  if (header->payload_bytes > limit - at - kFrameHeaderBytes)
    return bad("a frame that runs past the end");
  if (header->payload_bytes > kRecordBytesMax) return bad("a frame larger than any is");

  const auto payload = view(at + kFrameHeaderBytes, header->payload_bytes);
  if (!payload) return std::unexpected(payload.error());
  if (crc32c(*payload) != header->payload_crc) return bad("a frame whose checksum is wrong");
  auto records = split_payload(*payload);
  if (!records) return bad("a frame whose records do not add up");
  const bool counted = header->record_count == kFrameOpen ? header->kind == FrameKind::records
                                                          : header->record_count == records->size();
  if (!counted || (header->kind != FrameKind::records && !records->empty())) {
    return bad("a frame with an unexpected number of records");
  }
  position_ = at + kFrameHeaderBytes + header->payload_bytes;
  return FrameOrEnd{
      Frame{.header = *header, .at = {at}, .payload = *payload, .records = std::move(*records)}};
}

Result<std::optional<Lsn>> SegmentReader::find_durable_claim(Offset from, std::optional<Offset> end,
                                                             Lsn lsn) {
  const std::uint64_t limit = std::min(end ? end->value : file_bytes_, file_bytes_);
  std::uint64_t epoch = epoch_;
  if (epoch == 0 && limit >= kSegmentHeaderBytes + kFrameHeaderBytes) {
    // The first frame's place is ours alone: nothing that a user stored can stand there.
    const auto bytes = view(kSegmentHeaderBytes, kFrameHeaderBytes);
    if (!bytes) return std::unexpected(bytes.error());
    if (const auto first = decode_frame_header(*bytes)) epoch = first->epoch;
  }
  if (epoch == 0) return std::optional<Lsn>{};
  std::uint64_t at = align_up(from.value, kFrameAlignment);
  for (; at + kFrameHeaderBytes <= limit; at += kFrameAlignment) {
    const auto bytes = view(at, kFrameHeaderBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const auto header = decode_frame_header(*bytes);
    if (header && header->epoch == epoch && header->durable >= lsn) return header->first_lsn;
  }
  return std::optional<Lsn>{};
}

Result<std::optional<SegmentReader::FoundFrame>> SegmentReader::find_frame(Offset from) {
  std::uint64_t at = align_up(from.value, kFrameAlignment);
  for (; at + kFrameHeaderBytes <= file_bytes_; at += kFrameAlignment) {
    const auto bytes = view(at, kFrameHeaderBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const auto header = decode_frame_header(*bytes);
    if (header && header->epoch == epoch_) return FoundFrame{.at = {at}, .header = *header};
  }
  return std::optional<FoundFrame>{};
}

Result<Offset> SegmentReader::content_end(Offset from) {
  std::uint64_t content_end = from.value;
  for (std::uint64_t at = from.value; at < file_bytes_;) {
    const auto part =
        view(at, static_cast<std::size_t>(std::min<std::uint64_t>(file_bytes_ - at, kWindowBytes)));
    if (!part) return std::unexpected(part.error());
    const auto last = std::ranges::find_if(part->rbegin(), part->rend(),
                                           [](std::byte b) { return b != std::byte{0}; });
    if (last != part->rend()) content_end = at + static_cast<std::uint64_t>(part->rend() - last);
    at += part->size();
  }
  return Offset{content_end};
}

}  // namespace hybrid::scf
