#include "scf/format.hpp"

#include <charconv>

#include "base/crc32c.hpp"

namespace hybrid::scf {
namespace {

constexpr std::string_view kSegmentMagic = "hybrSCF\n";
constexpr std::string_view kFrameMagic = "SCFf";
constexpr std::string_view kSuffix = ".scf";
constexpr std::size_t kNameDigits = 16;

// Offsets of the tables in docs/formats/scf.md.
constexpr std::size_t kSegmentCrc = 124;
constexpr std::size_t kFrameCrc = 4;
constexpr std::size_t kFrameCrcFrom = 8;
static_assert(kPayloadWordOffset % 8 == 0 && kPayloadWordOffset + 8 == kFrameHeaderBytes);

}  // namespace

SegmentHeaderBytes encode(const SegmentHeader& header) {
  SegmentHeaderBytes bytes{};
  std::byte* const at = bytes.data();
  copy_bytes(at, as_bytes(kSegmentMagic));
  store_le(at + 8, kMajor);
  store_le(at + 10, kMinor);
  store_le(at + 12, std::uint32_t{kSegmentHeaderBytes});
  copy_bytes(at + 16, header.store);
  store_le(at + 32, header.number.value);
  store_le(at + 40, header.epoch);
  store_le(at + 48, header.first_lsn.value);
  store_le(at + 56, header.created);
  store_le(at + 64, header.allocated);
  store_le(at + 72, header.predecessor.value);
  store_le(at + 80, header.predecessor_epoch);
  store_le(at + 88, header.predecessor_end.value);
  store_le(at + 96, header.predecessor_last_lsn.value);
  store_le(at + 104, header.low_water.value);
  store_le(at + 112, header.durable.value);
  store_le(at + kSegmentCrc, crc32c(ByteView{bytes}.first(kSegmentCrc)));
  return bytes;
}

std::expected<SegmentHeader, HeaderFault> decode_segment_header(ByteView bytes) {
  if (bytes.size() < kSegmentMagic.size() || all_zero(bytes.first(kSegmentMagic.size()))) {
    return std::unexpected(HeaderFault::unused);
  }
  if (bytes.size() < kSegmentHeaderBytes) return std::unexpected(HeaderFault::invalid);
  const std::byte* const at = bytes.data();
  const bool intact = as_chars(bytes.first(kSegmentMagic.size())) == kSegmentMagic &&
                      load_le<std::uint32_t>(at + kSegmentCrc) == crc32c(bytes.first(kSegmentCrc));
  if (!intact) return std::unexpected(HeaderFault::invalid);
  if (load_le<std::uint16_t>(at + 8) != kMajor || load_le<std::uint16_t>(at + 10) > kMinor) {
    return std::unexpected(HeaderFault::newer);
  }
  const SegmentHeader header = guess_segment_header(bytes);
  const bool sensible =
      load_le<std::uint32_t>(at + 12) == kSegmentHeaderBytes && header.epoch != 0 &&
      header.first_lsn.value != 0 && header.predecessor < header.number &&
      header.predecessor_last_lsn + 1 == header.first_lsn &&
      all_zero(bytes.subspan(kSegmentCrc - 4, 4)) &&
      all_zero(bytes.subspan(kSegmentCrc + 4, kSegmentHeaderBytes - kSegmentCrc - 4));
  if (!sensible) return std::unexpected(HeaderFault::invalid);
  return header;
}

SegmentHeader guess_segment_header(ByteView bytes) {
  const std::byte* const at = bytes.data();
  SegmentHeader header;
  copy_bytes(header.store.data(), bytes.subspan(16, header.store.size()));
  header.number = {load_le<std::uint64_t>(at + 32)};
  header.epoch = load_le<std::uint64_t>(at + 40);
  header.first_lsn = {load_le<std::uint64_t>(at + 48)};
  header.created = load_le<Millis>(at + 56);
  header.allocated = load_le<std::uint64_t>(at + 64);
  header.predecessor = {load_le<std::uint64_t>(at + 72)};
  header.predecessor_epoch = load_le<std::uint64_t>(at + 80);
  header.predecessor_end = {load_le<std::uint64_t>(at + 88)};
  header.predecessor_last_lsn = {load_le<std::uint64_t>(at + 96)};
  header.low_water = {load_le<std::uint64_t>(at + 104)};
  header.durable = {load_le<std::uint64_t>(at + 112)};
  return header;
}

FrameHeaderBytes encode(const FrameHeader& header) {
  FrameHeaderBytes bytes{};
  std::byte* const at = bytes.data();
  copy_bytes(at, as_bytes(kFrameMagic));
  store_le(at + 8, header.epoch);
  store_le(at + 16, header.first_lsn.value);
  store_le(at + 24, header.durable.value);
  store_le(at + 32, header.low_water.value);
  store_le(at + 40, header.time);
  store_le(at + 48, static_cast<std::uint32_t>(header.kind));
  store_le(at + kRecordCountOffset, header.record_count);
  store_le(at + kPayloadWordOffset, payload_word(header.payload_bytes, header.payload_crc));
  store_le(at + kFrameCrc,
           crc32c(ByteView{bytes}.subspan(kFrameCrcFrom, kRecordCountOffset - kFrameCrcFrom)));
  return bytes;
}

std::optional<FrameHeader> decode_frame_header(ByteView bytes) {
  const std::byte* const at = bytes.data();
  if (bytes.size() < kFrameHeaderBytes ||
      as_chars(bytes.first(kFrameMagic.size())) != kFrameMagic ||
      load_le<std::uint32_t>(at + kFrameCrc) !=
          crc32c(bytes.subspan(kFrameCrcFrom, kRecordCountOffset - kFrameCrcFrom)) ||
      load_le<std::uint32_t>(at + 48) > static_cast<std::uint32_t>(FrameKind::closed)) {
    return std::nullopt;
  }
  FrameHeader header;
  header.epoch = load_le<std::uint64_t>(at + 8);
  header.first_lsn = {load_le<std::uint64_t>(at + 16)};
  header.durable = {load_le<std::uint64_t>(at + 24)};
  header.low_water = {load_le<std::uint64_t>(at + 32)};
  header.time = load_le<Millis>(at + 40);
  header.kind = static_cast<FrameKind>(load_le<std::uint32_t>(at + 48));
  header.record_count = load_le<std::uint32_t>(at + kRecordCountOffset);
  const auto word = load_le<std::uint64_t>(at + kPayloadWordOffset);
  header.payload_bytes = static_cast<std::uint32_t>(word);
  header.payload_crc = static_cast<std::uint32_t>(word >> 32);
  return header;
}

std::string segment_name(SegmentNumber number) {
  std::string digits = std::to_string(number.value);
  if (digits.size() < kNameDigits) digits.insert(0, kNameDigits - digits.size(), '0');
  return digits.append(kSuffix);
}

std::optional<SegmentNumber> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  SegmentNumber number;
  const char* const end = name.data() + kNameDigits;
  const auto [parsed, error] = std::from_chars(name.data(), end, number.value);
  if (error != std::errc{} || parsed != end || number.value == 0) return std::nullopt;
  return number;
}

}  // namespace hybrid::scf
