// Rule S11, as it is checked before anything is written.
#include "base/limits.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include <hybrid/encoding.hpp>
#include <hybrid/params.hpp>

namespace hybrid::testing {
namespace {

template <class T>
std::string encoded(const T& value) {
  Buffer buffer;
  Encoder out{buffer};
  encode(out, value);
  return std::string{buffer.view()};
}

TEST(Limits, TakeSessionIdsOf1To1024Bytes) {
  EXPECT_EQ(check_sid("").error().code(), Errc::invalid_argument);
  EXPECT_TRUE(check_sid("x").has_value());
  EXPECT_TRUE(check_sid(std::string(1, '\0')).has_value());
  EXPECT_TRUE(check_sid(std::string(1024, 'x')).has_value());
  EXPECT_EQ(check_sid(std::string(1025, 'x')).error().code(), Errc::invalid_argument);
}

TEST(Limits, CountTheContentOfStringsAndBytes) {
  for (const std::size_t size : {0U, 1U, 31U, 32U, 255U, 256U, 65535U, 65536U, 100'000U}) {
    EXPECT_EQ(content_bytes(encoded(std::vector<std::byte>(size))), size);
    // Of the shortest strings, whose length is in their first byte, the whole encoding is counted.
    EXPECT_EQ(content_bytes(encoded(std::string(size, 'x'))), size < 32 ? size + 1 : size);
  }
}

TEST(Limits, CountTheWholeEncodingOfOtherValues) {
  EXPECT_EQ(content_bytes(""), 0U);
  EXPECT_EQ(content_bytes(encoded(1)), 1U);
  EXPECT_EQ(content_bytes(encoded(0.1)), 9U);
  EXPECT_EQ(content_bytes(encoded(std::vector<int>{1, 2, 3})), 4U);
  EXPECT_EQ(content_bytes(encoded(std::map<int, int>{{1, 2}})), 3U);
}

TEST(Limits, CountNoMoreThanThereIsOfACutEncoding) {
  for (const char first : {'\xc4', '\xc5', '\xc6', '\xd9', '\xda', '\xdb'}) {
    EXPECT_LE(content_bytes(std::string(1, first)), 1U);
  }
}

TEST(Limits, StopRightPastTheLargestKeyAndValue) {
  const std::string small = encoded(1);
  const auto code = [](const Result<void>& checked) {
    return checked ? std::string_view{"fine"} : to_string(checked.error().code());
  };
  const auto key_of = [&](std::size_t size) {
    const std::string key = encoded(std::string(size, 'k'));
    return code(check_change({.kind = Change::Kind::set, .key = key, .value = small}));
  };
  const auto value_of = [&](std::size_t size) {
    const std::string value = encoded(std::string(size, 'v'));
    return code(check_change({.kind = Change::Kind::set, .key = small, .value = value}));
  };
  EXPECT_EQ(key_of(kKeyBytesMax), "fine");
  EXPECT_EQ(key_of(kKeyBytesMax + 1), "too_large");
  EXPECT_EQ(value_of(kValueBytesMax), "fine");
  EXPECT_EQ(value_of(kValueBytesMax + 1), "too_large");
}

}  // namespace
}  // namespace hybrid::testing
