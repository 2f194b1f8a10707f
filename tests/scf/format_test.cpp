// The bytes of headers and names.
#include "scf/format.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/crc32c.hpp"

namespace hybrid::testing {
namespace {

using namespace hybrid::scf;

SegmentHeader some_segment_header() {
  SegmentHeader header{.number = {7},
                       .epoch = 0x1122334455667788,
                       .first_lsn = {1001},
                       .created = -5,
                       .allocated = 65536,
                       .predecessor = {5},
                       .predecessor_epoch = 99,
                       .predecessor_end = {4096},
                       .predecessor_last_lsn = {1000},
                       .low_water = {3},
                       .durable = {999}};
  header.store.fill(std::byte{0xab});
  return header;
}

FrameHeader some_frame_header() {
  return {.epoch = 77,
          .first_lsn = {10},
          .durable = {9},
          .low_water = {2},
          .time = 1'700'000'000'000,
          .kind = FrameKind::records,
          .record_count = 3,
          .payload_bytes = 1000,
          .payload_crc = 0xDEADBEEF};
}

TEST(SegmentHeaderFormat, ReadsBackWhatWasWritten) {
  const SegmentHeader written = some_segment_header();
  const auto read = decode_segment_header(encode(written));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->store, written.store);
  EXPECT_EQ(read->number, written.number);
  EXPECT_EQ(read->epoch, written.epoch);
  EXPECT_EQ(read->first_lsn, written.first_lsn);
  EXPECT_EQ(read->created, written.created);
  EXPECT_EQ(read->allocated, written.allocated);
  EXPECT_EQ(read->predecessor, written.predecessor);
  EXPECT_EQ(read->predecessor_epoch, written.predecessor_epoch);
  EXPECT_EQ(read->predecessor_end, written.predecessor_end);
  EXPECT_EQ(read->predecessor_last_lsn, written.predecessor_last_lsn);
  EXPECT_EQ(read->low_water, written.low_water);
  EXPECT_EQ(read->durable, written.durable);
}

TEST(SegmentHeaderFormat, StandsWhereTheDocumentSays) {
  const SegmentHeaderBytes bytes = encode(some_segment_header());
  const auto at = [&]<class T>(std::size_t offset, T) { return load_le<T>(bytes.data() + offset); };
  EXPECT_EQ(as_chars(ByteView{bytes}.first(8)), "hybrSCF\n");
  EXPECT_EQ(at(8, std::uint16_t{}), 1U);
  EXPECT_EQ(at(10, std::uint16_t{}), 0U);
  EXPECT_EQ(at(12, std::uint32_t{}), 512U);
  EXPECT_EQ(at(32, std::uint64_t{}), 7U);
  EXPECT_EQ(at(40, std::uint64_t{}), 0x1122334455667788U);
  EXPECT_EQ(at(48, std::uint64_t{}), 1001U);
  EXPECT_EQ(at(56, std::int64_t{}), -5);
  EXPECT_EQ(at(64, std::uint64_t{}), 65536U);
  EXPECT_EQ(at(72, std::uint64_t{}), 5U);
  EXPECT_EQ(at(80, std::uint64_t{}), 99U);
  EXPECT_EQ(at(88, std::uint64_t{}), 4096U);
  EXPECT_EQ(at(96, std::uint64_t{}), 1000U);
  EXPECT_EQ(at(104, std::uint64_t{}), 3U);
  EXPECT_EQ(at(112, std::uint64_t{}), 999U);
  EXPECT_EQ(at(124, std::uint32_t{}), crc32c(ByteView{bytes}.first(124)));
  EXPECT_EQ(bytes.size(), 512U);
  EXPECT_TRUE(all_zero(ByteView{bytes}.subspan(128)));
}

TEST(SegmentHeaderFormat, IsRefusedWithAnyBitFlipped) {
  SegmentHeaderBytes bytes = encode(some_segment_header());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte flip{static_cast<unsigned char>(1U << bit % 8)};
    bytes[bit / 8] ^= flip;
    const auto read = decode_segment_header(bytes);
    ASSERT_FALSE(read.has_value()) << "bit " << bit;
    EXPECT_EQ(read.error(), HeaderFault::invalid) << "bit " << bit;
    bytes[bit / 8] ^= flip;
  }
  EXPECT_TRUE(decode_segment_header(bytes).has_value());
}

TEST(SegmentHeaderFormat, IsRefusedWhenCut) {
  const SegmentHeaderBytes bytes = encode(some_segment_header());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = decode_segment_header(ByteView{bytes}.first(size));
    ASSERT_FALSE(read.has_value()) << size;
    EXPECT_EQ(read.error(), size < 8 ? HeaderFault::unused : HeaderFault::invalid) << size;
  }
}

// Changes bytes and makes the checksum right again: what a program would do that writes nonsense.
template <class T>
auto decode_with(std::size_t offset, T value) {
  SegmentHeaderBytes bytes = encode(some_segment_header());
  store_le(bytes.data() + offset, value);
  store_le(bytes.data() + 124, crc32c(ByteView{bytes}.first(124)));
  return decode_segment_header(bytes);
}

TEST(SegmentHeaderFormat, IsNotReadIfItsVersionIsAnother) {
  EXPECT_EQ(decode_with(8, std::uint16_t{2}).error(), HeaderFault::newer);
  EXPECT_EQ(decode_with(8, std::uint16_t{0}).error(), HeaderFault::newer);
  EXPECT_EQ(decode_with(10, std::uint16_t{1}).error(), HeaderFault::newer);
  EXPECT_EQ(decode_with(10, std::uint16_t{0xFFFF}).error(), HeaderFault::newer);
}

TEST(SegmentHeaderFormat, IsRefusedIfItSaysWhatCannotBe) {
  const struct {
    const char* name;
    std::size_t offset;
    std::uint64_t value;
  } cases[] = {
      {"no epoch", 40, 0},
      {"no first LSN", 48, 0},
      {"a first LSN that does not follow", 48, 1002},
      {"a predecessor that is itself", 72, 7},
      {"a later predecessor", 72, 8},
      {"a last LSN that does not precede", 96, 999},
  };
  for (const auto& [name, offset, value] : cases) {
    EXPECT_EQ(decode_with(offset, value).error(), HeaderFault::invalid) << name;
  }
  EXPECT_EQ(decode_with(12, std::uint32_t{513}).error(), HeaderFault::invalid) << "header bytes";
  EXPECT_EQ(decode_with(120, std::uint32_t{1}).error(), HeaderFault::invalid) << "zero bytes";
  EXPECT_TRUE(decode_with(64, std::uint64_t{1}).has_value());
}

TEST(FrameHeaderFormat, ReadsBackWhatWasWritten) {
  for (const FrameKind kind :
       {FrameKind::records, FrameKind::sync_point, FrameKind::seal, FrameKind::closed}) {
    FrameHeader written = some_frame_header();
    written.kind = kind;
    const auto read = decode_frame_header(encode(written));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->epoch, written.epoch);
    EXPECT_EQ(read->first_lsn, written.first_lsn);
    EXPECT_EQ(read->durable, written.durable);
    EXPECT_EQ(read->low_water, written.low_water);
    EXPECT_EQ(read->time, written.time);
    EXPECT_EQ(read->kind, kind);
    EXPECT_EQ(read->record_count, written.record_count);
    EXPECT_EQ(read->payload_bytes, written.payload_bytes);
    EXPECT_EQ(read->payload_crc, written.payload_crc);
  }
}

TEST(FrameHeaderFormat, IsRefusedWithAnyBitFlippedThatItsChecksumCovers) {
  FrameHeaderBytes bytes = encode(some_frame_header());
  // Count, length and payload CRC grow with the frame; the payload vouches for them.
  for (std::size_t bit = 0; bit < kRecordCountOffset * 8; ++bit) {
    const std::byte flip{static_cast<unsigned char>(1U << bit % 8)};
    bytes[bit / 8] ^= flip;
    EXPECT_FALSE(decode_frame_header(bytes).has_value()) << "bit " << bit;
    bytes[bit / 8] ^= flip;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_frame_header(ByteView{bytes}.first(size)).has_value()) << size;
  }
}

TEST(FrameHeaderFormat, IsRefusedIfItsKindIsUnknown) {
  FrameHeaderBytes bytes = encode(some_frame_header());
  store_le(bytes.data() + 48, std::uint32_t{4});
  store_le(bytes.data() + 4, crc32c(ByteView{bytes}.subspan(8, 44)));
  EXPECT_FALSE(decode_frame_header(bytes).has_value());
}

TEST(SegmentName, IsSixteenDigits) {
  EXPECT_EQ(segment_name({1}), "0000000000000001.scf");
  EXPECT_EQ(segment_name({1234567890123456}), "1234567890123456.scf");
}

RC_GTEST_PROP(SegmentName, ReadsBackAsItsNumber, ()) {
  const SegmentNumber number{*rc::gen::inRange<std::uint64_t>(1, 10'000'000'000'000'000)};
  RC_ASSERT(parse_segment_name(segment_name(number)) == number);
}

TEST(SegmentName, IsNothingElse) {
  for (const char* name :
       {"", ".scf", "1.scf", "000000000000001.scf", "00000000000000001.scf", "0000000000000000.scf",
        "000000000000000x.scf", "-000000000000001.scf", "+000000000000001.scf",
        " 000000000000001.scf", "0000000000000001.scF", "0000000000000001.scf ", "0000000000000001",
        "0000000000000001.scf.bak", "00000000000000a1.scf"}) {
    EXPECT_EQ(parse_segment_name(name), std::nullopt) << name;
  }
  EXPECT_EQ(parse_segment_name(std::string_view{"000000000000000\0.scf", 20}), std::nullopt);
}

}  // namespace
}  // namespace hybrid::testing
