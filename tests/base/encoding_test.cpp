// Keys and values of any type: what goes in comes out, and nothing else ever does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <hybrid/encoding.hpp>

namespace hybrid::testing {

enum class Colour : std::uint8_t { red = 1, blue = 200 };
enum class Signed : std::int16_t { least = -32768 };

struct Point {
  int x = 7;
  int y = 8;
  friend bool operator==(const Point&, const Point&) = default;
};
struct Shape {
  std::string name = "unnamed";
  std::vector<Point> points;
  std::optional<Colour> colour;
  friend bool operator==(const Shape&, const Shape&) = default;
};
// Shape as an earlier and a later version of a program knew it.
struct EarlierShape {
  std::string name;
};
struct LaterShape {
  std::string name;
  double scale = 2.5;
  std::vector<Point> points;
};

}  // namespace hybrid::testing

template <>
inline constexpr auto hybrid::fields<hybrid::testing::Point> = hybrid::field_list(
    hybrid::field("x", &hybrid::testing::Point::x), hybrid::field("y", &hybrid::testing::Point::y));
template <>
inline constexpr auto hybrid::fields<hybrid::testing::Shape> =
    hybrid::field_list(hybrid::field("name", &hybrid::testing::Shape::name),
                       hybrid::field("points", &hybrid::testing::Shape::points),
                       hybrid::field("colour", &hybrid::testing::Shape::colour));
template <>
inline constexpr auto hybrid::fields<hybrid::testing::EarlierShape> =
    hybrid::field_list(hybrid::field("name", &hybrid::testing::EarlierShape::name));
template <>
inline constexpr auto hybrid::fields<hybrid::testing::LaterShape> =
    hybrid::field_list(hybrid::field("name", &hybrid::testing::LaterShape::name),
                       hybrid::field("scale", &hybrid::testing::LaterShape::scale),
                       hybrid::field("points", &hybrid::testing::LaterShape::points));

namespace hybrid::testing {
namespace {

template <class T>
std::string encoded(const T& value) {
  Buffer buffer;
  Encoder out{buffer};
  encode(out, value);
  EXPECT_TRUE(out.ok());
  return std::string{buffer.view()};
}

template <class T>
Result<T> decoded(std::string_view bytes) {
  Decoder in{bytes};
  auto value = decode<T>(in);
  EXPECT_TRUE(!value || in.at_end());
  return value;
}

template <class T>
void expect_round_trip(const T& value) {
  const auto back = decoded<T>(encoded(value));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(*back, value);
}

std::vector<std::byte> to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

// --- What goes in comes out

TEST(Encoding, KeepsBothBools) {
  expect_round_trip(true);
  expect_round_trip(false);
}

template <class T>
class EncodingOfIntegers : public ::testing::Test {};
using AllIntegers = ::testing::Types<char, signed char, unsigned char, short, unsigned short, int,
                                     unsigned, long, unsigned long, long long, unsigned long long>;
TYPED_TEST_SUITE(EncodingOfIntegers, AllIntegers);

TYPED_TEST(EncodingOfIntegers, KeepsThemAroundEveryPowerOfTwo) {
  using Limits = std::numeric_limits<TypeParam>;
  for (int bit = 0; bit <= Limits::digits; ++bit) {
    const std::uint64_t power = bit == 64 ? 0 : std::uint64_t{1} << bit;
    for (const std::uint64_t delta : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
      expect_round_trip(static_cast<TypeParam>(power + delta));
      expect_round_trip(static_cast<TypeParam>(std::uint64_t{0} - power + delta));
    }
  }
  expect_round_trip(Limits::min());
  expect_round_trip(Limits::max());
}

template <class Float, class Bits>
void expect_same_bits(Float value) {
  const auto back = decoded<Float>(encoded(value));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(std::bit_cast<Bits>(*back), std::bit_cast<Bits>(value)) << value;
}

TEST(Encoding, KeepsEveryBitOfASpecialDouble) {
  using Limits = std::numeric_limits<double>;
  for (const double value : {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             0.1,
                             -0.1,
                             1.5,
                             Limits::min(),
                             -Limits::min(),
                             Limits::denorm_min(),
                             -Limits::denorm_min(),
                             Limits::max(),
                             Limits::lowest(),
                             Limits::epsilon(),
                             Limits::infinity(),
                             -Limits::infinity(),
                             Limits::quiet_NaN(),
                             -Limits::quiet_NaN(),
                             9007199254740992.0,
                             9007199254740994.0,
                             9223372036854775808.0,
                             -9223372036854775808.0,
                             18446744073709551616.0,
                             18446744073709549568.0,
                             1e300,
                             static_cast<double>(std::numeric_limits<float>::max()),
                             static_cast<double>(std::numeric_limits<float>::denorm_min())}) {
    expect_same_bits<double, std::uint64_t>(value);
  }
  for (const std::uint64_t bits : {0x7ff8000000000001ULL, 0x7ff8dead00000000ULL,
                                   0xfff8000000000bedULL, 0x7ff800002000'0000ULL}) {
    expect_same_bits<double, std::uint64_t>(std::bit_cast<double>(bits));
  }
}

TEST(Encoding, KeepsEveryBitOfASpecialFloat) {
  using Limits = std::numeric_limits<float>;
  for (const float value :
       {0.0F, -0.0F, 1.0F, -1.0F, 0.1F, Limits::min(), Limits::denorm_min(), -Limits::denorm_min(),
        Limits::max(), Limits::lowest(), Limits::infinity(), -Limits::infinity(),
        Limits::quiet_NaN(), 16777216.0F, 9223372036854775808.0F, 18446744073709551616.0F}) {
    expect_same_bits<float, std::uint32_t>(value);
  }
  for (const std::uint32_t bits : {0x7fc00001U, 0xffc0beefU}) {
    expect_same_bits<float, std::uint32_t>(std::bit_cast<float>(bits));
  }
}

RC_GTEST_PROP(Encoding, KeepsEveryBitOfAnyDouble, (std::uint64_t bits)) {
  const auto value = std::bit_cast<double>(bits);
  const auto back = decoded<double>(encoded(value));
  RC_ASSERT(back.has_value());
  RC_ASSERT(std::bit_cast<std::uint64_t>(*back) == bits);
}

RC_GTEST_PROP(Encoding, KeepsEveryBitOfAnyFloat, (std::uint32_t bits)) {
  const auto value = std::bit_cast<float>(bits);
  const auto back = decoded<float>(encoded(value));
  RC_ASSERT(back.has_value());
  RC_ASSERT(std::bit_cast<std::uint32_t>(*back) == bits);
}

TEST(Encoding, KeepsStringsOfEveryHeaderLength) {
  for (const std::size_t size : {0U, 1U, 31U, 32U, 255U, 256U, 65535U, 65536U, 1U << 24}) {
    expect_round_trip(std::string(size, 'x'));
    expect_round_trip(std::vector<std::byte>(size, std::byte{0xc1}));
  }
  expect_round_trip(std::string{"a\0b\0", 4});
  expect_round_trip(std::string{"\xff\xfe not UTF-8 \x80"});
}

TEST(Encoding, KeepsContainersOfEveryHeaderLength) {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 65535U, 65536U}) {
    expect_round_trip(std::vector<int>(size, -5));
    std::map<std::size_t, bool> map;
    for (std::size_t i = 0; i < size; ++i) map.emplace(i, i % 2 == 0);
    expect_round_trip(map);
  }
}

TEST(Encoding, KeepsNestedContainers) {
  expect_round_trip(std::vector<std::string>{"", "a", std::string("\0", 1)});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::list<double>{0.5, 1.0, -2.0});
  expect_round_trip(std::deque<std::uint64_t>{0, ~std::uint64_t{0}});
  expect_round_trip(std::set<std::string>{"b", "a"});
  expect_round_trip(std::multiset<int>{1, 1, 2});
  expect_round_trip(std::unordered_set<int>{1, 2, 3});
  expect_round_trip(std::array<int, 3>{1, 2, 3});
  expect_round_trip(std::array<std::byte, 2>{std::byte{0}, std::byte{255}});
  expect_round_trip(std::map<int, std::map<std::string, std::vector<int>>>{
      {1, {{"x", {1, 2}}, {"", {}}}}, {-1, {}}});
  expect_round_trip(std::unordered_map<std::string, std::pair<int, bool>>{{"a", {1, true}}});
  expect_round_trip(std::pair<std::string, std::optional<int>>{"a", std::nullopt});
  expect_round_trip(std::tuple<int, std::string, std::vector<std::byte>, std::tuple<>>{
      1, "two", to_bytes("\x03"), {}});
  expect_round_trip(std::vector<std::optional<std::vector<int>>>{std::nullopt, {{1}}, {{}}});
  expect_round_trip(std::optional<int>{});
  expect_round_trip(std::optional<int>{3});
  expect_round_trip(std::vector<std::vector<std::vector<std::string>>>{{{"deep"}}, {}, {{}}});
}

TEST(Encoding, KeepsEnumsByTheirNumber) {
  expect_round_trip(Colour::blue);
  expect_round_trip(Signed::least);
  EXPECT_EQ(encoded(Colour::blue), encoded(200));
  expect_round_trip(std::byte{200});
}

RC_GTEST_PROP(
    Encoding, KeepsAnyNestedValue,
    (const std::map<std::string, std::vector<std::pair<std::int64_t, std::string>>>& value)) {
  RC_ASSERT(decoded<std::remove_cvref_t<decltype(value)>>(encoded(value)).value() == value);
}

// --- Structs

TEST(EncodingOfStructs, KeepsEveryField) {
  expect_round_trip(Point{.x = -1, .y = 2});
  expect_round_trip(Shape{.name = "s", .points = {{1, 2}, {3, 4}}, .colour = Colour::red});
  expect_round_trip(std::map<std::string, Shape>{{"a", {}}});
}

TEST(EncodingOfStructs, StoresAMapOfNamesToValues) {
  EXPECT_EQ(encoded(Point{.x = 1, .y = 2}),
            encoded(std::map<std::string, int>{{"x", 1}, {"y", 2}}));
}

TEST(EncodingOfStructs, GivesFieldsAddedLaterTheirDefaults) {
  const auto later =
      decoded<LaterShape>(encoded(Shape{.name = "s", .points = {{1, 2}}, .colour = {}}));
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->name, "s");
  EXPECT_EQ(later->scale, 2.5);
  EXPECT_EQ(later->points, (std::vector<Point>{{1, 2}}));
}

TEST(EncodingOfStructs, SkipsFieldsThatWereRemoved) {
  const auto earlier =
      decoded<EarlierShape>(encoded(Shape{.name = "s", .points = {{1, 2}, {3, 4}}, .colour = {}}));
  ASSERT_TRUE(earlier.has_value());
  EXPECT_EQ(earlier->name, "s");
  // Also where more follows in the same value.
  const auto both = decoded<std::pair<EarlierShape, int>>(
      encoded(std::pair{Shape{.name = "t", .points = {{1, 2}}, .colour = {}}, 5}));
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->first.name, "t");
  EXPECT_EQ(both->second, 5);
}

TEST(EncodingOfStructs, RefusesAFieldOfAnotherType) {
  const auto point = decoded<Point>(encoded(std::map<std::string, std::string>{{"x", "1"}}));
  ASSERT_FALSE(point.has_value());
  EXPECT_EQ(point.error().code(), Errc::type_mismatch);
}

// --- What can be written only

TEST(EncodingOfStrings, AreTheSameBytesHoweverTheyAreSpelled) {
  const std::string expected = encoded(std::string{"abc"});
  const char* const pointer = "abc";
  char array[8] = "abc";
  const char full[3] = {'a', 'b', 'c'};  // no room for a NUL
  EXPECT_EQ(encoded("abc"), expected);
  EXPECT_EQ(encoded(std::string_view{"abcdef"}.substr(0, 3)), expected);
  EXPECT_EQ(encoded(pointer), expected);
  EXPECT_EQ(encoded(array), expected);
  EXPECT_EQ(encoded(full), expected);
  EXPECT_EQ(encoded(""), encoded(std::string{}));
}

TEST(EncodingOfStrings, FailsOnANullPointer) {
  const char* const pointer = nullptr;
  Buffer buffer;
  Encoder out{buffer};
  encode(out, pointer);
  EXPECT_FALSE(out.ok());
}

TEST(EncodingOfBytes, AreTheSameBytesHoweverTheyAreHeld) {
  const std::vector<std::byte> vector = to_bytes("\x01\x02");
  const std::array<std::byte, 2> array{std::byte{1}, std::byte{2}};
  EXPECT_EQ(encoded(array), encoded(vector));
  EXPECT_EQ(encoded(std::span<const std::byte>{vector}), encoded(vector));
  EXPECT_EQ(encoded(std::span<const std::byte, 2>{array}), encoded(vector));
}

TEST(EncodingOfBytes, ReadAnArrayOfTheirLengthOnly) {
  const std::string three = encoded(to_bytes("123"));
  EXPECT_TRUE((decoded<std::array<std::byte, 3>>(three).has_value()));
  EXPECT_FALSE((decoded<std::array<std::byte, 2>>(three).has_value()));
  EXPECT_FALSE((decoded<std::array<std::byte, 4>>(three).has_value()));
}

TEST(Encoding, ReadsArraysAndTuplesOfTheirLengthOnly) {
  const std::string three = encoded(std::vector<int>{1, 2, 3});
  EXPECT_TRUE((decoded<std::array<int, 3>>(three).has_value()));
  EXPECT_FALSE((decoded<std::array<int, 2>>(three).has_value()));
  EXPECT_TRUE((decoded<std::tuple<int, int, int>>(three).has_value()));
  EXPECT_FALSE((decoded<std::tuple<int, int>>(three).has_value()));
  EXPECT_FALSE((decoded<std::pair<int, int>>(three).has_value()));
}

// --- Keys: equal numbers of integer types are equal, everything else differs

TEST(EncodingOfKeys, IsTheSameForEqualIntegers) {
  const std::string one = encoded(1);
  EXPECT_EQ(one.size(), 1U);
  EXPECT_EQ(encoded(std::int8_t{1}), one);
  EXPECT_EQ(encoded(std::uint8_t{1}), one);
  EXPECT_EQ(encoded(std::int64_t{1}), one);
  EXPECT_EQ(encoded(std::uint64_t{1}), one);
  EXPECT_EQ(encoded(char{1}), one);
  EXPECT_EQ(encoded(std::int16_t{-1}), encoded(std::int64_t{-1}));
  EXPECT_EQ(encoded(std::int64_t{4'000'000'000}), encoded(std::uint32_t{4'000'000'000}));
}

TEST(EncodingOfKeys, IsTheSameForEqualRealNumbers) {
  EXPECT_EQ(encoded(0.5F), encoded(0.5));
  EXPECT_EQ(encoded(0.5).size(), 5U);
  EXPECT_EQ(encoded(1.0F), encoded(1.0));
  EXPECT_EQ(encoded(0.1).size(), 9U);
}

TEST(EncodingOfKeys, DiffersBetweenKindsThatLookAlike) {
  const std::vector<std::pair<const char*, std::string>> keys = {
      {"1", encoded(1)},
      {"1.0", encoded(1.0)},
      {"\"1\"", encoded("1")},
      {"true", encoded(true)},
      {"bytes of 1", encoded(to_bytes("1"))},
      {"[1]", encoded(std::vector<int>{1})},
      {"0", encoded(0)},
      {"0.0", encoded(0.0)},
      {"-0.0", encoded(-0.0)},
      {"-1", encoded(-1)},
      {"-1.0", encoded(-1.0)},
      {"false", encoded(false)},
      {"nil", encoded(std::optional<int>{})},
      {"\"\"", encoded("")},
      {"2^63", encoded(std::uint64_t{1} << 63)},
      {"2^63 as double", encoded(9223372036854775808.0)},
  };
  for (const auto& [name, bytes] : keys) {
    for (const auto& [other, other_bytes] : keys) {
      EXPECT_EQ(bytes == other_bytes, name == other) << name << " and " << other;
    }
  }
}

TEST(EncodingOfKeys, TakesTheBytesOfTheFormat) {
  // docs/formats/scf.md: shortest integers, unsigned forms from 0 on, float 32 where that is exact.
  const std::vector<std::pair<std::string, std::string_view>> cases = {
      {encoded(0), {"\x00", 1}},
      {encoded(127), "\x7f"},
      {encoded(128), "\xcc\x80"},
      {encoded(256), {"\xcd\x01\x00", 3}},
      {encoded(65536), {"\xce\x00\x01\x00\x00", 5}},
      {encoded(std::int64_t{1} << 32), {"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9}},
      {encoded(-1), "\xff"},
      {encoded(-32), "\xe0"},
      {encoded(-33), "\xd0\xdf"},
      {encoded(-129), "\xd1\xff\x7f"},
      {encoded(true), "\xc3"},
      {encoded(false), "\xc2"},
      {encoded(std::optional<int>{}), "\xc0"},
      {encoded("a"), "\xa1\x61"},
      {encoded(to_bytes("a")), "\xc4\x01\x61"},
      {encoded(1.0), {"\xca\x3f\x80\x00\x00", 5}},
      {encoded(-0.0), {"\xca\x80\x00\x00\x00", 5}},
      {encoded(0.1), "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"},
      {encoded(std::vector<int>{1, 2}), "\x92\x01\x02"},
      {encoded(std::map<std::string, int>{{"a", 1}}), "\x81\xa1\x61\x01"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_EQ(bytes, expected) << ::testing::PrintToString(expected);
  }
}

// --- Reading as another type: every pair of what is stored and what is asked for

std::string shown(bool value) { return value ? "true" : "false"; }
template <class T>
  requires std::integral<T>
std::string shown(T value) {
  return std::to_string(value);
}
std::string shown(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}
std::string shown(float value) { return shown(static_cast<double>(value)); }
std::string shown(const std::string& value) { return "'" + value + "'"; }
std::string shown(const std::vector<std::byte>& value) {
  std::string text = "bytes";
  for (const std::byte byte : value) text += " " + std::to_string(std::to_integer<int>(byte));
  return text;
}
std::string shown(const std::vector<int>& value) { return ::testing::PrintToString(value); }
std::string shown(const std::map<std::string, int>& value) {
  return ::testing::PrintToString(value);
}
std::string shown(const std::optional<int>& value) {
  return value ? "some " + shown(*value) : "none";
}
std::string shown(const Point& value) { return "point " + shown(value.x) + "," + shown(value.y); }

template <class T>
std::string read_as(std::string_view bytes) {
  const auto value = decoded<T>(bytes);
  return value ? shown(*value) : std::string{to_string(value.error().code())};
}

struct Asked {
  const char* type;
  std::string (*read)(std::string_view);
};
const Asked kAsked[] = {
    {"bool", read_as<bool>},
    {"int8", read_as<std::int8_t>},
    {"uint8", read_as<std::uint8_t>},
    {"int16", read_as<std::int16_t>},
    {"uint16", read_as<std::uint16_t>},
    {"int32", read_as<std::int32_t>},
    {"uint32", read_as<std::uint32_t>},
    {"int64", read_as<std::int64_t>},
    {"uint64", read_as<std::uint64_t>},
    {"float", read_as<float>},
    {"double", read_as<double>},
    {"string", read_as<std::string>},
    {"bytes", read_as<std::vector<std::byte>>},
    {"vector", read_as<std::vector<int>>},
    {"map", read_as<std::map<std::string, int>>},
    {"optional", read_as<std::optional<int>>},
    {"struct", read_as<Point>},
};

// All integer types, float, double and optional<int>: what a small whole number may be read as.
std::map<std::string, std::string> as_numbers(const std::string& value,
                                              const std::vector<std::string>& types) {
  std::map<std::string, std::string> as;
  for (const std::string& type : types) as[type] = type == "optional" ? "some " + value : value;
  return as;
}
const std::vector<std::string> kEveryNumber = {"int8",  "uint8",  "int16",   "uint16",
                                               "int32", "uint32", "int64",   "uint64",
                                               "float", "double", "optional"};
const std::vector<std::string> kSignedNumbers = {"int8",  "int16",  "int32",   "int64",
                                                 "float", "double", "optional"};

struct Stored {
  const char* name;
  std::string bytes;
  std::map<std::string, std::string> reads_as;  // all other types: type_mismatch
};

const Stored kStored[] = {
    {"nil", encoded(std::optional<int>{}), {{"optional", "none"}}},
    {"true", encoded(true), {{"bool", "true"}}},
    {"false", encoded(false), {{"bool", "false"}}},
    {"0", encoded(0), as_numbers("0", kEveryNumber)},
    {"1", encoded(1), as_numbers("1", kEveryNumber)},
    {"-1", encoded(-1), as_numbers("-1", kSignedNumbers)},
    {"127", encoded(127), as_numbers("127", kEveryNumber)},
    {"128", encoded(128),
     as_numbers("128", {"uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float",
                        "double", "optional"})},
    {"-129", encoded(-129),
     as_numbers("-129", {"int16", "int32", "int64", "float", "double", "optional"})},
    {"300", encoded(300),
     as_numbers("300", {"int16", "uint16", "int32", "uint32", "int64", "uint64", "float", "double",
                        "optional"})},
    {"2^31", encoded(std::uint32_t{1} << 31),
     as_numbers("2147483648", {"uint32", "int64", "uint64", "float", "double"})},
    {"2^24+1", encoded(16777217),
     as_numbers("16777217", {"int32", "uint32", "int64", "uint64", "double", "optional"})},
    {"2^53+1", encoded(std::int64_t{9007199254740993}),
     as_numbers("9007199254740993", {"int64", "uint64"})},
    {"-(2^53+1)", encoded(std::int64_t{-9007199254740993}),
     as_numbers("-9007199254740993", {"int64"})},
    {"2^63-1", encoded(std::numeric_limits<std::int64_t>::max()),
     as_numbers("9223372036854775807", {"int64", "uint64"})},
    {"2^63",
     encoded(std::uint64_t{1} << 63),
     {{"uint64", "9223372036854775808"},
      {"float", "9.2233720368547758e+18"},
      {"double", "9.2233720368547758e+18"}}},
    {"-2^63",
     encoded(std::numeric_limits<std::int64_t>::min()),
     {{"int64", "-9223372036854775808"},
      {"float", "-9.2233720368547758e+18"},
      {"double", "-9.2233720368547758e+18"}}},
    {"2^64-1", encoded(~std::uint64_t{0}), as_numbers("18446744073709551615", {"uint64"})},
    {"1.0", encoded(1.0), as_numbers("1", kEveryNumber)},
    {"-0.0", encoded(-0.0), as_numbers("-0", {"float", "double"})},
    {"1.5", encoded(1.5), as_numbers("1.5", {"float", "double"})},
    {"0.1", encoded(0.1), as_numbers("0.10000000000000001", {"double"})},
    {"0.1F", encoded(0.1F), as_numbers("0.10000000149011612", {"float", "double"})},
    {"1e300", encoded(1e300), as_numbers("1.0000000000000001e+300", {"double"})},
    {"2^63 as double",
     encoded(9223372036854775808.0),
     {{"uint64", "9223372036854775808"},
      {"float", "9.2233720368547758e+18"},
      {"double", "9.2233720368547758e+18"}}},
    {"2^64 as double", encoded(18446744073709551616.0),
     as_numbers("1.8446744073709552e+19", {"float", "double"})},
    {"NaN", encoded(std::numeric_limits<double>::quiet_NaN()),
     as_numbers("nan", {"float", "double"})},
    {"infinity", encoded(std::numeric_limits<double>::infinity()),
     as_numbers("inf", {"float", "double"})},
    {"\"1\"", encoded("1"), {{"string", "'1'"}}},
    {"\"\"", encoded(""), {{"string", "''"}}},
    {"\"true\"", encoded("true"), {{"string", "'true'"}}},
    {"bytes", encoded(to_bytes("\x01\xff")), {{"bytes", "bytes 1 255"}}},
    {"no bytes", encoded(std::vector<std::byte>{}), {{"bytes", "bytes"}}},
    {"[1]", encoded(std::vector<int>{1}), {{"vector", "{ 1 }"}}},
    {"[]", encoded(std::vector<int>{}), {{"vector", "{}"}}},
    {"[\"x\"]", encoded(std::vector<std::string>{"x"}), {}},
    {"[1.5]", encoded(std::vector<double>{1.5}), {}},
    {"[2^31]", encoded(std::vector<std::uint32_t>{1U << 31}), {}},
    {"{\"a\":1}",
     encoded(std::map<std::string, int>{{"a", 1}}),
     {{"map", "{ (\"a\", 1) }"}, {"struct", "point 7,8"}}},
    {"{\"x\":1}",
     encoded(std::map<std::string, int>{{"x", 1}}),
     {{"map", "{ (\"x\", 1) }"}, {"struct", "point 1,8"}}},
    {"{1:1}", encoded(std::map<int, int>{{1, 1}}), {}},
    {"an extension type", std::string{"\xd4\x01\x00", 3}, {}},
    {"nothing", "", {}},
    {"half a number", std::string{"\xcd\x01", 2}, {}},
    {"half an array", std::string{"\x92\x01", 2}, {}},
    {"an array of 4 billion", std::string{"\xdd\xff\xff\xff\xff", 5}, {}},
    {"a string of 4 billion", std::string{"\xdb\xff\xff\xff\xff", 5}, {}},
    {"two values", std::string{"\x01\x01", 2}, {}},
    {"a byte that is never used", std::string{"\xc1", 1}, {}},
};

void PrintTo(const Stored& stored, std::ostream* out) { *out << stored.name; }

class DecoderOf : public ::testing::TestWithParam<Stored> {};

TEST_P(DecoderOf, RefusesTypesThatWouldLoseSomethingAndOtherKinds) {
  const Stored& stored = GetParam();
  for (const Asked& asked : kAsked) {
    const auto expected = stored.reads_as.find(asked.type);
    EXPECT_EQ(asked.read(stored.bytes),
              expected == stored.reads_as.end() ? "type_mismatch" : expected->second)
        << stored.name << " read as " << asked.type;
  }
}

INSTANTIATE_TEST_SUITE_P(Matrix, DecoderOf, ::testing::ValuesIn(kStored), [](const auto& row) {
  std::string name = "row" + std::to_string(row.index);
  for (const char character : std::string_view{row.param.name})
    name += std::isalnum(static_cast<unsigned char>(character)) != 0 ? character : '_';
  return name;
});

TEST(Decoder, SaysWhatKindTheNextValueIs) {
  const std::vector<std::pair<std::string, Kind>> cases = {
      {encoded(std::optional<int>{}), Kind::nil},
      {encoded(true), Kind::boolean},
      {encoded(-5), Kind::integer},
      {encoded(1.0), Kind::real},
      {encoded(0.1), Kind::real},
      {encoded("x"), Kind::string},
      {encoded(to_bytes("x")), Kind::bytes},
      {encoded(std::vector<int>{}), Kind::array},
      {encoded(std::map<int, int>{}), Kind::map},
      {std::string{"\xd4\x01\x00", 3}, Kind::other},
      {"", Kind::other},
      {"\xc1", Kind::other},
  };
  for (const auto& [bytes, kind] : cases) {
    EXPECT_EQ(Decoder{bytes}.kind(), kind) << ::testing::PrintToString(bytes);
    EXPECT_EQ(Value{bytes}.kind(), kind);
  }
}

TEST(Decoder, RefusesAStringThatIsCutOrFollowedByMore) {
  for (const std::size_t size : {0U, 1U, 31U, 32U, 255U, 256U, 65'535U, 65'536U}) {
    const std::string bytes = encoded(std::string(size, '\x01'));
    EXPECT_EQ(Decoder{bytes}.kind(), Kind::string);
    EXPECT_EQ(Decoder{bytes + '\x01'}.kind(), Kind::other) << size << " and one more";
    // All of the lengths near the ends, where the header is cut, too.
    for (std::size_t kept = 0; kept < bytes.size(); kept += kept < 40 ? 1 : 997)
      EXPECT_EQ(Decoder{bytes.substr(0, kept)}.kind(), Kind::other) << kept << " of " << size;
  }
}

// What a decoder that begins here says of the next value.
std::string described(Decoder in) {
  std::string text = std::to_string(static_cast<int>(in.kind()));
  if (Decoder at = in; const auto value = at.boolean()) text += *value ? " true" : " false";
  if (Decoder at = in; const auto value = at.integer()) text += ' ' + std::to_string(*value);
  if (Decoder at = in; const auto value = at.unsigned_integer())
    text += " +" + std::to_string(*value);
  if (Decoder at = in; const auto value = at.real()) text += " real " + std::to_string(*value);
  if (Decoder at = in; const auto value = at.string()) text += " '" + std::string{*value} + "'";
  if (Decoder at = in; const auto value = at.bytes())
    text += " of " + std::to_string(value->size());
  if (Decoder at = in; at.skip_nil()) text += " nil";
  return text;
}

// Alone or in one list, most are not read by the parser.
TEST(Decoder, ReadsAValueAloneAsItDoesWithinAList) {
  std::mt19937 random{1};
  for (int header = 0; header < 256; ++header) {
    for (std::size_t more = 0; more < 40; ++more) {
      for (const bool is_small : {false, true}) {
        std::string bytes(1, static_cast<char>(header));
        for (std::size_t i = 0; i < more; ++i) bytes += static_cast<char>(random());
        // So that lengths of strings fit now and then.
        if (is_small && more > 1) bytes.replace(1, std::min<std::size_t>(more, 4), 4, '\0');
        if (is_small && more > 1)
          bytes[header == 0xd9 ? 1 : 2] = static_cast<char>(more - (header == 0xd9 ? 1 : 2));
        const std::string list = '\x91' + bytes;
        Decoder in_list{list};
        static_cast<void>(in_list.array());
        EXPECT_EQ(described(Decoder{bytes}), described(in_list)) << ::testing::PrintToString(bytes);
      }
    }
  }
}

TEST(Decoder, StaysInPlaceWhenItRefuses) {
  const std::string bytes = encoded(1e300);
  Decoder in{bytes};
  EXPECT_FALSE(in.boolean().has_value());
  EXPECT_FALSE(in.integer().has_value());
  EXPECT_FALSE(in.unsigned_integer().has_value());
  EXPECT_FALSE(in.real_float().has_value());
  EXPECT_FALSE(in.string().has_value());
  EXPECT_FALSE(in.bytes().has_value());
  EXPECT_FALSE(in.array().has_value());
  EXPECT_FALSE(in.map().has_value());
  EXPECT_FALSE(in.skip_nil());
  EXPECT_EQ(in.real().value(), 1e300);
  EXPECT_TRUE(in.at_end());
}

TEST(Decoder, SkipsWholeValues) {
  const std::string bytes = encoded(std::tuple{std::vector<std::vector<int>>{{1}, {2, 3}},
                                               std::map<int, std::vector<int>>{{1, {2}}}, "end"});
  Decoder in{bytes};
  EXPECT_EQ(in.array().value(), 3U);
  in.skip();
  in.skip();
  EXPECT_EQ(in.string().value(), "end");
  EXPECT_TRUE(in.at_end());
  in.skip();
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(in.kind(), Kind::other);
}

TEST(Decoder, BearsDeepNesting) {
  std::string deep(200'000, '\x91');
  deep.push_back('\x01');
  Decoder in{deep};
  in.skip();
  EXPECT_TRUE(in.at_end());
  EXPECT_FALSE(decoded<std::vector<std::vector<int>>>(deep).has_value());
}

template <class T>
void read_through(std::string_view bytes) {
  Decoder in{bytes};
  static_cast<void>(decode<T>(in));
}

// MessagePack's first bytes more often than not, so that containers and lengths come up.
rc::Gen<std::string> any_bytes() {
  return rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::arbitrary<char>(), rc::gen::map(rc::gen::inRange(0x80, 0xe0),
                                               [](int byte) { return static_cast<char>(byte); })));
}

RC_GTEST_PROP(Decoder, BearsAnyBytes, ()) {
  const std::string bytes = *any_bytes();
  read_through<bool>(bytes);
  read_through<std::int8_t>(bytes);
  read_through<float>(bytes);
  read_through<std::string>(bytes);
  read_through<std::vector<std::byte>>(bytes);
  read_through<std::vector<std::optional<std::string>>>(bytes);
  read_through<std::map<std::string, std::vector<double>>>(bytes);
  read_through<std::map<int, std::map<int, int>>>(bytes);
  read_through<std::tuple<int, std::vector<int>, std::optional<bool>>>(bytes);
  read_through<Shape>(bytes);
  Decoder in{bytes};
  for (int i = 0; i < 20; ++i) {
    switch (*rc::gen::inRange(0, 10)) {
      case 0: static_cast<void>(in.boolean()); break;
      case 1: static_cast<void>(in.integer()); break;
      case 2: static_cast<void>(in.unsigned_integer()); break;
      case 3: static_cast<void>(in.real_float()); break;
      case 4: static_cast<void>(in.string()); break;
      case 5: static_cast<void>(in.bytes()); break;
      case 6: static_cast<void>(in.array()); break;
      case 7: static_cast<void>(in.map()); break;
      case 8: static_cast<void>(in.skip_nil()); break;
      default: in.skip(); break;
    }
  }
}

RC_GTEST_PROP(Decoder, ReadsNothingFromAPartOfAValue, (const std::vector<std::string>& value)) {
  const std::string whole = encoded(value);
  const auto part = *rc::gen::inRange<std::size_t>(0, whole.size());
  RC_ASSERT(!decoded<std::vector<std::string>>(whole.substr(0, part)).has_value());
}

// --- Value and Buffer

TEST(Value, IsWrittenAsWhatItHolds) {
  const Value value{encoded(std::vector<int>{1, 2})};
  EXPECT_EQ(encoded(value), value.encoded());
  EXPECT_EQ(value.as<std::vector<int>>().value(), (std::vector<int>{1, 2}));
  EXPECT_EQ(value.as<int>().error().code(), Errc::type_mismatch);
  EXPECT_EQ(value, Value{encoded(std::vector<int>{1, 2})});
  EXPECT_NE(value, Value{encoded(std::vector<int>{1, 3})});
}

TEST(Buffer, KeepsWhatWasAppendedWhileItGrows) {
  Buffer buffer;
  std::string expected;
  for (std::size_t size : {0U, 1U, 200U, 31U, 1U, 1000U, 100'000U, 3U}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    buffer.append(piece.data(), piece.size());
    expected += piece;
    ASSERT_EQ(buffer.view(), expected);
  }
  buffer.assign("short");
  EXPECT_EQ(buffer.view(), "short");
  buffer.clear();
  EXPECT_EQ(buffer.view(), "");
  buffer.append(nullptr, 0);
  EXPECT_EQ(buffer.view(), "");
}

}  // namespace
}  // namespace hybrid::testing
