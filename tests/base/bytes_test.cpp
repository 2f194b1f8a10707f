// Varints and pieces of bytes that may hold anything.
#include "base/bytes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace hybrid::testing {
namespace {

std::optional<std::uint64_t> read_varint(std::string_view bytes) {
  ByteReader in{as_bytes(bytes)};
  return in.varint();
}

std::string varint(std::uint64_t value) {
  std::array<std::byte, 10> bytes;
  const std::byte* const end = store_varint(bytes.data(), value);
  return std::string{as_chars({bytes.data(), end})};
}

RC_GTEST_PROP(Varint, ReadsBackWhatWasStored, (std::uint64_t any)) {
  const std::uint64_t value = any >> *rc::gen::inRange(0, 64);
  const std::string bytes = varint(value);
  RC_ASSERT(bytes.size() == varint_bytes(value));
  RC_ASSERT(read_varint(bytes) == value);
}

TEST(Varint, TakesOneByteForEachSevenBits) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(varint_bytes(std::uint64_t{1} << bit), bit / 7 + 1) << bit;
  }
  EXPECT_EQ(varint_bytes(0), 1U);
}

TEST(Varint, RefusesWhatIsCutOrTooLarge) {
  const std::string nine(9, '\xff');
  EXPECT_EQ(read_varint(nine + '\x01'), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read_varint(nine + '\x02'), std::nullopt) << "65 bits";
  EXPECT_EQ(read_varint(nine + '\x81'), std::nullopt) << "an eleventh byte";
  EXPECT_EQ(read_varint(nine + "\x81\x01"), std::nullopt) << "an eleventh byte";
  for (std::size_t size = 0; size <= 9; ++size) {
    EXPECT_EQ(read_varint(nine.substr(0, size)), std::nullopt) << size;
  }
}

TEST(ByteReader, TakesNothingOnceTheBytesDoNotSuffice) {
  const std::string bytes = "abcde";
  ByteReader in{as_bytes(bytes)};
  EXPECT_EQ(as_chars(in.take(2).value()), "ab");
  EXPECT_EQ(in.take(4), std::nullopt);
  EXPECT_EQ(in.remaining(), 3U);
  EXPECT_EQ(in.integer<std::uint32_t>(), std::nullopt);
  EXPECT_EQ(in.integer<std::uint16_t>(), std::uint16_t{'c' | 'd' << 8});
  EXPECT_EQ(in.take(std::numeric_limits<std::uint64_t>::max()), std::nullopt);
  EXPECT_FALSE(in.at_end());
  EXPECT_EQ(as_chars(in.take(1).value()), "e");
  EXPECT_TRUE(in.at_end());
  EXPECT_TRUE(in.take(0).has_value());
}

TEST(ByteReader, RefusesASizeBeyondTheEnd) {
  const std::string huge = varint(std::numeric_limits<std::uint64_t>::max()) + "x";
  ByteReader in{as_bytes(huge)};
  EXPECT_EQ(in.sized(), std::nullopt);
}

TEST(AllZero, SeesASingleBitAnywhere) {
  std::vector<std::byte> bytes(100);
  EXPECT_TRUE(all_zero(bytes));
  EXPECT_TRUE(all_zero({}));
  for (std::byte& byte : bytes) {
    byte = std::byte{1};
    EXPECT_FALSE(all_zero(bytes));
    byte = std::byte{0};
  }
}

TEST(Integers, AreLittleEndian) {
  std::string bytes;
  append_integer(bytes, std::uint32_t{0x01020304});
  EXPECT_EQ(bytes, "\x04\x03\x02\x01");
  EXPECT_EQ(load_le<std::uint32_t>(as_bytes(bytes).data()), 0x01020304U);
}

}  // namespace
}  // namespace hybrid::testing
