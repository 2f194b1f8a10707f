#include "scf/segment_writer.hpp"

#include <atomic>

#include "base/assert.hpp"
#include "base/crc32c.hpp"

namespace hybrid::scf {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kPrefetchedBytes = 512;

// An aligned store that neither the compiler nor the processor moves before the writes that it covers.
template <class T>
void publish(std::byte* at, T value) {
  std::atomic_ref<T>{*reinterpret_cast<T*>(at)}.store(value, std::memory_order_release);
}

}  // namespace

SegmentWriter::SegmentWriter(std::span<std::byte> bytes, std::uint64_t epoch, Lsn first_lsn)
    : bytes_(bytes), epoch_(epoch), next_lsn_(first_lsn) {
  HYBRID_ASSERT(bytes.size() >= segment_bytes_for(0));
}

void SegmentWriter::write_header(const SegmentHeader& header) {
  HYBRID_ASSERT(header.epoch == epoch_);
  const SegmentHeaderBytes bytes = encode(header);
  copy_bytes(bytes_.data() + 8, ByteView{bytes}.subspan(8));
  publish(bytes_.data(), load_le<std::uint64_t>(bytes.data()));
}

bool SegmentWriter::fits(std::size_t bytes, std::size_t reserve) const {
  return align_up(end_, kSyncAlignment) + kFrameHeaderBytes + bytes + reserve + kMarkerRoom <=
         bytes_.size();
}

void SegmentWriter::append(std::string_view record, const FrameContext& context) {
  const ByteView bytes = as_bytes(record);
  copy_bytes(begin_record(bytes.size(), context).data(), bytes);
  end_record(bytes);  // not the copy, whose checksum would wait until it is in the cache
  // The next one's place: nothing was ever there, so it is in no cache.
  for (std::size_t ahead = 0; ahead < kPrefetchedBytes; ahead += kCacheLine)
    __builtin_prefetch(bytes_.data() + end_ + ahead, 1);
}

std::span<std::byte> SegmentWriter::begin_record(std::size_t bytes, const FrameContext& context) {
  HYBRID_ASSERT(bytes <= kRecordBytesMax && fits(bytes));
  if (frame_open_ && (frame_time_ != context.time || payload_bytes_ + bytes > kFramePayloadMax))
    end_frame();
  if (!frame_open_) begin_frame(FrameKind::records, context);
  return bytes_.subspan(end_, bytes);
}

void SegmentWriter::end_record(ByteView record) {
  end_ += record.size();
  payload_bytes_ += static_cast<std::uint32_t>(record.size());
  payload_crc_ = crc32c_extend(payload_crc_, record);
  publish(frame() + kPayloadWordOffset, payload_word(payload_bytes_, payload_crc_));
  ++record_count_;
  next_lsn_ = next_lsn_ + 1;
}

void SegmentWriter::append_payload(ByteView payload, std::uint32_t count,
                                   const FrameContext& context) {
  HYBRID_ASSERT(fits(payload.size()));
  end_frame();
  begin_frame(FrameKind::records, context);
  copy_bytes(bytes_.data() + end_, payload);
  end_ += payload.size();
  payload_bytes_ = static_cast<std::uint32_t>(payload.size());
  publish(frame() + kPayloadWordOffset, payload_word(payload_bytes_, crc32c(payload)));
  record_count_ = count;
  next_lsn_ = next_lsn_ + count;
  end_frame();
}

void SegmentWriter::mark(FrameKind kind, const FrameContext& context) {
  HYBRID_ASSERT(kind != FrameKind::records);
  end_frame();
  begin_frame(kind, context);
  frame_open_ = false;
}

void SegmentWriter::seal_for_sync() {
  end_frame();
  synced_to_end_ = true;
}

void SegmentWriter::begin_frame(FrameKind kind, const FrameContext& context) {
  frame_at_ = align_up(end_, synced_to_end_ ? kSyncAlignment : kFrameAlignment);
  end_ = frame_at_ + kFrameHeaderBytes;
  HYBRID_ASSERT(end_ <= bytes_.size());
  const FrameHeaderBytes header =
      encode(FrameHeader{.epoch = epoch_,
                         .first_lsn = next_lsn_,
                         .durable = context.durable,
                         .low_water = context.low_water,
                         .time = context.time,
                         .kind = kind,
                         .record_count = kind == FrameKind::records ? kFrameOpen : 0});
  copy_bytes(frame(), header);
  synced_to_end_ = false;
  frame_open_ = true;
  frame_time_ = context.time;
  record_count_ = 0;
  payload_bytes_ = 0;
  payload_crc_ = 0;
}

void SegmentWriter::end_frame() {
  if (!frame_open_) return;
  publish(frame() + kRecordCountOffset, record_count_);
  frame_open_ = false;
}

}  // namespace hybrid::scf
